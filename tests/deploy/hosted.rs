//! The variables that the guide gives to hosted Spin.

use std::collections::BTreeSet;
use std::fs;

use super::commands;
use crate::harness::root;

#[test]
fn what_hosted_spin_is_given_are_variables_of_the_manifest_with_all_that_are_required() {
    let manifest = fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let variables = manifest["variables"].as_table().unwrap();
    let required: BTreeSet<_> = variables
        .iter()
        .filter(|(_, variable)| variable.get("required").is_some())
        .map(|(name, _)| name.clone())
        .collect();

    for given in [variables_of_the_file(), variables_of_the_command()] {
        let unknown: Vec<_> = given
            .iter()
            .filter(|name| !variables.contains_key(*name))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let missing: Vec<_> = required.difference(&given).collect();
        assert!(missing.is_empty(), "{missing:?}");
        for name in ["s3_region", "max_image_bytes", "records_token"] {
            assert!(given.contains(name), "{name}");
        }
    }
}

/// Those of `settings.toml`.
fn variables_of_the_file() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/hosted-spin.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (file, _) = rest.split_once("```").unwrap();
    let settings: toml::Table = file.parse().unwrap();
    settings.keys().cloned().collect()
}

/// Those of `spin cloud deploy`, which takes no file.
fn variables_of_the_command() -> BTreeSet<String> {
    let [command] = &commands("spin cloud deploy")[..] else {
        panic!("the guide has not one line of spin cloud deploy");
    };
    let settings = command.split(" --variable ").skip(1);
    settings
        .filter_map(|setting| setting.split_once('='))
        .map(|(name, _)| name.to_owned())
        .collect()
}
