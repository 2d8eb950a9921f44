//! Everything that is measured, and what of it is not available here.

use crate::component::Component;
use crate::direct::Direct;
use crate::peers::{FastApi, Nginx, S3Proxy};
use crate::report::Absent;
use crate::subject::Subject;
use xtask::host::Kind;

type Subjects = Vec<Box<dyn Subject>>;

/// All that are available, in the order of tables, and why the others are not. Of peers, only those whose
/// name contains one of `chosen`, where there are any.
///
/// # Errors
/// When one of `hosts` is not installed.
pub fn ensure(hosts: &[Kind], chosen: &[String]) -> anyhow::Result<(Subjects, Vec<Absent>)> {
    let mut subjects: Subjects = vec![Box::new(Direct)];
    for host in hosts {
        subjects.push(Box::new(Component::on(*host)?));
    }
    let mut absent = Vec::new();
    let is_chosen = |name: &str| {
        chosen.is_empty()
            || chosen
                .iter()
                .any(|part| name.to_lowercase().contains(&part.to_lowercase()))
    };
    let mut add = |name: &str, ensure: fn() -> anyhow::Result<Subjects>| {
        if is_chosen(name) {
            match ensure() {
                Ok(peers) => subjects.extend(peers),
                Err(error) => absent.push(Absent::new(name, &error)),
            }
        }
    };
    add(Nginx::NAME, || Ok(vec![Box::new(Nginx::ensure()?)]));
    add(S3Proxy::NAME, || Ok(vec![Box::new(S3Proxy::ensure()?)]));
    add("FastAPI", || {
        Ok(FastApi::ensure()?
            .map(|service| Box::new(service) as _)
            .into())
    });
    Ok((subjects, absent))
}
