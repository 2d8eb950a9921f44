//! The command line: what is measured, and for how long.

use crate::network::{LAN, LOOPBACK};
use crate::size::size;
use crate::work::SIZES;
use xtask::host::Kind;
use xtask::installed;
use xtask::wasi::Chosen;

/// Measure the component beside direct storage and beside other servers
#[derive(Debug, clap::Parser)]
#[command(
    name = "cargo xtask bench",
    after_help = "\
Builds the component, starts MinIO (else SeaweedFS), the component on Spin (that on PATH, or the one that
SPIN_BIN names) with records in either store, with and without kept images, a component that does nothing
on the same Spin, the component on the host of this project, and peers (nginx as a plain proxy and with
a cache, s3-proxy, a FastAPI service with aiobotocore in two forms), and asks all of them in turns, so
that each meets the same machine; ratios within one run mean something, figures alone do not. Figures are
medians of the turns. Every answer is checked: its status, and how many bytes came.

The LAN (1 Gbit/s, a round trip of 0.4 ms) is made of two network namespaces, which needs root. What
is not available here is named as absent. oha, the load generator, is built by cargo once.

Everything is also in target/bench: report.json, tables.md to paste, and a chart of each size as SVG. It
all takes about twenty minutes; less of everything takes less:
  cargo xtask bench --goals                        only what goals are judged by: five minutes
  cargo xtask bench --size 10KB --connections 1 --network loopback
  cargo xtask bench --subject Spin --subject nginx --turns 5
  cargo xtask bench --host embedded                where goals are to be judged of the project's own host"
)]
pub struct Args {
    /// The host that goals are judged of [default: spin where it is installed, else embedded]
    #[arg(long, value_enum)]
    host: Option<Kind>,

    /// Which components: `both` also judges the one for WASI 0.3 by the other, on Spin 4.1 or later
    #[arg(long, value_enum, default_value_t = Chosen::V0_2)]
    pub wasi: Chosen,

    /// Only what goals are judged by: their subjects, sizes, networks and connections
    #[arg(long)]
    pub goals: bool,

    /// loopback or lan; may be repeated [default: both]
    #[arg(long, value_parser = network_name)]
    network: Vec<&'static str>,

    /// Sizes of the images, for example 10KB,1MB [default: 10KB,100KB,1MB,10MB,50MB]
    #[arg(long, value_delimiter = ',', value_parser = bytes)]
    size: Vec<u64>,

    /// How many connections at once [default: 1 and 16 on loopback, 1 over the LAN]
    #[arg(long, value_delimiter = ',')]
    connections: Vec<u32>,

    /// Only subjects whose name contains this, beside direct storage; may be repeated [default: all]
    #[arg(long)]
    subject: Vec<String>,

    /// How many turns each subject has
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub turns: u8,

    /// How long a turn lasts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub seconds: u32,
}

fn network_name(argument: &str) -> Result<&'static str, &'static str> {
    [LOOPBACK, LAN]
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(argument))
        .ok_or("must be loopback or lan")
}

fn bytes(argument: &str) -> Result<u64, &'static str> {
    let chosen = |bytes: &u64| size(*bytes).replace(' ', "").eq_ignore_ascii_case(argument);
    let known = SIZES.into_iter().find(chosen);
    known.ok_or("must be 10KB, 100KB, 1MB, 10MB or 50MB")
}

impl Args {
    /// The host that was asked for, else Spin where it is installed.
    ///
    /// # Errors
    /// When `SPIN_BIN` names something that is not a file.
    pub fn host(&self) -> anyhow::Result<Kind> {
        let spin = installed::find("spin", "SPIN_BIN")?;
        Ok(self.host_if(spin.is_some()))
    }

    fn host_if(&self, has_spin: bool) -> Kind {
        let found = if has_spin { Kind::Spin } else { Kind::Embedded };
        self.host.unwrap_or(found)
    }

    /// Sizes of the images, in bytes.
    pub fn sizes(&self) -> &[u64] {
        if self.size.is_empty() {
            &SIZES
        } else {
            &self.size
        }
    }

    /// Whether it is to be measured over this network.
    pub fn is_over(&self, network: &str) -> bool {
        self.network.is_empty() || self.network.contains(&network)
    }

    /// How many connections at once over this network. By default a LAN has one: with more, most sizes
    /// measure nothing but how full it is.
    pub fn connections(&self, network: &str) -> &[u32] {
        match &self.connections[..] {
            [] if network == LAN => &[1],
            [] => &[1, 16],
            chosen => chosen,
        }
    }

    /// Whether a subject of this name is among those that were asked for.
    pub fn is_chosen(&self, subject: &str) -> bool {
        let subject = subject.to_lowercase();
        let mut parts = self.subject.iter().map(|part| part.to_lowercase());
        self.subject.is_empty() || parts.any(|part| subject.contains(&part))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use clap::Parser as _;

    use super::*;

    impl Args {
        /// Of these words after the command's name.
        pub(crate) fn of(words: &[&str]) -> Self {
            Self::try_parse_from([&["bench"], words].concat()).unwrap()
        }
    }

    #[test]
    fn sizes_are_chosen_by_the_names_that_tables_give_them() {
        for (argument, size) in [
            ("10KB", Ok(10_000)),
            ("50mb", Ok(50_000_000)),
            ("20KB", Err(())),
            ("10000", Err(())),
        ] {
            assert_eq!(bytes(argument).map_err(|_| ()), size, "{argument}");
        }
    }

    #[test]
    fn a_lan_has_one_connection_unless_more_are_asked_for() {
        for (words, on_loopback, over_the_lan) in [
            (&[][..], &[1, 16][..], &[1][..]),
            (&["--connections", "16,64"], &[16, 64], &[16, 64]),
        ] {
            let args = Args::of(words);

            assert_eq!(args.connections(LOOPBACK), on_loopback);
            assert_eq!(args.connections(LAN), over_the_lan);
        }
    }

    #[test]
    fn subjects_are_chosen_by_parts_of_their_names_in_either_case() {
        let chosen = Args::of(&["--subject", "spin", "--subject", "NGINX"]);

        assert!(chosen.is_chosen("image-proxy, Spin, SQLite"));
        assert!(chosen.is_chosen("nginx, plain proxy"));
        assert!(!chosen.is_chosen("s3-proxy"));
        assert!(Args::of(&[]).is_chosen("s3-proxy"));
    }

    #[test]
    fn the_host_is_spin_wherever_one_is_installed_unless_another_is_asked_for() {
        for (words, has_spin, host) in [
            (&[][..], true, Kind::Spin),
            (&[], false, Kind::Embedded),
            (&["--host", "embedded"], true, Kind::Embedded),
            (&["--host", "spin"], false, Kind::Spin),
        ] {
            assert_eq!(Args::of(words).host_if(has_spin), host, "{words:?}");
        }
    }
}
