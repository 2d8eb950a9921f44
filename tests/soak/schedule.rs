//! What fails, and when: the same in each run.

use std::time::Duration;

use crate::harness::faulty_link::{Ending, Fault, Place};

/// Of this many answers of storage, one fails.
const ONE_IN: usize = 10;

/// Behind an answer that is right. No image has this length, so that no client could be served it.
const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";

/// Sequences of numbers without a pattern (`SplitMix64`).
pub struct Dice(u64);

impl Dice {
    /// Each seed has a sequence of its own.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// The next number, below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// For one answer after another, for ever.
pub fn faults() -> impl Iterator<Item = Option<Fault>> + Send {
    let mut dice = Dice::seeded(0);
    std::iter::repeat_with(move || (dice.below(ONE_IN) == 0).then(|| fault(&mut dice)))
}

/// Any of what storage and the network can do; few that take as long as a limit.
fn fault(dice: &mut Dice) -> Fault {
    let place = match dice.below(4) {
        0 => Place::BeforeHead,
        1 => Place::WithinHead,
        2 => Place::AfterHead,
        _ => Place::MidBody,
    };
    match dice.below(20) {
        0..4 => Fault::Ends(place, Ending::Reset),
        4..8 => Fault::Ends(place, Ending::Close),
        8 => Fault::Ends(place, Ending::Stall),
        9..11 => Fault::Trickles {
            bytes: 300,
            apart: Duration::from_millis(1),
        },
        11..13 => Fault::Field("Content-Length", dice.below(1_000_000).to_string()),
        13 => Fault::Chunked,
        14..16 => Fault::Surplus(FORGED.into()),
        16 => Fault::Instead("220 mail.example ESMTP\r\n".into()),
        17 => refusal("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"),
        18 => refusal("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>"),
        _ => refusal(
            "307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/",
            "",
        ),
    }
}

fn refusal(status: &str, document: &str) -> Fault {
    let length = document.len();
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{document}");
    Fault::Instead(text.into_bytes())
}
