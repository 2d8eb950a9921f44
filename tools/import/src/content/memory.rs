//! How much memory images take while they are decoded, however many files are worked on.

use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// For each core. What takes more than all cores have has all of it, and is alone.
const BYTES_A_CORE: u64 = 192 * 1024 * 1024;
/// What takes more from the beginning is alone as well: nobody knows yet what it will take.
const LARGE_BYTES: u64 = 64 * 1024 * 1024;

static MEMORY: LazyLock<Memory> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    Memory {
        bytes: BYTES_A_CORE * cores,
        // One more, since some wait for a disk.
        turns: cores + 1,
        taken: Mutex::default(),
        first_in_line: Mutex::new(()),
        given_back: Condvar::new(),
    }
});

struct Memory {
    /// What may be taken at the same time, and by how many.
    bytes: u64,
    turns: u64,
    taken: Mutex<Taken>,
    /// Held by the one that waits next: many small ones do not keep a large one waiting for ever.
    first_in_line: Mutex<()>,
    given_back: Condvar,
}

#[derive(Default)]
struct Taken {
    bytes: u64,
    turns: u64,
}

/// Held as long as so many bytes are taken for one file.
#[derive(Debug)]
pub struct Turn(u64);

impl Turn {
    /// Waits until they are free.
    pub fn to_take(bytes: u64) -> Self {
        let all = MEMORY.bytes;
        Self(MEMORY.take(if bytes > LARGE_BYTES { all } else { bytes }))
    }

    /// The same turn, when it is seen that so many are taken instead. What was taken is given back before
    /// more is waited for: two that held a part each would wait for each other.
    pub fn instead_for(&mut self, bytes: u64) {
        let bytes = bytes.min(MEMORY.bytes);
        if bytes > self.0 {
            MEMORY.give_back(self.0);
            self.0 = MEMORY.take(bytes);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        MEMORY.give_back(self.0);
    }
}

impl Memory {
    fn take(&self, bytes: u64) -> u64 {
        let _first = self
            .first_in_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = self.given_back.wait_while(self.taken(), |taken| {
            taken.bytes + bytes > self.bytes || taken.turns == self.turns
        });
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.bytes += bytes;
        taken.turns += 1;
        bytes
    }

    fn give_back(&self, bytes: u64) {
        let mut taken = self.taken();
        taken.bytes -= bytes;
        taken.turns -= 1;
        self.given_back.notify_all();
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Of threads that each take so many bytes at first, and so many then: what all of them held at most,
    /// and how many they were.
    fn most_at_a_time(first: u64, then: u64) -> [u64; 2] {
        let held = [AtomicU64::new(0), AtomicU64::new(0)];
        let most = [AtomicU64::new(0), AtomicU64::new(0)];
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut turn = Turn::to_take(first);
                    turn.instead_for(then);
                    let mine = [turn.0, 1];
                    for ((held, most), mine) in held.iter().zip(&most).zip(mine) {
                        let now = held.fetch_add(mine, Ordering::SeqCst) + mine;
                        most.fetch_max(now, Ordering::SeqCst);
                    }
                    std::thread::yield_now();
                    for (held, mine) in held.iter().zip(mine) {
                        held.fetch_sub(mine, Ordering::SeqCst);
                    }
                });
            }
        });
        most.map(AtomicU64::into_inner)
    }

    #[test]
    fn images_of_any_size_wait_for_each_other_and_never_take_more_than_there_is() {
        let all = MEMORY.bytes;
        for (first, then) in [
            (1, 2),
            (LARGE_BYTES, LARGE_BYTES),
            (LARGE_BYTES, all / 2),
            (LARGE_BYTES + 1, 0),
            (1, all - 1),
            (all, 2 * all),
        ] {
            let [bytes, turns] = most_at_a_time(first, then);

            assert!(bytes <= all, "{first}, {then}: {bytes} bytes at a time");
            assert!(turns <= MEMORY.turns, "{turns} at a time");
        }
    }

    #[test]
    fn what_is_large_is_alone() {
        assert_eq!(Turn::to_take(LARGE_BYTES + 1).0, MEMORY.bytes);
        assert_eq!(Turn::to_take(LARGE_BYTES).0, LARGE_BYTES);
    }
}
