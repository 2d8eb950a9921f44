//! Path and method to what is asked for.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::image::ImageId;

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
            _ => return Err(Error::MethodNotAllowed),
        }
        percent_decode_str(encoded_id)
            .decode_utf8()
            .ok()
            .and_then(|id| ImageId::parse(&id))
            .map(Self::ImageFile)
            .ok_or(Error::InvalidImageId)
    }
}

/// The one non-empty segment between prefix and suffix, still percent-encoded.
fn image_segment(path_with_query: &str) -> Option<&str> {
    let path = path_with_query.split('?').next()?;
    let segment = path.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    (!segment.is_empty() && !segment.contains('/')).then_some(segment)
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
            assert!(matches!(route, Err(Error::MethodNotAllowed)), "{id}");
        }
    }
}
