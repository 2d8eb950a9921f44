//! Where to listen, as people type it, and whether that can be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context as _, bail};
use listeners::Protocol;

/// Reads `127.0.0.1:3000`, `localhost:3000`, `:3000` or `3000`: without an address, this machine alone.
///
/// # Errors
/// What to write instead.
pub fn parse(argument: &str) -> Result<SocketAddr, String> {
    let (host, port) = argument.rsplit_once(':').unwrap_or(("", argument));
    let loopback = matches!(host, "" | "localhost");
    let address = match port.parse() {
        Ok(port) if loopback => Some((Ipv4Addr::LOCALHOST, port).into()),
        _ => argument.parse().ok(),
    };
    address.ok_or_else(|| {
        "is not an address to listen on: try 3000, localhost:3000 or 0.0.0.0:3000".to_owned()
    })
}

/// As [`parse`], for what only this machine may reach.
///
/// # Errors
/// What to write instead.
pub fn parse_loopback(argument: &str) -> Result<SocketAddr, String> {
    let address = parse(argument)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        // The development credentials are public.
        Err("embedded storage only listens on this machine: try 127.0.0.1:9000".to_owned())
    }
}

/// An address, and the option that chose it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// For example `--listen`.
    pub option: &'static str,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
}

/// Makes sure that no port is given twice.
///
/// # Errors
/// To which options it is.
pub fn ensure_distinct(wanted: &[Wanted]) -> anyhow::Result<()> {
    for (index, Wanted { option, address }) in wanted.iter().enumerate() {
        let port = address.port();
        let is_the_same = |other: &&Wanted| port != 0 && other.address.port() == port;
        if let Some(other) = wanted[..index].iter().find(is_the_same) {
            bail!(
                "{} and {option} are both given port {port}: choose another for one of them",
                other.option
            );
        }
    }
    Ok(())
}

/// Makes sure that nobody else listens there.
///
/// # Errors
/// Where somebody does, who that is, and what to do.
pub fn ensure_free(wanted: &[Wanted]) -> anyhow::Result<()> {
    for Wanted { option, address } in wanted {
        match TcpListener::bind(address) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
                "{address} is taken by {}: stop it, or choose another address with {option}",
                holder(address.port())
            ),
            Err(error) => return Err(error).with_context(|| format!("cannot listen on {address}")),
        }
    }
    Ok(())
}

fn holder(port: u16) -> String {
    match listeners::get_process_by_port(port, Protocol::TCP) {
        Ok(process) => format!("{} (process {})", process.name, process.pid),
        Err(_) => "another program".to_owned(),
    }
}

/// Where a server listens that says `http://127.0.0.1:3000`.
///
/// # Errors
/// When it says something else than an address and a port.
pub fn of_origin(origin: &str) -> anyhow::Result<SocketAddr> {
    let authority = origin.strip_prefix("http://").unwrap_or(origin);
    authority
        .parse()
        .with_context(|| format!("{origin} names no address and port"))
}

/// Where this machine itself reaches a server that listens there, at every address perhaps.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// The address by which other devices know this machine, if it is in a network.
pub fn in_the_network() -> Option<IpAddr> {
    // Connecting a UDP socket sends nothing: it only asks for the way to an address, here one of those
    // that are kept for documentation (RFC 5737).
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port_alone_and_is_then_of_this_machine_alone() {
        for (argument, expected) in [
            ("3000", "127.0.0.1:3000"),
            (":3000", "127.0.0.1:3000"),
            ("localhost:3000", "127.0.0.1:3000"),
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:0", "[::1]:0"),
            ("0", "127.0.0.1:0"),
        ] {
            assert_eq!(parse(argument).unwrap().to_string(), expected, "{argument}");
        }
        for argument in [
            "",
            ":",
            "localhost",
            "127.0.0.1",
            "::1:3000",
            "65536",
            "-1",
            "example.com:3000",
            "http://127.0.0.1:3000",
        ] {
            let error = parse(argument).unwrap_err();

            assert!(error.contains("localhost:3000"), "{argument}: {error}");
        }
    }

    #[test]
    fn storage_listens_on_this_machine_alone() {
        for (argument, accepted) in [
            ("127.0.0.1:0", true),
            ("[::1]:9000", true),
            ("9000", true),
            ("0.0.0.0:9000", false),
            ("192.0.2.1:9000", false),
        ] {
            assert_eq!(parse_loopback(argument).is_ok(), accepted, "{argument}");
        }
    }

    fn wanted(option: &'static str, address: &str) -> Wanted {
        let address = parse(address).unwrap();
        Wanted { option, address }
    }

    #[test]
    fn a_taken_port_is_told_in_one_line_with_its_holder_and_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();

        let error = ensure_free(&[wanted("--listen", &address)]).unwrap_err();

        let error = format!("{error:#}");
        assert!(
            error.starts_with(&format!("{address} is taken by ")),
            "{error}"
        );
        assert!(
            error.ends_with(": stop it, or choose another address with --listen"),
            "{error}"
        );
        if cfg!(target_os = "linux") {
            let this = format!("(process {})", std::process::id());
            assert!(error.contains(&this), "{error}");
        }
    }

    #[test]
    fn a_port_that_is_given_twice_is_refused_and_a_free_one_may_be_asked_for_twice() {
        let twice = [
            wanted("--listen", "0.0.0.0:1"),
            wanted("--storage", "127.0.0.1:1"),
        ];
        let free = [wanted("--listen", "0"), wanted("--storage", "0")];

        let error = ensure_distinct(&[free[0], twice[0], twice[1]])
            .unwrap_err()
            .to_string();

        assert!(error.contains("--listen and --storage"), "{error}");
        ensure_distinct(&free).unwrap();
        ensure_free(&free).unwrap();
    }

    #[test]
    fn a_server_at_every_address_is_reached_at_loopback() {
        for (origin, expected) in [
            ("http://0.0.0.0:3000", "http://127.0.0.1:3000"),
            ("http://[::]:3000", "http://127.0.0.1:3000"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://192.0.2.1:3000", "http://192.0.2.1:3000"),
        ] {
            let address = reachable(of_origin(origin).unwrap());

            assert_eq!(format!("http://{address}"), expected);
        }
        assert!(of_origin("https://example.com").is_err());
    }
}
