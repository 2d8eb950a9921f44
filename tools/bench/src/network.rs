//! A LAN within this machine: the servers are here, the client in a network namespace of its own.

mod line;
mod wire;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use xtask::{apt, process};

/// Name of the network within this machine.
pub const LOOPBACK: &str = "loopback";
/// Name of the network between two namespaces.
pub const LAN: &str = "LAN";

/// Of the range that RFC 2544 sets apart for benchmarks.
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
const SUBNET: &str = "198.18.0.0/30";

/// The client's namespace, and the two ends of the link.
const NAMESPACE: &str = "image-proxy-client";
const SERVER_DEVICE: &str = "lan-server";
const CLIENT_DEVICE: &str = "lan-client";

/// Rate and delay by the kernel: what `tc` is told for each device. It does not count what surrounds a
/// frame: 24 bytes of 1538.
const NETEM: [&str; 1] = ["qdisc add dev {} root netem delay 175us rate 984mbit limit 10000"];

/// Keeps what the wire cannot take yet where TCP sees it, as the queue of a network card does: none is
/// lost. The rate is what full IP packets have of 1 Gbit/s. Who connects goes first (the filter's SYN):
/// for a long time TCP gives little to a connection whose first round trip was slow.
const CARD: [&str; 6] = [
    "qdisc add dev {} root handle 1: htb default 20",
    "class add dev {} parent 1: classid 1:1 htb rate 975mbit burst 64kb cburst 64kb",
    "class add dev {} parent 1:1 classid 1:10 htb rate 10mbit ceil 975mbit burst 64kb cburst 64kb prio 0 quantum 60000",
    "class add dev {} parent 1:1 classid 1:20 htb rate 900mbit ceil 975mbit burst 64kb cburst 64kb prio 1 quantum 60000",
    "qdisc add dev {} parent 1:20 pfifo limit 10000",
    "filter add dev {} parent 1: protocol ip u32 match u8 0x02 0x02 at 33 flowid 1:10",
];

/// Longest that one connection sends at once, in bytes: with more, connections share a full line less
/// evenly; with less, passing packets on takes much more time.
const LONGEST_BURST: u32 = 32_768;

/// What most servers use, whatever this machine does: between the servers too, where they reach each
/// other by [`SERVER`].
const CONGESTION_CONTROL: &str = "cubic";

/// How often the round trip is measured.
const SAMPLES: usize = 51;

/// How a connection within this machine sends, with and without a LAN.
pub fn loopback_congestion_control(lan: Option<&Lan>) -> String {
    let of_this_machine = || {
        let setting = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
        setting.map_or_else(|_| "unknown".into(), |name| name.trim().to_owned())
    };
    lan.map_or_else(of_this_machine, |_| CONGESTION_CONTROL.into())
}

/// 1 Gbit/s, full duplex, and a round trip of 0.4 ms.
pub struct Lan {
    made_by: &'static str,
    round_trip: Duration,
}

impl Lan {
    /// Makes it; what an interrupted run left behind is removed first.
    ///
    /// # Errors
    /// Why it cannot be made here.
    pub fn set_up() -> anyhow::Result<Self> {
        ensure!(geteuid().is_root(), "it needs root");
        apt::ensure_by("iproute2", "ip", || {
            process::succeeds(Command::new("ip").arg("-Version"))
        })?;
        remove();
        let mut lan = Self {
            made_by: "",
            round_trip: Duration::ZERO,
        };
        ip(&format!("netns add {NAMESPACE}"))?;
        in_namespace("ip link set lo up")?;
        lan.made_by = link_by_kernel().or_else(|_| link_by_wire())?;
        lan.round_trip = round_trip()?;
        Ok(lan)
    }

    /// Where the servers are to listen.
    #[allow(clippy::unused_self, reason = "there is none without a LAN")]
    pub fn server_address(&self) -> IpAddr {
        SERVER.into()
    }

