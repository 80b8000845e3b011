//! Addresses of documents.

use http::Uri;
use http::uri::Scheme;

/// An address of a document, by `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// How it is fetched.
    pub security: Security,
    /// The host: a name, or an IP address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as they are written, for the header `host`.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

/// Whether a document is fetched by TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// By `http`.
    Plain,
    /// By `https`.
    Tls,
}

/// A text that is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a document (expected https://HOST/PATH)")]
pub struct UrlFault(pub String);

impl Url {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none, or carries a user or a password.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let fault = || UrlFault(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| fault())?;
        let (security, standard) = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => (Security::Tls, 443),
            Some(scheme) if *scheme == Scheme::HTTP => (Security::Plain, 80),
            _ => return Err(fault()),
        };
        let authority = uri.authority().ok_or_else(fault)?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(fault());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => standard,
            Some(rest) => {
                let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
                port.ok_or_else(fault)?
            }
            None => return Err(fault()),
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            security,
            host: host.to_owned(),
            port,
            authority: authority.to_string(),
            target: target.to_owned(),
        })
    }

    /// Where a redirect leads.
    ///
    /// # Errors
    /// If it is no address.
    pub fn join(&self, location: &str) -> Result<Self, UrlFault> {
        let scheme = match self.security {
            Security::Plain => "http",
            Security::Tls => "https",
        };
        let authority = &self.authority;
        if location.starts_with("//") {
            Self::parse(&format!("{scheme}:{location}"))
        } else if location.starts_with('/') {
            Self::parse(&format!("{scheme}://{authority}{location}"))
        } else if location.contains("://") {
            Self::parse(location)
        } else {
            let path = self.target.split('?').next().unwrap_or("/");
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Self::parse(&format!("{scheme}://{authority}{folder}/{location}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let url = Url::parse("https://a.example/keys?x=1#y").expect("an address");
        let expected = Url {
            security: Security::Tls,
            host: "a.example".to_owned(),
            port: 443,
            authority: "a.example".to_owned(),
            target: "/keys?x=1".to_owned(),
        };
        assert_eq!(url, expected);
        let url = Url::parse("http://[::1]:8080").expect("an address");
        assert_eq!((url.host.as_str(), url.port), ("::1", 8080));
        assert_eq!(url.target, "/");
        for text in [
            "",
            "a.example/keys",
            "/keys",
            "ftp://a.example/",
            "file:///etc/passwd",
            "https://",
            "https://user@a.example/",
            "https://a.example:/",
            "https://a.example:99999/",
            "https://a b/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn redirects_are_followed() {
        let url = Url::parse("https://a.example/x/keys?q").expect("an address");
        for (location, host, target) in [
            ("/y", "a.example", "/y"),
            ("y?z", "a.example", "/x/y?z"),
            ("//b.example/y", "b.example", "/y"),
            ("http://c.example:8080/y", "c.example", "/y"),
        ] {
            let to = url.join(location).expect("an address");
            assert_eq!((&*to.host, &*to.target), (host, target), "{location}");
        }
        assert!(url.join("gopher://x/").is_err());
    }
}
