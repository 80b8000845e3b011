//! Who a client says it is: the node message of its first request.
//!
//! The id is Istio's: `sidecar~IP~POD.NAMESPACE~DOMAIN`. Of the metadata, all of it texts, these
//! keys are read; our agent writes them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_compiler::{Bound, Certificates, Interception};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_xds::wire::{Node, Struct};

/// `REDIRECT` (the default), `TPROXY` or `NONE`, as in Istio.
pub const INTERCEPTION_MODE: &str = "INTERCEPTION_MODE";
/// With `NONE`: where inbound listeners bind. The address of the node id by default.
pub const INBOUND_ADDRESS: &str = "FERROMESH_INBOUND_ADDRESS";
/// With `NONE`: where the app listens. 127.0.0.1 by default.
pub const APP_ADDRESS: &str = "FERROMESH_APP_ADDRESS";
/// With `NONE`: where outbound listeners bind. 127.0.0.1 by default.
pub const OUTBOUND_ADDRESS: &str = "FERROMESH_OUTBOUND_ADDRESS";
/// With `NONE`: the HTTP proxy port on the outbound address. None by default.
pub const HTTP_PROXY_PORT: &str = "FERROMESH_HTTP_PROXY_PORT";
/// `SDS` (the default), or `NONE` if the proxy has no certificate: then it gets no mutual TLS.
pub const CERTIFICATES: &str = "FERROMESH_CERTIFICATES";

/// Names longer than Kubernetes allows belong to nobody.
const NAME_LEN: usize = 253;

/// A client, as far as it matters for its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The whole node id, for people.
    pub id: Arc<str>,
    /// The workload beside which it runs.
    pub workload: WorkloadName,
    /// How it gets its traffic.
    pub interception: Interception,
    /// Where it finds its certificate.
    pub certificates: Certificates,
}

/// A node message that nobody can be served by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeFault {
    /// The id has another form.
    #[error("node id must be sidecar~IP~POD.NAMESPACE~DOMAIN")]
    Id,
    /// A metadata value is not what it should be.
    #[error("node metadata {key}: {expected} expected")]
    Metadata {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl Client {
    /// Reads a node message.
    ///
    /// # Errors
    /// If the id or a value has the wrong form.
    pub fn parse(node: &Node) -> Result<Self, NodeFault> {
        let mut parts = node.id.split('~');
        let (Some("sidecar"), Some(address), Some(name), Some(_), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(NodeFault::Id);
        };
        let (name, namespace) = name.rsplit_once('.').ok_or(NodeFault::Id)?;
        let bad = |part: &str| part.is_empty() || part.len() > NAME_LEN;
        if bad(name) || bad(namespace) {
            return Err(NodeFault::Id);
        }
        let address: IpAddr = address.parse().map_err(|_| NodeFault::Id)?;
        Ok(Self {
            id: Arc::from(node.id.as_str()),
            workload: WorkloadName {
                namespace: Namespace::from(namespace),
                name: Arc::from(name),
            },
            interception: interception(node.metadata.as_ref(), address)?,
            certificates: certificates(node.metadata.as_ref())?,
        })
    }

    /// The workload as `NAME.NAMESPACE`.
    pub fn name(&self) -> Arc<str> {
        let WorkloadName { namespace, name } = &self.workload;
        Arc::from(format!("{name}.{namespace}"))
    }
}

fn text<'m>(metadata: Option<&'m Struct>, key: &str) -> Option<&'m str> {
    metadata
        .and_then(|metadata| metadata.text(key))
        .filter(|text| !text.is_empty())
}

fn certificates(metadata: Option<&Struct>) -> Result<Certificates, NodeFault> {
    match text(metadata, CERTIFICATES) {
        None | Some("SDS") => Ok(Certificates::Sds),
        Some("NONE") => Ok(Certificates::None),
        Some(_) => Err(NodeFault::Metadata {
            key: CERTIFICATES,
            expected: "SDS or NONE",
        }),
    }
}

