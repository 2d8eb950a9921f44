//! What storage says when it does not send the object, and what an operator can do about it.

use std::time::Duration;

use http::StatusCode;

use super::answer::Asked;
use super::retry::{MAX_RETRY_AFTER, is_transient_status};
use crate::config::{AddressingStyle, StorageConfig};

/// An answer of another status than that of the object.
pub(super) struct Refusal<'a> {
    pub(super) asked: Asked,
    pub(super) status: StatusCode,
    /// S3's error document, or what came in its place; nothing of an answer to `HEAD`.
    pub(super) document: &'a str,
    /// The pause that storage asks for.
    pub(super) retry_after: Option<Duration>,
    pub(super) config: &'a StorageConfig,
}

impl Refusal<'_> {
    /// Storage's own code and hints, in the form that follows "storage answered 403"; nothing where
    /// there is nothing to say.
    pub(super) fn explanation(&self) -> String {
        if self.status.is_success() {
            return format!(": {}", self.unasked());
        }
        let code = error_code(self.document);
        let shown_code = code.map(|code| format!(" ({code})"));
        let own_hint = code.and_then(hint_of_code);
        let hint = own_hint.or_else(|| hint_of_status(self.status));
        let hints = hint.map(str::to_owned).into_iter();
        let hints = hints.chain(self.long_pause()).chain(self.other_endpoint());
        let hints: Vec<_> = hints.collect();
        let separator = if hints.is_empty() { "" } else { ": " };
        format!(
            "{}{separator}{}",
            shown_code.unwrap_or_default(),
            hints.join("; ")
        )
    }

    fn unasked(&self) -> &'static str {
        match (self.asked, self.status) {
            (Asked::Part(_), StatusCode::OK) => "it ignores ranges",
            (_, StatusCode::PARTIAL_CONTENT) => "it sends a part where the whole is asked for",
            _ => "that is no answer with an object",
        }
    }

    fn long_pause(&self) -> Option<String> {
        let pause = self.retry_after.filter(|pause| *pause > MAX_RETRY_AFTER)?;
        let limit = MAX_RETRY_AFTER.as_secs();
        is_transient_status(self.status).then(|| match pause.as_secs() {
            u64::MAX => format!("it asks for a longer pause than the {limit} s that are waited"),
            seconds => {
                format!("it asks for a pause of {seconds} s, and no more than {limit} s are waited")
            }
        })
    }

    /// Users of an SDK give the endpoint without the bucket, which an SDK puts in front of it.
    fn other_endpoint(&self) -> Option<String> {
        let StorageConfig {
            endpoint, bucket, ..
        } = self.config;
        let host = endpoint.authority.host();
        let behind_bucket = host.strip_prefix(bucket.as_str());
        let names_bucket =
            behind_bucket.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let is_refused = self.status.is_redirection() || self.status.is_client_error();
        let is_virtual = self.config.addressing_style == AddressingStyle::Virtual;
        (is_virtual && is_refused && !names_bucket && !is_transient_status(self.status)).then(|| {
            format!(
                "s3_addressing_style is virtual, but the host of s3_endpoint does not begin with the \
                 bucket: try {}://{bucket}.{} as s3_endpoint, or path style",
                endpoint.scheme, endpoint.authority
            )
        })
    }
}

/// Codes of the Amazon S3 API Reference, "Error responses".
fn hint_of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "NoSuchKey" => "the record names an object that does not exist; import the image again",
        "NoSuchBucket" | "InvalidBucketName" => "check s3_bucket and s3_addressing_style",
        "SignatureDoesNotMatch" => "check s3_secret_access_key and s3_region",
        "InvalidAccessKeyId" => "check s3_access_key_id",
        "AuthorizationHeaderMalformed" => "check s3_region",
        "ExpiredToken" => {
            "the temporary credentials have run out; renew s3_access_key_id, \
             s3_secret_access_key and s3_session_token"
        }
        // MinIO says `InvalidTokenId`, also where a token is missing.
        "InvalidToken" | "InvalidTokenId" => {
            "s3_session_token is not the one of s3_access_key_id; renew both, \
             and s3_secret_access_key"
        }
        "RequestTimeTooSkewed" => "set the host's clock",
        "PermanentRedirect" | "TemporaryRedirect" => {
            "check s3_endpoint and s3_region; redirects are not followed"
        }
        // Amazon S3 API Reference, "GetObject", "Permissions".
        "AccessDenied" => {
            "let the key's policy allow s3:GetObject on this bucket; or the object does not exist, \
             which S3 says only to a key with s3:ListBucket"
        }
        "InvalidObjectState" => "the object is archived; restore it",
        _ => return None,
    })
}

/// Where there is no document, as after `HEAD`, or none of S3's.
fn hint_of_status(status: StatusCode) -> Option<&'static str> {
    Some(match status.as_u16() {
        300..400 => "check s3_endpoint and s3_region; redirects are not followed",
        400 => "check s3_region and the credentials, which may have run out",
        401 | 403 => {
            "check the key, its secret and s3_region, and let its policy allow s3:GetObject on this \
             bucket; or the object does not exist, which S3 says only to a key with s3:ListBucket"
        }
        404 => {
            "there is no such object, or no such bucket; import the image again, or check s3_bucket \
             and s3_addressing_style"
        }
        _ => return None,
    })
}

