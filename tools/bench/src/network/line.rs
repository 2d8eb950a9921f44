//! When what enters one direction of the LAN comes out of it.

use std::time::{Duration, Instant};

/// With what both ends take to handle a packet, a round trip takes 0.4 ms.
pub const DELAY: Duration = Duration::from_micros(175);

/// What fits into a packet without its Ethernet frame.
pub const MTU: usize = 1500;

/// Preamble, header, checksum and the gap to the next frame.
const FRAMING: usize = 38;

/// At 1 Gbit/s.
const NANOSECONDS_PER_BYTE: u64 = 8;

/// Longest that a packet waits for those before it; then it is lost, as in a switch.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// One direction of a full-duplex line.
pub struct Line {
    free_from: Instant,
}

impl Line {
    /// A line on which nothing is under way.
    pub fn new(now: Instant) -> Self {
        Self { free_from: now }
    }

    /// When the last bit arrives of what enters at `now` and takes `bytes` on the cable; `None` when
    /// it is lost because too much waits before it.
    pub fn arrival(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let starts = self.free_from.max(now);
        if starts - now > LONGEST_WAIT {
            return None;
        }
        self.free_from = starts + Duration::from_nanos(bytes as u64 * NANOSECONDS_PER_BYTE);
        Some(self.free_from + DELAY)
    }
}

/// What an IP packet takes on the cable, that is cut into segments of `segment_size` there (0: sent as
/// it is), each with headers of its own.
pub fn bytes_on_cable(packet: usize, segment_size: usize) -> usize {
    if segment_size == 0 {
        return packet + FRAMING;
    }
    let headers = MTU.saturating_sub(segment_size);
    let data = packet.saturating_sub(headers);
    data + data.div_ceil(segment_size).max(1) * (headers + FRAMING)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    /// 1 ms of the line.
    const MILLISECOND_OF_BYTES: usize = 125_000;

    #[test]
    fn a_packet_on_a_free_line_takes_its_own_length_and_the_delay() {
        let now = Instant::now();

        let arrival = Line::new(now).arrival(now, MILLISECOND_OF_BYTES).unwrap();

        assert_eq!(arrival - now, Duration::from_millis(1) + DELAY);
    }

    #[test]
    fn a_packet_waits_for_those_before_it_but_not_for_their_delay() {
        let now = Instant::now();
        let mut line = Line::new(now);
        line.arrival(now, MILLISECOND_OF_BYTES).unwrap();

        let arrival = line.arrival(now + DELAY, MILLISECOND_OF_BYTES).unwrap();

        assert_eq!(arrival - now, Duration::from_millis(2) + DELAY);
    }

    #[test]
    fn time_in_which_the_line_was_free_is_not_made_up_for() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);

        let arrival = Line::new(now).arrival(later, MILLISECOND_OF_BYTES).unwrap();

        assert_eq!(arrival - later, Duration::from_millis(1) + DELAY);
    }

    #[test]
    fn a_packet_behind_too_many_is_lost_and_takes_no_time() {
        let now = Instant::now();
        let mut line = Line::new(now);
        line.arrival(now, 10 * MILLISECOND_OF_BYTES + 1).unwrap();

        assert_eq!(line.arrival(now, MILLISECOND_OF_BYTES), None);

        let later = now + Duration::from_millis(1);
        assert!(line.arrival(later, MILLISECOND_OF_BYTES).is_some());
    }

    #[test]
    fn each_segment_has_headers_and_a_frame_of_its_own_on_the_cable() {
        for (packet, segment_size, expected) in [
            (52, 0, 90),
            (1500, 0, 1538),
            (1500, 1448, 1538),
            (52 + 2 * 1448, 1448, 2 * 1538),
            (52 + 2 * 1448 + 1, 1448, 2 * 1538 + 91),
        ] {
            assert_eq!(
                bytes_on_cable(packet, segment_size),
                expected,
                "{packet} bytes in segments of {segment_size}"
            );
        }
    }
}
