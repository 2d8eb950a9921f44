//! Six images to look at when nobody has imported any: each computed, the same at every run, in a
//! format of its own, and one of the size of a photograph.

mod canvas;
mod landscape;
mod mandelbrot;
mod noise;
mod orbits;
mod plasma;
mod rosette;
mod sunset;

use std::path::Path;

use anyhow::Context as _;

type Draw = fn() -> image::ImageResult<Vec<u8>>;

const IMAGES: [(&str, Draw); 6] = [
    ("landscape.jpg", landscape::jpeg),
    ("mandelbrot.png", mandelbrot::png),
    ("orbits.gif", orbits::gif),
    ("plasma.webp", plasma::webp),
    ("rosette.svg", || Ok(rosette::svg())),
    ("sunset.jpg", sunset::jpeg),
];

/// Draws those of the six images that `folder` does not have yet.
///
/// # Errors
/// When one cannot be written.
pub fn draw_missing(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, draw) in IMAGES {
        let file = folder.join(name);
        if !file.exists() {
            println!("drawing {}", file.display());
            write_whole(&file, &draw()?)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}

// An interrupted run leaves no half image that the next would take for drawn.
fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::io::Cursor;

    use image::codecs::gif::GifDecoder;
    use image::{AnimationDecoder as _, ImageFormat};

    use super::*;

    #[test]
    fn each_raster_image_decodes_in_the_format_that_its_name_says() {
        for (name, draw) in IMAGES
            .into_iter()
            .filter(|(name, _)| *name != "rosette.svg")
        {
            let bytes = draw().unwrap();

            let format = image::guess_format(&bytes).unwrap();
            assert_eq!(Some(format), ImageFormat::from_path(name).ok(), "{name}");
            let image = image::load_from_memory(&bytes).unwrap();
            assert!(image.width() >= 240 && image.height() >= 240, "{name}");
            assert!(is_varied(&image.to_rgb8()), "{name} is of one colour");
        }
    }

    fn is_varied(image: &image::RgbImage) -> bool {
        let first = image.get_pixel(0, 0);
        image.pixels().filter(|pixel| *pixel != first).count() > 1000
    }

    #[test]
    fn the_photograph_is_of_the_size_of_one() {
        let size = landscape::jpeg().unwrap().len();

        assert!((5_000_000..=10_000_000).contains(&size), "{size} bytes");
    }

    #[test]
    fn the_gif_moves() {
        let bytes = orbits::gif().unwrap();

        let frames = GifDecoder::new(Cursor::new(bytes))
            .unwrap()
            .into_frames()
            .collect_frames()
            .unwrap();

        assert!(frames.len() > 10);
        assert_ne!(frames[0].buffer(), frames[1].buffer());
    }

    #[test]
    fn the_svg_is_closed_and_runs_no_script() {
        let svg = String::from_utf8(rosette::svg()).unwrap();

        assert!(svg.starts_with("<svg "), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("<script"));
    }

    #[test]
    fn the_same_image_is_drawn_every_time() {
        assert_eq!(plasma::webp().unwrap(), plasma::webp().unwrap());
    }

    #[test]
    fn what_is_there_already_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (name, _) in IMAGES {
            std::fs::write(folder.path().join(name), "mine").unwrap();
        }

        draw_missing(folder.path()).unwrap();

        for (name, _) in IMAGES {
            assert_eq!(
                std::fs::read(folder.path().join(name)).unwrap(),
                b"mine",
                "{name}"
            );
        }
    }
}
