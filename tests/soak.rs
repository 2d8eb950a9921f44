//! Thousands of requests at 32 connections, while a tenth of storage's answers fail, and a twentieth of
//! the connections to it die when they are left alone, and a tenth of the clients take nothing.

mod schedule;
mod traffic;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::harness::client::KeepAliveClient;
use crate::harness::faulty_link::FaultyLink;
use crate::harness::host::is_spin;
use crate::harness::portion::Portion;
use crate::harness::process::resident_bytes;
use crate::harness::{App, Storage, TestImage, say};
use traffic::{Ask, Kind, SIZES};

const CONNECTIONS: usize = 32;
/// Of the app's connections to storage, one in so many dies.
const DYING: usize = 20;
/// Clients that ask for an image and take nothing of it, again and again, beside the others.
const STALLING: usize = CONNECTIONS / 10;
/// How long they may do so.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);
/// What they ask for: far more than all buffers on the way.
const STALLED_BYTES: usize = 30_000_000;
/// An instance is kept for each request that was ever under way at once, those included that still
/// write their log line: a busy machine has more of these later than an idle one at the beginning.
const WARM_UP_CONNECTIONS: usize = 2 * CONNECTIONS;

/// After these, memory is what it stays.
const WARM_UP: Range<u64> = 0..1_000;
const SOAK: Range<u64> = WARM_UP.end..10_000;
/// Without faults.
const AFTERWARDS: Range<u64> = SOAK.end..11_000;

/// For storage's first byte and between its bytes: far more than it needs, not long to wait.
const LIMIT: Duration = Duration::from_secs(8);

#[test]
fn each_of_ten_thousand_answers_is_right_or_an_error_or_aborted_while_storage_fails() {
    let site = Site::start();
    let start = Instant::now();

    site.link.inject(schedule::faults());
    let mut counts = site.send(WARM_UP, WARM_UP_CONNECTIONS);
    let memory = site.memory_at_rest();
    add(&mut counts, site.send_beside_stalling_clients(SOAK));
    let memory_later = site.memory_at_rest();
    let faults = site.link.faults();
    site.link.inject([]);
    let afterwards = site.send(AFTERWARDS, CONNECTIONS);
    // What is kept is there at both times, what happens to be there is not.
    let memory_at_the_end = memory_later.min(site.memory_at_rest());

    say(&format!(
        "soak: {} s, {faults} faults, {} dead connections, {counts:?}; memory: {} KiB after the first thousand, {} KiB at the end",
        start.elapsed().as_secs(),
        site.link.died(),
        memory / 1024,
        memory_at_the_end / 1024
    ));
    assert!(site.link.died() > 0, "no connection has died");
    assert!(
        counts.keys().eq(Kind::RIGHT.iter().chain(&Kind::FAILED)),
        "{counts:?}"
    );
    assert!(
        afterwards.keys().eq(&Kind::RIGHT),
        "{afterwards:?} {:#?}",
        site.failures_since(SOAK.end)
    );
    add(&mut counts, afterwards);
    site.assert_log_agrees(&counts);
    let tolerated = if is_spin() { memory / 2 } else { memory / 10 };
    assert!(memory_at_the_end <= memory + tolerated, "it grows");
}

/// How many answers there were of each kind.
type Counts = BTreeMap<Kind, usize>;

fn add(counts: &mut Counts, more: Counts) {
    for (kind, count) in more {
        *counts.entry(kind).or_default() += count;
    }
}

fn is_given_up(entry: &serde_json::Value) -> bool {
    let cause = entry["cause"].as_str().unwrap_or_default();
    cause.starts_with("the client took nothing")
}

/// An app whose way to storage fails as scheduled, and images of all sizes.
struct Site {
    app: App,
    link: FaultyLink,
    /// Runs as long as the app does.
    _storage: Storage,
    images: [TestImage; SIZES.len()],
    stalled: TestImage,
}

