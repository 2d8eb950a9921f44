//! Standard error, behind a queue with a thread of its own: whoever reads it may stall, as a full
//! pipe or a held terminal does, and stops nobody who writes.

use std::{
    io::{self, Write},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

/// Most bytes that wait for the reader: at 15,000 lines a second, what comes in a fifth of it.
const MAX_WAITING: usize = 1 << 20;

/// How long the end waits for the reader.
const PATIENCE: Duration = Duration::from_secs(1);

static QUEUE: LazyLock<Queue> = LazyLock::new(|| Queue::to(io::stderr()));

/// Writes as soon as the reader takes it, or never where too much waits already.
pub fn write(bytes: &[u8]) {
    QUEUE.write(bytes);
}

/// Waits until all is written, or the reader has stalled for too long. Comes last.
pub fn finish() {
    QUEUE.finish();
}

struct Queue {
    pieces: Sender<Piece>,
    count: Arc<Count>,
}

enum Piece {
    Output(Vec<u8>),
    /// Tells when all before it is written.
    End(Sender<()>),
}

#[derive(Default)]
struct Count {
    waiting_bytes: AtomicUsize,
    lost_lines: AtomicUsize,
}

impl Queue {
    fn to(writer: impl Write + Send + 'static) -> Self {
        let (pieces, received) = mpsc::channel();
        let count = Arc::<Count>::default();
        let thread = thread::Builder::new().name("standard error".to_owned());
        // Without the thread nothing is received, and what is written is lost.
        let _ = thread.spawn({
            let count = count.clone();
            move || pass_on(&received, &count, writer)
        });
        Self { pieces, count }
    }

    fn write(&self, bytes: &[u8]) {
        let waiting = &self.count.waiting_bytes;
        if waiting.fetch_add(bytes.len(), Ordering::AcqRel) + bytes.len() <= MAX_WAITING {
            let _ = self.pieces.send(Piece::Output(bytes.to_vec()));
        } else {
            let lines = bytes.split(|byte| *byte == b'\n').skip(1).count();
            self.count.lost_lines.fetch_add(lines, Ordering::AcqRel);
            waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
        }
    }

    fn finish(&self) {
        let (ended, end) = mpsc::channel();
        if self.pieces.send(Piece::End(ended)).is_ok() {
            let _ = end.recv_timeout(PATIENCE);
        }
    }
}

/// Nobody could be told that it cannot be written.
fn pass_on(pieces: &Receiver<Piece>, count: &Count, mut writer: impl Write) {
    for piece in pieces {
        let ended = match piece {
            Piece::Output(bytes) => {
                let _ = writer.write_all(&bytes);
                let waited = count.waiting_bytes.fetch_sub(bytes.len(), Ordering::AcqRel);
                if waited > bytes.len() {
                    continue;
                }
                None
            }
            Piece::End(ended) => Some(ended),
        };
        // What was lost came after all that waited.
        match count.lost_lines.swap(0, Ordering::AcqRel) {
            0 => {}
            lost => drop(writer.write_all(loss(lost).as_bytes())),
        }
        if let Some(ended) = ended {
            let _ = ended.send(());
        }
    }
}

fn loss(lines: usize) -> String {
    let lines_were = if lines == 1 { "line was" } else { "lines were" };
    format!("{lines} {lines_were} not written: nobody read standard error in time\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A reader that takes nothing while the test holds it.
    #[derive(Clone, Default)]
    struct Reader(Arc<Mutex<Vec<u8>>>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_comes_out_in_order_before_the_end() {
        let reader = Reader::default();
        let queue = Queue::to(reader.clone());

        let lines: Vec<_> = (0..1000).map(|number| format!("{number}\n")).collect();

        for line in &lines {
            queue.write(line.as_bytes());
        }
        queue.finish();

        assert_eq!(*reader.0.lock().unwrap(), lines.concat().as_bytes());
    }

    #[test]
    fn what_does_not_fit_is_counted_in_lines_and_said_after_what_did() {
        let half = [vec![b'x'; MAX_WAITING / 2 - 1], vec![b'\n']].concat();
        for (too_many, said) in [
            (
                &b"a\n"[..],
                "1 line was not written: nobody read standard error in time\n",
            ),
            (
                b"a\nb\n",
                "2 lines were not written: nobody read standard error in time\n",
            ),
        ] {
            let reader = Reader::default();
            let queue = Queue::to(reader.clone());

            let stalled = reader.0.lock().unwrap();
            queue.write(&half);
            queue.write(&half);
            queue.write(too_many);
            drop(stalled);
            queue.finish();
            queue.write(b"later\n");
            queue.finish();

            let text = String::from_utf8(reader.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text[2 * half.len()..], format!("{said}later\n"));
        }
    }

    #[test]
    fn the_end_does_not_wait_for_ever_for_a_reader_that_stalls() {
        let reader = Reader::default();
        let queue = Queue::to(reader.clone());
        let stalled = reader.0.lock().unwrap();

        queue.write(b"a\n");
        queue.finish();

        assert!(stalled.is_empty());
    }
}
