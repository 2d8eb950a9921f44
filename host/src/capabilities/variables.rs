//! `fermyon:spin/variables`: a component reads its settings.

use std::{collections::BTreeMap, sync::Arc};

use wasmtime::component::{HasSelf, Linker};

use super::bindings::fermyon::spin::variables::{Error, Host, add_to_linker};
use crate::{
    manifest::Component,
    template,
    variables::{self, check_name},
};

/// The application's variables.
pub struct Variables(BTreeMap<String, String>);

/// Why a component's variables have no values.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The name breaks Spin's rules.
    #[error(transparent)]
    InvalidName(variables::Error),
    /// The value's template cannot be expanded.
    #[error("variable `{0}`: {1}")]
    Template(String, #[source] template::Error),
}

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
    pub fn grant(&self, component: &Component) -> Result<Instance, GrantError> {
        let mut values = BTreeMap::new();
        for (name, template) in &component.variables {
            check_name(name).map_err(|reason| {
                GrantError::InvalidName(variables::Error::InvalidName(name.clone(), reason))
            })?;
            let value = template::expand(template, &self.0)
                .map_err(|error| GrantError::Template(name.clone(), error))?;
            values.insert(name.clone(), value);
        }
        Ok(Instance(Arc::new(values)))
    }
}

/// One component's variables. It has no `Debug`, since some values are secret.
#[derive(Clone)]
pub struct Instance(Arc<BTreeMap<String, String>>);

impl Instance {
    /// Lets components import the interface.
    ///
    /// # Errors
    /// When the linker has it already.
    pub fn link<T: Send + 'static>(
        linker: &mut Linker<T>,
        get: fn(&mut T) -> &mut Self,
    ) -> wasmtime::Result<()> {
        add_to_linker::<T, HasSelf<Self>>(linker, get)
    }
}

impl Host for Instance {
    async fn get(&mut self, name: String) -> Result<String, Error> {
        check_name(&name).map_err(|reason| Error::InvalidName(format!("{name:?}: {reason}")))?;
        self.0.get(&name).cloned().ok_or_else(|| {
            Error::Undefined(format!(
                "the manifest gives the component no variable {name:?}"
            ))
        })
    }
}
