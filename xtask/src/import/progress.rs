//! How far an import is: a bar on a terminal, elsewhere a line now and then. Always on standard error.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str =
    "{wide_bar} {msg} · {binary_bytes}/{binary_total_bytes} · {binary_bytes_per_sec} · {eta} left";
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Counts files and their bytes.
pub struct Progress {
    bar: ProgressBar,
    files: usize,
    done: usize,
    is_terminal: bool,
    last_line: Instant,
}

impl Progress {
    pub fn start(files: usize, bytes: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self {
            bar,
            files,
            done: 0,
            is_terminal,
            last_line: Instant::now(),
        }
    }

    /// One file more is through.
    pub fn advance(&mut self, bytes: u64) {
        self.done += 1;
        self.bar.inc(bytes);
        self.bar
            .set_message(format!("{}/{} files", self.done, self.files));
        if !self.is_terminal && self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            eprintln!("{}", self.line());
        }
    }

    /// Says something about a file, above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Shows no bar while `print` writes to standard output.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self) -> String {
        // A rate in whole bytes: what is lost of it does not show.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = self.bar.per_sec() as u64;
        format!(
            "{}/{} files, {} of {}, {}/s, {} s left",
            self.done,
            self.files,
            BinaryBytes(self.bar.position()),
            BinaryBytes(self.bar.length().unwrap_or_default()),
            BinaryBytes(rate),
            self.bar.eta().as_secs()
        )
    }
}