/// The document's `Code`, where it is a plain word.
fn error_code(document: &str) -> Option<&str> {
    let (_, rest) = document.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ByteRange;

    const WHOLE: Asked = Asked::Whole { size: 3 };

    fn explain(
        asked: Asked,
        status: u16,
        document: &str,
        retry_after: Option<u64>,
        settings: &[(&str, &str)],
    ) -> String {
        Refusal {
            asked,
            status: StatusCode::from_u16(status).unwrap(),
            document,
            retry_after: retry_after.map(Duration::from_secs),
            config: &StorageConfig::example(settings),
        }
        .explanation()
    }

    #[test]
    fn a_status_is_explained_by_storage_s_own_code_and_a_hint() {
        let explained = |status, document| explain(WHOLE, status, document, None, &[]);

        assert_eq!(
            explained(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
            " (SignatureDoesNotMatch): check s3_secret_access_key and s3_region"
        );
        assert_eq!(explained(503, "<Code>SlowDown</Code>"), " (SlowDown)");
        assert_eq!(explained(502, "<html>"), "");
    }

    #[test]
    fn access_that_is_denied_names_both_of_its_causes() {
        for (status, document) in [(403, "<Code>AccessDenied</Code>"), (403, ""), (401, "")] {
            let explained = explain(WHOLE, status, document, None, &[]);
            for cause in ["s3:GetObject", "does not exist", "s3:ListBucket"] {
                assert!(explained.contains(cause), "{explained}");
            }
        }
    }

    #[test]
    fn an_answer_without_a_document_is_explained_by_its_status() {
        for (status, hint) in [
            (301, "s3_endpoint and s3_region"),
            (400, "which may have run out"),
            (403, "s3:GetObject"),
            (404, "import the image again"),
        ] {
            let explained = explain(Asked::Head { size: 3 }, status, "", None, &[]);
            assert!(explained.starts_with(": "), "{explained}");
            assert!(explained.contains(hint), "{explained}");
        }
        assert_eq!(explain(Asked::Head { size: 3 }, 500, "", None, &[]), "");
    }

    #[test]
    fn a_success_that_is_not_the_object_is_told_as_such() {
        let part = Asked::Part(ByteRange::new(1, 1, 3).unwrap());

        let explained = |asked, status| explain(asked, status, "", None, &[]);

        assert_eq!(explained(part, 200), ": it ignores ranges");
        assert_eq!(
            explained(WHOLE, 206),
            ": it sends a part where the whole is asked for"
        );
        assert_eq!(explained(WHOLE, 204), ": that is no answer with an object");
    }

    #[test]
    fn a_pause_that_is_too_long_is_the_reason_why_there_was_no_other_attempt() {
        let document = "<Code>SlowDown</Code>";
        for (status, retry_after, reason) in [
            (503, Some(2), " (SlowDown)"),
            (
                503,
                Some(120),
                " (SlowDown): it asks for a pause of 120 s, and no more than 2 s are waited",
            ),
            (
                503,
                Some(u64::MAX),
                " (SlowDown): it asks for a longer pause than the 2 s that are waited",
            ),
            (503, None, " (SlowDown)"),
        ] {
            assert_eq!(explain(WHOLE, status, document, retry_after, &[]), reason);
        }
        assert!(!explain(WHOLE, 403, "", Some(120), &[]).contains("pause"));
    }

    #[test]
    fn a_virtual_endpoint_without_the_bucket_is_refused_with_the_one_that_would_be_right() {
        let explained = |endpoint, style, status| {
            let settings = [("s3_endpoint", endpoint), ("s3_addressing_style", style)];
            explain(WHOLE, status, "", None, &settings)
        };
        let right = "try https://images.s3.example:9000 as s3_endpoint, or path style";
        let without_bucket = "https://s3.example:9000";

        for status in [301, 400, 403, 404] {
            let explained = explained(without_bucket, "virtual", status);
            assert!(explained.contains(right), "{explained}");
        }
        for (endpoint, style, status) in [
            (without_bucket, "path", 404),
            (without_bucket, "virtual", 503),
            (without_bucket, "virtual", 429),
            ("https://images.s3.example", "virtual", 404),
            ("https://images", "virtual", 404),
        ] {
            let explained = explained(endpoint, style, status);
            assert!(!explained.contains("try "), "{endpoint}: {explained}");
        }
        assert!(explained("https://images-2.example", "virtual", 404).contains("try "));
    }

    #[test]
    fn only_a_plain_word_passes_as_an_error_code() {
        assert_eq!(
            error_code("<Error><Code>NoSuchKey</Code><Key>k</Key>"),
            Some("NoSuchKey")
        );
        for document in [
            "",
            "<Code>",
            "<Code></Code>",
            "<Code>a b</Code>",
            "<html>404</html>",
        ] {
            assert_eq!(error_code(document), None, "{document}");
        }
    }
}
