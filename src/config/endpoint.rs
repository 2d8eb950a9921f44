//! The storage service's origin.

use http::uri::{Authority, Scheme};

/// An origin without a default port, so that it equals the `Host` field that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host, and port where it is not the scheme's own.
    pub authority: Authority,
}

/// An `http` or `https` origin, which a slash may follow.
pub(super) fn parse_endpoint(text: &str) -> Option<Endpoint> {
    let (scheme, rest) = text.split_once("://")?;
    let (scheme, default_port) = match scheme {
        "http" => (Scheme::HTTP, 80),
        "https" => (Scheme::HTTPS, 443),
        _ => return None,
    };
    let authority: Authority = rest.strip_suffix('/').unwrap_or(rest).parse().ok()?;
    let port_is_sound = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(_) => authority.port_u16().is_some_and(|port| port > 0),
        None => false, // user information stands before the host
    };
    if authority.host().is_empty() || !port_is_sound {
        return None;
    }
    let authority = if authority.port_u16() == Some(default_port) {
        authority.host().parse().ok()?
    } else {
        authority
    };
    Some(Endpoint { scheme, authority })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_origin_and_loses_its_default_port() {
        let origins = [
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
            ("http://storage:80", "storage"),
            (
                "https://s3.eu-west-1.amazonaws.com:443",
                "s3.eu-west-1.amazonaws.com",
            ),
            ("https://storage:80", "storage:80"),
            ("http://[::1]:9000", "[::1]:9000"),
        ];

        for (text, authority) in origins {
            let endpoint = parse_endpoint(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(endpoint.authority, authority);
        }
    }

    #[test]
    fn anything_but_an_origin_is_no_endpoint() {
        let others = [
            "",
            "127.0.0.1:9000",
            "ftp://storage",
            "http://",
            "http:///",
            "http://storage/path",
            "http://storage?x",
            "http://user@storage",
            "http://user:pass@storage:9000",
            "http://storage:",
            "http://storage:0",
            "http://storage:99999",
            "http://sto rage",
        ];

        for text in others {
            assert_eq!(parse_endpoint(text), None, "{text:?}");
        }
    }
}
