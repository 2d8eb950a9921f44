//! The client's side of a body: how fast it takes bytes, and whether it is still there.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::wit_bindgen::{AbiBuffer, RawStreamWrite, StreamOps, StreamResult, StreamWriter};

use crate::component::nanoseconds;

/// How often it is looked whether a client is still there while its next bytes are waited for.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Takes the bytes of one body.
pub struct Client {
    writer: StreamWriter<u8>,
    timeout: Duration,
    clock: Clock,
    /// Bytes that were handed over.
    pub taken: u64,
}

/// Why a client gets no more bytes.
pub enum Gone {
    /// It closed its connection.
    Away,
    /// It took no byte for too long.
    TookNothing,
}

impl Client {
    /// One that may take no byte for `timeout` before it is given up.
    pub fn new(writer: StreamWriter<u8>, timeout: Duration) -> Self {
        Self {
            writer,
            timeout,
            clock: Clock(None),
            taken: 0,
        }
    }

    /// Waits until all of these have been taken.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (clock, timeout) = (&mut self.clock, self.timeout);
        let (mut result, mut rest) = take(self.writer.write(bytes), clock, timeout).await;
        loop {
            match result {
                StreamResult::Complete(taken) => self.taken += taken as u64,
                StreamResult::Dropped => return Err(Gone::Away),
                StreamResult::Cancelled => return Err(Gone::TookNothing),
            }
            if rest.remaining() == 0 {
                return Ok(());
            }
            (result, rest) = take(self.writer.write_buf(rest), clock, timeout).await;
        }
    }

    /// Waits for the next bytes as long as the client does.
    pub async fn wait_for<T>(&mut self, bytes: impl Future<Output = T>) -> Result<T, Gone> {
        let mut bytes = pin!(bytes);
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(bytes) = bytes.as_mut().poll(cx) {
                    return Poll::Ready(Ok(bytes));
                }
                ready!(self.clock.poll_tick(LOOK_AFTER, cx));
                if self.is_away(cx) {
                    return Poll::Ready(Err(Gone::Away));
                }
            }
        })
        .await
    }

    /// Writing nothing fails where the host has dropped its end of the stream.
    fn is_away(&mut self, cx: &mut Context<'_>) -> bool {
        let mut nothing = pin!(self.writer.write(Vec::new()));
        let (result, _) = match nothing.as_mut().poll(cx) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => nothing.as_mut().cancel(),
        };
        result == StreamResult::Dropped
    }
}

/// What comes of a write; it is cancelled where nothing is taken within `timeout`.
async fn take<O: StreamOps>(
    write: RawStreamWrite<'_, O>,
    clock: &mut Clock,
    timeout: Duration,
) -> (StreamResult, AbiBuffer<O>) {
    let (mut write, mut since) = (pin!(write), None);
    let taken = poll_fn(|cx| {
        if let Poll::Ready(outcome) = write.as_mut().poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        let since: &Instant = since.get_or_insert_with(Instant::now);
        loop {
            let left = timeout.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Poll::Ready(None);
            }
            ready!(clock.poll_tick(left.min(LOOK_AFTER), cx));
        }
    });
    match taken.await {
        Some(outcome) => outcome,
        None => write.cancel(),
    }
}

/// Ticks where something is waited for. A tick that has begun serves whoever waits next: to begin and to
/// cancel one for each piece would cost more than to move it.
struct Clock(Option<Pin<Box<dyn Future<Output = ()>>>>);

impl Clock {
    /// Ready at the tick that has begun, or else after `period`.
    fn poll_tick(&mut self, period: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let tick = self
            .0
            .get_or_insert_with(|| Box::pin(wait_for(nanoseconds(period))));
        ready!(tick.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(())
    }
}
