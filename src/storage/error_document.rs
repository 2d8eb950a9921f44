//! What S3's error documents say, and what an operator can do about it.

use http::StatusCode;

/// The document's code and a hint, in the form that follows "storage answered 403"; nothing where
/// there is neither.
pub(super) fn explain(status: StatusCode, document: &str) -> String {
    if status == StatusCode::OK {
        return ": it ignores ranges".into();
    }
    match error_code(document) {
        Some(code) => format!(" ({code}){}", hint(code)),
        None => String::new(),
    }
}

/// Codes of the Amazon S3 API Reference, "Error responses".
fn hint(code: &str) -> &'static str {
    match code {
        "NoSuchKey" => ": the record names an object that does not exist; import the image again",
        "NoSuchBucket" => ": check s3_bucket and s3_addressing_style",
        "SignatureDoesNotMatch" => ": check s3_secret_access_key and s3_region",
        "InvalidAccessKeyId" => ": check s3_access_key_id",
        "AuthorizationHeaderMalformed" => ": check s3_region",
        "ExpiredToken" => {
            ": the temporary credentials have run out; renew s3_access_key_id, \
             s3_secret_access_key and s3_session_token"
        }
        // MinIO says `InvalidTokenId`, also where a token is missing.
        "InvalidToken" | "InvalidTokenId" => {
            ": s3_session_token is not the one of s3_access_key_id; renew both, \
             and s3_secret_access_key"
        }
        "RequestTimeTooSkewed" => ": set the host's clock",
        "PermanentRedirect" | "TemporaryRedirect" => {
            ": check s3_endpoint and s3_region; redirects are not followed"
        }
        "AccessDenied" => ": let the key's policy allow s3:GetObject on this bucket",
        _ => "",
    }
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

    #[test]
    fn a_status_is_explained_by_storage_s_own_code_and_a_hint() {
        let explained =
            |status: u16, document: &str| explain(StatusCode::from_u16(status).unwrap(), document);

        assert_eq!(
            explained(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
            " (SignatureDoesNotMatch): check s3_secret_access_key and s3_region"
        );
        assert_eq!(explained(503, "<Code>SlowDown</Code>"), " (SlowDown)");
        assert_eq!(explained(502, "<html>"), "");
        assert_eq!(explained(200, ""), ": it ignores ranges");
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
