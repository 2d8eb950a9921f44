//! The manifest of an archive: the repository's, with the component beside it.

use anyhow::{Context as _, ensure};
use toml::{Table, Value};

/// The component's file in the archive.
pub const COMPONENT: &str = "image_proxy.wasm";

const TABLE: &str = "component.image-proxy";

/// Tables that only a checkout has a use for: what builds the component, and what tests it.
const OF_A_CHECKOUT: [&str; 2] = [
    "component.image-proxy.build",
    "component.image-proxy.tool.spin-test",
];

/// `manifest` without the tables of a checkout, and with the component beside it. Everything else, comments
/// too, stays as it is.
///
/// # Errors
/// When the manifest is not written table by table, as this expects it.
pub fn of_archive(manifest: &str) -> anyhow::Result<String> {
    let rewritten = rewrite(manifest);
    let meant = meant(manifest).context("spin.toml")?;
    ensure!(
        toml::from_str::<Table>(&rewritten).is_ok_and(|table| table == meant),
        "spin.toml has to have [{TABLE}] with its `source` on one line, and each of [{}] under a heading of \
         its own",
        OF_A_CHECKOUT.join("], [")
    );
    Ok(rewritten)
}

fn rewrite(manifest: &str) -> String {
    let mut table = "";
    let mut lines = Vec::new();
    for line in manifest.lines() {
        if let Some(heading) = heading(line) {
            table = heading;
        }
        if OF_A_CHECKOUT.iter().any(|outer| is_within(table, outer)) {
            continue;
        }
        if table == TABLE && line.starts_with("source = ") {
            lines.push(format!("source = \"{COMPONENT}\""));
        } else {
            lines.push(line.to_owned());
        }
    }
    let text = lines.join("\n");
    format!("{}\n", text.trim_end())
}

/// `[a.b]` or `[[a.b]]`
fn heading(line: &str) -> Option<&str> {
    let heading = line.strip_prefix('[')?.split(']').next()?;
    Some(heading.trim_start_matches('['))
}

fn is_within(table: &str, outer: &str) -> bool {
    let rest = table.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What the rewritten text has to say, by the values alone.
fn meant(manifest: &str) -> anyhow::Result<Table> {
    let mut root: Table = toml::from_str(manifest)?;
    let component = root
        .get_mut("component")
        .and_then(|components| components.get_mut("image-proxy"))
        .and_then(Value::as_table_mut)
        .with_context(|| format!("has no [{TABLE}]"))?;
    component.remove("build");
    if let Some(Value::Table(tools)) = component.get_mut("tool") {
        tools.remove("spin-test");
        if tools.is_empty() {
            component.remove("tool");
        }
    }
    component.insert("source".to_owned(), COMPONENT.into());
    Ok(root)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"# A comment.
[variables]
s3_region = { default = "us-east-1" } # and another

[component.image-proxy]
source = "target/image_proxy.wasm"
key_value_stores = ["default"]

[component.image-proxy.build]
command = "cargo build"

[component.image-proxy.tool.spin-test]
source = "target/tests.wasm"

[component.image-proxy.variables]
log = "{{ log }}"
"#;

    #[test]
    fn all_that_is_not_of_a_checkout_stays_as_it_was_written() {
        let archived = of_archive(MANIFEST).unwrap();

        let expected = r#"# A comment.
[variables]
s3_region = { default = "us-east-1" } # and another

[component.image-proxy]
source = "image_proxy.wasm"
key_value_stores = ["default"]

[component.image-proxy.variables]
log = "{{ log }}"
"#;
        assert_eq!(archived, expected);
    }

    #[test]
    fn tables_of_other_tools_stay() {
        let manifest = format!("{MANIFEST}\n[component.image-proxy.tool.other]\na = 1\n");

        let archived = of_archive(&manifest).unwrap();

        assert!(archived.ends_with("\n[component.image-proxy.tool.other]\na = 1\n"));
    }

    #[test]
    fn a_manifest_that_is_written_in_another_way_is_refused() {
        for (find, replace) in [
            ("source = \"target/image", "source= \"target/image"),
            (
                "[component.image-proxy.build]\ncommand",
                "[component]\nimage-proxy.build.command",
            ),
            ("[component.image-proxy]", "[component.other]"),
            ("[component.image-proxy]", "[component.image-proxy"),
        ] {
            let manifest = MANIFEST.replace(find, replace);

            let error = of_archive(&manifest).unwrap_err().to_string();

            assert!(error.starts_with("spin.toml"), "{replace}: {error}");
        }
    }
}
