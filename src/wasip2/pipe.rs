//! A reply to the host: its head, and its body moved from stream to stream.

use std::cell::OnceCell;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use wasi::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use super::transport::ResponseBody;
use super::{deadline, failure};
use crate::component::{LAST_PIECE_BYTES, host_fields};
use crate::reply::{Content, Reply};
use crate::request_log::RequestLog;

/// Most bytes that one splice moves; hosts move at most this much at a time anyway.
const SPLICE_BYTES: u64 = 1024 * 1024;

/// Most bytes that a host takes at once of what is flushed too (`wasi:io`, `blocking-write-and-flush`).
pub const MAX_WRITE_BYTES: usize = 4096;

/// Sends a reply to its end, and notes what was sent. A client that takes none of its body for
/// `client_timeout` is given up; that is asked for where there is something to wait for.
pub fn send(
    reply: &Reply<ResponseBody>,
    client_timeout: &dyn Fn() -> Duration,
    out: ResponseOutparam,
    log: &mut RequestLog,
) {
    log.status = reply.status.as_u16();
    let Some(head) = response_head(reply.status, &reply.headers) else {
        return refused(out, log);
    };
    match &reply.content {
        Content::None => ResponseOutparam::set(out, Ok(head)),
        Content::Text(text) => match Response::open(head) {
            Some(response) => response.send_text(text, out, log),
            None => refused(out, log),
        },
        Content::Bytes { bytes, .. } => match Response::open(head) {
            Some(response) => response.send_bytes(bytes, client_timeout, out, log),
            None => refused(out, log),
        },
        Content::Stream { body, length } => match Response::open(head) {
            Some(response) => response.send_stream(body, *length, client_timeout, out, log),
            None => refused(out, log),
        },
    }
}

/// `None` when the host refuses a part of it.
fn response_head(status: StatusCode, headers: &HeaderMap) -> Option<OutgoingResponse> {
    let head = OutgoingResponse::new(Fields::from_list(&host_fields(headers)).ok()?);
    head.set_status_code(status.as_u16()).ok()?;
    Some(head)
}

fn refused(out: ResponseOutparam, log: &mut RequestLog) {
    log.refused_by_host();
    ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
}

/// A response that has not been handed over, and its body.
///
/// Body bytes go to the host before the head: a head that is sent alone waits for the peer's
/// delayed acknowledgement where the host leaves Nagle's algorithm on.
///
/// The fields are children of one another in the host's tables, and are dropped in this order.
struct Response {
    writer: OutputStream,
    body: OutgoingBody,
    head: OutgoingResponse,
}

impl Response {
    /// `None` when the host gives the head no body.
    fn open(head: OutgoingResponse) -> Option<Self> {
        let body = head.body().ok()?;
        let writer = body.write().ok()?;
        Some(Self { writer, body, head })
    }

    fn send_text(self, text: &str, out: ResponseOutparam, log: &mut RequestLog) {
        let mut pieces = text.as_bytes().chunks(MAX_WRITE_BYTES);
        let write = |piece| self.writer.blocking_write_and_flush(piece);
        let begun = pieces.next().map_or(Ok(()), write);
        ResponseOutparam::set(out, Ok(self.head));
        let written = begun.and_then(|()| pieces.try_for_each(write));
        drop(self.writer);
        if written.is_ok() && OutgoingBody::finish(self.body, None).is_ok() {
            log.bytes = text.len() as u64;
        }
    }

    /// Sends a body that is here, as much of it before the head as the host has room for.
    fn send_bytes(
        self,
        bytes: &[u8],
        client_timeout: &dyn Fn() -> Duration,
        out: ResponseOutparam,
        log: &mut RequestLog,
    ) {
        let mut client = Client::new(&self.writer, client_timeout);
        let room = self.writer.check_write().unwrap_or_default();
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (before_head, after_head) = bytes.split_at(room.min(bytes.len()));
        let begun = client.write(before_head);
        ResponseOutparam::set(out, Ok(self.head));
        let ended = begun.and_then(|()| client.write(after_head));
        log.bytes = client.taken;
        drop(client);
        End {
            writer: self.writer,
            body: self.body,
            expected: bytes.len() as u64,
            client_timeout,
        }
        .of(ended, log);
    }

    /// Sends the body, with the head between its first bytes and the rest. A body that is not finished
    /// makes the host abort the response, so that the client sees a failed transfer.
    fn send_stream(
        self,
        source: &ResponseBody,
        length: u64,
        client_timeout: &dyn Fn() -> Duration,
        out: ResponseOutparam,
        log: &mut RequestLog,
    ) {
        let client = Client::new(&self.writer, client_timeout);
        let mut transfer = Transfer::new(&source.stream, client, length);
        let begun = transfer.begin();
        ResponseOutparam::set(out, Ok(self.head));
        let ended = begun.and_then(|()| transfer.finish());
        log.bytes = transfer.client.taken;
        drop(transfer);
        End {
            writer: self.writer,
            body: self.body,
            expected: length,
            client_timeout,
        }
        .of(ended, log);
    }
}

/// What is left of a response once its body has been sent, or broken off.
struct End<'a> {
    writer: OutputStream,
    body: OutgoingBody,
    expected: u64,
    client_timeout: &'a dyn Fn() -> Duration,
}

