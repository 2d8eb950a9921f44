//! Which component answers a path, and what it is told of the match.
//!
//! Source: <https://spinframework.dev/v3/http-trigger#http-trigger-routes>. Spin matches with the same crate.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::HOST};
use routefinder::{Captures, Router};

use crate::manifest::{Component, HttpTrigger};

/// Paths under this prefix are answered by the host itself.
pub const WELL_KNOWN_PREFIX: &str = "/.well-known/spin/";

/// Why a route cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("route `{0}`: {1}")]
pub struct Error(String, String);

/// The application's routes.
#[derive(Debug)]
pub struct Routes(Router<Route>);

/// A route of the manifest.
#[derive(Clone, Debug)]
pub struct Route {
    pattern: String,
    /// Id of the component that answers.
    pub component: String,
}

impl Routes {
    /// Takes the routes of the manifest's triggers.
    ///
    /// # Errors
    /// When a pattern is invalid or given twice, or its component is not among `components`.
    pub fn new(
        triggers: &[HttpTrigger],
        components: &BTreeMap<String, Component>,
    ) -> Result<Self, Error> {
        let mut router = Router::new();
        let mut seen = BTreeMap::new();
        for HttpTrigger {
            route, component, ..
        } in triggers
        {
            let invalid = |reason: &str| Error(route.clone(), reason.to_owned());
            let pattern = route.strip_suffix('/').unwrap_or(route);
            let prefix = pattern.strip_suffix("/...").or(pattern.strip_suffix("/*"));
            let before_wildcard = prefix.unwrap_or(pattern);
            if !components.contains_key(component) {
                return Err(invalid(&format!("there is no [component.{component}]")));
            }
            if !route.starts_with('/') {
                return Err(invalid("must begin with `/`"));
            }
            if before_wildcard.contains('*') || before_wildcard.contains("...") {
                return Err(invalid("a wildcard may only be the last segment, `/...`"));
            }
            if let Some(other) = seen.insert(pattern, component) {
                return Err(invalid(&format!("component `{other}` has it already")));
            }
            let spec = prefix.map_or(pattern.to_owned(), |prefix| format!("{prefix}/*"));
            let route = Route {
                pattern: route.clone(),
                component: component.clone(),
            };
            router.add(spec, route).map_err(|reason| invalid(&reason))?;
        }
        Ok(Self(router))
    }

    /// The best match for `path`: an exact route before a wildcard, a longer one before a shorter.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        let best = self.0.best_match(path)?;
        Some(Match {
            route: best.handler(),
            captures: best.captures(),
            path,
        })
    }

    /// Every route, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter().map(|(_, route)| route)
    }
}

impl Route {
    fn without_wildcard(&self) -> &str {
        self.pattern.strip_suffix("/...").unwrap_or(&self.pattern)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = if self.pattern.ends_with("/...") {
            " (wildcard)"
        } else {
            ""
        };
        write!(f, "{}{wildcard}", self.without_wildcard())
    }
}

/// A path with the route that it matches.
pub struct Match<'a> {
    /// The route.
    pub route: &'a Route,
    captures: Captures<'a, 'a>,
    path: &'a str,
}

impl Match<'_> {
    /// Tells the component of the match, in the request headers that Spin sets.
    ///
    /// Source: <https://spinframework.dev/v3/http-trigger#additional-request-information>.
    pub fn tell(&self, headers: &mut HeaderMap, uri: &Uri, client: SocketAddr) {
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or("localhost");
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        let told = [
            ("path-info", self.path_info()),
            ("full-url", format!("http://{host}{path_and_query}")),
            ("matched-route", self.route.pattern.clone()),
            ("base-path", "/".to_owned()),
            ("raw-component-route", self.route.pattern.clone()),
            ("component-route", self.route.without_wildcard().to_owned()),
            ("client-addr", client.to_string()),
        ];
        let mut insert = |name: &str, value: &str| {
            let name = HeaderName::try_from(format!("spin-{name}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        };
        for (name, value) in told {
            insert(name, &value);
        }
        for (name, value) in self.captures.iter() {
            insert(&format!("path-match-{name}"), value);
        }
    }

    /// What the wildcard stands for, with the slashes that `routefinder` takes away.
    fn path_info(&self) -> String {
        let Some(wildcard) = self.captures.wildcard() else {
            return String::new();
        };
        let trailing = if self.path.ends_with('/') { "/" } else { "" };
        if wildcard.is_empty() {
            trailing.to_owned()
        } else {
            format!("/{wildcard}{trailing}")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn routes(patterns: &[&str]) -> Result<Routes, Error> {
        let trigger = |route: &&str| {
            toml::from_str(&format!("route = '{route}'\ncomponent = '{route}'")).unwrap()
        };
        let triggers: Vec<_> = patterns.iter().map(trigger).collect();
        let component = |trigger: &HttpTrigger| {
            let id = trigger.component.clone();
            (id, toml::from_str("source = 'a.wasm'").unwrap())
        };
        Routes::new(&triggers, &triggers.iter().map(component).collect())
    }

    #[test]
    fn the_most_exact_route_wins() {
        let routes = routes(&[
            "/...",
            "/images/...",
            "/images/:id/file",
            "/images/logo/file",
        ])
        .unwrap();

        for (path, expected) in [
            ("/", "/..."),
            ("/other", "/..."),
            ("/images", "/images/..."),
            ("/images/1", "/images/..."),
            ("/images/1/file", "/images/:id/file"),
            ("/images/logo/file", "/images/logo/file"),
        ] {
            assert_eq!(
                routes.find(path).unwrap().route.component,
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn a_path_that_no_route_covers_has_no_match() {
        let routes = routes(&["/images/..."]).unwrap();

        assert!(routes.find("/").is_none());
        assert!(routes.find("/image").is_none());
    }

    #[test]
    fn the_component_is_told_of_the_match_whatever_the_client_claims() {
        let routes = routes(&["/:kind/..."]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("example.org"));
        headers.insert("spin-client-addr", HeaderValue::from_static("forged"));

        let found = routes.find("/images/1/").unwrap();
        found.tell(
            &mut headers,
            &"/images/1/?a=b".parse().unwrap(),
            ([127, 0, 0, 1], 9).into(),
        );

        for (name, expected) in [
            ("spin-path-info", "/1/"),
            ("spin-full-url", "http://example.org/images/1/?a=b"),
            ("spin-matched-route", "/:kind/..."),
            ("spin-component-route", "/:kind"),
            ("spin-client-addr", "127.0.0.1:9"),
            ("spin-path-match-kind", "images"),
        ] {
            assert_eq!(
                headers.get_all(name).iter().collect::<Vec<_>>(),
                [expected],
                "{name}"
            );
        }
    }

    #[test]
    fn a_route_to_no_component_is_refused() {
        let trigger = toml::from_str("route = '/...'\ncomponent = 'a'").unwrap();

        let error = Routes::new(&[trigger], &BTreeMap::new()).unwrap_err();

        assert_eq!(error.to_string(), "route `/...`: there is no [component.a]");
    }

    #[test]
    fn invalid_patterns_are_refused() {
        for patterns in [&["images"][..], &["/a/*/b"], &["/.../b"], &["/a", "/a/"]] {
            assert!(routes(patterns).is_err(), "{patterns:?}");
        }
    }
}
