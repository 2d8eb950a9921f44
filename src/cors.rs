//! Which pages of other origins may read an answer
//! (Fetch Standard, "CORS protocol" and "Cross-Origin-Resource-Policy header").

mod origin;

use http::Method;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};

use crate::field::only_line;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What a page may read beyond the fields that are always readable.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Content-Length, Content-Range, Accept-Ranges, Repr-Digest, X-Request-Id",
);

/// What a page may ask with.
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// Every field but `Authorization`. The wildcard holds since no answer allows credentials
/// (Fetch Standard, "CORS-preflight fetch").
const ALLOWED_FIELDS: HeaderValue = HeaderValue::from_static("*");

/// How long a browser may remember a preflight, in seconds.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("86400");

/// The origins that may read answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// No other origin: answers carry no cross-origin fields.
    None,
    /// Every origin.
    Any,
    /// These, as browsers write them.
    Listed(Vec<HeaderValue>),
}

impl AllowedOrigins {
    /// Nothing, `*`, or a comma-separated list of origins.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "" => Some(Self::None),
            "*" => Some(Self::Any),
            list => list
                .split(',')
                .map(origin::parse)
                .collect::<Option<_>>()
                .map(Self::Listed),
        }
    }

    /// The fields that an answer to this request carries besides its own.
    #[must_use]
    pub fn response_fields(&self, method: &Method, request: &HeaderMap) -> HeaderMap {
        let mut fields = HeaderMap::new();
        if *self == Self::None {
            return fields;
        }
        fields.insert(
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("cross-origin"),
        );
        if matches!(self, Self::Listed(_)) {
            fields.insert(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = self.allowed_origin(request) else {
            return fields;
        };
        fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if is_preflight(method, request) {
            fields.insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
            fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_FIELDS);
            fields.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
        } else {
            fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        fields
    }

    /// The value of `Access-Control-Allow-Origin`. Any origin is allowed even where the request
    /// names none, so that one stored answer serves every page.
    fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(origins) => {
                let origin = only_line(request, ORIGIN)?;
                origins.contains(origin).then(|| origin.clone())
            }
        }
    }
}

/// A CORS-preflight request is an `OPTIONS` that names its origin and the method to come.
fn is_preflight(method: &Method, request: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && request.contains_key(ORIGIN)
        && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://app.example";

    fn request(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        let fields = fields.iter().cloned();
        fields
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    fn listed() -> AllowedOrigins {
        AllowedOrigins::parse("https://app.example, http://127.0.0.1:4200").unwrap()
    }

    fn shown(fields: &HeaderMap) -> Vec<(&str, &str)> {
        let mut shown: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        shown.sort_unstable();
        shown
    }

    #[test]
    fn without_allowed_origins_there_are_no_cross_origin_fields() {
        let from_page = request(&[(ORIGIN, PAGE)]);

        let fields = AllowedOrigins::None.response_fields(&Method::GET, &from_page);

        assert_eq!(shown(&fields), []);
    }

    #[test]
    fn any_origin_is_allowed_without_naming_one() {
        for from in [request(&[]), request(&[(ORIGIN, PAGE)])] {
            let fields = AllowedOrigins::Any.response_fields(&Method::GET, &from);
            assert_eq!(
                shown(&fields),
                [
                    ("access-control-allow-origin", "*"),
                    (
                        "access-control-expose-headers",
                        "ETag, Content-Length, Content-Range, Accept-Ranges, Repr-Digest, X-Request-Id"
                    ),
                    ("cross-origin-resource-policy", "cross-origin"),
                ]
            );
        }
    }

    #[test]
    fn a_listed_origin_is_echoed_and_every_answer_varies_by_origin() {
        let fields = listed().response_fields(&Method::GET, &request(&[(ORIGIN, PAGE)]));

        assert_eq!(
            shown(&fields),
            [
                ("access-control-allow-origin", PAGE),
                (
                    "access-control-expose-headers",
                    "ETag, Content-Length, Content-Range, Accept-Ranges, Repr-Digest, X-Request-Id"
                ),
                ("cross-origin-resource-policy", "cross-origin"),
                ("vary", "Origin"),
            ]
        );
    }

    #[test]
    fn another_origin_is_told_only_that_answers_vary() {
        let others = [
            request(&[]),
            request(&[(ORIGIN, "https://evil.example")]),
            request(&[(ORIGIN, "null")]),
            request(&[(ORIGIN, "https://app.example.evil.example")]),
            request(&[(ORIGIN, "https://app.example:8443")]),
            request(&[(ORIGIN, "http://app.example")]),
            request(&[(ORIGIN, PAGE), (ACCESS_CONTROL_REQUEST_METHOD, "GET")]),
        ];

        for (index, from) in others.iter().enumerate() {
            let mut from = from.clone();
            if index == 6 {
                from.append(ORIGIN, HeaderValue::from_static(PAGE));
            }
            let fields = listed().response_fields(&Method::GET, &from);
            let expected = [
                ("cross-origin-resource-policy", "cross-origin"),
                ("vary", "Origin"),
            ];
            assert_eq!(shown(&fields), expected, "{from:?}");
        }
    }

    #[test]
    fn a_preflight_is_told_methods_fields_and_how_long() {
        let preflight = request(&[(ORIGIN, PAGE), (ACCESS_CONTROL_REQUEST_METHOD, "GET")]);

        let fields = listed().response_fields(&Method::OPTIONS, &preflight);

        assert_eq!(
            shown(&fields),
            [
                ("access-control-allow-headers", "*"),
                ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                ("access-control-allow-origin", PAGE),
                ("access-control-max-age", "86400"),
                ("cross-origin-resource-policy", "cross-origin"),
                ("vary", "Origin"),
            ]
        );
    }

    #[test]
    fn a_setting_is_empty_or_a_star_or_a_list_without_empty_members() {
        let listed = |origins: &[&'static str]| {
            let values = origins
                .iter()
                .map(|origin| HeaderValue::from_static(origin));
            Some(AllowedOrigins::Listed(values.collect()))
        };
        for (text, expected) in [
            ("", Some(AllowedOrigins::None)),
            (" \n", Some(AllowedOrigins::None)),
            (" * ", Some(AllowedOrigins::Any)),
            ("https://app.example", listed(&["https://app.example"])),
            (
                " HTTPS://App.Example:443/ ,\n\thttp://localhost:4200 ",
                listed(&["https://app.example", "http://localhost:4200"]),
            ),
            (
                "https://a.example,https://a.example/",
                listed(&["https://a.example", "https://a.example"]),
            ),
            ("https://app.example,", None),
            (",https://app.example", None),
            ("https://a.example,,https://b.example", None),
            ("https://app.example, *", None),
            ("https://a.example https://b.example", None),
            ("https://a.example; https://b.example", None),
            ("https://app.example, null", None),
        ] {
            assert_eq!(AllowedOrigins::parse(text), expected, "{text:?}");
        }
    }
}
