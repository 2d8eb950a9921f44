//! The requests of `botocore.json`, which AWS's SDK for Python has addressed and signed
//! (`botocore.py` makes them anew and says how).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use serde::Deserialize;

use crate::block_on::block_on;
use crate::config::StorageConfig;
use crate::error::{StorageError, TransportError};
use crate::image::{ByteRange, Image, Record};
use crate::storage::s3::S3Storage;
use crate::storage::transport::{Pause, StorageRequest, StorageResponse, Transport};
use crate::storage::{Handover, StorageBackend};

#[derive(Deserialize)]
struct Signed {
    deployments: Vec<BTreeMap<String, String>>,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    deployment: usize,
    method: String,
    key: String,
    range: Option<(u64, u64)>,
    /// Whether the answer's checksum is asked for.
    checksum: bool,
    milliseconds: u64,
    path: String,
    headers: BTreeMap<String, String>,
}

/// What a request looks like on the wire: method, path, and fields with `host`.
type Sent = (Method, String, BTreeMap<String, String>);

/// Keeps what it is given and answers nothing.
struct Outbox<'a> {
    config: &'a StorageConfig,
    time: SystemTime,
    sent: RefCell<Vec<Sent>>,
}

impl Transport for &Outbox<'_> {
    type Body = ();

    async fn send(&self, request: &StorageRequest) -> Result<StorageResponse<()>, TransportError> {
        let host = ("host", self.config.endpoint.authority.as_str());
        let fields = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let mut headers = BTreeMap::new();
        for (name, value) in fields.chain([host]) {
            let earlier = headers.insert(name.to_owned(), value.to_owned());
            assert_eq!(earlier, None, "{name} is sent twice");
        }
        let sent = (request.method.clone(), request.path.clone(), headers);
        self.sent.borrow_mut().push(sent);
        Err(TransportError::Denied("nothing is sent".into()))
    }

    async fn await_first_byte(&self, (): &mut ()) -> Result<(), TransportError> {
        unreachable!("there is no answer")
    }

    async fn read_whole(&self, (): &mut (), _: u64) -> Result<Vec<u8>, TransportError> {
        unreachable!("there is no answer")
    }

    async fn read_error_document(&self, (): ()) -> String {
        unreachable!("there is no answer")
    }

    fn now(&self) -> SystemTime {
        self.time
    }

    fn time_left(&self) -> Duration {
        unreachable!("a refusal is final")
    }

    async fn pause(&self, _: Pause) {
        unreachable!("a refusal is final")
    }
}

/// Asks for the request's object as a deployment with its settings does.
fn ask(config: &StorageConfig, request: &Request) -> Vec<Sent> {
    let outbox = Outbox {
        config,
        time: UNIX_EPOCH + Duration::from_millis(request.milliseconds),
        sent: RefCell::default(),
    };
    let storage = S3Storage::new(config.clone(), &outbox);

    let outcome = match (request.method.as_str(), request.range) {
        ("GET", None) => {
            let image = image(request, 1);
            block_on(storage.get(&image, None, Handover::Streamed)).map(drop)
        }
        ("GET", Some((first, last))) => {
            let range = ByteRange::new(first, last, last + 1).unwrap();
            let image = image(request, last + 1);
            block_on(storage.get(&image, Some(range), Handover::Streamed)).map(drop)
        }
        ("HEAD", None) => {
            let image = image(request, 1);
            block_on(storage.head(&image, Handover::Streamed)).map(drop)
        }
        other => panic!("the component does not ask {other:?}"),
    };

    assert!(
        matches!(outcome, Err(StorageError::Transport { .. })),
        "{outcome:?}"
    );
    outbox.sent.into_inner()
}

/// The checksum of an image is asked for where its record has one to compare it with.
fn image(request: &Request, size: u64) -> Image {
    let record = Record {
        storage_key: request.key.clone(),
        mime_type: "image/png".into(),
        hash: if request.checksum {
            "0".repeat(64)
        } else {
            "abc".into()
        },
        size_bytes: size.try_into().unwrap(),
    };
    Image::try_from(record).unwrap()
}

#[test]
fn five_hundred_requests_are_sent_and_signed_as_botocore_does_it() {
    let signed: Signed = serde_json::from_str(include_str!("botocore.json")).unwrap();
    let configs: Vec<_> = signed
        .deployments
        .iter()
        .map(|variables| {
            let variables: Vec<_> = variables
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            StorageConfig::example(&variables)
        })
        .collect();

    assert_eq!(signed.requests.len(), 500);
    for request in &signed.requests {
        let sent = ask(&configs[request.deployment], request);

        let expected = (
            request.method.parse().unwrap(),
            request.path.clone(),
            request.headers.clone(),
        );
        assert_eq!(sent, [expected], "{:?}", request.key);
    }
}
