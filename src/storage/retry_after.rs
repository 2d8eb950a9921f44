//! How long storage asks to be left alone (RFC 9110 section 10.2.3).

use std::time::Duration;

use http::{HeaderMap, header};

use crate::field::only_line;

/// The pause that `Retry-After` asks for; `None` where it asks for none, or for nothing that can be
/// read.
///
/// Nobody waits for longer than seconds, so that a date, which has no finer unit and another clock, is
/// taken for longer than that: storage is never asked before it.
pub(super) fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = only_line(headers, header::RETRY_AFTER)?.to_str().ok()?;
    let is_seconds = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = match text.parse() {
        Ok(seconds) if is_seconds => seconds,
        // A number that does not fit.
        Err(_) if is_seconds => u64::MAX,
        _ if text.ends_with(" GMT") => u64::MAX,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_number_of_seconds_or_longer_than_anybody_waits() {
        for (value, seconds) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("120", Some(120)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Fri, 24 May 2013 00:00:03 GMT", Some(u64::MAX)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(pause(&headers), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn no_pause_is_asked_for_by_no_line_or_several() {
        let mut headers = HeaderMap::new();
        assert_eq!(pause(&headers), None);

        headers.append(header::RETRY_AFTER, "1".parse().unwrap());
        headers.append(header::RETRY_AFTER, "2".parse().unwrap());
        assert_eq!(pause(&headers), None);
    }
}
