//! S3's `GetObject` and `HeadObject`: the request, and how it comes to its answer.

use http::{HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::Asked;
use super::refusal::Refusal;
use super::retry::{self, Answer, Failure};
use super::sign::{sign, signing_error};
use super::transport::{StorageRequest, StorageResponse, Transport};
use super::{Handover, Object, ObjectBytes, StorageBackend, checksum, retry_after};
use crate::config::{AddressingStyle, MAX_HASHED_BYTES, StorageConfig};
use crate::error::StorageError;
use crate::image::{ByteRange, Image, StorageKey};
use crate::sha256::Sha256;

/// Everything is encoded but RFC 3986's unreserved characters
/// (Amazon S3 API Reference, "Signature Calculations", `UriEncode`).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// A key may have several segments.
const KEY: &AsciiSet = &SEGMENT.remove(b'/');

/// An S3 bucket.
pub struct S3Storage<'a, T> {
    config: StorageConfig,
    transport: T,
    require_checksum: bool,
    hash_max_bytes: &'a dyn Fn() -> u64,
}

impl<'a, T: Transport> S3Storage<'a, T> {
    /// The bucket that `config` names, reached through `transport`.
    pub fn new(config: StorageConfig, transport: T) -> Self {
        Self {
            config,
            transport,
            require_checksum: false,
            hash_max_bytes: &|| 0,
        }
    }

    /// The same, where nothing is handed over of which it is not known that it is the object of the
    /// record's SHA-256, if `require_checksum`.
    #[must_use]
    pub fn requiring_checksum(self, require_checksum: bool) -> Self {
        Self {
            require_checksum,
            ..self
        }
    }

    /// The same, where objects of at most so many bytes are hashed if storage keeps no checksum of them.
    #[must_use]
    pub fn hashing_up_to(self, hash_max_bytes: &'a dyn Fn() -> u64) -> Self {
        Self {
            hash_max_bytes,
            ..self
        }
    }

    async fn fetch(
        &self,
        image: &Image,
        asked: Asked,
        handover: Handover,
    ) -> Result<Object<T::Body>, StorageError> {
        let path = self.object_path(&image.storage_key);
        let fields = fields(image, asked)?;
        let attempt = async || {
            let request = self.signed(asked, &path, &fields)?;
            self.attempt(image, asked, handover, &request).await
        };
        let (answer, attempts) =
            retry::send(&self.transport, self.config.max_attempts, attempt).await?;
        match answer {
            Answer::Object(object) => Ok(object),
            Answer::Other(response) => Err(self.refused(asked, response, attempts).await),
        }
    }

    async fn attempt(
        &self,
        image: &Image,
        asked: Asked,
        handover: Handover,
        request: &StorageRequest,
    ) -> Result<Answer<T::Body>, Failure> {
        let mut response = self.transport.send(request).await?;
        if !asked.fits(response.status) {
            return Ok(Answer::Other(response));
        }
        asked.check(&response.headers)?;
        let is_confirmed = match image.sha256 {
            Some(sha256) => checksum::confirms(asked, &response.headers, sha256)?,
            None => false,
        };
        let object = match image.sha256 {
            Some(sha256) if self.is_hashed(asked, handover, is_confirmed) => {
                self.hashed(&mut response.body, asked, sha256).await?
            }
            _ => self.begun(response.body, asked, is_confirmed).await?,
        };
        Ok(Answer::Object(object))
    }

    /// An object that has its first byte: a connection that breaks before that is worth another
    /// attempt, since nothing has been sent to the client.
    async fn begun(
        &self,
        mut body: T::Body,
        asked: Asked,
        is_verified: bool,
    ) -> Result<Object<T::Body>, Failure> {
        if self.require_checksum && !is_verified {
            return Err(StorageError::NoChecksum.into());
        }
        if asked.content_bytes() > 0 {
            self.transport.await_first_byte(&mut body).await?;
        }
        Ok(Object {
            bytes: ObjectBytes::Stream(body),
            is_verified,
        })
    }

