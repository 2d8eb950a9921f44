//! A chart of one image size: requests per second by subject and connections, each network on its own scale.

use std::collections::BTreeSet;

use anyhow::anyhow;
use charts_rs::{Align, ChildChart, Color, HorizontalBarChart, LegendCategory, MultiChart, Series};

use crate::question::Question;
use crate::report::{Network, Report};
use crate::work::Work;

/// From few connections to many.
const SHADES: [(u8, u8, u8); 3] = [(184, 189, 196), (125, 132, 141), (66, 72, 80)];

/// The same for the subject that the others are beside.
const SHADES_OF_OURS: [(u8, u8, u8); 3] = [(140, 190, 245), (50, 125, 210), (17, 72, 140)];

/// The library measures texts by the first.
const FONTS: &str = "Roboto, Arial, sans-serif";

/// The text of an SVG.
///
/// # Errors
/// When it cannot be drawn; the text says why.
pub fn draw(report: &Report, work: Work) -> anyhow::Result<String> {
    let mut chart = MultiChart::new();
    for network in &report.networks {
        let panel = Panel::of(report, network, work).draw();
        chart.add(ChildChart::HorizontalBar(panel, None));
    }
    chart
        .svg()
        .map_err(|error| anyhow!("the chart for {work} cannot be drawn: {error}"))
}

/// One network's part of a chart: a row for each subject, and in it a bar for each number of connections.
struct Panel {
    title: String,
    subjects: Vec<String>,
    connections: Vec<u32>,
    /// Requests per second, by connections and subject.
    rates: Vec<Vec<Option<f32>>>,
}

impl Panel {
    fn of(report: &Report, network: &Network, work: Work) -> Self {
        let is_measured = |name: &String| {
            let mut rows = report.rows.iter();
            rows.any(|row| row.work == work && row.subject == *name)
        };
        // The library draws from the foot up.
        let subjects = report.subjects.iter().rev();
        let subjects = subjects.map(|subject| subject.name.clone());
        let subjects: Vec<_> = subjects.filter(is_measured).collect();
        let rows = report.rows.iter();
        let measured = rows.filter(|row| row.network == network.name && row.work == work);
        let connections: BTreeSet<_> = measured.map(|row| row.connections).collect();
        let rate = |subject: &String, connections| {
            let question = Question {
                network: network.name,
                work,
                connections,
            };
            let row = report.row(question, subject)?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a picture shows four digits"
            )]
            let rate = row.rate() as f32;
            Some(rate)
        };
        let rates = connections.iter().map(|connections| {
            let rates = subjects.iter().map(|subject| rate(subject, *connections));
            rates.collect()
        });
        Self {
            title: format!(
                "Images of {work}, {}: requests per second by connections",
                network.name
            ),
            rates: rates.collect(),
            connections: connections.into_iter().collect(),
            subjects,
        }
    }

    fn draw(&self) -> HorizontalBarChart {
        let series = (0..self.connections.len()).map(|shade| self.series(shade));
        let names = self.subjects.iter().map(|name| spaced(name));
        let mut chart = HorizontalBarChart::new(series.collect(), names.collect());
        chart.font_family = FONTS.into();
        chart.title.text.clone_from(&self.title);
        chart.title.align = Align::Left;
        chart.legend.align = Align::Right;
        chart.legend.category = LegendCategory::Rect;
        chart.series.colors = SHADES.map(Color::from).into();
        chart.series.label.formatter = "{t}".into();
        if let Some(axis) = chart.y_axis_configs.first_mut() {
            axis.min = Some(0.0);
            axis.formatter = Some("{t}".to_owned());
        }
        // Where the value of the longest bar ends.
        chart.margin.right = 60.0;
        chart.width = 960.0;
        let row = 14 * self.connections.len() + 14;
        chart.height = float(120 + self.subjects.len() * row);
        chart
    }

    fn series(&self, shade: usize) -> Series {
        let name = format!("×{}", self.connections[shade]);
        let mut series = Series::new_nullable(spaced(&name), self.rates[shade].clone());
        series.label_show = true;
        let colours = self.subjects.iter().map(|subject| {
            let ours = subject.starts_with("image-proxy");
            let colour = SHADES_OF_OURS.get(shade).filter(|_| ours)?;
            Some(Color::from(*colour))
        });
        series.colors = Some(colours.collect());
        series
    }
}

