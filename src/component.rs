//! What the component does with a request, whichever interfaces of WASI it speaks.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use spin_sdk::variables;

use crate::config::{
    DEFAULT_CLIENT_TIMEOUT, Logged, MAX_HASHED_BYTES, MetadataStore, Settings, StorageConfig,
};
use crate::cors::AllowedOrigins;
use crate::host_failure;
use crate::key_value::KeyValueStore;
use crate::metadata::Repository;
use crate::metadata::sqlite::SqliteRepository;
use crate::readiness;
use crate::records::{RecordsRoute, RequestContent};
use crate::reply::Reply;
use crate::request_log::RequestLog;
use crate::route;
use crate::serve::{Request, Sources, conclude, serve};
use crate::storage::s3::S3Storage;
use crate::storage::transport::Transport;

/// Bytes at a body's end that are handed over in one piece, through the component's own memory.
///
/// Where the host leaves Nagle's algorithm on, an end that fills no packet waits until the client
/// acknowledges the piece before it, which may take 40 ms (RFC 1122 section 4.2.3.2 allows 500). A
/// piece of several packets is acknowledged at once, and a body that is one piece never waits.
pub const LAST_PIECE_BYTES: u64 = 64 * 1024;

/// Spin's stores, each opened where it is first needed.
#[derive(Default)]
pub struct Stores {
    sqlite: SqliteRepository,
    /// For records, and for images that are kept.
    pub key_value: KeyValueStore,
}

/// Answers a request by the route that its path names. Its content is read, and storage is asked, where
/// the answer needs it.
pub async fn answer<T: Transport>(
    request: &Request,
    content: impl RequestContent,
    settings: &Settings<'_>,
    stores: &Stores,
    transport: impl Fn(&StorageConfig) -> T,
    log: &mut RequestLog,
) -> Reply<T::Body> {
    let repository: Repository = &|| {
        Ok(match settings.metadata_store()? {
            MetadataStore::Sqlite => &stores.sqlite,
            MetadataStore::KeyValue => &stores.key_value,
        })
    };
    if route::is_readiness(&request.path_with_query) {
        return readiness::answer(request, settings, repository, log);
    }
    if let Some(encoded_id) = route::record(&request.path_with_query) {
        let records = RecordsRoute {
            settings,
            repository,
            cache: &stores.key_value,
        };
        let mut content = content;
        let outcome = records.answer(encoded_id, request, &mut content, log).await;
        return conclude(outcome, request, &AllowedOrigins::None, log);
    }
    // One that cannot be used keeps no image from being served; `/readyz` tells of it.
    let hash_max_bytes = || settings.hash_max_bytes().unwrap_or(MAX_HASHED_BYTES);
    let sources = Sources {
        repository,
        cache: &stores.key_value,
        storage: &|| {
            let config = settings.storage()?;
            let transport = transport(&config);
            Ok(S3Storage::new(config, transport)
                .requiring_checksum(settings.require_checksum()?)
                .hashing_up_to(&hash_max_bytes))
        },
    };
    serve(request, settings, &sources, log).await
}

/// A field as the host gives it; `None` where it is none of HTTP's.
pub fn header_field((name, value): (String, Vec<u8>)) -> Option<(HeaderName, HeaderValue)> {
    Some((
        HeaderName::try_from(name).ok()?,
        HeaderValue::try_from(value).ok()?,
    ))
}

/// Fields as the host takes them.
pub fn host_fields<'a>(
    fields: impl IntoIterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> Vec<(String, Vec<u8>)> {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

/// As the host's interfaces take a duration; one that does not fit is as good as none.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where it cannot be used, an answer that does not depend on it goes out all the same.
pub fn client_timeout(settings: &Settings<'_>) -> Duration {
    settings.client_timeout().unwrap_or(DEFAULT_CLIENT_TIMEOUT)
}

/// Whether the request's line is one of those that are logged; where the setting cannot be used, all are.
pub fn is_logged(log: &RequestLog, settings: &Settings<'_>) -> bool {
    log.is_logged(settings.logged().unwrap_or(Logged::All))
}

/// The value of one of Spin's variables, or why there is none.
pub fn variable(name: &str) -> Result<String, String> {
    variables::get(name).map_err(host_failure::variable)
}