    /// `program`, to be run at the client's end.
    #[allow(clippy::unused_self, reason = "there is none without a LAN")]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", NAMESPACE]).arg(program);
        command
    }

    /// How it is made, and how fast it is.
    pub fn description(&self) -> String {
        format!(
            "{}; TCP congestion control {CONGESTION_CONTROL}; to connect takes {:.2} ms (median of {SAMPLES})",
            self.made_by,
            self.round_trip.as_secs_f64() * 1000.0
        )
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        remove();
    }
}

/// A wire's thread ends with its devices, which may not have been moved yet; a veth's peer goes with it.
fn remove() {
    for arguments in [
        format!("link delete {SERVER_DEVICE}"),
        format!("link delete {CLIENT_DEVICE}"),
        format!("-netns {NAMESPACE} link delete {CLIENT_DEVICE}"),
        format!("netns delete {NAMESPACE}"),
    ] {
        let _ = ip(&arguments);
    }
}

fn link_by_kernel() -> anyhow::Result<&'static str> {
    ip(&format!(
        "link add {SERVER_DEVICE} type veth peer name {CLIENT_DEVICE}"
    ))?;
    let made = configure(&NETEM);
    if made.is_err() {
        let _ = ip(&format!("link delete {SERVER_DEVICE}"));
    }
    made?;
    Ok("a veth pair with netem at both ends (984 Mbit/s, 175 µs each way)")
}

fn link_by_wire() -> anyhow::Result<&'static str> {
    wire::join(SERVER_DEVICE, CLIENT_DEVICE)?;
    configure(&CARD)?;
    Ok(
        "two TUN devices joined in user space (1 Gbit/s with Ethernet's framing, 175 µs each way) by a \
        real-time thread, which takes its time from the same processors as the servers",
    )
}

/// Gives both ends their place, their address and the discipline of their queue.
fn configure(queue: &[&str]) -> anyhow::Result<()> {
    ip(&format!("link set {CLIENT_DEVICE} netns {NAMESPACE}"))?;
    for (device, address, run) in [
        (SERVER_DEVICE, SERVER, run as fn(&str) -> _),
        (CLIENT_DEVICE, CLIENT, in_namespace),
    ] {
        // Nothing but what is measured goes over it.
        run(&format!("ip link set {device} addrgenmode none"))?;
        run(&format!(
            "ip link set {device} gso_max_size {LONGEST_BURST}"
        ))?;
        run(&format!("ip address add {address}/30 dev {device}"))?;
        run(&format!("ip link set {device} up"))?;
        run(&format!(
            "ip route replace {SUBNET} dev {device} src {address} congctl {CONGESTION_CONTROL}"
        ))?;
        for arguments in queue {
            run(&format!("tc {}", arguments.replace("{}", device)))?;
        }
    }
    ip(&format!(
        "route replace local {SERVER} dev {SERVER_DEVICE} table local proto kernel scope host \
         src {SERVER} congctl {CONGESTION_CONTROL}"
    ))
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    run(&format!("ip {arguments}"))
}

fn in_namespace(command: &str) -> anyhow::Result<()> {
    ip(&format!("netns exec {NAMESPACE} {command}"))
}

fn run(command: &str) -> anyhow::Result<()> {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .output()
        .with_context(|| format!("cannot start {command}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("`{command}`: {}", words.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// How long the client's end takes to answer: the median time to connect to it.
fn round_trip() -> anyhow::Result<Duration> {
    let listener = thread::spawn(listener_in_namespace)
        .join()
        .map_err(|_| anyhow::anyhow!("the client's end cannot listen"))??;
    let address = listener.local_addr()?;
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let start = Instant::now();
        TcpStream::connect(address)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[SAMPLES / 2])
}

/// To be called in a thread of its own, which it moves.
fn listener_in_namespace() -> anyhow::Result<TcpListener> {
    let namespace = File::open(format!("/run/netns/{NAMESPACE}"))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(TcpListener::bind((CLIENT, 0))?)
}
