//! `image-proxy-import records FILE`: records for objects that are in the bucket already.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::bucket::Difference;
use crate::content::hex;
use crate::parallel;
use crate::record::Record;
use crate::records_route::Put;
use crate::report::{Entry, Outcome, Report};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;

/// Write records for objects that are in the bucket, one JSON object a line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A line is what the application's records route takes, and the id:

  {\"id\": \"6f9619ff-8b86-4d01-b42d-00c04fc964ff\", \"storage_key\": \"cats/1.png\",
   \"mime_type\": \"image/png\", \"hash\": \"<sha-256 in hex>\", \"size_bytes\": 48213}

A record is written once storage has confirmed an object of that length under its key.

Exit code: 0, 1 where a line was refused or something failed, 130 after Ctrl-C.")]
pub struct Args {
    /// File of records; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes the records of a file and says what became of each.
///
/// # Errors
/// When the file cannot be read, or storage or the application fail.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let site = options.site()?;
    let (lines, read) = match lines_of(&args.file) {
        Ok(lines) => (lines, Ok(())),
        Err(error) => {
            let error = anyhow::Error::from(error);
            let cause = format!("cannot read {}", args.file.display());
            (Vec::new(), Err(error.context(cause)))
        }
    };
    let mut report = Report::of_images(&options.style, &Outcome::OF_RECORDS, lines.len());
    let dry_run = options.style.dry_run;
    let outcome = parallel::each(
        lines,
        options.parallel,
        stop,
        |line| stop.race(write(&site, line, dry_run)),
        |place, entry| Ok(report.add(place, &entry)?),
    )
    .await;
    report.finish(read.and(outcome), stop)
}

/// A line of the file, from 1, and the record that it is, or else why it is not one.
type Line = (usize, Result<Row, String>);

/// The lines that are not empty.
fn lines_of(file: &Path) -> io::Result<Vec<Line>> {
    let mut reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(file)?))
    };
    let (mut lines, mut lines_by_id) = (Vec::new(), HashMap::new());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        if text.trim_ascii().is_empty() {
            continue;
        }
        let row = Row::parse(text).and_then(|row| {
            // Which of two records counts must not depend on which is faster.
            match lines_by_id.insert(row.id, number) {
                None => Ok(row),
                Some(first) => Err(format!("has the id of line {first}")),
            }
        });
        lines.push((number, row));
    }
    Ok(lines)
}

/// A record and the id of its image.
struct Row {
    id: Uuid,
    storage_key: String,
    mime_type: String,
    hash: String,
    size_bytes: u64,
}

/// The fields of a line, and no other. Their types are looked at one by one, to be named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    id: Option<Value>,
    storage_key: Option<Value>,
    mime_type: Option<Value>,
    hash: Option<Value>,
    size_bytes: Option<Value>,
}

impl Row {
    fn parse(line: &[u8]) -> Result<Self, String> {
        // Its fields would be read from an array, too.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err("is not a JSON object".to_owned());
        }
        let fields: Fields = serde_json::from_slice(line)
            .map_err(|error| format!("is not a record: {}", within_line(&error)))?;
        fields
            .row()
            .map_err(|(field, rule)| format!("is not a record: {field} {rule}"))
    }
}

/// What is wrong in a line, and where. The parser counts each line as the first.
fn within_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(what, _)| what);
    format!("{what}, at column {}", error.column())
}

impl Fields {
    /// `Err` with the name of a field and the rule that it breaks.
    fn row(self) -> Result<Row, (&'static str, &'static str)> {
        let text = |field, value| match value {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err((field, "is not text")),
            None => Err((field, "is missing")),
        };
        let size_bytes = self.size_bytes.ok_or(("size_bytes", "is missing"))?;
        Ok(Row {
            id: text("id", self.id)?
                .parse()
                .map_err(|_| ("id", "is not a UUID"))?,
            storage_key: text("storage_key", self.storage_key)?,
            mime_type: text("mime_type", self.mime_type)?,
            hash: text("hash", self.hash)?,
            size_bytes: size_bytes
                .as_u64()
                .ok_or(("size_bytes", "is not a whole number of bytes"))?,
        })
    }
}

