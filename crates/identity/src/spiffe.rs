//! SPIFFE ids in Istio's form.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest SPIFFE id, by its specification.
const LONGEST_ID: usize = 2048;

/// The longest name of a trust domain, by the specification of SPIFFE.
const LONGEST_TRUST_DOMAIN: usize = 255;

/// The account of the control plane in its namespace.
const CONTROL_PLANE: &str = "ferromesh";

/// A trust domain: lower-case letters, digits, `.`, `-` and `_`, at most 255 of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Arc<str>);

/// A text that is no SPIFFE id of a workload, or no trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeFault {
    /// Not of the form that workloads have.
    #[error("a workload's SPIFFE id has the form spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT")]
    Form,
    /// Not the name of a trust domain.
    #[error("a trust domain has lower-case letters, digits, '.', '-' and '_', at most 255 of them")]
    TrustDomain,
}

impl TrustDomain {
    /// Checks a name.
    ///
    /// # Errors
    /// If it is empty, too long, or has other characters.
    pub fn new(name: &str) -> Result<Self, SpiffeFault> {
        let sound = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        if name.is_empty() || name.len() > LONGEST_TRUST_DOMAIN || !name.bytes().all(sound) {
            return Err(SpiffeFault::TrustDomain);
        }
        Ok(Self(Arc::from(name)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The identity of a workload: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, as Istio forms it.
///
/// All workloads of an account have the same one. The parts are never empty and have no `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    namespace: Arc<str>,
    account: Arc<str>,
}

impl SpiffeId {
    /// The identity of an account.
    ///
    /// # Errors
    /// If a part has characters that a path segment of a SPIFFE id can't have.
    pub fn new(
        trust_domain: TrustDomain,
        namespace: &str,
        account: &str,
    ) -> Result<Self, SpiffeFault> {
        if !is_segment(namespace) || !is_segment(account) {
            return Err(SpiffeFault::Form);
        }
        Ok(Self {
            trust_domain,
            namespace: Arc::from(namespace),
            account: Arc::from(account),
        })
    }

    /// The identity of the control plane, whose namespace is the root namespace of the mesh. It
    /// is an account like others, so nobody else may be allowed to use that one.
    ///
    /// # Errors
    /// If the namespace is none.
    pub fn of_control_plane(
        trust_domain: TrustDomain,
        namespace: &str,
    ) -> Result<Self, SpiffeFault> {
        Self::new(trust_domain, namespace, CONTROL_PLANE)
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The service account.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// A path segment as the specification of SPIFFE allows it.
fn is_segment(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(text, "" | "." | "..") && text.bytes().all(sound)
}

impl FromStr for SpiffeId {
    type Err = SpiffeFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text
            .strip_prefix("spiffe://")
            .filter(|_| text.len() <= LONGEST_ID)
            .ok_or(SpiffeFault::Form)?;
        let mut parts = path.split('/');
        let (Some(domain), Some("ns"), Some(namespace), Some("sa"), Some(account), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(SpiffeFault::Form);
        };
        Self::new(TrustDomain::new(domain)?, namespace, account)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trust_domain,
            namespace,
            account,
        } = self;
        write!(f, "spiffe://{trust_domain}/ns/{namespace}/sa/{account}")
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for TrustDomain {
    /// Istio's: `cluster.local`.
    fn default() -> Self {
        Self(Arc::from("cluster.local"))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let text = "spiffe://cluster.local/ns/shop/sa/front-end";
        let id: SpiffeId = text.parse().expect("an id");
        assert_eq!(
            (id.trust_domain().as_str(), id.namespace(), id.account()),
            ("cluster.local", "shop", "front-end")
        );
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_none() {
        for text in [
            "",
            "spiffe://",
            "http://td/ns/a/sa/b",
            "SPIFFE://td/ns/a/sa/b",
            "spiffe:///ns/a/sa/b",
            "spiffe://TD/ns/a/sa/b",
            "spiffe://td:1/ns/a/sa/b",
            "spiffe://u@td/ns/a/sa/b",
            "spiffe://td/ns/a/sa/b/",
            "spiffe://td/ns/a/sa/b/c",
            "spiffe://td/ns/a/sa/",
            "spiffe://td/ns//sa/b",
            "spiffe://td/ns/../sa/b",
            "spiffe://td/ns/a/sa/b?c",
            "spiffe://td/ns/a/sa/b#c",
            "spiffe://td/ns/a%2fb/sa/c",
            "spiffe://td/ns/ä/sa/c",
            "spiffe://td/ns/a/SA/b",
            "spiffe://td/a/b",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
    }
}
