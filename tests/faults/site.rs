//! An app whose way to storage fails as told, and what any failure must leave behind.

use std::time::{Duration, Instant};

use crate::harness::app::Launch;
use crate::harness::client::{Answer, KeepAliveClient};
use crate::harness::faulty_link::{Fault, FaultyLink};
use crate::harness::portion::Portion;
use crate::harness::response::Response;
use crate::harness::{App, Storage, TestImage, wait_for};

/// Of these apps, for storage's first byte and between its bytes; the defaults are longer.
pub const LIMIT: Duration = Duration::from_secs(3);

/// What all else may take, on a machine that is busy.
pub const SLACK: Duration = Duration::from_secs(5);

/// Of the image.
pub const SIZE: usize = 200_000;

/// Request, what befalls each attempt, how many there are, and what the log says.
pub type Case = (Portion, fn() -> Fault, usize, &'static str);

/// An app, its storage, the way between, and an image that is there.
pub struct Site {
    pub link: FaultyLink,
    pub app: App,
    pub image: TestImage,
    storage: Storage,
    /// Requests that the app has been sent.
    answered: usize,
    /// Requests that storage has been sent for them.
    attempts: usize,
}

impl Site {
    pub fn start() -> Self {
        Self::start_with(SIZE, |launch| launch)
    }

    /// With an image of another size, and other settings.
    pub fn start_with(size: usize, change: impl FnOnce(Launch) -> Launch) -> Self {
        let started = Self::build(size, change);
        started.link.open();
        started
    }

    /// Storage takes no connection until the link is opened.
    pub fn start_refusing() -> Self {
        Self::build(SIZE, |launch| launch)
    }

    fn build(size: usize, change: impl FnOnce(Launch) -> Launch) -> Self {
        let storage = Storage::start();
        let link = FaultyLink::to(&storage);
        let app = change(link.launch(&storage, LIMIT)).start();
        let image = TestImage::of_size(size);
        app.import(&storage, &image);
        Self {
            link,
            app,
            image,
            storage,
            answered: 0,
            attempts: 0,
        }
    }

    pub fn request(&self, ask: Portion) -> Response {
        let range = ask.range();
        let fields: Vec<_> = range.iter().map(|range| ("range", &**range)).collect();
        self.app
            .request_with(ask.method(), &self.image.path(), &fields)
    }

    /// Leaves this many connections in the app's pool.
    pub fn fill_pool(&mut self, connections: usize) {
        let (held, tell): (Vec<_>, Vec<_>) = (0..connections).map(|_| Fault::held()).unzip();
        self.link.inject(held.into_iter().map(Some));
        std::thread::scope(|scope| {
            for _ in 0..connections {
                scope.spawn(|| {
                    Portion::Whole.assert_served(&self.image, &self.request(Portion::Whole));
                });
            }
            wait_for("as many requests", || {
                (self.link.connections().busy == connections).then_some(())
            });
            drop(tell);
        });
        self.answered += connections;
        self.app.log(self.answered);
        self.attempts = self.link.requests();
        wait_for("as many idle connections", || {
            (self.link.connections().idle == connections).then_some(())
        });
    }

    /// As `request`, by a client that looks at what comes while it comes.
    #[track_caller]
    pub fn open(&self, ask: Portion) -> Answer {
        let request = ask.request(self.app.url(&self.image.path()));
        let answer = KeepAliveClient::new().ask(request);
        answer.unwrap_or_else(|| panic!("the connection ends before the head"))
    }

    /// Asserts of each case that it is a storage error as soon as `waits` is over.
    #[track_caller]
    pub fn assert_storage_errors(
        &mut self,
        waits: Duration,
        cases: impl IntoIterator<Item = Case>,
    ) {
        for (number, (ask, fault, attempts, cause)) in cases.into_iter().enumerate() {
            println!("case {number}, {ask:?}, {cause}:");
            self.assert_storage_error(waits, ask, fault, attempts, cause);
        }
    }

    /// As `assert_storage_errors`, of one.
    #[track_caller]
    pub fn assert_storage_error(
        &mut self,
        waits: Duration,
        ask: Portion,
        mut fault: impl FnMut() -> Fault + Send + 'static,
        attempts: usize,
        cause: &str,
    ) {
        // One attempt too many would meet no fault.
        self.link.inject((0..attempts).map(move |_| Some(fault())));
        let start = Instant::now();

        let response = self.request(ask);

        let elapsed = start.elapsed();
        assert!(waits <= elapsed && elapsed < waits + SLACK, "{elapsed:?}");
        ask.assert_storage_error(response);
        self.assert_aftermath(attempts, Some(cause));
    }

    /// Asserts what a request leaves behind: a line in the log, as many attempts, no connection, and
    /// an app that serves the next one.
    #[track_caller]
    pub fn assert_aftermath(&mut self, attempts: usize, cause: Option<&str>) {
        self.answered += 1;
        let entry = self.app.log(self.answered).swap_remove(self.answered - 1);
        match (entry["cause"].as_str(), cause) {
            (Some(logged), Some(cause)) => assert!(logged.contains(cause), "{logged}"),
            (logged, cause) => assert_eq!(logged, cause),
        }
        assert_eq!(self.link.requests() - self.attempts, attempts);
        assert_eq!(self.storage.asked(), self.link.requests());
        // A pool connects anew when its last connection is not back yet, hence up to two.
        let idle = self.link.idle_at_rest(&self.app);
        assert!(idle <= 2, "{idle} connections are in the pool");

        // Nor is there one in the pool for the next case, which would be repeated on a new one.
        self.link
            .inject([Some(Fault::Field("Connection", "close".into()))]);
        let next = self.request(Portion::Whole);
        Portion::Whole.assert_served(&self.image, &next);
        self.answered += 1;
        // Else its line could come after the next one's.
        self.app.log(self.answered);
        self.attempts = self.link.requests();
    }
}
