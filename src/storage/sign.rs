//! Signature Version 4 in the form that S3 wants
//! (Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)").

use std::time::SystemTime;

use aws_credential_types::Credentials as Key;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue, Method};

use crate::config::StorageConfig;
use crate::error::StorageError;

/// The header fields that authenticate a request for `uri`, which is absolute, already
/// percent-encoded, and sent exactly as it is signed, as are `fields`.
///
/// # Errors
/// [`StorageError::Signing`]; not for a valid [`StorageConfig`].
pub(super) fn sign<'a>(
    config: &StorageConfig,
    method: &Method,
    uri: &str,
    fields: &'a [(HeaderName, HeaderValue)],
    time: SystemTime,
) -> Result<Vec<(HeaderName, HeaderValue)>, StorageError> {
    let credentials = &config.credentials;
    let identity = Key::new(
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.as_str(),
        credentials.session_token.clone(),
        None,
        "spin-variables",
    )
    .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&config.region)
        .name("s3")
        .time(time)
        .settings(s3_settings())
        .build()
        .map_err(signing_error)?
        .into();
    let as_text = |(name, value): &'a (HeaderName, HeaderValue)| {
        Ok((name.as_str(), value.to_str().map_err(signing_error)?))
    };
    let fields: Vec<_> = fields.iter().map(as_text).collect::<Result<_, _>>()?;
    let request = SignableRequest::new(
        method.as_str(),
        uri,
        fields.into_iter(),
        SignableBody::Bytes(&[]),
    )
    .map_err(signing_error)?;
    let (instructions, _) = sign_request(request, &parameters)
        .map_err(signing_error)?
        .into_parts();
    instructions
        .headers()
        .map(|(name, value)| {
            let name = HeaderName::try_from(name).map_err(signing_error)?;
            let value = HeaderValue::try_from(value).map_err(signing_error)?;
            Ok((name, value))
        })
        .collect()
}

/// S3 signs the path as it is sent, where other services encode and normalise it once more.
fn s3_settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

pub(super) fn signing_error(error: impl std::error::Error) -> StorageError {
    StorageError::Signing(error.to_string())
}

#[cfg(test)]
mod botocore;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::header::RANGE;

    use super::*;
    use crate::config::Endpoint;

    /// Settings of the examples in "Signature Calculations for the Authorization Header".
    fn aws_example() -> StorageConfig {
        StorageConfig::example(&[
            ("s3_endpoint", "https://examplebucket.s3.amazonaws.com"),
            ("s3_bucket", "examplebucket"),
            ("s3_addressing_style", "virtual"),
            ("s3_access_key_id", "AKIAIOSFODNN7EXAMPLE"),
            (
                "s3_secret_access_key",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ),
        ])
    }

    /// Fri, 24 May 2013 00:00:00 GMT, the time of the examples.
    fn example_time() -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(24 * 15_849)
    }

    fn field<'a>(headers: &'a [(HeaderName, HeaderValue)], name: &str) -> Option<&'a str> {
        let (_, value) = headers.iter().find(|(known, _)| known == name)?;
        value.to_str().ok()
    }

    fn signature(headers: &[(HeaderName, HeaderValue)]) -> &str {
        let authorization = field(headers, "authorization").unwrap();
        authorization.split_once("Signature=").unwrap().1
    }

    #[test]
    fn the_signed_fields_are_the_host_the_payload_hash_and_the_date() {
        let headers = sign(
            &aws_example(),
            &Method::GET,
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &[],
            example_time(),
        )
        .unwrap();

        let authorization = field(&headers, "authorization").unwrap();
        assert!(authorization.starts_with(
            "AWS4-HMAC-SHA256 \
             Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
        ));
        assert_eq!(field(&headers, "x-amz-date"), Some("20130524T000000Z"));
        assert_eq!(
            field(&headers, "x-amz-content-sha256"),
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        );
        assert_eq!(field(&headers, "x-amz-security-token"), None);
    }

    #[test]
    fn aws_s_published_bucket_lifecycle_example_has_the_published_signature() {
        let headers = sign(
            &aws_example(),
            &Method::GET,
            "https://examplebucket.s3.amazonaws.com/?lifecycle",
            &[],
            example_time(),
        )
        .unwrap();

        assert_eq!(
            signature(&headers),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
    }

    #[test]
    fn aws_s_published_ranged_get_example_has_the_published_signature() {
        let headers = sign(
            &aws_example(),
            &Method::GET,
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &[(RANGE, HeaderValue::from_static("bytes=0-9"))],
            example_time(),
        )
        .unwrap();

        assert_eq!(
            signature(&headers),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn a_query_which_the_component_never_sends_is_signed_as_in_aws_s_published_listing_example() {
        let headers = sign(
            &aws_example(),
            &Method::GET,
            "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            &[],
            example_time(),
        )
        .unwrap();

        assert_eq!(
            signature(&headers),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let mut config = aws_example();
        config.credentials.session_token = Some("token".into());

        let headers = sign(
            &config,
            &Method::GET,
            "https://host/key",
            &[],
            example_time(),
        )
        .unwrap();

        assert_eq!(field(&headers, "x-amz-security-token"), Some("token"));
        let authorization = field(&headers, "authorization").unwrap();
        assert!(authorization.contains("x-amz-date;x-amz-security-token, "));
    }

    #[test]
    fn the_path_is_signed_as_it_is_sent() {
        let config = aws_example();
        let signature_of = |path: &str| {
            let uri = format!("https://examplebucket.s3.amazonaws.com{path}");
            let headers = sign(&config, &Method::GET, &uri, &[], example_time()).unwrap();
            signature(&headers).to_owned()
        };

        for (one, other) in [("/a//b", "/a/b"), ("/a%20b", "/a%2520b"), ("/a/", "/a")] {
            assert_ne!(signature_of(one), signature_of(other), "{one} {other}");
        }
    }

    #[test]
    fn every_valid_endpoint_can_be_signed_for() {
        for origin in ["127.0.0.1:9000", "[::1]:9000", "storage"] {
            let config = StorageConfig {
                endpoint: Endpoint {
                    authority: origin.parse().unwrap(),
                    ..aws_example().endpoint
                },
                ..aws_example()
            };
            let uri = format!("https://{origin}/bucket/key");

            let headers = sign(&config, &Method::GET, &uri, &[], example_time());

            assert!(headers.is_ok(), "{origin}");
        }
    }
}
