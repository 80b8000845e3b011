//! Where a redirect leads.

use std::net::{IpAddr, SocketAddr};

use hyper::http::uri::PathAndQuery;

use super::handlers::Scheme;
use super::path;

/// A place within an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    pub(super) port: u16,
    pub(super) path: PathAndQuery,
}

impl Url {
    /// Where a redirect from here leads, if that is at the same host.
    pub(super) fn to(&self, location: &str, host: IpAddr) -> Option<Self> {
        let here = |path: &str| {
            let path = path::read(path)?;
            Some(Self { path, ..*self })
        };
        if location.starts_with("//") {
            return None;
        }
        if location.starts_with('/') {
            return here(location);
        }
        let end = location.find(['/', '?', '#']).unwrap_or(location.len());
        if location.get(..end)?.contains(':') {
            return absolute(location, host);
        }
        let path = self.path.path();
        if location.starts_with('?') {
            return here(&format!("{path}{location}"));
        }
        let folder = path.rfind('/').and_then(|end| path.get(..=end))?;
        here(&format!("{folder}{location}"))
    }
}

fn absolute(location: &str, host: IpAddr) -> Option<Url> {
    let (scheme, rest) = location.split_once("://")?;
    let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
        "http" => (Scheme::Http, 80),
        "https" => (Scheme::Https, 443),
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let bare = authority
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let (to, port) = match bare.unwrap_or(authority).parse::<IpAddr>() {
        Ok(to) => (to, port),
        Err(_) => authority
            .parse::<SocketAddr>()
            .map(|to| (to.ip(), to.port()))
            .ok()?,
    };
    (to == host).then_some(Url {
        scheme,
        port,
        path: path::read(path)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(location: &str, to: &str, expected: Option<(Scheme, u16, &str)>) {
        let here = Url {
            scheme: Scheme::Http,
            port: 8080,
            path: "/a/b?c=d".parse().unwrap(),
        };
        let expected = expected.map(|(scheme, port, path)| Url {
            scheme,
            port,
            path: path.parse().unwrap(),
        });
        assert_eq!(
            here.to(location, to.parse().unwrap()),
            expected,
            "{location}"
        );
    }

    #[test]
    fn redirects_lead_within_the_pod_or_nowhere() {
        for (location, port, path) in [
            ("/x?y#z", 8080, "/x?y"),
            ("x", 8080, "/a/x"),
            ("?y", 8080, "/a/b?y"),
            ("", 8080, "/a/"),
            ("http://10.1.2.3/x", 80, "/x"),
            ("http://10.1.2.3:9090?y", 9090, "/?y"),
            ("HTTP://10.1.2.3:8080", 8080, "/"),
        ] {
            leads(location, "10.1.2.3", Some((Scheme::Http, port, path)));
        }
        leads(
            "https://[fd00::1]/",
            "fd00::1",
            Some((Scheme::Https, 443, "/")),
        );
        for location in [
            "//10.1.2.3/x",
            "http://10.1.2.4/x",
            "http://10.1.2.3@169.254.169.254/x",
            "http://10.1.2.3.example/x",
            "http://localhost:8080/",
            "http://127.0.0.1:15000/quitquitquit",
            "http://[::ffff:127.0.0.1]:15000/",
            "file:///etc/passwd",
            "mailto:x",
            "http:/x",
        ] {
            leads(location, "10.1.2.3", None);
        }
    }
}
