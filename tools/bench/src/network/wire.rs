//! A LAN's cables and switches in user space, for kernels that cannot delay packets: two TUN devices,
//! and a thread that carries packets from each to the other.

use std::collections::VecDeque;
use std::io;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::thread::gettid;
use tun_rs::{DeviceBuilder, SyncDevice, VIRTIO_NET_HDR_LEN, VirtioNetHdr};

use super::line::{Line, MTU, bytes_on_cable};
use xtask::process;

/// Longest time that waking up is believed to take: what takes longer is an accident.
const LONGEST_WAKING_UP: Duration = Duration::from_micros(100);

/// The longest packet, with the header that says how it is to be cut into segments.
const LONGEST_PACKET: usize = VIRTIO_NET_HDR_LEN + 65_535;

/// Makes both devices, and carries packets between them until they are deleted.
///
/// # Errors
/// When they cannot be made, or the thread cannot have real-time priority.
pub fn join(one: &str, other: &str) -> anyhow::Result<()> {
    let devices = [device(one)?, device(other)?];
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("wire".into()).spawn(move || {
        let _ = sender.send(gettid());
        let _ = carry_until_deleted(&devices);
    })?;
    // A cable does not wait for a processor: the thread goes before all others.
    let thread = receiver.recv()?.as_raw_nonzero().to_string();
    process::run(Command::new("chrt").args(["--fifo", "--pid", "1", &thread]))
}

/// Offload has long packets passed whole, so that thousands and not tens of thousands come a second.
fn device(name: &str) -> anyhow::Result<SyncDevice> {
    let device = DeviceBuilder::new()
        .name(name)
        .mtu(u16::try_from(MTU)?)
        .offload(true)
        .build_sync()
        .context("no TUN device")?;
    device.set_nonblocking(true)?;
    Ok(device)
}

/// One direction.
struct Direction<'a> {
    from: &'a SyncDevice,
    to: &'a SyncDevice,
    line: Line,
    under_way: VecDeque<(Instant, Vec<u8>)>,
}

impl<'a> Direction<'a> {
    fn new(from: &'a SyncDevice, to: &'a SyncDevice) -> Self {
        Self {
            from,
            to,
            line: Line::new(Instant::now()),
            under_way: VecDeque::new(),
        }
    }

    /// Lets out what has arrived by then.
    fn deliver(&mut self, until: Instant) {
        while let Some((_, packet)) = self.under_way.pop_front_if(|(at, _)| *at <= until) {
            // The other device may be down: such a packet is lost.
            let _ = self.to.send(&packet);
        }
    }

    /// Takes in what waits, and tells whether there was anything.
    fn accept(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let length = match self.from.recv(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let packet = &buffer[..length];
        let segment_size = usize::from(VirtioNetHdr::decode(packet)?.gso_size);
        let bytes = bytes_on_cable(length - VIRTIO_NET_HDR_LEN, segment_size);
        if let Some(arrival) = self.line.arrival(Instant::now(), bytes) {
            self.under_way.push_back((arrival, packet.to_vec()));
        }
        Ok(true)
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.under_way.front().map(|(arrival, _)| *arrival)
    }
}

fn carry_until_deleted([one, other]: &[SyncDevice; 2]) -> anyhow::Result<()> {
    let mut directions = [Direction::new(one, other), Direction::new(other, one)];
    let mut buffer = vec![0; LONGEST_PACKET];
    // What arrives before one could wake up for it is delivered now: else it would be late, and many
    // small packets would take a wake-up each.
    let mut waking_up = Duration::ZERO;
    loop {
        let mut was_busy = false;
        for direction in &mut directions {
            direction.deliver(Instant::now() + waking_up);
            was_busy |= direction.accept(&mut buffer)?;
        }
        if was_busy {
            continue;
        }
        let next = directions.iter().filter_map(Direction::next_arrival).min();
        let limit = next.map(|at| at.saturating_duration_since(Instant::now() + waking_up));
        if !packet_enters_within(limit, one, other)?
            && let Some(arrival) = next
        {
            let took = (Instant::now() + waking_up).saturating_duration_since(arrival);
            waking_up = (waking_up * 7 + took.min(LONGEST_WAKING_UP)) / 8;
        }
    }
}

/// Waits until a packet enters at either device, but not longer than `limit`: whether one did.
fn packet_enters_within(
    limit: Option<Duration>,
    one: &SyncDevice,
    other: &SyncDevice,
) -> anyhow::Result<bool> {
    let limit = limit.map(Timespec::try_from).transpose()?;
    let mut devices = [one, other].map(|device| PollFd::new(device, PollFlags::IN));
    match poll(&mut devices, limit.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
