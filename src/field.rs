//! Header fields that are not lists (RFC 9110 section 5.3).

use http::header::{AsHeaderName, HeaderMap, HeaderValue};

/// The field's only line; `None` where there is none, and where there are several: nobody can say
/// which of them counts.
#[must_use]
pub fn only_line(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use http::header::RANGE;

    use super::*;

    #[test]
    fn a_field_counts_when_it_has_exactly_one_line() {
        let line = HeaderValue::from_static("bytes=0-1");
        let mut headers = HeaderMap::new();
        assert_eq!(only_line(&headers, RANGE), None);

        headers.append(RANGE, line.clone());
        assert_eq!(only_line(&headers, RANGE), Some(&line));

        headers.append(RANGE, line);
        assert_eq!(only_line(&headers, RANGE), None);
    }
}
