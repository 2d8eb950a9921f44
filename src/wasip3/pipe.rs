//! A reply to the host: its head, and its body moved from stream to stream.
//!
//! The bytes go through the component's memory: handing storage's stream on is no faster, and tells
//! neither that it broke nor that the client left (`specs/011-wasi-0.3/research.md`).

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use wasip3::http::types::{ErrorCode, Fields, Response, Trailers};
use wasip3::wit_bindgen::{FutureReader, StreamReader, yield_async};
use wasip3::{wit_future, wit_stream};

use super::client::{Client, Gone};
use super::transport::ResponseBody;
use crate::component::{LAST_PIECE_BYTES, host_fields};
use crate::reply::{Content, Reply};
use crate::request_log::RequestLog;

/// Most bytes that are moved at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// How often the host is given way to before a head and the first bytes after it.
///
/// Spin's stores block the thread that they are read on, and the task of the instance loses its place in
/// the host's runtime to another one, which then sends the head before it has the bytes. It takes
/// two turns until the task has a place again, and now and then three (`specs/011-wasi-0.3/research.md`).
const TURNS: usize = 3;

/// What a request leaves behind once its reply has been sent, or has broken off.
pub type Conclusion = Box<dyn FnOnce(Content<ResponseBody>, RequestLog)>;

/// Sends a reply. Its body is still on its way when the head is returned, and concluded after that.
///
/// # Errors
/// When the host does not accept the head.
pub async fn send(
    reply: Reply<ResponseBody>,
    client_timeout: Duration,
    mut log: RequestLog,
    conclude: Conclusion,
) -> Result<Response, ErrorCode> {
    log.status = reply.status.as_u16();
    let (trailers, end) = wit_future::new(|| Ok(None));
    if matches!(reply.content, Content::None) {
        let response = head(reply.status, &reply.headers, None, end);
        if response.is_err() {
            log.refused_by_host();
        }
        conclude(Content::None, log);
        return response;
    }
    let (writer, reader) = wit_stream::new();
    let response = match head(reply.status, &reply.headers, Some(reader), end) {
        Ok(response) => response,
        Err(code) => {
            log.refused_by_host();
            conclude(Content::None, log);
            return Err(code);
        }
    };
    let (mut body, first) = Body::begin(reply.content).await;
    for _ in 0..TURNS {
        yield_async().await;
    }
    let work = async move {
        let mut client = Client::new(writer, client_timeout);
        let ended = body.send(first, &mut client).await;
        log.bytes = client.taken;
        let is_whole = ended.is_ok();
        if let Err(cause) = ended {
            cause.tell(&mut log, body.length, client_timeout);
        }
        conclude(body.content, log);
        drop(client);
        // Else a body of unknown length would look whole.
        if !is_whole {
            let _ = trailers.write(Err(ErrorCode::HttpResponseIncomplete)).await;
        }
    };
    begin(work).await;
    Ok(response)
}

/// Works as far as it can before the head goes out, so that both leave together, and after that beside
/// whatever else the instance does.
async fn begin(work: impl Future<Output = ()> + 'static) {
    let mut work = Box::pin(work);
    let is_done = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await;
    if !is_done {
        wasip3::spawn(work);
    }
}

/// # Errors
/// When the host refuses a part of it.
fn head(
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<StreamReader<u8>>,
    end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
) -> Result<Response, ErrorCode> {
    let refused = || ErrorCode::InternalError(None);
    let fields = Fields::from_list(&host_fields(headers)).map_err(|_| refused())?;
    let (response, _) = Response::new(fields, body, end);
    let set = response.set_status_code(status.as_u16());
    set.map(|()| response).map_err(|()| refused())
}

/// Why a transfer ends before its end.
enum Break {
    Client(Gone),
    /// Storage's stream did, and this is why.
    Storage(String),
}

impl Break {
    /// Leaves it in the log of a body that was to have `length` bytes.
    fn tell(self, log: &mut RequestLog, length: u64, client_timeout: Duration) {
        match self {
            Self::Client(Gone::Away) => log.client_went_away(),
            Self::Client(Gone::TookNothing) => log.client_took_nothing(client_timeout),
            Self::Storage(cause) => log.interrupted(length, cause),
        }
    }
}

impl From<Gone> for Break {
    fn from(gone: Gone) -> Self {
        Self::Client(gone)
    }
}

/// Bytes that go together, and why no more come where the stream broke within them.
type Piece = (Vec<u8>, Result<(), String>);

/// A body on its way to the client.
struct Body {
    content: Content<ResponseBody>,
    length: u64,
}

impl Body {
    /// With what goes first: all of it where it is one piece.
    async fn begin(mut content: Content<ResponseBody>) -> (Self, Piece) {
        let (length, first) = match &mut content {
            Content::None => (0, whole(Vec::new())),
            Content::Text(text) => (text.len() as u64, whole(mem::take(text).into_bytes())),
            Content::Bytes { bytes, keep_as } => {
                let length = bytes.len() as u64;
                let sent = match keep_as {
                    Some(_) => bytes.clone(),
                    None => mem::take(bytes),
                };
                (length, whole(sent))
            }
            Content::Stream { body, length } => (*length, next_piece(body, *length).await),
        };
        (Self { content, length }, first)
    }

    async fn send(&mut self, first: Piece, client: &mut Client) -> Result<(), Break> {
        let (mut bytes, mut read) = first;
        loop {
            let missing = self.length - client.taken - bytes.len() as u64;
            let body = match &mut self.content {
                Content::Stream { body, .. } if missing > 0 && read.is_ok() => body,
                _ => {
                    client.write(bytes).await?;
                    return read.map_err(Break::Storage);
                }
            };
            let mut next = pin!(next_piece(body, missing));
            let (written, early) = beside(client.write(bytes), next.as_mut()).await;
            written?;
            (bytes, read) = match early {
                Some(piece) => piece,
                None => client.wait_for(next).await?,
            };
        }
    }
}

fn whole(bytes: Vec<u8>) -> Piece {
    (bytes, Ok(()))
}

/// What comes of `work`, and of `other` where that comes meanwhile.
async fn beside<A, B>(
    work: impl Future<Output = A>,
    mut other: Pin<&mut impl Future<Output = B>>,
) -> (A, Option<B>) {
    let (mut work, mut early) = (pin!(work), None);
    poll_fn(|cx| {
        let outcome = work.as_mut().poll(cx);
        if outcome.is_pending()
            && early.is_none()
            && let Poll::Ready(outcome) = other.as_mut().poll(cx)
        {
            early = Some(outcome);
        }
        outcome.map(|outcome| (outcome, early.take()))
    })
    .await
}

/// Of a body that misses so many bytes: none of the last piece if there is more than that.
async fn next_piece(body: &mut ResponseBody, missing: u64) -> Piece {
    match missing.saturating_sub(LAST_PIECE_BYTES) {
        0 => body.read_exact(to_usize(missing)).await,
        before_last_piece => {
            let most = to_usize(before_last_piece.min(PIECE_BYTES));
            match body.read_some(most).await {
                Ok(bytes) => whole(bytes),
                Err(cause) => (Vec::new(), Err(cause)),
            }
        }
    }
}

/// A length within a piece's, which is far below what an address has room for.
fn to_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
