//! What was seen of each storage server, as `specs/002-api-image-proxy/research.md` has it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use super::{root, say};

/// The servers that have a column.
const SERVERS: [&str; 3] = ["embedded", "minio", "seaweedfs"];

/// Cases, and what was seen.
pub type Rows = Vec<(String, String)>;

/// The page is rewritten by one test at a time.
static PAGE: Mutex<()> = Mutex::new(());

/// Holds `rows`, which `server` showed, against its column of the table `name`.
///
/// With `UPDATE_RESEARCH=1` the column is written instead.
#[track_caller]
pub fn hold(name: &str, server: &str, rows: &Rows) {
    let Some(column) = SERVERS.iter().position(|known| *known == server) else {
        return say(&format!("seen of {server}, {name}: {rows:#?}"));
    };
    let _one_at_a_time = PAGE.lock();
    let page = std::fs::read_to_string(path()).unwrap();
    let (before, table, after) = split(&page, name);
    let written = parse(table);
    if std::env::var_os("UPDATE_RESEARCH").is_some() {
        let table = render(&written, rows, column);
        return std::fs::write(path(), format!("{before}{table}{after}")).unwrap();
    }
    let written: Rows = written
        .into_iter()
        .map(|(case, cells)| (case, cells[column].clone()))
        .collect();
    assert_eq!(
        *rows, written,
        "{name} of {server} is not what research.md says: run it again with UPDATE_RESEARCH=1, and read the difference"
    );
}

fn path() -> PathBuf {
    root().join("specs/002-api-image-proxy/research.md")
}

/// What stands before, between and after the markers of a table.
fn split<'a>(page: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let (begin, end) = (
        format!("<!-- seen: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let from = page.find(&begin).unwrap() + begin.len();
    let to = page.find(&end).unwrap();
    (&page[..from], &page[from..to], &page[to..])
}

fn parse(table: &str) -> Vec<(String, Vec<String>)> {
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let mut cells = row
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned());
        let case = cells.next().unwrap();
        let mut cells: Vec<_> = cells.collect();
        cells.resize(SERVERS.len(), String::new());
        (case, cells)
    })
    .collect()
}

fn render(written: &[(String, Vec<String>)], rows: &Rows, column: usize) -> String {
    let mut table = format!("| case | {} |\n|---|---|---|---|\n", SERVERS.join(" | "));
    for (case, seen) in rows {
        let known = written.iter().find(|(known, _)| known == case);
        let mut cells = known.map_or(vec![String::new(); SERVERS.len()], |(_, cells)| {
            cells.clone()
        });
        cells[column].clone_from(seen);
        writeln!(table, "| {case} | {} |", cells.join(" | ")).unwrap();
    }
    table
}