async fn write(site: &Site, (number, row): Line, dry_run: bool) -> anyhow::Result<Entry> {
    let path = format!("line {number}");
    let row = match row {
        Ok(row) => row,
        Err(reason) => return Ok(Entry::failed(Outcome::Refused, reason).with_path(path)),
    };
    let id = row.id;
    let record = Record {
        storage_key: row.storage_key,
        mime_type: row.mime_type,
        hash: row.hash,
        size_bytes: row.size_bytes,
    };
    let outcome = put(site, id, &record, dry_run)
        .await
        .with_context(|| format!("{path}: cannot write the record {id}"))?;
    let entry = match outcome {
        Ok(outcome) => Entry::of(outcome),
        Err(reason) => Entry::failed(Outcome::Refused, reason),
    };
    let entry = entry.with_image(id, &record, site.application.image_url(id));
    Ok(entry.with_path(path))
}

/// `Err` with the reason why there is no record.
async fn put(
    site: &Site,
    id: Uuid,
    record: &Record,
    dry_run: bool,
) -> anyhow::Result<Result<Outcome, String>> {
    let held = site.bucket.held(&record.storage_key).await?;
    match held.difference(record.size_bytes, record.sha256()) {
        None => {}
        Some(Difference::Bytes(length)) => {
            return Ok(Err(format!(
                "is not written: its object has {length} bytes, not {}",
                record.size_bytes
            )));
        }
        Some(Difference::Sha256(sha256)) => {
            return Ok(Err(format!(
                "is not written: its object has another hash, {}",
                hex(&sha256)
            )));
        }
        Some(Difference::Missing) => {
            return Ok(Err(format!(
                "is not written: storage has no object {}, or does not show it to this key",
                record.storage_key
            )));
        }
    }
    let records = &site.application.records;
    let put = if dry_run {
        records.get(id).await?.if_put(id, record)
    } else {
        records.put(id, record).await?
    };
    Ok(match put {
        Put::Created => Ok(Outcome::Recorded),
        Put::Kept => Ok(Outcome::Present),
        Put::Refused(reason) => Err(reason),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record_of_an_id_that_no_line_before_it_has() {
        let record = r#"{"id":"00000000-0000-0000-0000-000000000001","storage_key":"k","mime_type":"image/png","hash":"h","size_bytes":1}"#;
        let lines = [
            &format!("\u{feff}{record}\r"),
            "",
            r#"["00000000-0000-0000-0000-000000000002","k","image/png","h",1]"#,
            "no json",
            "\u{0}",
            record,
        ];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        let mut bytes = lines.join("\n").into_bytes();
        bytes.extend(b"\n\xff\n");
        std::fs::write(&file, bytes).unwrap();

        let read = lines_of(&file).unwrap();

        let refused: Vec<_> = read
            .iter()
            .filter_map(|(number, row)| Some((*number, row.as_ref().err()?.as_str())))
            .collect();
        assert_eq!(read.len(), 6);
        assert_eq!(
            refused,
            [
                (3, "is not a JSON object"),
                (4, "is not a JSON object"),
                (5, "is not a JSON object"),
                (6, "has the id of line 1"),
                (7, "is not a JSON object"),
            ]
        );
    }

    #[test]
    fn a_line_that_is_not_a_record_is_told_by_its_field_without_the_notation_of_rust() {
        const RECORD: &str = r#"{"id":"00000000-0000-0000-0000-000000000001","storage_key":"k","mime_type":"image/png","hash":"h","size_bytes":1}"#;
        for (from, to, expected) in [
            (r#""h""#, r#"["a\n"]"#, "hash is not text"),
            (r#""h""#, "null", "hash is missing"),
            (
                ":1}",
                r#":"1"}"#,
                "size_bytes is not a whole number of bytes",
            ),
            (":1}", ":-1}", "size_bytes is not a whole number of bytes"),
            (r#","size_bytes":1"#, "", "size_bytes is missing"),
            ("00000000-", "x-", "id is not a UUID"),
            (":1}", ":1", "EOF while parsing an object, at column 112"),
            (":1}", ":1}x", "trailing characters, at column 114"),
        ] {
            let reason = Row::parse(RECORD.replace(from, to).as_bytes()).err();

            let expected = format!("is not a record: {expected}");
            assert_eq!(reason, Some(expected));
        }
    }
}