    /// Whether the object is read here; of a part nobody could tell whether it is the right one.
    fn is_hashed(&self, asked: Asked, handover: Handover, is_confirmed: bool) -> bool {
        let Asked::Whole { size } = asked else {
            return false;
        };
        handover == Handover::Hashed || (!is_confirmed && self.is_small(size))
    }

    fn is_small(&self, size: u64) -> bool {
        size <= MAX_HASHED_BYTES && size <= (self.hash_max_bytes)()
    }

    /// A small object, all of it, found to be the one of this SHA-256.
    async fn hashed(
        &self,
        body: &mut T::Body,
        asked: Asked,
        expected: Sha256,
    ) -> Result<Object<T::Body>, Failure> {
        let bytes = self
            .transport
            .read_whole(body, asked.content_bytes())
            .await?;
        let found = Sha256::of_bytes(&bytes);
        if found != expected {
            return Err(StorageError::other_object(found, expected).into());
        }
        Ok(Object {
            bytes: ObjectBytes::Here(bytes),
            is_verified: true,
        })
    }

    /// Each attempt is signed anew, since a signature carries its time.
    fn signed(
        &self,
        asked: Asked,
        path: &str,
        fields: &[(HeaderName, HeaderValue)],
    ) -> Result<StorageRequest, StorageError> {
        let (endpoint, method) = (&self.config.endpoint, asked.method());
        let uri = format!("{}://{}{path}", endpoint.scheme, endpoint.authority);
        let mut headers = sign(&self.config, &method, &uri, fields, self.transport.now())?;
        headers.extend_from_slice(fields);
        Ok(StorageRequest {
            method,
            path: path.to_owned(),
            headers,
        })
    }

    fn object_path(&self, key: &StorageKey) -> String {
        let key = utf8_percent_encode(key.as_str(), KEY);
        match self.config.addressing_style {
            AddressingStyle::Path => {
                let bucket = utf8_percent_encode(&self.config.bucket, SEGMENT);
                format!("/{bucket}/{key}")
            }
            AddressingStyle::Virtual => format!("/{key}"),
        }
    }

    async fn refused(
        &self,
        asked: Asked,
        response: StorageResponse<T::Body>,
        attempts: u32,
    ) -> StorageError {
        let StorageResponse {
            status,
            headers,
            body,
        } = response;
        // What comes with a success is an image, or a part of one.
        let document = if status.is_success() {
            String::new()
        } else {
            self.transport.read_error_document(body).await
        };
        let refusal = Refusal {
            asked,
            status,
            document: &document,
            retry_after: retry_after::pause(&headers),
            config: &self.config,
        };
        StorageError::Status {
            status: status.as_u16(),
            attempts,
            explanation: refusal.explanation(),
        }
    }
}

/// The fields that say what is asked for, which are signed.
fn fields(image: &Image, asked: Asked) -> Result<Vec<(HeaderName, HeaderValue)>, StorageError> {
    let mut fields = Vec::with_capacity(2);
    if let Some(range) = asked.range() {
        let range = HeaderValue::try_from(range).map_err(signing_error)?;
        fields.push((header::RANGE, range));
    }
    if image.sha256.is_some() {
        fields.push((checksum::MODE, checksum::ENABLED));
    }
    Ok(fields)
}

