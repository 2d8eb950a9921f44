//! The whole story of one request.

use http::Method;

use crate::config::Config;
use crate::error::{Error, StorageError};
use crate::image::ImageId;
use crate::metadata::ImageRepository;
use crate::reply::Reply;
use crate::request_log::{RequestLog, timed};
use crate::route::Route;
use crate::storage::StorageBackend;

/// What the client asks.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as it was sent, and the query.
    pub path_with_query: String,
}

/// Answers a request.
///
/// # Errors
/// [`Error`], to be shown by [`Reply::error`].
pub fn serve<S: StorageBackend>(
    request: &Request,
    config: &Config,
    images: &impl ImageRepository,
    storage: &S,
    log: &mut RequestLog,
) -> Result<Reply<S::Body>, Error> {
    match Route::parse(&request.method, &request.path_with_query)? {
        Route::GetImageFile(id) => serve_image_file(id, config, images, storage, log),
    }
}

fn serve_image_file<S: StorageBackend>(
    id: ImageId,
    config: &Config,
    images: &impl ImageRepository,
    storage: &S,
    log: &mut RequestLog,
) -> Result<Reply<S::Body>, Error> {
    log.image_id = Some(id);
    let image =
        timed(&mut log.metadata_ms, || images.get_by_id(id))?.ok_or(Error::ImageNotFound)?;
    if image.size > config.max_image_bytes {
        return Err(Error::Storage(StorageError::TooLarge {
            size: image.size,
            limit: config.max_image_bytes,
        }));
    }
    let body = timed(&mut log.storage_first_byte_ms, || {
        storage.get(&image.storage_key, image.size)
    })?;
    Ok(Reply::image(&image, body))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::MetadataError;
    use crate::image::{Image, Record, StorageKey};
    use crate::reply::Content;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    /// Holds one image of three bytes.
    struct OneImage;

    impl ImageRepository for OneImage {
        fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError> {
            let record = Record {
                storage_key: "k".into(),
                mime_type: "image/png".into(),
                hash: "abc".into(),
                size_bytes: 3,
            };
            let is_known = id.to_string() == ID;
            Ok(is_known.then(|| Image::try_from(record)).transpose()?)
        }
    }

    /// Remembers what it was asked for.
    #[derive(Default)]
    struct Recorded(RefCell<Vec<(String, u64)>>);

    impl StorageBackend for Recorded {
        type Body = &'static str;

        fn get(&self, key: &StorageKey, size: u64) -> Result<&'static str, StorageError> {
            self.0.borrow_mut().push((key.as_str().to_owned(), size));
            Ok("abc")
        }
    }

    fn ask(
        path: &str,
        max_image_bytes: &str,
        storage: &Recorded,
        log: &mut RequestLog,
    ) -> Result<Reply<&'static str>, Error> {
        let request = Request {
            method: Method::GET,
            path_with_query: path.into(),
        };
        let config = Config::example(&[("max_image_bytes", max_image_bytes)]);
        serve(&request, &config, &OneImage, storage, log)
    }

    #[test]
    fn a_known_image_is_fetched_by_its_key_and_size() {
        let (storage, mut log) = (Recorded::default(), RequestLog::start());

        let reply = ask(
            &format!("/api/v1/images/{ID}/file"),
            "3",
            &storage,
            &mut log,
        )
        .unwrap();

        assert!(matches!(
            reply.content,
            Content::Stream {
                body: "abc",
                length: 3
            }
        ));
        assert_eq!(*storage.0.borrow(), [("k".to_owned(), 3)]);
        assert_eq!(log.image_id.map(|id| id.to_string()).as_deref(), Some(ID));
        assert!(log.metadata_ms.is_some() && log.storage_first_byte_ms.is_some());
    }

    #[test]
    fn storage_is_not_asked_for_an_unknown_image_or_one_above_the_limit() {
        let (storage, mut log) = (Recorded::default(), RequestLog::start());
        let known = format!("/api/v1/images/{ID}/file");
        let unknown = known.replace('6', "7");

        let not_found = ask(&unknown, "3", &storage, &mut log);
        let too_large = ask(&known, "2", &storage, &mut log);

        assert!(matches!(not_found, Err(Error::ImageNotFound)));
        assert!(matches!(
            too_large,
            Err(Error::Storage(StorageError::TooLarge { size: 3, limit: 2 }))
        ));
        assert!(storage.0.borrow().is_empty());
    }
}
