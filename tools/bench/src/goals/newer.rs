//! What the component for WASI 0.3 has to be, of the one for 0.2 on the same host.

use super::aim::{Aim, Figure};
use crate::component::Setup;
use crate::goal::Goal;
use crate::network::LOOPBACK;
use crate::question::Question;
use crate::report::Row;
use crate::size::size;
use crate::work::{SIZES, Work};

/// All of them; the setups are of the component for 0.2.
pub fn aims(key_value: Setup, sqlite: Setup) -> Vec<Aim> {
    let mut aims = vec![
        rate("304 from key-value", Work::NotModified, 16, key_value, 3.0),
        rate("304 from SQLite", Work::NotModified, 16, sqlite, 3.0),
    ];
    for bytes in SIZES {
        for connections in [1, 16] {
            let (what, work) = (size(bytes), Work::Whole(bytes));
            aims.push(rate(&what, work, connections, key_value, least_rate(bytes)));
        }
        aims.push(tail(bytes, key_value));
    }
    let kept = key_value.keeping_images();
    aims.push(rate("10 KB, kept", Work::Whole(10_000), 16, kept, 2.0));
    aims
}

/// The larger an image, the more of its time is storage's and the line's.
fn least_rate(bytes: u64) -> f64 {
    match bytes {
        ..=10_000 => 1.4,
        10_001..=100_000 => 1.2,
        _ => 1.0,
    }
}

fn rate(what: &str, work: Work, connections: u32, older: Setup, limit: f64) -> Aim {
    Aim {
        what: format!("WASI 0.3, loopback ×{connections}, {what}: throughput, of WASI 0.2"),
        figure: of_the_older(older, work, connections, Row::rate),
        bound: Goal::at_least,
        limit,
    }
}

fn tail(bytes: u64, older: Setup) -> Aim {
    Aim {
        what: format!(
            "WASI 0.3, loopback ×1, {}: slowest of a hundred, of WASI 0.2",
            size(bytes)
        ),
        figure: of_the_older(older, Work::Whole(bytes), 1, Row::total_p99_ms),
        bound: Goal::at_most,
        limit: 1.0,
    }
}

fn of_the_older(older: Setup, work: Work, connections: u32, of: fn(&Row) -> f64) -> Figure {
    Figure::Ratio {
        question: Question {
            network: LOOPBACK,
            work,
            connections,
        },
        of,
        subject: older.on_wasi_0_3().to_string(),
        to: older.to_string(),
    }
}
