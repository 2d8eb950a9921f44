//! Path and method to what is asked for.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::image::ImageId;

/// The methods of the image route, as `Allow` lists them.
pub const IMAGE_METHODS: &str = "GET, HEAD, OPTIONS";

/// What probes ask.
const READINESS: &str = "/readyz";
const PREFIX: &str = "/api/v1/images/";
const SUFFIX: &str = "/file";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// `GET` or `HEAD` of `/api/v1/images/{id}/file`
    ImageFile(ImageId),
    /// `OPTIONS` of the same, whatever the id.
    Options,
}

impl Route {
    /// The path decides first, then the method, then the id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::MethodNotAllowed`] or [`Error::InvalidImageId`].
    pub fn parse(method: &Method, path_with_query: &str) -> Result<Self, Error> {
        let encoded_id = image_segment(path_with_query).ok_or(Error::NotFound)?;
        match *method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(Self::Options),
            _ => {
                return Err(Error::MethodNotAllowed {
                    allowed: IMAGE_METHODS,
                });
            }
        }
        image_id(encoded_id).map(Self::ImageFile)
    }
}

/// Whether a probe asks if requests can be answered here.
#[must_use]
pub fn is_readiness(path_with_query: &str) -> bool {
    path(path_with_query) == READINESS
}

/// The path of an image.
#[must_use]
pub fn image_file(id: ImageId) -> String {
    format!("{PREFIX}{id}{SUFFIX}")
}

/// The `{id}` of the records route `/api/v1/images/{id}`, still percent-encoded; `None` where the
/// path is another.
#[must_use]
pub fn record(path_with_query: &str) -> Option<&str> {
    let segment = path(path_with_query).strip_prefix(PREFIX)?;
    is_one_segment(segment).then_some(segment)
}

/// The image that a path's segment names.
///
/// # Errors
/// [`Error::InvalidImageId`].
pub fn image_id(encoded: &str) -> Result<ImageId, Error> {
    percent_decode_str(encoded)
        .decode_utf8()
        .ok()
        .and_then(|id| ImageId::parse(&id))
        .ok_or(Error::InvalidImageId)
}

/// The one non-empty segment between prefix and suffix, still percent-encoded.
fn image_segment(path_with_query: &str) -> Option<&str> {
    let segment = path(path_with_query)
        .strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?;
    is_one_segment(segment).then_some(segment)
}

fn path(path_with_query: &str) -> &str {
    path_with_query
        .split_once('?')
        .map_or(path_with_query, |(path, _)| path)
}

fn is_one_segment(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    fn get(path: &str) -> Result<Route, Error> {
        Route::parse(&Method::GET, path)
    }

    #[test]
    fn the_image_route_takes_the_id_percent_decoded_and_ignores_the_query() {
        let paths = [
            format!("/api/v1/images/{ID}/file"),
            format!("/api/v1/images/{ID}/file?v=2&x=/y"),
            format!("/api/v1/images/{}/file", ID.to_uppercase()),
            format!("/api/v1/images/%7B{ID}%7D/file"),
            format!("/api/v1/images/urn%3Auuid%3A{ID}/file"),
        ];

        for path in paths {
            let Ok(Route::ImageFile(id)) = get(&path) else {
                panic!("{path} is not routed");
            };
            assert_eq!(id.to_string(), ID, "{path}");
        }
    }

    #[test]
    fn an_id_that_is_no_uuid_is_invalid() {
        for id in [
            "1",
            "%FF",
            "%2F",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
            "%7B",
            " ",
        ] {
            let path = format!("/api/v1/images/{id}/file");
            assert!(matches!(get(&path), Err(Error::InvalidImageId)), "{path}");
        }
    }

    #[test]
    fn every_other_path_is_not_found_whatever_the_method() {
        let paths = [
            String::new(),
            "/".into(),
            "/api/v1/images//file".into(),
            format!("/api/v1/images/{ID}"),
            format!("/api/v1/images/{ID}/file/"),
            format!("/api/v1/images/{ID}/x/file"),
            format!("/api/v2/images/{ID}/file"),
            format!("/API/v1/images/{ID}/file"),
            format!("//api/v1/images/{ID}/file"),
            format!("/x?/api/v1/images/{ID}/file"),
        ];

        for path in paths {
            for method in [Method::GET, Method::OPTIONS, Method::DELETE] {
                let route = Route::parse(&method, &path);
                assert!(matches!(route, Err(Error::NotFound)), "{method} {path}");
            }
        }
    }

    #[test]
    fn head_is_routed_as_get_is_and_options_needs_no_valid_id() {
        let path = format!("/api/v1/images/{ID}/file");

        assert_eq!(
            Route::parse(&Method::HEAD, &path).unwrap(),
            get(&path).unwrap()
        );
        for id in [ID, "no-uuid"] {
            let route = Route::parse(&Method::OPTIONS, &format!("/api/v1/images/{id}/file"));
            assert!(matches!(route, Ok(Route::Options)), "{id}");
        }
    }

    #[test]
    fn another_method_is_refused_before_the_id_is_looked_at() {
        for id in [ID, "no-uuid"] {
            let route = Route::parse(&Method::POST, &format!("/api/v1/images/{id}/file"));
            assert!(
                matches!(
                    route,
                    Err(Error::MethodNotAllowed {
                        allowed: "GET, HEAD, OPTIONS"
                    })
                ),
                "{id}"
            );
        }
    }

    #[test]
    fn the_readiness_route_is_one_path_with_any_query() {
        for (path, expected) in [
            ("/readyz", true),
            ("/readyz?verbose=/x", true),
            ("/readyz/", false),
            ("//readyz", false),
            ("/READYZ", false),
            ("/x?/readyz", false),
        ] {
            assert_eq!(is_readiness(path), expected, "{path}");
        }
    }

    #[test]
    fn the_records_route_is_the_one_segment_below_images() {
        for (path, segment) in [
            ("/api/v1/images/x", Some("x")),
            ("/api/v1/images/%7Bx%7D?y=/z", Some("%7Bx%7D")),
            ("/api/v1/images/file", Some("file")),
            ("/api/v1/images/", None),
            ("/api/v1/images", None),
            ("/api/v1/images/x/", None),
            ("/api/v1/images/x/file", None),
            ("/api/v1/images//file", None),
            ("/API/v1/images/x", None),
            ("//api/v1/images/x", None),
            ("/y?/api/v1/images/x", None),
        ] {
            assert_eq!(record(path), segment, "{path}");
        }
    }
}
