//! Images in the widths that pages need.

mod pictures;
mod press;

use std::collections::BTreeSet;

use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgba, RgbaImage};
use jpeg_encoder::ColorType;
use moxcms::ColorProfile;
use serde_json::{Value, json};

use super::program::Workshop;
use super::verbs::{key_of, told};
use crate::harness::say;
use pictures::{
    FIELDS, animation, assert_fields, encoded, fields, jpeg, jpeg_of_inks, photograph, turned,
};
use press::profile_of_a_press;

const SIZES: &[&str] = &["--json", "--sizes", "320,640"];

/// The sizes that the list has of the image of this name.
fn sizes(workshop: &Workshop, name: &str) -> Vec<Value> {
    let gallery = workshop.gallery();
    let entry = gallery.iter().find(|entry| entry["name"] == name);
    let entry = entry.unwrap_or_else(|| panic!("{name} is not listed"));
    entry["sizes"].as_array().cloned().unwrap_or_default()
}

fn widths_and_types(workshop: &Workshop, name: &str) -> Vec<(u64, String)> {
    let sizes = sizes(workshop, name);
    let told = sizes.iter().map(|size| {
        let mime_type = size["mime_type"].as_str().unwrap();
        (size["width"].as_u64().unwrap(), mime_type.to_owned())
    });
    told.collect()
}

