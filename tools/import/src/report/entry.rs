//! What is said of one image.

use serde::Serialize;
use uuid::Uuid;

use crate::record::Record;

/// What became of an image, or of what was taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The application can serve it now, and could not before.
    Imported,
    /// Its object was there, and has a record now.
    Recorded,
    /// Its record is gone, and its object unless that is used.
    Removed,
    /// Its record is gone, and its object is left.
    Orphaned,
    /// Its object is as its record says.
    Sound,
    /// Its object is as long as its record says; its hash cannot be compared.
    Unverified,
    /// Nothing had to be changed.
    Present,
    /// There was no record to take away.
    Absent,
    /// Its object is not as its record says.
    Broken,
    /// The application served it whole.
    Served,
    /// It was not asked for, since it cannot be kept.
    Skipped,
    /// The application did not serve it, or not whole.
    Unserved,
    /// It cannot be served.
    Refused,
    /// It is not an image, in a folder that may hold anything.
    PassedOver,
}

impl Outcome {
    /// Those of image files.
    pub const OF_FILES: [Self; 4] = [
        Self::Imported,
        Self::Present,
        Self::Refused,
        Self::PassedOver,
    ];
    /// Those of records for objects that are there.
    pub const OF_RECORDS: [Self; 3] = [Self::Recorded, Self::Present, Self::Refused];
    /// Those of images that are taken away.
    pub const OF_REMOVALS: [Self; 3] = [Self::Removed, Self::Orphaned, Self::Absent];
    /// Those of images that are looked at.
    pub const OF_VERIFICATION: [Self; 3] = [Self::Sound, Self::Unverified, Self::Broken];
    /// Those of images that are to be kept.
    pub const OF_WARMING: [Self; 3] = [Self::Served, Self::Skipped, Self::Unserved];

    /// As JSON names it, and as a summary says it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Imported => ("imported", "imported"),
            Self::Recorded => ("recorded", "recorded"),
            Self::Removed => ("removed", "removed"),
            Self::Orphaned => ("orphaned", "orphaned (their objects are left)"),
            Self::Sound => ("sound", "sound"),
            Self::Unverified => ("unverified", "with a hash that cannot be verified"),
            Self::Present => ("present", "already there"),
            Self::Absent => ("absent", "not there"),
            Self::Broken => ("broken", "broken"),
            Self::Served => ("served", "served"),
            Self::Skipped => ("skipped", "skipped"),
            Self::Unserved => ("unserved", "not served"),
            Self::Refused => ("refused", "refused"),
            Self::PassedOver => ("passed_over", "passed over"),
        }
    }

    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Absent | Self::Broken | Self::Orphaned | Self::Refused | Self::Unserved
        )
    }

    /// Whether a summary says it only where there are some.
    pub fn is_rare(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::PassedOver
                | Self::Absent
                | Self::Orphaned
                | Self::Unverified
                | Self::Skipped
        )
    }
}

/// What is said of one image. Every entry has all fields, `null` where they say nothing.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The file, or the line of a file, that it came from.
    pub path: Option<String>,
    pub outcome: Outcome,
    id: Option<Uuid>,
    url: Option<String>,
    mime_type: Option<String>,
    size_bytes: Option<u64>,
    /// Where sizes are made.
    pub sizes: Option<SizesTold>,
    reason: Option<String>,
}

/// What is said of the sizes of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SizesTold {
    /// All that it has, and their bytes.
    pub count: usize,
    pub size_bytes: u64,
    /// Those of them that were not there before.
    pub made: usize,
    pub made_bytes: u64,
    /// Why there are not all; it goes on where the image's name ends.
    pub reason: Option<String>,
}

impl Entry {
    pub fn of(outcome: Outcome) -> Self {
        Self {
            path: None,
            outcome,
            id: None,
            url: None,
            mime_type: None,
            size_bytes: None,
            sizes: None,
            reason: None,
        }
    }

    /// `reason` goes on where the subject's name ends: "is empty".
    pub fn failed(outcome: Outcome, reason: String) -> Self {
        Self {
            reason: Some(reason),
            ..Self::of(outcome)
        }
    }