fn interception(metadata: Option<&Struct>, address: IpAddr) -> Result<Interception, NodeFault> {
    let text = |key: &str| text(metadata, key);
    match text(INTERCEPTION_MODE) {
        None | Some("REDIRECT") => Ok(Interception::Redirect),
        Some("TPROXY") => Ok(Interception::Tproxy),
        Some("NONE") => {
            let loopback = IpAddr::from([127, 0, 0, 1]);
            Ok(Interception::None(Bound {
                inbound: value(text(INBOUND_ADDRESS), INBOUND_ADDRESS, "an IP address")?
                    .unwrap_or(address),
                app: value(text(APP_ADDRESS), APP_ADDRESS, "an IP address")?.unwrap_or(loopback),
                outbound: value(text(OUTBOUND_ADDRESS), OUTBOUND_ADDRESS, "an IP address")?
                    .unwrap_or(loopback),
                http_proxy_port: value(text(HTTP_PROXY_PORT), HTTP_PROXY_PORT, "a port")?
                    .filter(|port| *port != 0),
            }))
        }
        Some(_) => Err(NodeFault::Metadata {
            key: INTERCEPTION_MODE,
            expected: "REDIRECT, TPROXY or NONE",
        }),
    }
}

fn value<T: std::str::FromStr>(
    text: Option<&str>,
    key: &'static str,
    expected: &'static str,
) -> Result<Option<T>, NodeFault> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| NodeFault::Metadata { key, expected })
    };
    text.map(parse).transpose()
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferromesh_xds::wire::{Field, Kind, Value};

    fn node(id: &str, metadata: &[(&str, &str)]) -> Node {
        let field = |(key, value): &(&str, &str)| Field {
            key: (*key).to_owned(),
            value: Some(Value {
                kind: Some(Kind::String((*value).to_owned())),
            }),
        };
        Node {
            id: id.to_owned(),
            cluster: String::new(),
            metadata: Some(Struct {
                fields: metadata.iter().map(field).collect(),
            }),
            user_agent_name: "envoy".to_owned(),
        }
    }

    const ID: &str = "sidecar~127.0.0.9~shop-1.v2.prod~prod.svc.cluster.local";

    #[test]
    fn the_workload_comes_from_the_id() {
        let client = Client::parse(&node(ID, &[])).expect("a client");
        assert_eq!(client.workload.namespace.as_str(), "prod");
        assert_eq!(client.name().as_ref(), "shop-1.v2.prod");
        assert_eq!(client.interception, Interception::Redirect);
        assert_eq!(client.certificates, Certificates::Sds);
        let without = Client::parse(&node(ID, &[(CERTIFICATES, "NONE")])).expect("a client");
        assert_eq!(without.certificates, Certificates::None);
    }

    #[test]
    fn other_ids_are_refused() {
        for id in [
            "",
            "sidecar~127.0.0.9~pod~x",
            "router~127.0.0.9~pod.ns~x",
            "sidecar~nowhere~pod.ns~x",
            "sidecar~127.0.0.9~.ns~x",
            "sidecar~127.0.0.9~pod.~x",
            "sidecar~127.0.0.9~pod.ns",
            "sidecar~127.0.0.9~pod.ns~x~y",
        ] {
            assert_eq!(Client::parse(&node(id, &[])), Err(NodeFault::Id), "{id}");
        }
    }

    #[test]
    fn addresses_have_defaults_and_are_checked() {
        let none = (INTERCEPTION_MODE, "NONE");
        let bound = |metadata: &[(&str, &str)]| {
            Client::parse(&node(ID, metadata)).map(|client| client.interception)
        };
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(
            bound(&[none]),
            Ok(Interception::None(Bound {
                inbound: ip("127.0.0.9"),
                app: ip("127.0.0.1"),
                outbound: ip("127.0.0.1"),
                http_proxy_port: None,
            }))
        );
        assert_eq!(
            bound(&[
                none,
                (INBOUND_ADDRESS, "127.1.0.1"),
                (APP_ADDRESS, "::1"),
                (OUTBOUND_ADDRESS, "127.0.0.2"),
                (HTTP_PROXY_PORT, "15002"),
            ]),
            Ok(Interception::None(Bound {
                inbound: ip("127.1.0.1"),
                app: ip("::1"),
                outbound: ip("127.0.0.2"),
                http_proxy_port: Some(15002),
            }))
        );
        for metadata in [
            &[(INTERCEPTION_MODE, "x")][..],
            &[none, (APP_ADDRESS, "x")],
            &[none, (HTTP_PROXY_PORT, "70000")],
            &[(CERTIFICATES, "x")],
        ] {
            let key = metadata.last().map_or("", |(key, _)| *key);
            let fault = bound(metadata).expect_err("a fault").to_string();
            assert!(fault.contains(key), "{fault}");
        }
    }
}