fn ids(sizes: &[Value]) -> Vec<String> {
    let ids = sizes.iter().map(|size| size["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// A size as the application serves it, which has to be as it is listed.
#[track_caller]
fn served(workshop: &Workshop, size: &Value) -> DynamicImage {
    let answer = workshop.app.get(size["url"].as_str().unwrap());
    let mime_type = answer.headers["content-type"].to_str().unwrap();
    let bytes = answer.bytes();
    assert_eq!(size["mime_type"], mime_type);
    assert_eq!(size["size_bytes"], bytes.len());
    let format = ImageFormat::from_mime_type(mime_type).unwrap();
    let image = image::load_from_memory_with_format(bytes, format).unwrap();
    assert_eq!(size["width"], image.width());
    assert_eq!(size["height"], image.height());
    image
}

fn with(type_of: &str, widths: &[u64]) -> Vec<(u64, String)> {
    widths
        .iter()
        .map(|width| (*width, type_of.to_owned()))
        .collect()
}

fn photographs(widths: &[u64]) -> Vec<(u64, String)> {
    let types = ["image/jpeg", "image/webp"];
    let pairs = widths
        .iter()
        .flat_map(|width| types.map(|of| (*width, of.to_owned())));
    pairs.collect()
}

#[test]
fn a_photograph_is_made_in_each_smaller_width_as_jpeg_and_webp_and_never_enlarged() {
    let workshop = Workshop::new();
    workshop.write("wide.jpg", &jpeg(&fields(900, 600), None));
    workshop.write("just.jpg", &jpeg(&fields(640, 400), None));
    workshop.write("small.jpg", &jpeg(&fields(320, 200), None));
    workshop.write(
        "kept.png",
        &encoded(photograph(700, 400, 1), ImageFormat::Png),
    );

    let ended = workshop.import(SIZES, &[&workshop.images()]);

    ended.assert_code(0);
    assert_eq!(
        widths_and_types(&workshop, "wide.jpg"),
        photographs(&[320, 640])
    );
    assert_eq!(widths_and_types(&workshop, "just.jpg"), photographs(&[320]));
    assert_eq!(widths_and_types(&workshop, "small.jpg"), []);
    assert_eq!(
        widths_and_types(&workshop, "kept.png"),
        photographs(&[320, 640])
    );
    for size in sizes(&workshop, "wide.jpg") {
        assert_fields(&served(&workshop, &size).into_rgb8(), &FIELDS, 3, "a size");
    }
    assert_eq!(sizes(&workshop, "wide.jpg")[0]["height"], 213);
    let (objects, summary) = ended.objects();
    let wide = objects.iter().find(|object| {
        object["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("wide.jpg"))
    });
    let bytes: u64 = sizes(&workshop, "wide.jpg")
        .iter()
        .map(|size| size["size_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(
        wide.unwrap()["sizes"],
        json!({"count": 4, "size_bytes": bytes, "made": 4, "made_bytes": bytes, "reason": null})
    );
    assert_eq!(summary["sizes"]["made"], 10);
    workshop.assert_objects();
}

#[test]
fn a_picture_is_turned_as_exif_says_whichever_of_the_eight_ways() {
    let workshop = Workshop::new();
    let upright = DynamicImage::from(fields(720, 480));
    // How a picture has to lie in its file, that Exif's value turns it upright (CIPA DC-008, 4.6.5).
    let lying = [
        upright.clone(),
        upright.fliph(),
        upright.rotate180(),
        upright.flipv(),
        upright.rotate90().fliph(),
        upright.rotate270(),
        upright.rotate270().fliph(),
        upright.rotate90(),
    ];
    for (value, lying) in (1..).zip(&lying) {
        let jpeg = turned(&jpeg(&lying.to_rgb8(), None), value);
        workshop.write(&format!("{value}.jpg"), &jpeg);
    }

    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);

    for value in 1..=8 {
        let name = format!("{value}.jpg");
        assert_eq!(widths_and_types(&workshop, &name), photographs(&[320, 640]));
        for size in sizes(&workshop, &name) {
            let picture = served(&workshop, &size).into_rgb8();
            assert_fields(&picture, &FIELDS, 3, &name);
            assert!(picture.width() > picture.height(), "{name}");
        }
    }
}

#[test]
fn colours_of_display_p3_and_of_inks_are_those_that_another_program_makes_of_them() {
    // Made with Pillow 13.0 (LittleCMS 2.19): ImageCms.profileToProfile from these profiles to its own
    // sRGB. Of inks relative colorimetric, with its flag NOWHITEONWHITEFIXUP: paper and black are not
    // stretched to those of a screen, as browsers do not stretch them.
    const OF_P3: [[u8; 3]; 6] = [
        [215, 93, 31],
        [128, 128, 128],
        [0, 183, 78],
        [17, 61, 208],
        [252, 240, 229],
        [255, 0, 0],
    ];
    const INKS: [[u8; 4]; 6] = [
        [0, 0, 0, 0],
        [255, 0, 0, 0],
        [0, 255, 0, 0],
        [0, 0, 255, 0],
        [0, 0, 0, 255],
        [40, 120, 200, 30],
    ];
    const OF_INKS: [[u8; 3]; 6] = [
        [241, 241, 241],
        [0, 156, 220],
        [216, 5, 116],
        [235, 215, 0],
        [36, 36, 36],
        [187, 120, 21],
    ];
    let workshop = Workshop::new();
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let press = profile_of_a_press();
    workshop.write("p3.jpg", &jpeg(&fields(700, 400), Some(&p3)));
    for (name, stored) in [
        ("cmyk.jpg", ColorType::Cmyk),
        ("ycck.jpg", ColorType::CmykAsYcck),
    ] {
        workshop.write(name, &jpeg_of_inks(&INKS, (700, 400), &press, stored));
    }

    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);

    for (name, expected) in [
        ("p3.jpg", OF_P3),
        ("cmyk.jpg", OF_INKS),
        ("ycck.jpg", OF_INKS),
    ] {
        assert_eq!(widths_and_types(&workshop, name), photographs(&[320, 640]));
        for size in sizes(&workshop, name) {
            let what = format!("{name} as {}", size["mime_type"]);
            assert_fields(&served(&workshop, &size).into_rgb8(), &expected, 3, &what);
        }
    }
}

#[test]
fn no_size_carries_anything_but_its_picture() {
    let workshop = Workshop::new();
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let jpeg = turned(&jpeg(&fields(700, 400), Some(&p3)), 1);
    workshop.write("told.jpg", &jpeg);

    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);

    let sizes = sizes(&workshop, "told.jpg");
    assert_eq!(sizes.len(), 4);
    for size in sizes {
        let answer = workshop.app.get(size["url"].as_str().unwrap());
        let bytes = answer.bytes();
        for word in ["Exif", "EXIF", "ICC_PROFILE", "ICCP", "Display", "XMP "] {
            let is_there = bytes
                .windows(word.len())
                .any(|place| place == word.as_bytes());
            assert!(!is_there, "{word} in {}", size["mime_type"]);
        }
    }
}

#[test]
fn drawings_and_what_is_transparent_stay_without_loss_and_transparent() {
    let workshop = Workshop::new();
    let (clear, red) = (Rgba([0, 255, 0, 0]), Rgba([200, 10, 20, 255]));
    let half = RgbaImage::from_fn(800, 400, |x, _| if x < 400 { clear } else { red });
    workshop.write("drawing.png", &encoded(fields(800, 400), ImageFormat::Png));
    workshop.write("transparent.png", &encoded(half, ImageFormat::Png));

    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);

    for name in ["drawing.png", "transparent.png"] {
        let told = widths_and_types(&workshop, name);
        let widths: Vec<u64> = told.iter().map(|(width, _)| *width).collect();
        assert_eq!(widths, [320, 640], "{name}");
        assert!(told.iter().all(|(_, of)| of != "image/jpeg"), "{told:?}");
    }
    for size in sizes(&workshop, "drawing.png") {
        assert_fields(
            &served(&workshop, &size).into_rgb8(),
            &FIELDS,
            0,
            "a drawing",
        );
    }
    for size in sizes(&workshop, "transparent.png") {
        let image = served(&workshop, &size);
        let (width, height) = image.dimensions();
        assert_eq!(image.get_pixel(width / 4, height / 2).0[3], 0);
        assert_eq!(image.get_pixel(width * 3 / 4, height / 2), red);
        // At the edge nothing of the green shows that nobody sees in the original.
        let edge = image.get_pixel(width / 2, height / 2).0;
        assert!(edge[1] <= 40 || edge[3] == 0, "{edge:?}");
    }
}

#[test]
fn sixteen_bits_become_eight_of_the_same_colours() {
    let workshop = Workshop::new();
    let wide = DynamicImage::from(fields(800, 400)).into_rgb16();
    workshop.write("wide.png", &encoded(wide, ImageFormat::Png));
    let grey = DynamicImage::from(fields(800, 400)).into_luma16();
    workshop.write("grey.png", &encoded(grey, ImageFormat::Png));

    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);

    let of_grey = DynamicImage::from(fields(800, 400)).into_luma8();
    let of_grey = pictures::middles(&DynamicImage::from(of_grey).into_rgb8());
    for (name, expected) in [("wide.png", FIELDS), ("grey.png", of_grey)] {
        let sizes = sizes(&workshop, name);
        assert_eq!(sizes.len(), 2, "{name}");
        for size in sizes {
            assert_fields(&served(&workshop, &size).into_rgb8(), &expected, 1, name);
        }
    }
}

