//! A chart of one image size: requests per second by subject and connections, the networks side by side.

use std::collections::BTreeSet;

use indicatif::HumanFloatCount;
use svg::Document;
use svg::node::element::{self, Line, Rectangle, Text, Title};

/// One network's part of a chart, with a scale of its own.
pub struct Panel {
    /// The network's name.
    pub title: String,
    /// What was measured over it.
    pub groups: Vec<Group>,
}

/// One subject's bars.
pub struct Group {
    /// The subject's name.
    pub subject: String,
    /// Whether it stands out among the others.
    pub emphasised: bool,
    /// One for each number of connections that was measured.
    pub bars: Vec<Bar>,
}

/// One measurement.
pub struct Bar {
    /// How many connections asked at once.
    pub connections: u32,
    /// How fast they were answered.
    pub requests_per_second: f64,
}

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 24.0;
/// What stands above the first row.
const HEADER: f64 = 116.0;
/// What stands below the last row: the scales.
const FOOTER: f64 = 40.0;
const BAR: f64 = 12.0;
const BAR_PITCH: f64 = 14.0;
const ROW_GAP: f64 = 14.0;
/// Room for the value at the end of the longest bar.
const VALUE: f64 = 56.0;
const SIZE: f64 = 13.0;
/// An average letter of a bold name: no font is at hand to measure by.
const LETTER: f64 = 0.58 * SIZE;
/// From the middle of a letter down to its foot.
const BASELINE: f64 = 0.35 * SIZE;

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const INK: &str = "#1f2328";
const FAINT_INK: &str = "#59636e";
const GRID: &str = "#dfe3e8";
const BAND: &str = "#eaf3fc";

/// What the panels have in common: one row for each subject, one bar in it for each number of connections.
struct Rows<'a> {
    subjects: Vec<&'a Group>,
    connections: Vec<u32>,
}

/// The text of an SVG, its rows in the order of `panels`.
pub fn draw(title: &str, panels: &[Panel]) -> String {
    let rows = Rows::of(panels);
    let height = HEADER + rows.height() + FOOTER;
    let frame = rectangle(0.5, 0.5, WIDTH - 1.0, height - 1.0)
        .set("rx", 6)
        .set("fill", "#fff")
        .set("stroke", GRID);
    let names = rows.subjects.iter().map(|row| row.subject.chars().count());
    let left = MARGIN + float(names.max().unwrap_or(0)) * LETTER;
    let width = (WIDTH - MARGIN - left) / float(panels.len());

    let mut document = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .set("role", "img")
        .set("font-family", FONT)
        .set("font-size", SIZE)
        .set("fill", INK)
        .add(Title::new(title))
        .add(frame)
        .add(bold(text(MARGIN, 36.0, title)).set("font-size", 18))
        .add(moved(rows.legend(), MARGIN, 62.0))
        .add(moved(rows.names(), 0.0, HEADER));
    for (index, panel) in panels.iter().enumerate() {
        let x = left + float(index) * width;
        document = document.add(moved(rows.panel(panel, width), x, HEADER));
    }
    format!("{document}\n")
}

impl<'a> Rows<'a> {
    fn of(panels: &'a [Panel]) -> Self {
        let mut subjects: Vec<&Group> = Vec::new();
        let mut connections = BTreeSet::new();
        for group in panels.iter().flat_map(|panel| &panel.groups) {
            if subjects.iter().all(|row| row.subject != group.subject) {
                subjects.push(group);
            }
            connections.extend(group.bars.iter().map(|bar| bar.connections));
        }
        Self {
            subjects,
            connections: connections.into_iter().collect(),
        }
    }

    /// Of one row.
    fn pitch(&self) -> f64 {
        float(self.connections.len()) * BAR_PITCH + ROW_GAP
    }

    /// Of all rows.
    fn height(&self) -> f64 {
        float(self.subjects.len()) * self.pitch()
    }

    /// Each row, below its upper edge.
    fn tops(&self) -> impl Iterator<Item = (f64, &'a Group)> {
        let rows = self.subjects.iter().enumerate();
        rows.map(|(index, row)| (float(index) * self.pitch(), *row))
    }

    /// The more connections, the darker.
    fn colour(&self, index: usize, emphasised: bool) -> String {
        let last = float(self.connections.len()) - 1.0;
        let lightness = 68.0 - 44.0 * float(index) / last.max(1.0);
        let saturation = if emphasised { 72 } else { 4 };
        format!("hsl(211, {saturation}%, {lightness:.0}%)")
    }

