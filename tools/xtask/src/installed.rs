//! Finding a program that may be installed, or installing it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cargo::cargo;
use crate::{process, project};

/// Where cargo installs programs for this checkout.
pub const FOLDER: &str = "target/installed";

/// The program that the environment variable `variable` names, else the first `name` on `PATH`.
///
/// # Errors
/// When the variable names something that is not a file.
pub fn find(name: &str, variable: &str) -> anyhow::Result<Option<PathBuf>> {
    let named = std::env::var_os(variable);
    choose(name, variable, named, std::env::var_os("PATH"))
}

/// As [`find`], else the one that [`by_cargo`] has installed.
///
/// # Errors
/// As [`find`].
pub fn find_or_here(name: &str, variable: &str) -> anyhow::Result<Option<PathBuf>> {
    let here = here(name);
    Ok(find(name, variable)?.or_else(|| here.is_file().then_some(here)))
}

/// As [`find_or_here`], installed by [`by_cargo`] where there is none.
///
/// # Errors
/// As both.
pub fn ensure(name: &str, version: &str, variable: &str) -> anyhow::Result<PathBuf> {
    match find_or_here(name, variable)? {
        Some(program) => Ok(program),
        None => by_cargo(name, version),
    }
}

/// Has cargo build the package `name` from crates.io, and tells where its program of that name is.
///
/// # Errors
/// When it cannot be built.
fn by_cargo(name: &str, version: &str) -> anyhow::Result<PathBuf> {
    let mut install = cargo();
    install
        .args(["install", "--locked", &format!("{name}@{version}")])
        .args(["--root", FOLDER])
        .current_dir(project::root());
    process::run_announced(&mut install)?;
    Ok(here(name))
}

/// Where a program is that cargo has installed for this checkout.
#[must_use]
pub fn here(name: &str) -> PathBuf {
    project::root().join(FOLDER).join("bin").join(name)
}

fn choose(
    name: &str,
    variable: &str,
    named: Option<OsString>,
    path: Option<OsString>,
) -> anyhow::Result<Option<PathBuf>> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        anyhow::ensure!(
            named.is_file(),
            "{variable} names {}, which is not a file",
            named.display()
        );
        return Ok(Some(named));
    }
    Ok(std::env::split_paths(&path.unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn it_is_the_one_that_the_variable_names_else_the_first_on_path() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("spin");
        std::fs::write(&program, "").unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), folder.path()]).unwrap();
        let choose = |named: Option<&Path>, path: Option<&OsString>| {
            let named = named.map(|named| named.as_os_str().to_owned());
            super::choose("spin", "SPIN_BIN", named, path.cloned())
        };

        assert_eq!(choose(None, Some(&path)).unwrap().as_ref(), Some(&program));
        assert_eq!(
            choose(Some(Path::new("")), Some(&path)).unwrap().as_ref(),
            Some(&program)
        );
        assert_eq!(
            choose(Some(&program), None).unwrap().as_ref(),
            Some(&program)
        );
        assert_eq!(choose(None, None).unwrap(), None);
        let missing = choose(Some(Path::new("/nowhere/spin")), Some(&path));
        assert!(missing.unwrap_err().to_string().contains("SPIN_BIN"));
    }
}