#[test]
fn what_moves_and_what_is_drawn_by_a_browser_stays_as_it_is_and_comes_with_its_dimensions() {
    let workshop = Workshop::new();
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 900 600'/>";
    workshop.write("moves.gif", &animation(700, 400));
    workshop.write("drawn.svg", svg.as_bytes());

    let ended = workshop.import(SIZES, &[&workshop.images()]);

    ended.assert_code(0);
    assert_eq!(ended.count("imported"), 2);
    for (name, width, height) in [("moves.gif", 700, 400), ("drawn.svg", 900, 600)] {
        let gallery = workshop.gallery();
        let entry = gallery.iter().find(|entry| entry["name"] == name).unwrap();
        assert_eq!(
            (&entry["width"], &entry["height"]),
            (&json!(width), &json!(height))
        );
        assert_eq!(entry.get("sizes"), None, "{name}");
    }
    assert_eq!(workshop.app.records().len(), 2);
}

#[test]
fn a_placeholder_is_a_webp_of_few_pixels_and_few_bytes() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let workshop = Workshop::new();
    workshop.write("a.jpg", &jpeg(&fields(900, 600), None));

    workshop.import(&[], &[&workshop.images()]).assert_code(0);

    let gallery = workshop.gallery();
    let placeholder = gallery[0]["placeholder"].as_str().unwrap();
    let base64 = placeholder.strip_prefix("data:image/webp;base64,").unwrap();
    let webp = STANDARD.decode(base64).unwrap();
    let image = image::load_from_memory_with_format(&webp, ImageFormat::WebP).unwrap();
    assert!(webp.len() <= 300, "{} bytes", webp.len());
    assert_eq!(image.dimensions(), (16, 11));
}

#[test]
fn a_second_import_makes_nothing_and_one_without_sizes_leaves_them() {
    let workshop = Workshop::new();
    workshop.write("a.jpg", &jpeg(&fields(900, 600), None));
    workshop.write("b.png", &encoded(fields(800, 400), ImageFormat::Png));
    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);
    let (records, gallery) = (workshop.app.records(), workshop.gallery());
    let written = workshop.storage.writes().len();

    for arguments in [SIZES, &["--json"]] {
        let again = workshop.import(arguments, &[&workshop.images()]);

        again.assert_code(0);
        assert_eq!(again.count("present"), 2);
    }
    assert_eq!(workshop.app.records(), records);
    assert_eq!(workshop.gallery(), gallery);
    assert_eq!(workshop.storage.writes().len(), written);
    assert_eq!(records.len(), 2 + 4 + 2);
}

