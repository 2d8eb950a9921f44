//! How much memory images take while they are decoded, however many files are worked on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What may be taken at the same time. What takes more has all of it, and is alone.
const ALL_BYTES: u64 = 256 * 1024 * 1024;
/// What takes more from the beginning is alone as well: nobody knows yet what it will take.
const LARGE_BYTES: u64 = 64 * 1024 * 1024;

static MEMORY: Memory = Memory {
    taken: Mutex::new(0),
    first_in_line: Mutex::new(()),
    given_back: Condvar::new(),
};

struct Memory {
    taken: Mutex<u64>,
    /// Held by the one that waits next: many small ones do not keep a large one waiting for ever.
    first_in_line: Mutex<()>,
    given_back: Condvar,
}

/// Held as long as so many bytes are taken for one file.
#[derive(Debug)]
pub struct Turn(u64);

impl Turn {
    /// Waits until they are free.
    pub fn to_take(bytes: u64) -> Self {
        let bytes = if bytes > LARGE_BYTES {
            ALL_BYTES
        } else {
            bytes
        };
        MEMORY.take(bytes);
        Self(bytes)
    }

    /// The same turn, when it is seen that so many are taken instead. What was taken is given back before
    /// more is waited for: two that held a part each would wait for each other.
    pub fn instead_for(&mut self, bytes: u64) {
        let bytes = bytes.min(ALL_BYTES);
        if bytes > self.0 {
            MEMORY.give_back(std::mem::take(&mut self.0));
            MEMORY.take(bytes);
            self.0 = bytes;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        MEMORY.give_back(self.0);
    }
}

impl Memory {
    fn take(&self, bytes: u64) {
        let _first = self
            .first_in_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = self
            .given_back
            .wait_while(self.taken(), |taken| *taken + bytes > ALL_BYTES);
        *taken.unwrap_or_else(PoisonError::into_inner) += bytes;
    }

    fn give_back(&self, bytes: u64) {
        *self.taken() -= bytes;
        self.given_back.notify_all();
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Threads that each take so many bytes at first, and so many then; what all of them held at most.
    fn most_at_a_time(first: u64, then: u64) -> u64 {
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut turn = Turn::to_take(first);
                    turn.instead_for(then);
                    let now = held.fetch_add(turn.0, Ordering::SeqCst) + turn.0;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::yield_now();
                    held.fetch_sub(turn.0, Ordering::SeqCst);
                });
            }
        });
        most.into_inner()
    }

    #[test]
    fn images_of_any_size_wait_for_each_other_and_never_take_more_than_there_is() {
        for (first, then) in [
            (1, 2),
            (LARGE_BYTES, LARGE_BYTES),
            (LARGE_BYTES, ALL_BYTES / 2),
            (LARGE_BYTES + 1, 0),
            (1, ALL_BYTES - 1),
            (ALL_BYTES, 2 * ALL_BYTES),
        ] {
            let most = most_at_a_time(first, then);

            assert!(most <= ALL_BYTES, "{first}, {then}: {most} bytes at a time");
        }
    }

    #[test]
    fn what_is_large_is_alone() {
        assert_eq!(Turn::to_take(LARGE_BYTES + 1).0, ALL_BYTES);
        assert_eq!(Turn::to_take(LARGE_BYTES).0, LARGE_BYTES);
    }
}
