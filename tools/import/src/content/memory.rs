//! How much memory images take while they are checked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What takes more is checked one at a time, however many files are worked on.
const LARGE_BYTES: u64 = 64 * 1024 * 1024;

/// Held as long as so many bytes are taken for one file.
pub struct Turn(Option<MutexGuard<'static, ()>>);

impl Turn {
    /// Waits for those of other large files.
    pub fn to_take(bytes: u64) -> Self {
        let mut turn = Self(None);
        turn.also_for(bytes);
        turn
    }

    /// The same turn, when it is seen that more is taken.
    pub fn also_for(&mut self, bytes: u64) {
        static LARGE_ONES: Mutex<()> = Mutex::new(());

        if self.0.is_none() && bytes > LARGE_BYTES {
            self.0 = Some(LARGE_ONES.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_large_image_waits_for_another_one_and_small_ones_do_not() {
        let (done, wait) = mpsc::channel();
        let mut turn = Turn::to_take(LARGE_BYTES + 1);
        turn.also_for(2 * LARGE_BYTES);

        let other = std::thread::spawn(move || {
            drop(Turn::to_take(LARGE_BYTES));
            done.send("small").unwrap();
            drop(Turn::to_take(LARGE_BYTES + 1));
            done.send("large").unwrap();
        });

        assert_eq!(wait.recv(), Ok("small"));
        assert!(wait.recv_timeout(Duration::from_millis(50)).is_err());
        drop(turn);
        assert_eq!(wait.recv(), Ok("large"));
        other.join().unwrap();
    }
}
