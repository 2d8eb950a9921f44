//! Standard error whose reader stalls: a pipe that is full.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command};

use crate::harness::app::Launch;
use crate::harness::host::is_spin_without;
use crate::harness::process::{signal, text_of};
use crate::harness::{ScriptedStorage, TestImage, response, wait_for};

/// Requests whose log lines are longer, all together, than what a pipe and the host hold: 64 KiB and 1 MiB.
const REQUESTS: usize = 500;

/// An app whose standard error nobody reads yet.
struct Unread {
    process: Child,
    origin: String,
    _stdout: BufReader<ChildStdout>,
}

impl Unread {
    fn start(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let origin = loop {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the app ended");
            if let Some(origin) = line.strip_prefix("Serving ") {
                break origin.trim_end().to_owned();
            }
        };
        Self {
            process,
            origin,
            _stdout: stdout,
        }
    }

    fn status_of(&self, path: &str) -> u16 {
        let request = http::Request::get(format!("{}{path}", self.origin));
        let answer = response::exchange(request.body("").unwrap()).unwrap();
        answer.status.as_u16()
    }

    fn log_until_it_is_full(&self, image: &TestImage) {
        for _ in 0..REQUESTS {
            assert_eq!(self.status_of(&image.path()), 500);
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Each request for this image is a log line of some 3,400 bytes, which a component writes in one piece.
fn image_with_long_lines() -> (TestImage, String) {
    let image = TestImage::of_size(0);
    let id = image.id.as_hyphenated();
    let insert = format!("INSERT INTO images VALUES ('{id}', 'k', printf('%.3000c', 'x'), 'h', 1)");
    (image, insert)
}

fn launch(insert: &str) -> Launch {
    let credentials = ScriptedStorage::credentials();
    Launch::new("http://127.0.0.1:1", "bucket", &credentials).arguments(&["--sqlite", insert])
}

#[test]
fn a_reader_that_stalls_keeps_neither_requests_nor_the_end_waiting() {
    if is_spin_without("it waits for who reads its standard error") {
        return;
    }
    let (image, insert) = image_with_long_lines();
    let launch = launch(&insert);
    let mut app = Unread::start(launch.command_listening("127.0.0.1:0"));

    app.log_until_it_is_full(&image);

    assert_eq!(app.status_of("/.well-known/spin/health"), 200);
    signal(app.process.id(), "TERM");
    let status = wait_for("the app's end", || app.process.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn what_was_not_written_is_counted_and_said_when_somebody_reads_again() {
    if is_spin_without("it waits for who reads its standard error") {
        return;
    }
    let (image, insert) = image_with_long_lines();
    let launch = launch(&insert);
    let mut app = Unread::start(launch.command_listening("127.0.0.1:0"));
    app.log_until_it_is_full(&image);

    let text = text_of(app.process.stderr.take().unwrap());
    signal(app.process.id(), "TERM");
    wait_for("the app's end", || app.process.try_wait().unwrap());

    let text = text.join().unwrap();
    let written = text.matches("is not an image type").count();
    let not_written = " lines were not written: nobody read standard error in time";
    let said = text.lines().find_map(|line| line.strip_suffix(not_written));
    let lost: usize = said.unwrap().parse().unwrap();
    assert!(lost > 0 && written + lost == REQUESTS, "{written} + {lost}");
}