    pub fn with_path(self, path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..self
        }
    }

    pub fn with_id(self, id: Uuid) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    pub fn with_image(self, id: Uuid, record: &Record, url: String) -> Self {
        Self {
            id: Some(id),
            url: Some(url),
            mime_type: Some(record.mime_type.clone()),
            size_bytes: Some(record.size_bytes),
            ..self
        }
    }

    fn subject(&self) -> String {
        match (&self.path, self.id) {
            (Some(path), _) => path.clone(),
            (None, Some(id)) => id.to_string(),
            (None, None) => String::new(),
        }
    }

    /// For a person: why an image does not have all of its sizes.
    pub fn line_of_sizes(&self) -> Option<String> {
        let reason = self.sizes.as_ref()?.reason.as_ref()?;
        Some(format!("not in all sizes: {} {reason}", self.subject()))
    }

    /// For a person.
    pub fn line(&self) -> String {
        let (name, subject) = (self.outcome.words().0, self.subject());
        match self {
            Self {
                reason: Some(reason),
                ..
            } => format!("{name}: {subject} {reason}"),
            Self {
                url: Some(url),
                mime_type: Some(mime_type),
                size_bytes: Some(size),
                ..
            } => {
                let sizes = self.sizes.as_ref().filter(|sizes| sizes.count > 0);
                let sizes = sizes.map_or_else(String::new, |sizes| {
                    format!(
                        "; {} sizes, {} kB",
                        sizes.count,
                        sizes.size_bytes.div_ceil(1000)
                    )
                });
                format!(
                    "{name:8}  {url}  {subject} ({mime_type}, {} kB{sizes})",
                    size.div_ceil(1000)
                )
            }
            _ if self.outcome == Outcome::PassedOver => {
                format!("passed over, not an image: {subject}")
            }
            _ => format!("{name}: {subject}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(outcome: Outcome) -> Entry {
        let record = Record {
            storage_key: "k".to_owned(),
            mime_type: "image/png".to_owned(),
            hash: "h".to_owned(),
            size_bytes: 42,
        };
        let url = "http://127.0.0.1:3000/x".to_owned();
        Entry::of(outcome).with_image(Uuid::from_u128(1), &record, url)
    }

    #[test]
    fn each_outcome_is_an_object_of_the_same_fields() {
        let id = "00000000-0000-0000-0000-000000000001";
        for (entry, expected) in [
            (
                image(Outcome::Imported).with_path("a"),
                json!({
                    "path": "a", "outcome": "imported", "id": id,
                    "url": "http://127.0.0.1:3000/x", "mime_type": "image/png",
                    "size_bytes": 42, "sizes": null, "reason": null,
                }),
            ),
            (
                Entry::failed(Outcome::Refused, "is empty".to_owned()).with_path("a"),
                json!({
                    "path": "a", "outcome": "refused", "id": null, "url": null,
                    "mime_type": null, "size_bytes": null, "sizes": null, "reason": "is empty",
                }),
            ),
            (
                Entry::of(Outcome::PassedOver),
                json!({
                    "path": null, "outcome": "passed_over", "id": null, "url": null,
                    "mime_type": null, "size_bytes": null, "sizes": null, "reason": null,
                }),
            ),
        ] {
            assert_eq!(json!(entry), expected);
        }
    }

    #[test]
    fn json_and_the_tally_name_an_outcome_alike() {
        for outcome in Outcome::OF_FILES
            .into_iter()
            .chain(Outcome::OF_VERIFICATION)
            .chain(Outcome::OF_WARMING)
        {
            assert_eq!(json!(outcome), outcome.words().0);
        }
    }

    #[test]
    fn a_line_names_the_image_and_what_became_of_it() {
        for (entry, expected) in [
            (
                image(Outcome::Imported).with_path("a.png"),
                "imported  http://127.0.0.1:3000/x  a.png (image/png, 1 kB)",
            ),
            (
                Entry::failed(Outcome::Refused, "is empty".to_owned()).with_path("a.png"),
                "refused: a.png is empty",
            ),
            (
                Entry::of(Outcome::PassedOver).with_path("a.txt"),
                "passed over, not an image: a.txt",
            ),
            (
                Entry::of(Outcome::Absent).with_id(Uuid::from_u128(1)),
                "absent: 00000000-0000-0000-0000-000000000001",
            ),
        ] {
            assert_eq!(entry.line(), expected);
        }
    }
}
