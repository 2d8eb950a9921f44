//! What an instance keeps between requests: settings that were read, and stores that are open.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::component::{Stores, variable};
use crate::config::Settings;

/// New credentials count after this time, and a store that was exchanged is found.
const LIFETIME: Duration = Duration::from_secs(1);

thread_local! {
    static KEPT: RefCell<Option<Rc<Kept>>> = const { RefCell::new(None) };
}

/// Settings and stores of requests that begin within a second.
pub struct Kept {
    since: Instant,
    /// Each is looked up once.
    pub settings: Settings<'static>,
    /// Each is opened once.
    pub stores: Stores,
}

impl Kept {
    /// What is kept, if it is not too old.
    pub fn now() -> Rc<Self> {
        KEPT.with_borrow_mut(|kept| match kept {
            Some(kept) if kept.since.elapsed() < LIFETIME => Rc::clone(kept),
            _ => Rc::clone(kept.insert(Rc::new(Self::new()))),
        })
    }

    /// Begins anew with the next request: what failed may do so because of what is kept.
    pub fn forget() {
        KEPT.set(None);
    }

    fn new() -> Self {
        Self {
            since: Instant::now(),
            settings: Settings::new(&variable),
            stores: Stores::default(),
        }
    }
}
