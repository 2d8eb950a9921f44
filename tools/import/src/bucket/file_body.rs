//! A large file as the content of a request, read as it is sent.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::Body;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_blocking;

use crate::content::{Content, hex};

const PIECE_BYTES: u64 = 256 * 1024;
/// Pieces that are read ahead.
const READ_AHEAD: usize = 4;

/// The bytes of `file`, if they still are `content`. Where they are not, the last of them are never
/// sent, so that the request cannot succeed, and `change` is told.
pub fn of_file(file: PathBuf, content: &Content, change: Arc<Notify>) -> Body {
    let (pieces, mut read) = mpsc::channel(READ_AHEAD);
    let expected = (content.sha256.clone(), content.size_bytes);
    spawn_blocking(move || {
        let outcome = File::open(file).and_then(|file| {
            let send = |piece| pieces.blocking_send(Ok(piece)).is_ok();
            send_pieces(file, &expected, send)
        });
        match outcome {
            Ok(true) => {}
            Ok(false) => change.notify_one(),
            // Whoever reads no more has gone.
            Err(error) => drop(pieces.blocking_send(Err(error))),
        }
    });
    let frames = stream::poll_fn(move |context| {
        let piece: std::task::Poll<Option<io::Result<Bytes>>> = read.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    });
    Body::wrap(StreamBody::new(frames))
}

/// Whether all of it was as expected: SHA-256 in hex, and length in bytes.
fn send_pieces(
    mut file: File,
    (sha256, size_bytes): &(String, u64),
    mut send: impl FnMut(Bytes) -> bool,
) -> io::Result<bool> {
    let (mut digest, mut left) = (Sha256::new(), *size_bytes);
    loop {
        let mut piece = Vec::new();
        file.by_ref().take(PIECE_BYTES).read_to_end(&mut piece)?;
        digest.update(&piece);
        let length = piece.len() as u64;
        if length == 0 || length > left {
            return Ok(false);
        }
        left -= length;
        if left == 0 {
            let is_end = file.read(&mut [0])? == 0;
            let is_same = is_end && hex(&digest.finalize()) == *sha256;
            if is_same {
                send(piece.into());
            }
            return Ok(is_same);
        }
        if !send(piece.into()) {
            // Nobody wants to know.
            return Ok(true);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    /// Sends a file of these bytes as one with those of `expected`: whether it was, and what was sent.
    fn sent(bytes: &[u8], expected: &[u8]) -> (bool, usize) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image");
        std::fs::write(&file, bytes).unwrap();
        let expected = (hex(&Sha256::digest(expected)), expected.len() as u64);
        let mut length = 0;

        let is_same = send_pieces(File::open(&file).unwrap(), &expected, |piece| {
            length += piece.len();
            true
        });

        (is_same.unwrap(), length)
    }

    #[test]
    fn a_file_that_has_changed_is_never_sent_to_its_end() {
        let bytes = vec![7; 2 * usize::try_from(PIECE_BYTES).unwrap() + 1];
        let mut other = bytes.clone();
        other[0] = 8;
        let longer = [&bytes[..], b"7"].concat();

        assert_eq!(sent(&bytes, &bytes), (true, bytes.len()));
        for changed in [&other[..], &bytes[1..], &longer, b""] {
            let (is_same, length) = sent(changed, &bytes);
            assert!(!is_same && length < bytes.len(), "{length}");
        }
    }
}
