//! How large an image is shown.

use image::metadata::Orientation;

/// Width and height in pixels, turned as the file says and browsers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}

impl Dimensions {
    /// As an image of this size is shown that Exif turns by `orientation`.
    pub fn oriented(self, orientation: Orientation) -> Self {
        match orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => self.on_its_side(),
            _ => self,
        }
    }

    pub fn on_its_side(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const WIDE: Dimensions = Dimensions {
        width: 30,
        height: 20,
    };
    pub const HIGH: Dimensions = Dimensions {
        width: 20,
        height: 30,
    };

    #[test]
    fn only_what_lies_on_its_side_changes_its_width_for_its_height() {
        // The values of Exif's tag Orientation (CIPA DC-008, section 4.6.5).
        for (values, expected) in [(1..=4, WIDE), (5..=8, HIGH)] {
            for exif in values {
                let orientation = Orientation::from_exif(exif).unwrap();

                assert_eq!(WIDE.oriented(orientation), expected, "orientation {exif}");
            }
        }
    }
}