impl<T: Transport> StorageBackend for S3Storage<'_, T> {
    type Stream = T::Body;

    async fn get(
        &self,
        image: &Image,
        range: Option<ByteRange>,
        handover: Handover,
    ) -> Result<Object<T::Body>, StorageError> {
        let size = image.size;
        let asked = range.map_or(Asked::Whole { size }, Asked::Part);
        self.fetch(image, asked, handover).await
    }

    async fn head(&self, image: &Image, handover: Handover) -> Result<bool, StorageError> {
        let size = image.size;
        let is_readable = || self.is_hashed(Asked::Whole { size }, handover, false);
        let outcome = match self.fetch(image, Asked::Head { size }, handover).await {
            // What can be verified by reading it is served all the same.
            Err(StorageError::NoChecksum) if is_readable() => self.get(image, None, handover).await,
            outcome => outcome,
        };
        outcome.map(|object| object.is_verified)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::transport::scripted::{
        BREAKS, BREAKS_WITHIN, Outcome, STALLS, Scripted, UNREAD, answer,
    };
    use super::*;
    use crate::block_on::block_on;
    use crate::error::TransportError;
    use crate::image::Record;

    fn config(addressing_style: &str) -> StorageConfig {
        StorageConfig::example(&[("s3_addressing_style", addressing_style)])
    }

    fn whole_object() -> Outcome {
        answer(200, &[(header::CONTENT_LENGTH, "3")], "abc")
    }

    /// An image with a hash that nobody can compare anything with.
    fn image(key: &str, size_bytes: i64) -> Image {
        image_with_hash(key, size_bytes, "1")
    }

    fn image_with_hash(key: &str, size_bytes: i64, hash: &str) -> Image {
        let record = Record {
            storage_key: key.into(),
            mime_type: "image/png".into(),
            hash: hash.into(),
            size_bytes,
        };
        Image::try_from(record).unwrap()
    }

    /// The stream of an object that is not read here.
    fn stream(object: Object<&'static str>) -> &'static str {
        match object.bytes {
            ObjectBytes::Stream(body) => body,
            ObjectBytes::Here(bytes) => panic!("{} bytes are read", bytes.len()),
        }
    }

    impl S3Storage<'_, &Scripted> {
        fn get_now(
            &self,
            image: &Image,
            range: Option<ByteRange>,
            handover: Handover,
        ) -> Result<Object<&'static str>, StorageError> {
            block_on(self.get(image, range, handover))
        }

        fn head_now(&self, image: &Image, handover: Handover) -> Result<bool, StorageError> {
            block_on(self.head(image, handover))
        }
    }

    fn get(transport: &Scripted) -> Result<&'static str, StorageError> {
        let image = image("k", 3);
        let object =
            S3Storage::new(config("path"), transport).get_now(&image, None, Handover::Streamed);
        object.map(stream)
    }

    #[test]
    fn an_object_of_the_promised_length_is_handed_over_after_one_signed_request() {
        let transport = Scripted::new([whole_object()]);

        assert_eq!(get(&transport).unwrap(), "abc");

        let requests = transport.requests.borrow();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, Method::GET);
        assert_eq!(requests[0].path, "/images/k");
        let mut names: Vec<_> = requests[0]
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["authorization", "x-amz-content-sha256", "x-amz-date"]
        );
    }

    #[test]
    fn each_attempt_is_signed_anew() {
        let transport = Scripted::new([answer(503, &[], ""), whole_object()]);

        get(&transport).unwrap();

        let requests = transport.requests.borrow();
        assert_ne!(requests[0].headers, requests[1].headers);
    }

    #[test]
    fn an_unexpected_status_is_told_with_storage_s_own_code() {
        let transport = Scripted::new([answer(404, &[], "<Error><Code>NoSuchKey</Code></Error>")]);

        let error = get(&transport).unwrap_err().to_string();

        assert!(
            error.contains("404 after 1 attempt(s) (NoSuchKey)"),
            "{error}"
        );
    }

    fn get_range(transport: &Scripted) -> Result<&'static str, StorageError> {
        let range = ByteRange::new(2, 4, 10);
        let object = S3Storage::new(config("path"), transport).get_now(
            &image("k", 10),
            range,
            Handover::Streamed,
        );
        object.map(stream)
    }

    #[test]
    fn a_range_is_one_ranged_request_whose_range_is_signed() {
        let fields = [
            (header::CONTENT_LENGTH, "3"),
            (header::CONTENT_RANGE, "bytes 2-4/10"),
        ];
        let transport = Scripted::new([answer(206, &fields, "cde")]);

        assert_eq!(get_range(&transport).unwrap(), "cde");

        let requests = transport.requests.borrow();
        let field = |name: HeaderName| {
            let (_, value) = requests[0]
                .headers
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap();
            value.to_str().unwrap()
        };
        assert_eq!(field(header::RANGE), "bytes=2-4");
        assert!(field(header::AUTHORIZATION).contains("SignedHeaders=host;range;"));
    }

    #[test]
    fn an_answer_that_is_not_what_was_asked_for_is_refused_and_an_image_in_it_not_read() {
        let length = |value| (header::CONTENT_LENGTH, value);
        let other_range = [length("3"), (header::CONTENT_RANGE, "bytes 3-5/10")];
        for (outcome, cause) in [
            (
                answer(200, &[length("10")], UNREAD),
                "200 after 1 attempt(s): it ignores ranges",
            ),
            (answer(206, &other_range, UNREAD), "announces"),
            (answer(204, &[], UNREAD), "204 after 1 attempt(s)"),
            (
                answer(416, &[], "<Code>InvalidRange</Code>"),
                "416 after 1 attempt(s) (InvalidRange)",
            ),
        ] {
            let error = get_range(&Scripted::new([outcome])).unwrap_err();
            assert!(error.to_string().contains(cause), "{error}");
        }
    }

    #[test]
    fn an_answer_that_breaks_before_its_first_byte_is_asked_for_again() {
        let length = [(header::CONTENT_LENGTH, "3")];
        let transport = Scripted::new([answer(200, &length, BREAKS), whole_object()]);

        assert_eq!(get(&transport).unwrap(), "abc");

        let always = || answer(200, &length, BREAKS);
        let transport = Scripted::new([always(), always(), always()]);
        assert!(matches!(
            get(&transport),
            Err(StorageError::Transport {
                attempts: 3,
                cause: TransportError::BrokenAfterHead(_)
            })
        ));
    }

    #[test]
    fn an_answer_whose_first_byte_does_not_come_is_given_up() {
        let length = [(header::CONTENT_LENGTH, "3")];
        let transport = Scripted::new([answer(200, &length, STALLS)]);

        assert!(matches!(
            get(&transport),
            Err(StorageError::Transport {
                attempts: 1,
                cause: TransportError::ContentTimeout
            })
        ));
    }

    #[test]
    fn an_answer_that_is_not_the_object_is_refused_without_waiting_for_its_content() {
        let length = [(header::CONTENT_LENGTH, "4")];
        let transport = Scripted::new([answer(200, &length, BREAKS)]);

        assert!(matches!(
            get(&transport),
            Err(StorageError::Length { promised: 4, .. })
        ));
    }

    #[test]
    fn head_and_an_object_of_no_bytes_have_no_first_byte_to_wait_for() {
        let empty = || answer(200, &[(header::CONTENT_LENGTH, "0")], BREAKS);
        let transport = Scripted::new([empty(), empty()]);
        let storage = S3Storage::new(config("path"), &transport);

        storage
            .head_now(&image("k", 0), Handover::Streamed)
            .unwrap();
        storage
            .get_now(&image("k", 0), None, Handover::Streamed)
            .unwrap();

        assert_eq!(transport.requests.borrow()[0].method, Method::HEAD);
    }

    #[test]
    fn head_confirms_the_object_and_its_length_where_that_is_told() {
        let head = |outcome: Outcome| {
            let transport = Scripted::new([outcome]);
            let confirmed = S3Storage::new(config("path"), &transport)
                .head_now(&image("k", 3), Handover::Streamed)
                .is_ok();
            assert_eq!(transport.requests.borrow()[0].method, Method::HEAD);
            confirmed
        };

        assert!(head(answer(200, &[(header::CONTENT_LENGTH, "3")], "")));
        assert!(head(answer(200, &[], "")));
        assert!(!head(answer(200, &[(header::CONTENT_LENGTH, "4")], "")));
        assert!(!head(answer(404, &[], "")));
    }

    #[test]
    fn the_bucket_of_another_tenant_is_encoded_as_ceph_canonicalises_it() {
        let settings = StorageConfig::example(&[("s3_bucket", "tenant:images")]);
        let transport = Scripted::new([whole_object()]);

        S3Storage::new(settings, &transport)
            .get_now(&image("a:b", 3), None, Handover::Streamed)
            .unwrap();

        let path = &transport.requests.borrow()[0].path;
        assert_eq!(path, "/tenant%3Aimages/a%3Ab");
    }

    #[test]
    fn a_key_is_encoded_once_and_placed_by_addressing_style() {
        let keys = [
            ("a/b.png", "a/b.png"),
            ("a b+c", "a%20b%2Bc"),
            ("100%/%2F", "100%25/%252F"),
            ("a//b/", "a//b/"),
            ("/a", "/a"),
            ("q?x=1&y#z", "q%3Fx%3D1%26y%23z"),
            ("(1)!*'~", "%281%29%21%2A%27~"),
            ("é", "%C3%A9"),
            ("🖼", "%F0%9F%96%BC"),
            (
                "[a];b@c\"<d>\\^`{|}",
                "%5Ba%5D%3Bb%40c%22%3Cd%3E%5C%5E%60%7B%7C%7D",
            ),
            ("..@/..b/...", "..%40/..b/..."),
            ("/", "/"),
            ("日本\u{3000}", "%E6%97%A5%E6%9C%AC%E3%80%80"),
        ];

        for (key, encoded) in keys {
            for (style, path) in [
                ("path", format!("/images/{encoded}")),
                ("virtual", format!("/{encoded}")),
            ] {
                let transport = Scripted::new([whole_object()]);
                S3Storage::new(config(style), &transport)
                    .get_now(&image(key, 3), None, Handover::Streamed)
                    .unwrap();
                assert_eq!(transport.requests.borrow()[0].path, path);
            }
        }
    }

    /// Of `abc`.
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const BASE64: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    const OTHER: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

    /// Asks for the object with the SHA-256 of `abc`, which is `size_bytes` long.
    fn get_verified(
        transport: &Scripted,
        size_bytes: i64,
        require_checksum: bool,
    ) -> Result<Object<&'static str>, StorageError> {
        let image = image_with_hash("k", size_bytes, SHA256);
        S3Storage::new(config("path"), transport)
            .requiring_checksum(require_checksum)
            .hashing_up_to(&|| 16_384)
            .get_now(&image, None, Handover::Streamed)
    }

    /// With a checksum, and without its content being read.
    fn large(checksum: Option<&'static str>) -> Outcome {
        let length = (header::CONTENT_LENGTH, "70000");
        match checksum {
            Some(checksum) => answer(200, &[length, (CHECKSUM, checksum)], UNREAD),
            None => answer(200, &[length], UNREAD),
        }
    }

    #[test]
    fn the_checksum_is_asked_for_and_signed_where_the_record_s_hash_is_a_sha_256() {
        for (hash, is_asked) in [(SHA256, true), ("1", false)] {
            let transport = Scripted::new([Err(TransportError::FirstByteTimeout)]);
            let image = image_with_hash("k", 3, hash);

            let _ = S3Storage::new(config("path"), &transport).get_now(
                &image,
                None,
                Handover::Streamed,
            );

            let request = &transport.requests.borrow()[0];
            let field = |name: &str| {
                let mut fields = request.headers.iter();
                let found = fields.find(|(known, _)| known == name);
                found.map(|(_, value)| value.to_str().unwrap().to_owned())
            };
            let mode = field("x-amz-checksum-mode");
            assert_eq!(mode.as_deref(), is_asked.then_some("ENABLED"), "{hash}");
            let authorization = field("authorization").unwrap();
            assert_eq!(authorization.contains(";x-amz-checksum-mode;"), is_asked);
        }
    }

    #[test]
    fn an_object_whose_checksum_is_the_record_s_is_verified_without_being_read() {
        let object = get_verified(&Scripted::new([large(Some(BASE64))]), 70_000, false).unwrap();

        assert_eq!(object.bytes, ObjectBytes::Stream(UNREAD));
        assert!(object.is_verified);
    }

    #[test]
    fn an_object_with_the_checksum_of_another_is_refused_and_asked_for_once() {
        let transport = Scripted::new([large(Some(OTHER))]);

        let error = get_verified(&transport, 70_000, false).unwrap_err();

        assert!(matches!(error, StorageError::OtherObject { .. }), "{error}");
    }

    #[test]
    fn a_large_object_without_a_checksum_is_served_unless_one_is_required() {
        let object = get_verified(&Scripted::new([large(None)]), 70_000, false).unwrap();
        assert!(!object.is_verified);

        let refused = get_verified(&Scripted::new([large(None)]), 70_000, true);
        assert!(matches!(refused, Err(StorageError::NoChecksum)));
    }

    #[test]
    fn a_small_object_without_a_checksum_is_hashed_before_it_is_handed_over() {
        for is_required in [false, true] {
            let object = get_verified(&Scripted::new([whole_object()]), 3, is_required).unwrap();

            assert_eq!(object.bytes, ObjectBytes::Here(b"abc".into()));
            assert!(object.is_verified);
        }
        let other = answer(200, &[(header::CONTENT_LENGTH, "3")], "abd");
        let error = get_verified(&Scripted::new([other]), 3, false).unwrap_err();
        assert!(matches!(error, StorageError::OtherObject { .. }), "{error}");
    }

    #[test]
    fn a_small_object_that_breaks_before_its_end_is_asked_for_again() {
        let breaks = answer(200, &[(header::CONTENT_LENGTH, "3")], BREAKS_WITHIN);
        let transport = Scripted::new([breaks, whole_object()]);

        let object = get_verified(&transport, 3, false).unwrap();

        assert_eq!(object.bytes, ObjectBytes::Here(b"abc".into()));
    }

    #[test]
    fn an_object_that_is_to_be_kept_is_hashed_whatever_its_size_and_whatever_storage_says_of_it() {
        let get = |content: &'static str| {
            let length = (header::CONTENT_LENGTH, "3");
            let transport = Scripted::new([answer(200, &[length, (CHECKSUM, BASE64)], content)]);
            S3Storage::new(config("path"), &transport)
                .requiring_checksum(true)
                .get_now(&image_with_hash("k", 3, SHA256), None, Handover::Hashed)
        };

        let object = get("abc").unwrap();

        assert_eq!(object.bytes, ObjectBytes::Here(b"abc".into()));
        let damaged = get("abd").unwrap_err();
        assert!(matches!(damaged, StorageError::OtherObject { .. }));
    }

    #[test]
    fn a_part_is_never_hashed() {
        let fields = [
            (header::CONTENT_LENGTH, "3"),
            (header::CONTENT_RANGE, "bytes 2-4/10"),
        ];
        let transport = Scripted::new([answer(206, &fields, "abc")]);
        let (image, range) = (image_with_hash("k", 10, SHA256), ByteRange::new(2, 4, 10));

        let part =
            S3Storage::new(config("path"), &transport).get_now(&image, range, Handover::Hashed);

        assert_eq!(stream(part.unwrap()), "abc");
    }

    #[test]
    fn head_is_verified_by_storage_s_checksum_and_where_one_is_required_by_the_small_object() {
        let head = |outcomes: Vec<Outcome>, size_bytes: i64, is_required: bool| {
            let image = image_with_hash("k", size_bytes, SHA256);
            S3Storage::new(config("path"), &Scripted::new(outcomes))
                .requiring_checksum(is_required)
                .hashing_up_to(&|| 16_384)
                .head_now(&image, Handover::Streamed)
        };
        assert!(head(vec![large(Some(BASE64))], 70_000, true).unwrap());
        assert!(head(vec![large(Some(OTHER))], 70_000, false).is_err());
        assert!(!head(vec![large(None)], 70_000, false).unwrap());
        assert!(head(vec![large(None)], 70_000, true).is_err());
        let no_checksum = answer(200, &[], UNREAD);
        assert!(head(vec![no_checksum, whole_object()], 3, true).unwrap());
    }
}
