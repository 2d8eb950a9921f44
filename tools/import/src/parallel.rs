//! Several things at a time.

use std::cell::Cell;
use std::future::{Future, ready};

use futures_util::{StreamExt as _, stream};

use crate::stop::Stop;

/// Works on `items`, so many at a time, and tells of each by its place as soon as it is through.
/// Begins no more when it is asked to stop, or when one fails; what is under way is finished.
///
/// # Errors
/// The first failure of `work` or of `tell`. What was told stays.
pub async fn each<T, R, W>(
    items: Vec<T>,
    at_a_time: usize,
    stop: &Stop,
    work: impl Fn(T) -> W,
    mut tell: impl FnMut(usize, R) -> anyhow::Result<()>,
) -> anyhow::Result<()>
where
    W: Future<Output = anyhow::Result<Option<R>>>,
{
    let has_failed = Cell::new(false);
    let mut results = stream::iter(items.into_iter().enumerate())
        .take_while(|_| ready(!stop.is_requested() && !has_failed.get()))
        .map(|(place, item)| {
            let result = work(item);
            async move { (place, result.await) }
        })
        .buffer_unordered(at_a_time);
    let mut outcome = Ok(());
    while let Some((place, result)) = results.next().await {
        let told = result.and_then(|done| done.map_or(Ok(()), |done| tell(place, done)));
        if told.is_err() && outcome.is_ok() {
            has_failed.set(true);
            outcome = told;
        }
    }
    outcome
}
