//! Names are newtypes, parsed once and rendered once.

use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name!(
    /// A Kubernetes namespace.
    Namespace
);
name!(
    /// A subset of a service, as a DestinationRule names it.
    SubsetName
);
name!(
    /// A network in Istio's sense (`topology.istio.io/network`); the empty name is the default one.
    Network
);
name!(
    /// A Kubernetes node.
    NodeName
);
name!(
    /// A service account.
    ServiceAccount
);

/// A host name in lower case, fully qualified, or a wildcard (`*.example.com`, `*`).
///
/// Istio's short names (`reviews`) are expanded by the dialect, which knows the author's namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(Arc<str>);

impl Hostname {
    /// A host name; upper case is folded, since DNS and `:authority` ignore case.
    pub fn new(text: &str) -> Self {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Self(Arc::from(text.to_ascii_lowercase()))
        } else {
            Self(Arc::from(text))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a pattern (`*` or `*.suffix`) instead of a name.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with('*')
    }

    /// Whether this name or pattern covers `other` (itself a name or a pattern), by Istio's
    /// rule: `*` covers everything, `*.foo.com` everything that ends in `.foo.com`.
    pub fn covers(&self, other: &Self) -> bool {
        match self.0.strip_prefix('*') {
            Some(suffix) => other
                .0
                .strip_prefix('*')
                .unwrap_or(&other.0)
                .ends_with(suffix),
            None => self == other,
        }
    }

    /// Every pattern that covers this name, the most specific first: itself, `*.b.c`, `*.c`, `*`.
    pub fn patterns(&self) -> impl Iterator<Item = Self> + '_ {
        let parents = self
            .0
            .char_indices()
            .skip(1)
            .filter(|(_, c)| *c == '.')
            .filter_map(|(at, _)| self.0.get(at..))
            .map(|suffix| Self(Arc::from(format!("*{suffix}"))))
            .filter(move |pattern| pattern != self);
        let all = (&*self.0 != "*").then(|| Self(Arc::from("*")));
        std::iter::once(self.clone()).chain(parents).chain(all)
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The name of a workload: a Pod or a WorkloadEntry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadName {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name in the namespace.
    pub name: Arc<str>,
}

/// Where something runs; empty parts are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locality {
    /// `topology.kubernetes.io/region`.
    pub region: Arc<str>,
    /// `topology.kubernetes.io/zone`.
    pub zone: Arc<str>,
    /// `topology.istio.io/subzone`.
    pub subzone: Arc<str>,
}

impl Locality {
    /// Parses Istio's `region/zone/subzone`; missing parts are empty.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(Arc::from);
        let mut next = || parts.next().unwrap_or_else(|| Arc::from(""));
        Self {
            region: next(),
            zone: next(),
            subzone: next(),
        }
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        self.region.is_empty() && self.zone.is_empty() && self.subzone.is_empty()
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.region, self.zone, self.subzone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lists_the_patterns_that_cover_it() {
        let name = Hostname::new("A.b.C");
        let patterns: Vec<_> = name.patterns().map(|p| p.to_string()).collect();
        assert_eq!(patterns, ["a.b.c", "*.b.c", "*.c", "*"]);
        assert!(name.patterns().all(|p| p.covers(&name)));
        assert!(!Hostname::new("*.c.d").covers(&name));
        let wild: Vec<_> = Hostname::new("*.b.c")
            .patterns()
            .map(|p| p.to_string())
            .collect();
        assert_eq!(wild, ["*.b.c", "*.c", "*"]);
    }
}
