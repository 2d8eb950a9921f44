//! `fermyon:spin/variables`: a component reads its settings.

use std::{collections::BTreeMap, sync::Arc};

pub use super::bindings::fermyon::spin::variables::add_to_linker;
use super::bindings::fermyon::spin::variables::{Error as GuestError, Host};
use crate::{
    diagnostics::Quoted,
    manifest::Component,
    template,
    variables::{Error, check_name},
};

/// The application's variables.
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Takes the values of the application's variables.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }

    /// The values, by name.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The values of a component's own variables, from their templates.
    ///
    /// # Errors
    /// When a name or a template is invalid.
    pub fn grant(&self, component: &Component) -> Result<Instance, Error> {
        let mut values = BTreeMap::new();
        for (name, template) in &component.variables {
            check_name(name).map_err(|reason| Error::InvalidName(name.clone(), reason))?;
            let value = template::expand(template, &self.0)
                .map_err(|error| Error::Template(name.clone(), error))?;
            values.insert(name.clone(), value);
        }
        Ok(Instance(Arc::new(values)))
    }
}

/// One component's variables. It has no `Debug`, since some values are secret.
#[derive(Clone, Default)]
pub struct Instance(Arc<BTreeMap<String, String>>);

impl Host for Instance {
    async fn get(&mut self, name: String) -> Result<String, GuestError> {
        check_name(&name)
            .map_err(|reason| GuestError::InvalidName(format!("{}: {reason}", Quoted(&name))))?;
        self.0.get(&name).cloned().ok_or_else(|| {
            GuestError::Undefined(format!(
                "the manifest does not give the component the variable {}",
                Quoted(&name)
            ))
        })
    }
}
