//! The sample images, brought in by the program that brings all images in.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::programs::Programs;
use crate::data_folder::DataFolder;
use crate::project;
use crate::running::Running;

const IMPORTER: &str = "the importer";

/// An image that the application can serve now.
#[derive(Debug, Deserialize)]
pub struct Sample {
    /// The file that it came from.
    pub path: PathBuf,
    /// Where it is served.
    pub url: String,
    /// Its media type.
    pub mime_type: String,
    /// Its length in bytes.
    pub size_bytes: u64,
}

/// A line of what the importer says with `--json`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Sample(Sample),
    End { summary: Summary },
    Other {},
}

#[derive(Deserialize)]
struct Summary {
    reason: Option<String>,
}

/// Imports what lies in the data folder's images. What is refused has been named, and the rest goes on.
///
/// # Errors
/// When the importer fails, or another program ends meanwhile.
pub fn import(
    programs: &mut Programs,
    running: &Running,
    data: &DataFolder,
) -> anyhow::Result<Vec<Sample>> {
    let mut importer = Command::new(project::importer());
    importer
        .arg("--json")
        .arg(data.sample_images())
        .envs(running.importer_environment(data));
    programs.start(IMPORTER, &importer)?;
    let (said, status) = programs.output_of(IMPORTER)?;
    samples_in(&said).with_context(|| format!("the import ended early ({status})"))
}

fn samples_in(said: &str) -> anyhow::Result<Vec<Sample>> {
    let (mut samples, mut is_complete) = (Vec::new(), false);
    for line in said.lines() {
        match serde_json::from_str(line).context("it says what nobody understands")? {
            Line::Sample(sample) => samples.push(sample),
            Line::End { summary } => match summary.reason {
                Some(reason) => bail!(reason),
                None => is_complete = true,
            },
            Line::Other {} => {}
        }
    }
    anyhow::ensure!(is_complete, "what it said is above");
    samples.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(samples)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const IMAGE: &str = r#"{"path":"b.png","outcome":"imported","id":"x","url":"u","mime_type":"image/png","size_bytes":3,"reason":null}"#;
    const REFUSED: &str = r#"{"path":"c.png","outcome":"refused","id":null,"url":null,"mime_type":null,"size_bytes":null,"reason":"is empty"}"#;

    #[test]
    fn what_was_refused_is_left_out_and_the_rest_is_in_the_order_of_files() {
        let first = IMAGE.replace("b.png", "a.png");
        let end = r#"{"summary":{"imported":2,"reason":null}}"#;

        let samples = samples_in(&[IMAGE, REFUSED, &first, end].join("\n")).unwrap();

        let paths: Vec<_> = samples.iter().map(|sample| &sample.path).collect();
        assert_eq!(paths, ["a.png", "b.png"]);
    }

    #[test]
    fn an_import_that_did_not_end_well_is_a_failure_with_its_reason() {
        let end = r#"{"summary":{"imported":1,"reason":"no storage"}}"#;
        for (said, reason) in [
            (format!("{IMAGE}\n{end}"), "no storage"),
            (IMAGE.to_owned(), "above"),
        ] {
            let error = samples_in(&said).unwrap_err().to_string();

            assert!(error.contains(reason), "{error}");
        }
    }
}
