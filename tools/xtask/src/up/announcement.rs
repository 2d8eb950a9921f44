//! What `up` says before and after its work.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::address;
use super::samples::Sample;
use crate::project;
use crate::steps::say;

/// How many images are listed; the gallery shows all.
const LISTED: usize = 10;

/// Says what a newcomer waits for, where nothing has been built yet.
pub fn say_what_a_first_build_takes() {
    if !project::host().exists() {
        say(
            "The first build compiles a WebAssembly runtime: 6 to 8 minutes on two cores, and 1.6 GB in \
             target/. Later ones take seconds.",
        );
    }
}

/// Where everything is.
pub struct Announcement {
    /// The images, in the order of their files.
    pub samples: Vec<Sample>,
    /// Origin of storage.
    pub objects: String,
    /// File of the records.
    pub records: PathBuf,
    /// Where the gallery listens, if there is one.
    pub gallery: Option<SocketAddr>,
    /// Origin of the application.
    pub api: String,
}

impl fmt::Display for Announcement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "\n{} images, ready to click:\n",
            self.samples.len()
        )?;
        for sample in self.samples.iter().take(LISTED) {
            writeln!(
                formatter,
                "  {}   {} ({}, {} kB)",
                sample.url,
                project::shown(&sample.path),
                sample.mime_type,
                sample.size_bytes.div_ceil(1000),
            )?;
        }
        match self.samples.len().saturating_sub(LISTED) {
            0 => {}
            more => writeln!(formatter, "  and {more} more")?,
        }
        writeln!(
            formatter,
            "\nObjects are in storage at {}, records in {}.\nCtrl-C stops everything.\n",
            self.objects,
            project::shown(&self.records)
        )?;
        match self.gallery {
            Some(gallery) => writeln!(formatter, "The gallery: {}", places(gallery)),
            None => writeln!(formatter, "The application: {}", self.api),
        }
    }
}

/// Its origin as one types it, here and on another device.
fn places(gallery: SocketAddr) -> String {
    let here = address::reachable(gallery);
    match address::in_the_network() {
        Some(ip) if here != gallery => {
            let elsewhere = SocketAddr::new(ip, gallery.port());
            format!("http://{here}, from other devices http://{elsewhere}")
        }
        _ => format!("http://{here}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(images: usize) -> String {
        let sample = |number| Sample {
            path: format!("{number}.png").into(),
            url: format!("http://127.0.0.1:3000/{number}"),
            mime_type: "image/png".into(),
            size_bytes: 1001,
        };
        let announcement = Announcement {
            samples: (0..images).map(sample).collect(),
            objects: "http://127.0.0.1:9000".into(),
            records: "records.db".into(),
            gallery: Some(([127, 0, 0, 1], 4200).into()),
            api: "http://127.0.0.1:3000".into(),
        };
        announcement.to_string()
    }

    #[test]
    fn the_gallery_comes_last_so_that_it_is_in_sight() {
        let said = announcement(3);

        assert!(
            said.ends_with("\nThe gallery: http://127.0.0.1:4200\n"),
            "{said}"
        );
    }

    #[test]
    fn more_than_ten_images_are_counted_and_not_listed() {
        for (images, listed, rest) in [
            (1, 1, None),
            (10, 10, None),
            (11, 10, Some("  and 1 more")),
            (2000, 10, Some("  and 1990 more")),
        ] {
            let said = announcement(images);

            let lines = said
                .lines()
                .filter(|line| line.ends_with("(image/png, 2 kB)"));
            assert_eq!(lines.count(), listed);
            let more = said.lines().find(|line| line.ends_with(" more"));
            assert_eq!(more, rest);
            assert!(said.contains(&format!("\n{images} images, ")), "{said}");
        }
    }
}
