//! Calling cargo from a program that cargo started.

use std::process::Command;

/// The cargo on `PATH`, called as if from a shell.
#[must_use]
pub fn cargo() -> Command {
    as_from_a_shell(Command::new("cargo"))
}

/// Takes from `command` what `cargo run` tells this program about its own package. Some build scripts
/// (that of `ring`, for one) watch these variables, and would compile anew at every second build.
#[must_use]
pub fn as_from_a_shell(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let about_this_package = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if about_this_package {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_learns_nothing_of_the_package_that_calls_it() {
        // `cargo test` sets it for this test, as `cargo run` does for the program.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());

        let cargo = cargo();

        assert!(
            cargo
                .get_envs()
                .any(|(name, value)| name == "CARGO_PKG_NAME" && value.is_none())
        );
        assert!(
            cargo
                .get_envs()
                .any(|(name, value)| name == "CARGO_MANIFEST_DIR" && value.is_none())
        );
    }
}