impl End<'_> {
    fn of(self, ended: Result<(), Break>, log: &mut RequestLog) {
        match ended {
            Ok(()) => {
                drop(self.writer);
                if let Err(code) = OutgoingBody::finish(self.body, None) {
                    let code = failure::http(&code);
                    log.aborted(format!("the host does not accept the body's end: {code}"));
                }
            }
            Err(Break::ClientTookNothing) => {
                log.client_took_nothing((self.client_timeout)());
            }
            // The writer tells whose end of the stream is gone.
            Err(Break::Stream(_)) if self.writer.check_write().is_err() => {
                log.client_went_away();
            }
            Err(Break::Stream(cause)) => {
                log.interrupted(self.expected, failure::stream(&cause));
            }
        }
    }
}

/// Why a transfer ends before its end.
enum Break {
    /// One of the two streams has.
    Stream(StreamError),
    /// There was no room for another byte for too long.
    ClientTookNothing,
}

impl From<StreamError> for Break {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

/// The client's side of a body.
struct Client<'a> {
    writer: &'a OutputStream,
    /// A child of the writer in the host's tables, and dropped before it.
    is_ready: OnceCell<Pollable>,
    timeout: &'a dyn Fn() -> Duration,
    /// Bytes that were handed over.
    taken: u64,
}

impl<'a> Client<'a> {
    fn new(writer: &'a OutputStream, timeout: &'a dyn Fn() -> Duration) -> Self {
        Self {
            writer,
            is_ready: OnceCell::new(),
            timeout,
            taken: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Break> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = usize::try_from(self.wait_for_room()?).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.writer.write(now)?;
            self.taken += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// How many bytes the client's side takes, which is more than none.
    fn wait_for_room(&self) -> Result<u64, Break> {
        // Made where there is something to wait for.
        let limit = OnceCell::<Pollable>::new();
        loop {
            match self.writer.check_write()? {
                0 if limit.get().is_some_and(Pollable::ready) => {
                    return Err(Break::ClientTookNothing);
                }
                0 => {}
                room => return Ok(room),
            }
            poll(&[
                self.is_ready.get_or_init(|| self.writer.subscribe()),
                limit.get_or_init(|| deadline::after((self.timeout)())),
            ]);
        }
    }
}

/// A body on its way from storage to the client.
struct Transfer<'a> {
    source: &'a InputStream,
    /// A child of the source in the host's tables, and dropped before it.
    source_is_ready: OnceCell<Pollable>,
    client: Client<'a>,
    length: u64,
}

impl<'a> Transfer<'a> {
    fn new(source: &'a InputStream, client: Client<'a>, length: u64) -> Self {
        Self {
            source,
            source_is_ready: OnceCell::new(),
            client,
            length,
        }
    }

    /// Moves what can go before the head: some bytes in any case, and the rest if that is one piece
    /// for which the host has room. Hosts take no more until the head has gone.
    fn begin(&mut self) -> Result<(), Break> {
        while self.client.taken == 0 && self.missing() > 0 {
            self.splice()?;
        }
        if self.missing() <= LAST_PIECE_BYTES.min(self.client.writer.check_write()?) {
            self.send_last_piece()?;
        }
        Ok(())
    }

    /// Moves all that is missing.
    fn finish(&mut self) -> Result<(), Break> {
        while self.missing() > LAST_PIECE_BYTES {
            self.splice()?;
        }
        self.send_last_piece()
    }

    fn missing(&self) -> u64 {
        self.length - self.client.taken
    }

    /// Lets the host move bytes without a copy through the component's memory, and none of the last
    /// piece if there is more than that.
    ///
    /// Not by `blocking_splice`, which waits for the client for as long as that likes.
    fn splice(&mut self) -> Result<(), Break> {
        let before_last_piece = match self.missing() {
            missing if missing > LAST_PIECE_BYTES => missing - LAST_PIECE_BYTES,
            missing => missing,
        };
        let most = before_last_piece.min(SPLICE_BYTES);
        loop {
            match self.client.writer.splice(self.source, most)? {
                0 => {
                    self.client.wait_for_room()?;
                    let source_is_ready = &self.source_is_ready;
                    source_is_ready
                        .get_or_init(|| self.source.subscribe())
                        .block();
                }
                moved => {
                    self.client.taken += moved;
                    return Ok(());
                }
            }
        }
    }

    /// Sends what is missing at once, or as much of it as comes before the stream breaks.
    fn send_last_piece(&mut self) -> Result<(), Break> {
        let (piece, read) = self.read_last_piece();
        self.client.write(&piece)?;
        Ok(read?)
    }

    fn read_last_piece(&self) -> (Vec<u8>, Result<(), StreamError>) {
        let mut piece = Vec::new();
        while (piece.len() as u64) < self.missing() {
            match self
                .source
                .blocking_read(self.missing() - piece.len() as u64)
            {
                Ok(bytes) if piece.is_empty() => piece = bytes,
                Ok(bytes) => piece.extend(bytes),
                Err(cause) => return (piece, Err(cause)),
            }
        }
        (piece, Ok(()))
    }
}
