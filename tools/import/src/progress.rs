//! How far an import is: a bar on a terminal, elsewhere a line now and then. Always on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

const BYTES: &str =
    "{wide_bar} {msg} · {binary_bytes}/{binary_total_bytes} · {binary_bytes_per_sec} · {eta} left";
const IMAGES: &str = "{wide_bar} {msg} · {eta} left";
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Counts images, and the bytes of those that come from files.
pub struct Progress {
    bar: ProgressBar,
    counts_bytes: bool,
    images: usize,
    done: usize,
    is_terminal: bool,
    last_line: Instant,
}

impl Progress {
    /// Of files of so many bytes together.
    pub fn of_bytes(files: usize, bytes: u64) -> Self {
        Self::start(files, bytes, BYTES)
    }

    /// Of so many images, each as much work as the others.
    pub fn of_images(images: usize) -> Self {
        Self::start(images, images as u64, IMAGES)
    }

    fn start(images: usize, length: u64, template: &str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            counts_bytes: template == BYTES,
            images,
            done: 0,
            is_terminal,
            last_line: Instant::now(),
        }
    }

    /// One image more is through.
    pub fn advance(&mut self, by: u64) {
        self.done += 1;
        self.bar.inc(by);
        self.bar.set_message(self.count());
        if !self.is_terminal && self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            // The reader may be gone; the work goes on.
            let _ = writeln!(std::io::stderr(), "{}", self.line());
        }
    }

    /// Says something about an image, above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// Shows no bar while `print` writes to standard output.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn count(&self) -> String {
        format!("{}/{} images", self.done, self.images)
    }

    fn line(&self) -> String {
        let (count, left) = (self.count(), self.bar.eta().as_secs());
        if !self.counts_bytes {
            return format!("{count}, {left} s left");
        }
        // A rate in whole bytes: what is lost of it does not show.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = self.bar.per_sec() as u64;
        format!(
            "{count}, {} of {}, {}/s, {left} s left",
            BinaryBytes(self.bar.position()),
            BinaryBytes(self.bar.length().unwrap_or_default()),
            BinaryBytes(rate),
        )
    }
}