    fn legend(&self) -> element::Group {
        let scale = "Requests per second, each network on its own scale from zero";
        let mut legend = element::Group::new().add(
            text(WIDTH - 2.0 * MARGIN, 0.0, scale)
                .set("text-anchor", "end")
                .set("fill", FAINT_INK),
        );
        for (index, connections) in self.connections.iter().enumerate() {
            let x = float(index) * 150.0;
            for (x, emphasised) in [(x, false), (x + BAR, true)] {
                let colour = self.colour(index, emphasised);
                legend = legend.add(rectangle(x, 1.0 - BAR, BAR, BAR).set("fill", colour));
            }
            legend = legend.add(text(x + 2.0 * BAR + 6.0, 0.0, &plural(*connections)));
        }
        legend
    }

    /// The subjects' names, each emphasised one on a band through all panels.
    fn names(&self) -> element::Group {
        let mut names = element::Group::new();
        for (y, row) in self.tops() {
            let mut name = text(MARGIN, y + self.pitch() / 2.0 + BASELINE, &row.subject);
            if row.emphasised {
                name = bold(name);
                let band = rectangle(MARGIN / 2.0, y, WIDTH - MARGIN, self.pitch());
                names = names.add(band.set("fill", BAND));
            }
            names = names.add(name);
        }
        names
    }

    fn panel(&self, panel: &Panel, width: f64) -> element::Group {
        let bars = panel.groups.iter().flat_map(|group| &group.bars);
        let longest = bars.map(|bar| bar.requests_per_second).fold(0.0, f64::max);
        let longest = if longest > 0.0 { longest } else { 1.0 };
        let scale = (width - VALUE) / longest;
        let mut drawn = element::Group::new().add(bold(text(0.0, -16.0, &panel.title)));
        for tick in ticks(longest) {
            drawn = drawn.add(moved(self.tick(tick), tick * scale, 0.0));
        }
        for (y, row) in self.tops() {
            let mut groups = panel.groups.iter();
            let group = groups.find(|group| group.subject == row.subject);
            let row = match group.filter(|group| !group.bars.is_empty()) {
                Some(group) => self.group(group, scale),
                None => element::Group::new().add(
                    text(6.0, self.pitch() / 2.0 + BASELINE, "not measured").set("fill", FAINT_INK),
                ),
            };
            drawn = drawn.add(moved(row, 0.0, y));
        }
        drawn
    }

    fn tick(&self, value: f64) -> element::Group {
        let line = Line::new().set("y2", self.height()).set("stroke", GRID);
        let label = HumanFloatCount(value).to_string();
        let label = text(0.0, self.height() + 18.0, &label)
            .set("text-anchor", "middle")
            .set("font-size", 11)
            .set("fill", FAINT_INK);
        element::Group::new().add(line).add(label)
    }

    fn group(&self, group: &Group, scale: f64) -> element::Group {
        let mut drawn = element::Group::new().set("font-size", 11);
        for (index, connections) in self.connections.iter().enumerate() {
            let mut bars = group.bars.iter();
            let Some(bar) = bars.find(|bar| bar.connections == *connections) else {
                continue;
            };
            let y = ROW_GAP / 2.0 + float(index) * BAR_PITCH;
            let length = bar.requests_per_second * scale;
            let value = three_digits(bar.requests_per_second);
            let connections = plural(*connections);
            let tip = format!("{}, {connections}: {value} requests/s", group.subject);
            let rectangle = rectangle(0.0, y, length, BAR)
                .set("fill", self.colour(index, group.emphasised))
                .add(Title::new(tip));
            let value = text(length + 5.0, y + BAR - 2.0, &value);
            let value = if group.emphasised { bold(value) } else { value };
            drawn = drawn.add(rectangle).add(value);
        }
        drawn
    }
}

fn plural(connections: u32) -> String {
    let ending = if connections == 1 { "" } else { "s" };
    format!("{connections} connection{ending}")
}

/// Round values from zero to `longest`, at most six.
fn ticks(longest: f64) -> impl Iterator<Item = f64> {
    let least = longest / 5.0;
    let magnitude = 10_f64.powf(least.log10().floor());
    let mut steps = [1.0, 2.0, 5.0].map(|factor| factor * magnitude).into_iter();
    let step = steps
        .find(|step| *step >= least)
        .unwrap_or(10.0 * magnitude);
    (0..6_u32)
        .map(move |index| f64::from(index) * step)
        .take_while(move |tick| *tick <= longest)
}

