//! What of an image a client asks for, and the answers that there may be.

use http::Request;

use super::images::TestImage;
use super::response::{Body, Response};

/// All of it, some of it, or what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    Whole,
    /// From this byte to that.
    Part(usize, usize),
    /// By `HEAD`.
    Head,
}

impl Portion {
    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            Self::Whole | Self::Part(..) => "GET",
            Self::Head => "HEAD",
        }
    }

    /// The value of `Range`, where it takes one.
    pub fn range(self) -> Option<String> {
        match self {
            Self::Part(first, last) => Some(format!("bytes={first}-{last}")),
            Self::Whole | Self::Head => None,
        }
    }

    /// A request for it, at this address.
    pub fn request(self, url: String) -> Request<()> {
        let mut request = Request::builder().method(self.method()).uri(url);
        if let Some(range) = self.range() {
            request = request.header("range", range);
        }
        request.body(()).unwrap()
    }

    /// The bytes that are asked for.
    fn of(self, image: &TestImage) -> &[u8] {
        match self {
            Self::Whole => &image.bytes,
            Self::Part(first, last) => &image.bytes[first..=last],
            Self::Head => b"",
        }
    }

    /// The contract's head, and all bytes.
    #[track_caller]
    pub fn assert_served(self, image: &TestImage, response: &Response) {
        match self {
            Self::Part(first, last) => response.assert_part(image, first, last),
            Self::Whole | Self::Head => response.assert_image(image, self.of(image)),
        }
    }

    /// The same head, and only the first of the bytes.
    #[track_caller]
    pub fn assert_aborted(self, image: &TestImage, response: Response) {
        let Body::Broken(bytes) = response.body else {
            panic!("the transfer looks whole");
        };
        let all = self.of(image);
        assert!(all.starts_with(&bytes), "other bytes than were asked for");
        let body = Body::Whole(all.to_vec());
        self.assert_served(image, &Response { body, ..response });
    }

    /// The contract's `storage_error`, of which `HEAD` has the head.
    #[track_caller]
    pub fn assert_storage_error(self, mut response: Response) {
        assert_eq!(response.status, 500);
        if self == Self::Head {
            assert_eq!(response.bytes(), b"");
            let left_out =
                br#"{"detail":"Failed to retrieve image content","code":"storage_error"}"#;
            response.body = Body::Whole(left_out.to_vec());
        }
        response.assert_storage_error();
    }
}
