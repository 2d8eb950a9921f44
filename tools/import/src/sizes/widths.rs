//! Which widths are to be made.

use std::collections::BTreeSet;
use std::str::FromStr;

/// The widths of `--sizes`, in pixels, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Widths(BTreeSet<u32>);

impl Widths {
    /// The widest; WebP knows no larger image (RFC 9649, section 3.4).
    pub const MOST: u32 = 16_383;
    /// How `--sizes` says that there are to be none.
    const NONE: &str = "none";

    /// Those in which an image of this width is made: nothing is enlarged.
    pub fn below(&self, width: u32) -> BTreeSet<u32> {
        self.0.range(..width).copied().collect()
    }
}

impl FromStr for Widths {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        if list.trim() == Self::NONE {
            return Ok(Self::default());
        }
        let widths = list.split(',').map(|width| match width.trim().parse() {
            Ok(width @ 1..=Self::MOST) => Ok(width),
            _ => Err(format!(
                "'{}' is not a width of 1 to {} pixels: give widths separated by commas, as in \
                 320,640,1280,2560, or {}",
                width.trim(),
                Self::MOST,
                Self::NONE
            )),
        });
        widths.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_widths_in_any_order_and_none_is_a_list_too() {
        for (list, expected) in [
            ("320,640", &[320, 640][..]),
            (" 640, 320,640 ", &[320, 640]),
            ("16383", &[16_383]),
            ("1", &[1]),
            ("none", &[]),
        ] {
            let widths: Widths = list.parse().unwrap();

            assert_eq!(widths, Widths(expected.iter().copied().collect()), "{list}");
        }
    }

    #[test]
    fn what_is_not_a_width_is_named_with_what_to_give() {
        for (list, named) in [
            ("0", "'0'"),
            ("320,wide", "'wide'"),
            ("16384", "'16384'"),
            ("-1", "'-1'"),
            ("320,,640", "''"),
            ("", "''"),
            ("none,320", "'none'"),
        ] {
            let error = Widths::from_str(list).unwrap_err();

            assert!(error.starts_with(named), "{error}");
            assert!(error.contains("320,640,1280,2560"), "{error}");
        }
    }

    #[test]
    fn an_image_is_never_enlarged_nor_made_again_as_large_as_it_is() {
        let widths: Widths = "320,640,1280".parse().unwrap();

        for (width, expected) in [
            (320, &[][..]),
            (321, &[320]),
            (641, &[320, 640]),
            (9000, &[320, 640, 1280]),
        ] {
            let below = widths.below(width);

            assert_eq!(below, expected.iter().copied().collect(), "{width}");
        }
    }
}
