//! What a run leaves in `target/bench`: the report, and a chart of each size.

use std::fs;

use anyhow::Context as _;

use super::chart::{self, Bar, Group, Panel};
use super::report::{Network, Report, Row, Started};
use super::work::{self, Work};
use crate::project;

/// Writes them, and says where.
///
/// # Errors
/// When a file cannot be written; the text names it.
pub fn write(report: &Report, sizes: &[u64]) -> anyhow::Result<()> {
    let folder = project::root().join("target/bench");
    let mut files = vec![(
        "report.json".to_owned(),
        serde_json::to_string_pretty(report)?,
    )];
    for bytes in sizes {
        let name = work::size(*bytes).replace(' ', "");
        files.push((format!("{name}.svg"), chart(report, Work::Whole(*bytes))));
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (name, content) in files {
        let file = folder.join(name);
        fs::write(&file, content).with_context(|| file.display().to_string())?;
        println!("{}", project::shown(&file));
    }
    Ok(())
}

fn chart(report: &Report, work: Work) -> String {
    let panel = |network: &Network| {
        let rows = report
            .rows
            .iter()
            .filter(|row| row.network == network.name && row.work == work);
        let bar = |row: &Row| Bar {
            connections: row.connections,
            requests_per_second: row.rate(),
        };
        let group = |started: &Started| Group {
            subject: started.name.to_owned(),
            emphasised: started.name.starts_with("image-proxy"),
            bars: rows
                .clone()
                .filter(|row| row.subject == started.name)
                .map(bar)
                .collect(),
        };
        Panel {
            title: network.name.to_owned(),
            groups: report.subjects.iter().map(group).collect(),
        }
    };
    let panels: Vec<_> = report.networks.iter().map(panel).collect();
    chart::draw(&format!("Images of {work}"), &panels)
}
