//! What clients ask, and which answers there may be.

use http::Request;

use super::schedule::Dice;
use crate::harness::client::KeepAliveClient;
use crate::harness::portion::Portion;
use crate::harness::response::{Body, Response};
use crate::harness::{App, TestImage};

/// In bytes, smallest first.
pub const SIZES: [usize; 9] = [0, 1, 500, 2_000, 5_000, 10_000, 50_000, 400_000, 3_000_000];

/// One request.
pub enum Ask<'a> {
    /// For an image, of which storage has the bytes.
    Image(&'a TestImage, Portion),
    /// For an image that the client has.
    Cached(&'a TestImage),
    /// For an image that nobody has.
    Unknown,
    /// For something that is no id.
    Malformed,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Whole,
    Part,
    Head,
    NotModified,
    NotFound,
    Unprocessable,
    StorageError,
    Aborted,
}

impl Kind {
    /// Of answers that no fault has touched.
    pub const RIGHT: [Self; 6] = [
        Self::Whole,
        Self::Part,
        Self::Head,
        Self::NotModified,
        Self::NotFound,
        Self::Unprocessable,
    ];
    /// Of those that a fault may lead to, too.
    pub const FAILED: [Self; 2] = [Self::StorageError, Self::Aborted];
}

impl<'a> Ask<'a> {
    /// The request of this number is the same in each run.
    pub fn number(number: u64, images: &'a [TestImage; SIZES.len()]) -> Self {
        let mut dice = Dice::seeded(1 + number);
        let image = &images[match dice.below(100) {
            0..65 => dice.below(6),
            65..90 => 6,
            90..97 => 7,
            _ => 8,
        }];
        let size = image.bytes.len();
        match dice.below(20) {
            0..10 => Self::Image(image, Portion::Whole),
            10..14 if size > 0 => {
                let first = dice.below(size);
                let last = first + dice.below(size - first);
                Self::Image(image, Portion::Part(first, last))
            }
            10..16 => Self::Image(image, Portion::Head),
            16..18 => Self::Cached(image),
            18 => Self::Unknown,
            _ => Self::Malformed,
        }
    }

    /// Asserts that the answer is one that there may be, to the byte, and tells which.
    pub fn send(&self, client: &KeepAliveClient, app: &App) -> Kind {
        let answer = client.ask(self.request(app));
        let response = answer.map(|answer| answer.read_to_end());
        match (self, response) {
            (Self::Image(image, portion), response) => answer_of_storage(image, *portion, response),
            (_, None) => panic!("the connection ended, which storage has no part in"),
            (Self::Cached(image), Some(response)) => {
                response.assert_not_modified(image);
                Kind::NotModified
            }
            (Self::Unknown, Some(response)) => {
                response.assert_error(404, "Image not found", "image_not_found");
                Kind::NotFound
            }
            (Self::Malformed, Some(response)) => {
                response.assert_error(422, "Image id is not a valid UUID", "invalid_image_id");
                Kind::Unprocessable
            }
        }
    }

    fn request(&self, app: &App) -> Request<()> {
        let whole = |path: &str| Portion::Whole.request(app.url(path));
        match self {
            Self::Image(image, portion) => portion.request(app.url(&image.path())),
            Self::Cached(image) => {
                let mut request = whole(&image.path());
                let etag = format!("\"{}\"", image.hash()).parse().unwrap();
                request.headers_mut().insert("if-none-match", etag);
                request
            }
            Self::Unknown => whole(&TestImage::of_size(0).path()),
            Self::Malformed => whole("/api/v1/images/1/file"),
        }
    }
}

/// What an answer is that storage has a part in.
pub fn answer_of_storage(image: &TestImage, portion: Portion, response: Option<Response>) -> Kind {
    match response {
        Some(response) if response.status == 500 => {
            portion.assert_storage_error(response);
            Kind::StorageError
        }
        Some(response) if matches!(response.body, Body::Broken(_)) => {
            portion.assert_aborted(image, response);
            Kind::Aborted
        }
        Some(response) => {
            portion.assert_served(image, &response);
            match portion {
                Portion::Whole => Kind::Whole,
                Portion::Part(..) => Kind::Part,
                Portion::Head => Kind::Head,
            }
        }
        // Before the head has left the host.
        None => {
            assert_ne!(portion, Portion::Head, "there is no body to abort");
            Kind::Aborted
        }
    }
}