/// Three significant digits: 9,480, 44.0 and 1.17.
fn three_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    match rounded {
        ..10.0 => format!("{rounded:.2}"),
        10.0..100.0 => format!("{rounded:.1}"),
        _ => HumanFloatCount(rounded).to_string(),
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

fn moved(group: element::Group, x: f64, y: f64) -> element::Group {
    let by = format!("translate({} {})", tenths(x), tenths(y));
    group.set("transform", by)
}

fn rectangle(x: f64, y: f64, width: f64, height: f64) -> Rectangle {
    Rectangle::new()
        .set("x", tenths(x))
        .set("y", tenths(y))
        .set("width", tenths(width))
        .set("height", tenths(height))
}

fn text(x: f64, y: f64, content: &str) -> Text {
    Text::new(content).set("x", tenths(x)).set("y", tenths(y))
}

fn bold(text: Text) -> Text {
    text.set("font-weight", 600)
}

#[cfg(test)]
mod tests {
    use svg::parser::Event;

    use super::*;

    /// One subject after another with its three values, the second emphasised.
    fn panel(title: &str, subjects: &[(&str, [f64; 3])]) -> Panel {
        let groups = subjects
            .iter()
            .enumerate()
            .map(|(index, (subject, values))| {
                let bars = [1, 16, 64].into_iter().zip(*values);
                Group {
                    subject: (*subject).to_owned(),
                    emphasised: index == 1,
                    bars: bars
                        .map(|(connections, requests_per_second)| Bar {
                            connections,
                            requests_per_second,
                        })
                        .collect(),
                }
            });
        Panel {
            title: title.to_owned(),
            groups: groups.collect(),
        }
    }

    fn loopback() -> Panel {
        let values = [
            ("Storage", [2061.4, 8983.0, 9020.0]),
            ("image-proxy", [1204.0, 6804.0, 7010.0]),
            ("FastAPI", [31.24, 44.0, 45.16]),
        ];
        panel("Loopback", &values)
    }

    /// The texts on the picture, from the top of the document down.
    fn words(svg: &str) -> Vec<String> {
        let mut within = false;
        let events = svg::read(svg).unwrap();
        let words = events.filter_map(|event| match event {
            Event::Tag("text", _, _) => {
                within = !within;
                None
            }
            Event::Text(words) => within.then(|| words.trim().to_owned()),
            _ => None,
        });
        words.collect()
    }

    /// The lengths of the bars, which alone among the rectangles have something inside.
    fn lengths(svg: &str) -> Vec<f64> {
        let bars = svg::read(svg).unwrap().filter_map(|event| match event {
            Event::Tag("rect", svg::node::element::tag::Type::Start, attributes) => {
                Some(attributes["width"].parse().unwrap())
            }
            _ => None,
        });
        bars.collect()
    }

    #[test]
    fn every_bar_has_its_value_beside_it() {
        let words = words(&draw("100 KB", &[loopback()]));

        let values = [
            "2,060", "8,980", "9,020", "1,200", "6,800", "7,010", "31.2", "44.0", "45.2",
        ];
        assert_eq!(words[words.len() - values.len()..], values);
    }

    #[test]
    fn bars_are_as_long_as_their_values_from_zero() {
        let panel = loopback();
        let values = panel.groups.iter().flat_map(|group| &group.bars);
        let values: Vec<_> = values.map(|bar| bar.requests_per_second).collect();

        let lengths = lengths(&draw("100 KB", &[panel]));

        assert_eq!(lengths.len(), values.len());
        let longest = lengths[2];
        assert!(longest > WIDTH / 2.0, "{longest}");
        for (length, value) in lengths.iter().zip(values) {
            let exact = longest * value / 9020.0;
            assert!(
                (length - exact).abs() <= 0.1,
                "{value}: {length}, not {exact}"
            );
        }
    }

    #[test]
    fn each_network_fills_its_own_scale() {
        let lan = panel("LAN", &[("Storage", [100.0, 117.0, 117.0])]);

        let lengths = lengths(&draw("1 MB", &[loopback(), lan]));

        assert_eq!(
            lengths[2].to_string(),
            lengths[lengths.len() - 1].to_string()
        );
    }

    #[test]
    fn a_bar_is_at_the_place_and_in_the_colour_of_its_connections() {
        let mut incomplete = loopback();
        for group in &mut incomplete.groups {
            group.bars.remove(0);
            group.bars.reverse();
        }
        let complete = draw("100 KB", &[loopback(), loopback()]);

        let drawn = draw("100 KB", &[loopback(), incomplete]);

        let lines = complete.lines().filter(|line| line.contains("<rect"));
        let kept: Vec<_> = lines.collect();
        for line in drawn.lines().filter(|line| line.contains("<rect")) {
            assert!(kept.contains(&line), "{line}");
        }
        assert_eq!(lengths(&drawn).len(), 15);
    }

    #[test]
    fn a_subject_that_one_network_lacks_is_said_to_be_not_measured() {
        let mut lan = panel("LAN", &[("Storage", [100.0, 117.0, 117.0])]);
        lan.groups.push(Group {
            subject: "FastAPI".to_owned(),
            emphasised: false,
            bars: Vec::new(),
        });

        let words = words(&draw("1 MB", &[lan, loopback()]));

        for (expected, count) in [
            ("not measured", 2),
            ("Storage", 1),
            ("image-proxy", 1),
            ("FastAPI", 1),
        ] {
            let found = words.iter().filter(|words| *words == expected);
            assert_eq!(found.count(), count, "{expected}: {words:?}");
        }
    }

    #[test]
    fn only_what_is_emphasised_has_colours() {
        let drawn = draw("100 KB", &[loopback()]);

        let coloured = drawn.lines().filter(|line| line.contains("hsl(211, 72%"));
        let bars: Vec<_> = coloured.filter(|line| !line.ends_with("/>")).collect();
        assert_eq!(bars.len(), 3);
        assert!(drawn.contains("<title>image-proxy, 16 connections: 6,800 requests/s</title>"));
    }

    #[test]
    fn names_are_escaped() {
        let named = panel("<LAN>", &[("a & \"b\"", [1.0, 2.0, 3.0])]);

        let drawn = draw("</svg>", &[named]);

        for escaped in [
            "&lt;/svg&gt;",
            "&lt;LAN&gt;",
            "a &amp; \"b\", 1 connection: 1.00",
        ] {
            assert!(drawn.contains(escaped), "{escaped}: {drawn}");
        }
        assert_eq!(drawn.matches("</svg>").count(), 1);
    }

    #[test]
    fn a_viewer_is_told_what_it_shows() {
        let drawn = draw("Images of 100 KB", &[loopback()]);

        let head: Vec<_> = drawn.lines().take(2).collect();
        assert!(
            head[0].starts_with("<svg ") && head[0].contains("role=\"img\""),
            "{head:?}"
        );
        assert_eq!(head[1], "<title>Images of 100 KB</title>");
    }

    #[test]
    fn the_same_values_give_the_same_text() {
        let draws = [(); 2].map(|()| draw("100 KB", &[loopback(), loopback()]));

        assert_eq!(draws[0], draws[1]);
    }

    #[test]
    fn nothing_measured_and_nothing_answered_are_drawn_too() {
        for panels in [
            vec![],
            vec![panel("LAN", &[]), panel("", &[("s3-proxy", [0.0; 3])])],
        ] {
            let drawn = draw("10 MB", &panels);

            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }

    #[test]
    fn values_have_three_digits() {
        for (value, expected) in [
            (0.0, "0.00"),
            (1.166, "1.17"),
            (9.996, "10.0"),
            (99.96, "100"),
            (999.6, "1,000"),
            (71_649.0, "71,600"),
            (1_234_567.0, "1,230,000"),
        ] {
            assert_eq!(three_digits(value), expected);
        }
    }

    #[test]
    fn scales_have_round_steps() {
        for (longest, expected) in [
            (9020.0, "0 2,000 4,000 6,000 8,000"),
            (1163.0, "0 500 1,000"),
            (117.0, "0 50 100"),
            (0.5, "0 0.1 0.2 0.3 0.4 0.5"),
            (1.0, "0 0.2 0.4 0.6 0.8 1"),
        ] {
            let labels = ticks(longest).map(|tick| HumanFloatCount(tick).to_string());
            assert_eq!(labels.collect::<Vec<_>>().join(" "), expected);
        }
    }
}
