//! A client that behaves like an Envoy of our sidecars over delta ADS, without a data plane: the
//! same subscriptions in the same order, the same acknowledgements, the same 61 KB of node.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use envoy_types::pb::envoy::config::cluster::v3::{Cluster, cluster};
use envoy_types::pb::envoy::config::core::v3::{Extension, Node};
use envoy_types::pb::envoy::config::listener::v3::{Filter, Listener, filter};
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse,
};
use envoy_types::pb::google::protobuf::{Struct, Value, value};
use prost::Message;

use crate::ads_client::{AdsClient, Variant};

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTE: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const VIRTUAL_HOST: &str = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

/// The node of a sidecar without interception, with as many extension descriptors as Envoy 1.40
/// sends.
pub fn node(namespace: &str, name: &str, address: &str) -> Node {
    let text = |text: &str| Value {
        kind: Some(value::Kind::StringValue(text.to_owned())),
    };
    let metadata = Struct {
        fields: [
            ("NAME", name),
            ("NAMESPACE", namespace),
            ("INTERCEPTION_MODE", "REDIRECT"),
            ("INSTANCE_IPS", address),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), text(value)))
        .collect(),
    };
    let extensions = (0..516)
        .map(|number| Extension {
            name: format!("envoy.filters.http.extension_number_{number}"),
            category: "envoy.filters.http".to_owned(),
            type_urls: vec![format!(
                "envoy.extensions.filters.http.extension_number_{number}.v3.Configuration"
            )],
            ..Extension::default()
        })
        .collect();
    Node {
        id: format!("sidecar~{address}~{name}.{namespace}~{namespace}.svc.cluster.local"),
        cluster: format!("{name}.{namespace}"),
        metadata: Some(metadata),
        user_agent_name: "envoy".to_owned(),
        extensions,
        ..Node::default()
    }
}

/// What a client holds of one type: versions by name.
type Held = BTreeMap<String, String>;

/// A client that behaves like Envoy.
#[derive(Debug)]
pub struct FakeEnvoy {
    client: AdsClient,
    held: BTreeMap<&'static str, Held>,
    /// Names that were asked for, of the types that are not subscribed to as a whole.
    asked: BTreeMap<&'static str, BTreeSet<String>>,
}

/// What a response brought, after it has been acknowledged.
#[derive(Debug)]
pub struct Received {
    /// The type URL.
    pub type_url: String,
    /// Names and bodies of the resources in it.
    pub resources: Vec<(String, Bytes)>,
    /// Names that are gone.
    pub removed: Vec<String>,
}

impl FakeEnvoy {
    /// Connects and subscribes as Envoy does at its start.
    ///
    /// # Errors
    /// If the server is not there.
    pub async fn connect(address: SocketAddr, node: Node) -> io::Result<Self> {
        Self::resume(address, node, BTreeMap::new()).await
    }

    /// Connects with what an earlier stream has brought ([`Self::into_held`]).
    ///
    /// # Errors
    /// If the server is not there.
    pub async fn resume(
        address: SocketAddr,
        node: Node,
        held: BTreeMap<&'static str, Held>,
    ) -> io::Result<Self> {
        let mut client = AdsClient::connect(address, Variant::Delta).await?;
        let versions = |url: &str| {
            let held = held.get(url).into_iter().flatten();
            held.map(|(name, version)| (name.clone(), version.clone()))
                .collect()
        };
        let mut node = Some(node);
        for url in [CLUSTER, ENDPOINTS, LISTENER, ROUTE, VIRTUAL_HOST] {
            let wildcard = url == CLUSTER || url == LISTENER;
            let names: Vec<_> = match held.get(url) {
                _ if wildcard => Vec::new(),
                Some(held) if url == VIRTUAL_HOST => tables(held.keys()),
                Some(held) => held.keys().cloned().collect(),
                None => Vec::new(),
            };
            if names.is_empty() && !wildcard {
                continue;
            }
            client.send(&DeltaDiscoveryRequest {
                node: node.take(),
                type_url: url.to_owned(),
                resource_names_subscribe: names,
                initial_resource_versions: versions(url),
                ..DeltaDiscoveryRequest::default()
            })?;
        }
        let asked = held
            .iter()
            .map(|(url, held)| {
                let names = if *url == VIRTUAL_HOST {
                    tables(held.keys()).into_iter().collect()
                } else {
                    held.keys().cloned().collect()
                };
                (*url, names)
            })
            .collect();
        Ok(Self {
            client,
            held,
            asked,
        })
    }