#[test]
fn another_list_adds_and_removes_what_differs_and_none_removes_all() {
    let workshop = Workshop::new();
    workshop.write("a.jpg", &jpeg(&fields(900, 600), None));
    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);
    let first = sizes(&workshop, "a.jpg");

    let tried = workshop.import(
        &["--json", "--dry-run", "--sizes", "640,800"],
        &[&workshop.images()],
    );
    assert_eq!(sizes(&workshop, "a.jpg"), first);
    let changed = workshop.import(&["--json", "--sizes", "640,800"], &[&workshop.images()]);
    let second = sizes(&workshop, "a.jpg");
    let keys: Vec<String> = ids(&second)
        .iter()
        .map(|id| key_of(&workshop, id))
        .collect();
    let none = workshop.import(&["--json", "--sizes", "none"], &[&workshop.images()]);

    for ended in [&tried, &changed] {
        ended.assert_code(0);
        let summary = ended.objects().1;
        let told = (&summary["sizes"]["made"], &summary["sizes"]["removed"]);
        assert_eq!(told, (&json!(2), &json!(2)));
    }
    assert!(second[..2] == first[2..], "what stays is the same image");
    let widths: Vec<&Value> = second.iter().map(|size| &size["width"]).collect();
    assert_eq!(widths, [640, 640, 800, 800]);
    none.assert_code(0);
    assert_eq!(none.objects().1["sizes"]["removed"], 4);
    assert_eq!(sizes(&workshop, "a.jpg"), Vec::<Value>::new());
    assert_eq!(workshop.app.records().len(), 1);
    for key in keys {
        assert_eq!(workshop.storage.get(&key), None, "{key}");
    }
    workshop.assert_objects();
}

#[test]
fn a_size_that_is_lost_is_made_again() {
    let workshop = Workshop::new();
    workshop.write("a.jpg", &jpeg(&fields(900, 600), None));
    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);
    let before = (workshop.gallery(), workshop.app.records());
    let key = key_of(&workshop, &ids(&sizes(&workshop, "a.jpg"))[0]);
    std::fs::remove_file(workshop.storage.path(&key)).unwrap();

    let again = workshop.import(SIZES, &[&workshop.images()]);

    again.assert_code(0);
    assert_eq!(again.objects().1["sizes"]["made"], 1);
    assert_eq!((workshop.gallery(), workshop.app.records()), before);
    workshop.assert_objects();
}

#[test]
fn a_size_that_two_images_have_stays_until_both_are_gone() {
    let workshop = Workshop::new();
    // The same pixels in two files.
    let png = encoded(fields(700, 400), ImageFormat::Png);
    workshop.write("a.png", &png);
    workshop.write("b.png", &[&png[..], b"more"].concat());
    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);
    let shared = ids(&sizes(&workshop, "a.png"));
    assert_eq!(ids(&sizes(&workshop, "b.png")), shared);
    let gallery = workshop.gallery();
    let [a, b] = [0, 1].map(|place| gallery[place]["id"].as_str().unwrap().to_owned());

    workshop.run(&["remove", &a]).assert_code(0);
    let keys: Vec<String> = shared.iter().map(|id| key_of(&workshop, id)).collect();
    let left: BTreeSet<String> = workshop.app.records().into_keys().collect();
    let removed = workshop.run(&["remove", "--json", &b]);

    assert_eq!(left, shared.iter().chain([&b]).cloned().collect());
    removed.assert_code(0);
    assert_eq!(removed.count("removed"), 3);
    assert_eq!(workshop.app.records().len(), 0);
    for key in keys {
        assert_eq!(workshop.storage.get(&key), None, "{key}");
    }
    assert_eq!(workshop.gallery(), Vec::<Value>::new());
}