impl Site {
    fn start() -> Self {
        let storage = Storage::start();
        let link = FaultyLink::to(&storage);
        link.let_die_after_a_pause(DYING);
        link.open();
        let app = link
            .launch(&storage, LIMIT)
            .variable("client_timeout_ms", &CLIENT_TIMEOUT.as_millis().to_string())
            // What is freed goes back to the system, so that what is resident is what is held.
            .environment("MALLOC_ARENA_MAX", "1")
            .environment("MALLOC_TRIM_THRESHOLD_", "0")
            .environment("MALLOC_MMAP_THRESHOLD_", "32768")
            .start();
        let images = SIZES.map(TestImage::of_size);
        for image in &images {
            app.import(&storage, image);
        }
        let stalled = TestImage::of_size(STALLED_BYTES);
        app.import(&storage, &stalled);
        Self {
            stalled,
            _storage: storage,
            link,
            app,
            images,
        }
    }

    /// Sends the requests of these numbers, each when a connection is free.
    fn send(&self, numbers: Range<u64>, connections: usize) -> Counts {
        let next = AtomicU64::new(numbers.start);
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < numbers.end);
        let client = || {
            let client = KeepAliveClient::new();
            let asks = std::iter::from_fn(take).map(|n| Ask::number(n, &self.images));
            let mut counts = Counts::new();
            for ask in asks {
                *counts.entry(ask.send(&client, &self.app)).or_default() += 1;
            }
            counts
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..connections).map(|_| scope.spawn(client)).collect();
            let mut counts = Counts::new();
            for client in clients {
                add(&mut counts, client.join().unwrap());
            }
            counts
        })
    }

    /// As `send`, while other clients stall.
    fn send_beside_stalling_clients(&self, numbers: Range<u64>) -> Counts {
        let is_over = AtomicBool::new(false);
        let stall = || {
            let mut counts = Counts::new();
            while !is_over.load(Ordering::Relaxed) {
                *counts.entry(self.stall()).or_default() += 1;
            }
            counts
        };
        std::thread::scope(|scope| {
            let stalling: Vec<_> = (0..STALLING).map(|_| scope.spawn(stall)).collect();
            let mut counts = self.send(numbers, CONNECTIONS);
            is_over.store(true, Ordering::Relaxed);
            for client in stalling {
                add(&mut counts, client.join().unwrap());
            }
            counts
        })
    }

    /// A client that takes nothing for longer than it may, and then what there is.
    fn stall(&self) -> Kind {
        let client = KeepAliveClient::new();
        let Some(mut answer) =
            client.ask(Portion::Whole.request(self.app.url(&self.stalled.path())))
        else {
            return Kind::Aborted;
        };
        if answer.status() != 500 {
            answer.read_some();
            // Its pause, which no condition ends but time.
            std::thread::sleep(CLIENT_TIMEOUT * 3 / 2);
        }
        traffic::answer_of_storage(&self.stalled, Portion::Whole, Some(answer.read_to_end()))
    }

    /// Resident bytes, once all connections but the idle ones of the app's pool have ended.
    fn memory_at_rest(&self) -> u64 {
        self.link.idle_at_rest(&self.app);
        resident_bytes(self.app.process_id())
    }

    /// The app says that it failed, or aborted, as often as clients saw it.
    fn assert_log_agrees(&self, counts: &Counts) {
        let total = counts.values().sum();
        assert_eq!(self.app.log(total).len(), total);
        let failures = self.failures_since(0);
        let (refused, aborted): (Vec<_>, Vec<_>) =
            failures.iter().partition(|entry| entry["status"] == 500);
        let given_up = self.app.log(total).into_iter().filter(is_given_up).count();
        assert_eq!(refused.len(), counts[&Kind::StorageError]);
        // To a client, one is like the other.
        assert_eq!(aborted.len() + given_up, counts[&Kind::Aborted]);
        assert!(given_up > 0, "no client has been given up");
    }

    /// What the log says of them, from this request on.
    fn failures_since(&self, number: u64) -> Vec<serde_json::Value> {
        let is_failure = |entry: &serde_json::Value| {
            let cause = entry["cause"].as_str().unwrap_or_default();
            entry["status"] == 500 || cause.starts_with("response aborted")
        };
        let number = usize::try_from(number).unwrap();
        let mut log = self.app.log(number).split_off(number);
        log.retain(is_failure);
        log
    }
}