/// Room after a name, for viewers whose font is wider than the one that texts are measured by.
fn spaced(name: &str) -> String {
    format!("{name}{}", "\u{a0}".repeat(6))
}

fn float(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Started, examples::row};

    const WORK: Work = Work::Whole(100_000);
    const OURS: &str = "image-proxy, Spin, key-value";

    /// Two subjects on two networks, of which one lacks the second subject.
    fn report() -> Report {
        let subjects = ["direct, presigned", OURS].map(|name| Started {
            name: name.into(),
            cold_start_ms: None,
            idle_bytes: 0,
        });
        let network = |name| Network {
            name,
            description: String::new(),
        };
        let row = |network, subject, connections, rate| {
            row(network, WORK, connections, subject, rate, 1.0)
        };
        Report {
            networks: ["loopback", "LAN"].map(network).into(),
            subjects: subjects.into(),
            rows: vec![
                row("loopback", "direct, presigned", 1, 2061.4),
                row("loopback", "direct, presigned", 16, 8983.0),
                row("loopback", OURS, 1, 1204.0),
                row("loopback", OURS, 16, 44.25),
                row("LAN", "direct, presigned", 1, 117.0),
            ],
            ..Report::default()
        }
    }

    #[test]
    fn each_value_stands_beside_its_bar() {
        let drawn = draw(&report(), WORK).unwrap();

        for (value, count) in [("2,061", 1), ("8,983", 1), ("1,204", 1), ("117", 1)] {
            let found = drawn.lines().filter(|line| line.trim() == value);
            assert_eq!(found.count(), count, "{value}: {drawn}");
        }
    }

    #[test]
    fn bars_are_as_long_as_their_values_from_zero_on_the_scale_of_their_network() {
        let drawn = draw(&report(), WORK).unwrap();

        let longest = width(&drawn, SHADES[1]);
        for (colour, share) in [
            (SHADES_OF_OURS[0], 1204.0 / 8983.0),
            (SHADES_OF_OURS[1], 44.25 / 8983.0),
        ] {
            let length = width(&drawn, colour);
            assert!(
                (length - longest * share).abs() < 1.0,
                "{length} of {longest}"
            );
        }
    }

    #[test]
    fn only_our_bars_have_colours() {
        let mut others = report();
        others.rows.retain(|row| row.subject != OURS);

        for (report, count) in [(report(), 1), (others, 0)] {
            let drawn = draw(&report, WORK).unwrap();
            for colour in &SHADES_OF_OURS[..2] {
                assert_eq!(drawn.matches(&hex(*colour)).count(), count, "{drawn}");
            }
        }
    }

    #[test]
    fn what_was_not_measured_has_a_name_and_no_bar() {
        let drawn = draw(&report(), WORK).unwrap();

        let names = drawn.lines().filter(|line| line.trim() == OURS);
        let bars = drawn.lines().filter(|line| line.starts_with("<rect"));
        let bars = bars.filter(|line| line.contains(OURS));
        assert_eq!((names.count(), bars.count()), (2, 2), "{drawn}");
    }

    #[test]
    fn nothing_measured_and_nothing_answered_are_drawn_too() {
        let empty = Report {
            rows: vec![],
            ..report()
        };
        let mut unanswered = report();
        for turn in unanswered.rows.iter_mut().flat_map(|row| &mut row.turns) {
            turn.figures.requests_per_second = 0.0;
        }
        for report in [Report::default(), empty, unanswered] {
            let drawn = draw(&report, WORK).unwrap();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }

    fn hex((red, green, blue): (u8, u8, u8)) -> String {
        format!("#{red:02X}{green:02X}{blue:02X}")
    }

    /// Of the longest rectangle of this colour.
    fn width(drawn: &str, colour: (u8, u8, u8)) -> f32 {
        let rectangles = drawn.lines().filter(|line| line.starts_with("<rect"));
        let coloured = rectangles.filter(|line| line.contains(&hex(colour)));
        let widths = coloured.filter_map(|line| {
            let (_, from_width) = line.split_once(" width=\"")?;
            from_width.split('"').next()?.parse().ok()
        });
        widths.fold(0.0, f32::max)
    }
}