#[test]
fn sizes_are_verified_and_warmed_with_their_images() {
    let workshop = Workshop::new();
    workshop.write("a.jpg", &jpeg(&fields(700, 400), None));
    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);
    let size = ids(&sizes(&workshop, "a.jpg"))[1].clone();

    let sound = workshop.run(&["verify", "--json"]);
    let warmed = workshop.run(&["warm", "--json"]);
    std::fs::remove_file(workshop.storage.path(&key_of(&workshop, &size))).unwrap();
    let broken = workshop.run(&["verify", "--json"]);

    assert_eq!((sound.code, sound.count("sound")), (Some(0), 5));
    assert_eq!((warmed.code, warmed.count("served")), (Some(0), 5));
    assert_eq!(broken.code, Some(1));
    assert_eq!(told(&broken, &size).0, "broken");
}

#[test]
fn a_list_that_cannot_be_used_is_refused_before_anything_is_done() {
    let workshop = Workshop::new();
    workshop.write("a.jpg", &jpeg(&fields(700, 400), None));
    for (arguments, named) in [
        (&["--sizes", "0"][..], "'0' is not a width"),
        (&["--sizes", "320,wide"], "'wide' is not a width"),
        (&["--sizes", "99999"], "'99999' is not a width"),
        (
            &["--sizes", "320", "--gallery", ""],
            "--sizes needs --gallery",
        ),
    ] {
        let ended = workshop.import(arguments, &[&workshop.images()]);

        ended.assert_code(1);
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
    }
    assert_eq!(workshop.app.records().len(), 0);
}

#[test]
fn a_picture_that_cannot_be_made_smaller_is_imported_all_the_same_and_told() {
    let workshop = Workshop::new();
    // A profile of light in a picture of inks.
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let odd = jpeg_of_inks(&[[9; 4]; 6], (700, 400), &p3, ColorType::Cmyk);
    workshop.write("odd.jpg", &odd);
    workshop.write("a.jpg", &jpeg(&fields(700, 400), None));

    let ended = workshop.import(SIZES, &[&workshop.images()]);

    ended.assert_code(1);
    assert_eq!(ended.count("imported"), 2);
    assert_eq!(
        widths_and_types(&workshop, "a.jpg"),
        photographs(&[320, 640])
    );
    assert_eq!(sizes(&workshop, "odd.jpg"), Vec::<Value>::new());
    assert!(
        ended.stderr.contains("not in all sizes: "),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("colour profile cannot be used"),
        "{}",
        ended.stderr
    );
}

#[test]
fn one_too_high_for_webp_is_made_as_jpeg_alone() {
    let workshop = Workshop::new();
    workshop.write("tower.jpg", &jpeg(&fields(400, 30_000), None));

    workshop.import(SIZES, &[&workshop.images()]).assert_code(0);

    assert_eq!(
        widths_and_types(&workshop, "tower.jpg"),
        with("image/jpeg", &[320])
    );
    assert_eq!(sizes(&workshop, "tower.jpg")[0]["height"], 24_000);
}

#[test]
fn an_import_that_is_interrupted_lists_nothing_that_is_not_there() {
    let workshop = Workshop::new();
    for number in 0..12 {
        let image = photograph(700, 500, number);
        workshop.write(&format!("{number}.jpg"), &jpeg(&image, None));
    }
    workshop.interrupted_with(SIZES, 2);
    let listed = workshop.gallery().len();
    let verified = workshop.run(&["verify", "--json", "--deep"]);
    let resumed = workshop.import(SIZES, &[&workshop.images()]);

    assert!((2..=12).contains(&listed), "{listed}");
    verified.assert_code(0);
    resumed.assert_code(0);
    assert_eq!(workshop.app.records().len(), 12 * 5);
    workshop.assert_objects();
}

#[test]
fn memory_does_not_grow_with_the_number_of_photographs() {
    const MIB: u64 = 1024 * 1024;
    let workshop = Workshop::new();
    let image = photograph(4000, 3000, 1);
    let jpeg = jpeg(&image, None);
    for number in 0..12 {
        // Each is a file of its own, by what follows its end.
        let bytes = [&jpeg[..], format!("{number}").as_bytes()].concat();
        workshop.write(&format!("{number}.jpg"), &bytes);
    }

    let peak = workshop.peak_of(&["--json", "--sizes", "320", "--parallel", "16"], 10);

    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    let bound = (192 * cores + 384) * MIB;
    say(&format!(
        "memory: 12 photographs of 12 megapixels take {} MiB",
        peak / MIB
    ));
    assert!(peak <= bound, "{} MiB", peak / MIB);
}