    /// Waits for a response, acknowledges it and asks for what it refers to. `None` when the
    /// server has ended the stream.
    ///
    /// # Errors
    /// If the connection breaks or the server sends garbage.
    pub async fn next(&mut self) -> io::Result<Option<Received>> {
        let Some(response) = self.client.receive::<DeltaDiscoveryResponse>().await? else {
            return Ok(None);
        };
        self.client.send(&DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce,
            ..DeltaDiscoveryRequest::default()
        })?;
        let url = [CLUSTER, ENDPOINTS, LISTENER, ROUTE, VIRTUAL_HOST]
            .into_iter()
            .find(|url| *url == response.type_url)
            .ok_or_else(|| io::Error::other(format!("type {}", response.type_url)))?;
        let mut resources = Vec::with_capacity(response.resources.len());
        let mut wanted = Vec::new();
        for resource in response.resources {
            let body = Bytes::from(resource.resource.map(|any| any.value).unwrap_or_default());
            wanted.extend(references(url, &body)?);
            self.held
                .entry(url)
                .or_default()
                .insert(resource.name.clone(), resource.version);
            resources.push((resource.name, body));
        }
        for name in &response.removed_resources {
            self.held.entry(url).or_default().remove(name);
        }
        self.ask(wanted)?;
        Ok(Some(Received {
            type_url: response.type_url,
            resources,
            removed: response.removed_resources,
        }))
    }

    fn ask(&mut self, wanted: Vec<(&'static str, String)>) -> io::Result<()> {
        let mut new: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (url, name) in wanted {
            // A cluster that is updated asks for its endpoints again only if it had none.
            if self.asked.entry(url).or_default().insert(name.clone()) {
                new.entry(url).or_default().push(name);
            }
        }
        for (url, names) in new {
            self.client.send(&DeltaDiscoveryRequest {
                type_url: url.to_owned(),
                resource_names_subscribe: names,
                ..DeltaDiscoveryRequest::default()
            })?;
        }
        Ok(())
    }

    /// How many resources of a type it holds; the type is given by the last part of its URL.
    pub fn count(&self, message: &str) -> usize {
        self.held
            .iter()
            .filter(|(url, _)| url.ends_with(message))
            .map(|(_, held)| held.len())
            .sum()
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.client.received
    }

    /// Ends the stream and keeps what it has brought, for [`Self::resume`].
    pub fn into_held(self) -> BTreeMap<&'static str, Held> {
        self.held
    }
}

/// The tables of virtual hosts named `TABLE/HOST:PORT`.
fn tables<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let tables: BTreeSet<_> = names
        .filter_map(|name| name.split_once('/'))
        .map(|(table, _)| table.to_owned())
        .collect();
    tables.into_iter().collect()
}

/// The resources that a resource makes Envoy ask for.
fn references(url: &str, body: &Bytes) -> io::Result<Vec<(&'static str, String)>> {
    let decode = |error: prost::DecodeError| io::Error::other(error);
    Ok(match url {
        CLUSTER => {
            let cluster = Cluster::decode(body.clone()).map_err(decode)?;
            let eds = cluster.cluster_discovery_type
                == Some(cluster::ClusterDiscoveryType::Type(
                    cluster::DiscoveryType::Eds as i32,
                ));
            let service = cluster.eds_cluster_config.map(|eds| eds.service_name);
            let service = service
                .filter(|name| !name.is_empty())
                .unwrap_or(cluster.name);
            if eds {
                vec![(ENDPOINTS, service)]
            } else {
                Vec::new()
            }
        }
        LISTENER => {
            let listener = Listener::decode(body.clone()).map_err(decode)?;
            let chains = listener
                .filter_chains
                .iter()
                .chain(&listener.default_filter_chain);
            let mut routes = Vec::new();
            for filter in chains.flat_map(|chain| &chain.filters) {
                routes.extend(route_of(filter)?.map(|name| (ROUTE, name)));
            }
            routes
        }
        ROUTE => {
            let table = RouteConfiguration::decode(body.clone()).map_err(decode)?;
            let separate = table.vhds.is_some();
            separate
                .then_some((VIRTUAL_HOST, table.name))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    })
}

fn route_of(filter: &Filter) -> io::Result<Option<String>> {
    let Some(filter::ConfigType::TypedConfig(any)) = &filter.config_type else {
        return Ok(None);
    };
    if !any.type_url.ends_with(".HttpConnectionManager") {
        return Ok(None);
    }
    let manager = HttpConnectionManager::decode(any.value.as_slice()).map_err(io::Error::other)?;
    Ok(match manager.route_specifier {
        Some(http_connection_manager::RouteSpecifier::Rds(rds)) => Some(rds.route_config_name),
        _ => None,
    })
}
