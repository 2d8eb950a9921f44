//! What is said of all sizes at the end.

use serde_json::{Value, json};

use super::SizesTold;

/// Counts sizes.
#[derive(Debug, Default)]
pub struct SizesTally {
    /// Whether any were to be made or taken away.
    is_told: bool,
    made: usize,
    made_bytes: u64,
    removed: usize,
    has_failed: bool,
}

impl SizesTally {
    pub fn add(&mut self, of_image: &SizesTold) {
        self.is_told = true;
        self.made += of_image.made;
        self.made_bytes += of_image.made_bytes;
        self.has_failed |= of_image.reason.is_some();
    }

    /// One that is listed no more; it may be left behind.
    pub fn add_removed(&mut self, is_removed: bool) {
        self.is_told = true;
        self.removed += usize::from(is_removed);
        self.has_failed |= !is_removed;
    }

    /// Whether an image does not have all, or one is left behind.
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// `null` where none were asked for.
    pub fn object(&self) -> Value {
        if !self.is_told {
            return Value::Null;
        }
        json!({"made": self.made, "made_bytes": self.made_bytes, "removed": self.removed})
    }

    /// For the end of a summary.
    pub fn words(&self) -> String {
        let made = (self.made > 0).then(|| {
            format!(
                "{} sizes made ({} kB)",
                self.made,
                self.made_bytes.div_ceil(1000)
            )
        });
        let removed = (self.removed > 0).then(|| format!("{} sizes removed", self.removed));
        let parts: Vec<String> = made.into_iter().chain(removed).collect();
        match parts.join(", ") {
            words if words.is_empty() => words,
            words => format!("; {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_of_sizes_what_has_changed() {
        let made = SizesTold {
            count: 4,
            made: 2,
            made_bytes: 1001,
            ..SizesTold::default()
        };
        let mut tally = SizesTally::default();
        assert_eq!(
            (tally.words(), tally.object()),
            (String::new(), Value::Null)
        );

        tally.add(&SizesTold::default());
        assert_eq!(tally.words(), "");
        tally.add(&made);
        assert_eq!(tally.words(), "; 2 sizes made (2 kB)");
        tally.add_removed(true);

        assert_eq!(tally.words(), "; 2 sizes made (2 kB), 1 sizes removed");
        assert_eq!(
            tally.object(),
            json!({"made": 2, "made_bytes": 1001, "removed": 1})
        );
        assert!(!tally.has_failed());
        tally.add_removed(false);
        assert!(tally.has_failed());
    }
}
