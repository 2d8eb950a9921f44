//! What a run leaves in `target/bench`: the report, its tables, and a chart of each size.

use std::fs;

use anyhow::Context as _;

use crate::chart;
use crate::markdown;
use crate::report::Report;
use crate::size::size;
use crate::work::Work;
use xtask::project;

/// Writes them, and says where.
///
/// # Errors
/// When a chart cannot be drawn or a file written; the text names it.
pub fn write(report: &Report, sizes: &[u64]) -> anyhow::Result<()> {
    let folder = project::root().join("target/bench");
    let mut files = vec![
        (
            "report.json".to_owned(),
            serde_json::to_string_pretty(report)?,
        ),
        ("tables.md".to_owned(), markdown::document(report)),
    ];
    for bytes in sizes {
        let name = size(*bytes).replace(' ', "");
        files.push((
            format!("{name}.svg"),
            chart::draw(report, Work::Whole(*bytes))?,
        ));
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (name, content) in files {
        let file = folder.join(name);
        fs::write(&file, content).with_context(|| file.display().to_string())?;
        println!("{}", project::shown(&file));
    }
    Ok(())
}
