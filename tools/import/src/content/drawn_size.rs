//! How large an SVG is shown where a page does not say (SVG 2, sections 5.1.2 and 8.12).

use roxmltree::Node;

use super::dimensions::Dimensions;

/// More pixels a side than anybody means.
const MOST: f64 = 1_000_000.0;

/// By the root's width and height; where one is missing, or a share of a page, by its viewBox.
pub fn of(root: Node) -> Option<Dimensions> {
    let side = |name| root.attribute(name).and_then(pixels);
    let ratio = root.attribute("viewBox").and_then(view_box);
    let (width, height) = match (side("width"), side("height"), ratio) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some((w, h))) => (width, width * h / w),
        (None, Some(height), Some((w, h))) => (height * w / h, height),
        (None, None, Some(sides)) => sides,
        _ => return None,
    };
    Some(Dimensions {
        width: whole(width)?,
        height: whole(height)?,
    })
}

fn whole(side: f64) -> Option<u32> {
    let is_sound = side > 0.0 && side <= MOST;
    // In range, as has just been seen.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    is_sound.then(|| (side.round() as u32).max(1))
}

/// An absolute length in pixels (CSS Values and Units 4, section 6.2).
fn pixels(length: &str) -> Option<f64> {
    let length = length.trim();
    let number = length.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let pixels_a_unit = match &length[number.len()..] {
        "" | "px" => 1.0,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        "in" => 96.0,
        "cm" => 96.0 / 2.54,
        "mm" => 96.0 / 25.4,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * pixels_a_unit).filter(|pixels| pixels.is_finite())
}

/// Width and height of a viewBox.
fn view_box(value: &str) -> Option<(f64, f64)> {
    let numbers = value.split(|c: char| c == ',' || c.is_ascii_whitespace());
    let numbers: Result<Vec<f64>, _> = numbers
        .filter(|number| !number.is_empty())
        .map(str::parse)
        .collect();
    match numbers.ok()?[..] {
        [_, _, width, height] if width > 0.0 && height > 0.0 => Some((width, height)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    #[test]
    fn a_drawing_is_as_large_as_its_root_says_else_as_its_view_box() {
        for (attributes, expected) in [
            ("width='30' height='20'", Some((30, 20))),
            (
                "width='30px' height='20px' viewBox='0 0 1 1'",
                Some((30, 20)),
            ),
            ("width='1in' height='2.54cm'", Some((96, 96))),
            ("width='12pt' height='1pc'", Some((16, 16))),
            (
                "width='100%' height='100%' viewBox='-5 -5 300 200'",
                Some((300, 200)),
            ),
            ("viewBox='0,0,300.4,0.2'", Some((300, 1))),
            ("width='60' viewBox='0 0 300 200'", Some((60, 40))),
            (
                "height='40' width='auto' viewBox='0 0 300 200'",
                Some((60, 40)),
            ),
            ("width='60'", None),
            ("width='0' height='20'", None),
            ("width='-1' height='20'", None),
            ("width='1e99' height='20'", None),
            ("width='NaN' height='inf'", None),
            ("width='2em' height='2em'", None),
            ("viewBox='0 0 0 0'", None),
            ("viewBox='0 0 nothing'", None),
            ("", None),
        ] {
            let svg = format!("<svg xmlns='http://www.w3.org/2000/svg' {attributes}/>");
            let document = Document::parse(&svg).unwrap();

            let dimensions = of(document.root_element());

            let told = dimensions.map(|Dimensions { width, height }| (width, height));
            assert_eq!(told, expected, "{attributes}");
        }
    }
}
