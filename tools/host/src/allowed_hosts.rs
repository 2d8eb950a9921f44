//! Which hosts a component may call: the manifest's `allowed_outbound_hosts`.
//!
//! Source: <https://spinframework.dev/v3/http-outbound#granting-http-permissions-to-components>.

use std::{collections::BTreeMap, ops::Range};

use http::Uri;
use url::Host;

use crate::template;

/// Why an entry of `allowed_outbound_hosts` cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its template cannot be expanded.
    #[error("allowed_outbound_hosts")]
    Template(#[from] template::Error),
    /// It is not of the form.
    #[error(
        "allowed_outbound_hosts: `{0}` must be SCHEME://HOST[:PORT], for example https://example.org or http://*.example.org:*: {1}"
    )]
    Malformed(String, &'static str),
    /// Spin has it and this host does not.
    #[error("allowed_outbound_hosts: `{0}`: {1} are not implemented by this host")]
    NotImplemented(String, &'static str),
}

/// The hosts that a component may call.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

#[derive(Debug)]
struct AllowedHost {
    /// `None`: any.
    scheme: Option<String>,
    host: HostPattern,
    ports: Range<u32>,
}

#[derive(Debug)]
enum HostPattern {
    Any,
    /// With the dot in front: `*.example.org` is `.example.org`.
    Subdomain(String),
    Exact(Host),
}

impl AllowedHosts {
    /// Expands `templates` with `variables`, and parses what comes out.
    ///
    /// An entry that variables leave without a host is left out, as in Spin: so can an endpoint be optional.
    ///
    /// # Errors
    /// When an entry cannot be expanded or parsed.
    pub fn parse(
        templates: &[String],
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut hosts = Vec::new();
        for template in templates {
            let entry = template::expand(template, variables)?;
            let emptied = entry != *template && matches!(&*entry, "" | "http://" | "https://");
            if !emptied {
                hosts.push(AllowedHost::parse(&entry)?);
            }
        }
        Ok(Self(hosts))
    }

    /// Whether a request to `uri` is allowed.
    pub fn allow(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(Ok(host))) = (uri.scheme_str(), uri.host().map(Host::parse)) else {
            return false;
        };
        let Some(port) = uri.port_u16().or_else(|| default_port(scheme)) else {
            return false;
        };
        self.0.iter().any(|allowed| {
            allowed
                .scheme
                .as_deref()
                .is_none_or(|allowed| allowed == scheme)
                && allowed.host.matches(&host)
                && allowed.ports.contains(&port.into())
        })
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed(entry.to_owned(), reason);
        let (scheme, authority) = entry
            .trim()
            .split_once("://")
            .ok_or(malformed("it has no scheme"))?;
        if scheme != "*" && !scheme.chars().all(char::is_alphabetic) {
            return Err(malformed("a scheme is `*` or has only letters"));
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains('/') {
            return Err(Error::NotImplemented(
                entry.to_owned(),
                "paths and ranges of addresses",
            ));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, ""),
        };
        if matches!(host, "self" | "self.alt") || host.ends_with(".spin.internal") {
            return Err(Error::NotImplemented(
                entry.to_owned(),
                "requests to the application itself",
            ));
        }
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: HostPattern::parse(host).ok_or(malformed("its host is invalid"))?,
            ports: parse_ports(port, scheme).ok_or(malformed("its port is missing or invalid"))?,
        })
    }
}

impl HostPattern {
    fn parse(host: &str) -> Option<Self> {
        if host == "*" {
            return Some(Self::Any);
        }
        let parsed = Host::parse(host.strip_prefix("*.").unwrap_or(host)).ok()?;
        match (parsed, host.starts_with("*.")) {
            // `url` takes an asterisk for a letter of a domain.
            (Host::Domain(domain), _) if domain.contains('*') => None,
            (Host::Domain(domain), true) => Some(Self::Subdomain(format!(".{domain}"))),
            (_, true) => None,
            (exact, false) => Some(Self::Exact(exact)),
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomain(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Subdomain(_), _) => false,
            (Self::Exact(exact), host) => exact == host,
        }
    }
}

fn parse_ports(port: &str, scheme: &str) -> Option<Range<u32>> {
    let single = |port: u16| u32::from(port)..u32::from(port) + 1;
    match port {
        "" => default_port(scheme).map(single),
        "*" => Some(0..1 << 16),
        _ => match port.split_once("..") {
            // Spin's ranges leave their end out.
            Some((start, end)) => {
                Some(start.parse::<u16>().ok()?.into()..end.parse::<u16>().ok()?.into())
            }
            None => port.parse().ok().map(single),
        },
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> Result<AllowedHosts, Error> {
        let variables = [("endpoint", "http://127.0.0.1:9000"), ("nothing", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        AllowedHosts::parse(&entries, &BTreeMap::from(variables))
    }

    #[test]
    fn scheme_host_and_port_must_all_match() {
        for (entry, uri, expected) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/a?b", true),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9001/", false),
            ("http://127.0.0.1:9000", "https://127.0.0.1:9000/", false),
            ("http://127.0.0.1:9000", "http://127.0.0.2:9000/", false),
            ("{{ endpoint }}", "http://127.0.0.1:9000/", true),
            ("https://example.org", "https://example.org/", true),
            ("https://example.org", "https://example.org:443/", true),
            ("https://example.org/", "https://EXAMPLE.org/", true),
            ("https://example.org", "https://example.org:8443/", false),
            ("https://example.org:*", "https://example.org:8443/", true),
            (
                "https://example.org:8000..8002",
                "https://example.org:8001/",
                true,
            ),
            (
                "https://example.org:8000..8002",
                "https://example.org:8002/",
                false,
            ),
            ("https://*.example.org", "https://a.b.example.org/", true),
            ("https://*.example.org", "https://example.org/", false),
            ("https://*.example.org", "https://badexample.org/", false),
            ("*://example.org:80", "http://example.org/", true),
            ("https://*:443", "https://10.0.0.1/", true),
            ("*://*:*", "http://[::1]:1234/", true),
            ("http://[::1]", "http://[::1]/", true),
            ("http://[::1]:9000", "http://[::1]:9000/", true),
            ("http://[::1]:9000", "http://[::1]/", false),
            ("*://*:*", "/relative", false),
        ] {
            let allowed = hosts(&[entry]).unwrap().allow(&uri.parse().unwrap());

            assert_eq!(allowed, expected, "{entry} and {uri}");
        }
    }

    #[test]
    fn an_entry_that_a_variable_leaves_empty_allows_nothing() {
        for entry in ["{{ nothing }}", "https://{{ nothing }}"] {
            assert!(
                !hosts(&[entry])
                    .unwrap()
                    .allow(&"https://example.org/".parse().unwrap())
            );
        }
    }

    #[test]
    fn malformed_entries_are_refused() {
        for entry in [
            "",
            "*",
            "example.org",
            "http://",
            "*://example.org",
            "http://a:b",
            "http://*.*.org",
            "h1://a:1",
        ] {
            assert!(
                matches!(hosts(&[entry]), Err(Error::Malformed(..))),
                "{entry:?}"
            );
        }
        for entry in [
            "http://self",
            "http://a.spin.internal",
            "http://10.0.0.0/8",
            "http://a/b",
        ] {
            assert!(
                matches!(hosts(&[entry]), Err(Error::NotImplemented(..))),
                "{entry:?}"
            );
        }
        assert!(matches!(hosts(&["{{ unknown }}"]), Err(Error::Template(_))));
    }
}
