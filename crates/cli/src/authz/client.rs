//! Who asks, and how they speak to instances.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ferromesh_chassis::Failure;
use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::service::TargetPort;
use ferromesh_mesh::decl::workload::{PeerTls, Workload};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_mesh::policy::tls::ClientTls;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::{Cluster, ClusterName, Discovery, UpstreamTls};
use ferromesh_mesh::view::endpoints::ClusterEndpoint;
use ferromesh_probe::{Certificate, Chain, ClientHello, Peer};

use super::arguments::{Arguments, From};
use super::instance::Instance;
use super::open;
use super::target::Target;
use super::world::{World, address_of, usage, written};

/// How requests are marked in the mesh's TLS, and anything else.
const HTTP_MARKS: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
const TCP_MARKS: [&str; 2] = ["istio-peer-exchange", "istio"];

/// Who asks.
pub(super) struct Client {
    /// The URI in its certificate, without the trust domain if that is the mesh's own.
    who: Who,
    /// Its address; the unspecified one if it is not known.
    pub(super) address: IpAddr,
    /// What its proxy is given for the service; `None` for a workload's own port.
    cluster: Option<Arc<Cluster>>,
    /// The instances that its proxy knows.
    endpoints: Vec<ClusterEndpoint>,
}

/// Who somebody is.
enum Who {
    /// Nobody: it speaks in the clear.
    Nobody,
    /// A workload with a proxy: an account of a namespace.
    Account(Namespace, String),
    /// Whoever has this certificate.
    Identity(String),
}

/// Finds the client, and what its proxy knows of the target.
pub(super) fn find(
    world: &mut World,
    arguments: &Arguments,
    target: &Target,
) -> Result<Client, Failure> {
    let (who, workload) = match &arguments.from {
        From::Nobody => (Who::Nobody, None),
        From::Identity(id) => (Who::Identity(id.to_string()), None),
        From::Workload(name) => {
            let Some(workload) = world.workload(name) else {
                return Err(usage(format!(
                    "no Pod or WorkloadEntry {} in the manifests",
                    written(name)
                )));
            };
            (account(workload), Some(workload.clone()))
        }
    };
    let known = workload.as_deref().and_then(address_of);
    let address = arguments.source_ip.or(known);
    let mut client = Client {
        who,
        address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        cluster: None,
        endpoints: Vec::new(),
    };
    if let Target::Service(service, port) = target {
        let outlook = match (&arguments.from, workload) {
            (_, Some(workload)) => workload.name.clone(),
            (From::Identity(id), None) => stranger(Namespace::from(id.namespace())),
            (_, None) => stranger(service.namespace.clone()),
        };
        let views = world.views(&[outlook]).pop().unwrap_or_default();
        client.look(
            &views,
            &ClusterName::Outbound {
                port: port.number,
                subset: None,
                host: service.host.clone(),
            },
        );
        if client.cluster.is_none() {
            return Err(open(format!(
                "{} is not visible to the client (exportTo, or a Sidecar)",
                service.host
            )));
        }
    }
    Ok(client)
}

/// A workload's account; without a proxy it speaks in the clear.
fn account(workload: &Workload) -> Who {
    match workload.peer_tls {
        PeerTls::Mesh => Who::Account(
            workload.name.namespace.clone(),
            workload.service_account.as_str().to_owned(),
        ),
        PeerTls::Plain => {
            eprintln!(
                "{} is taken for a workload without proxy (no label security.istio.io/tlsMode: istio)",
                written(&workload.name)
            );
            Who::Nobody
        }
    }
}

/// Somebody in a namespace who is no workload of the manifests.
fn stranger(namespace: Namespace) -> WorkloadName {
    WorkloadName {
        namespace,
        // No object can have this name.
        name: Arc::from("-"),
    }
}

impl Client {
    fn look(&mut self, views: &[View], name: &ClusterName) {
        for view in views {
            match view {
                View::Cluster(cluster) if cluster.name == *name => {
                    self.cluster = Some(cluster.clone());
                }
                View::Endpoints(endpoints) if endpoints.cluster == *name => {
                    let all = endpoints.groups.iter().flat_map(|group| &group.endpoints);
                    self.endpoints = all.cloned().collect();
                }
                _ => {}
            }
        }
    }

    /// The instances, one for each workload.
    pub(super) fn instances(
        &self,
        world: &World,
        target: &Target,
    ) -> Result<Vec<Instance>, Failure> {
        let (service, port) = match target {
            Target::Workload(workload, address, port) => {
                return Ok(vec![Instance {
                    address: *address,
                    port: *port,
                    peer_tls: workload.peer_tls,
                    workload: Some(workload.clone()),
                }]);
            }
            Target::Service(service, port) => (service, port),
        };
        let near = &service.namespace;
        let known = self.endpoints.iter().filter_map(|it| {
            let address = it.address.parse().ok()?;
            Some(Instance {
                address,
                port: it.port,
                workload: world.at(address, near).cloned(),
                peer_tls: it.peer_tls,
            })
        });
        let mut all: Vec<Instance> = known.collect();
        // Clients of a headless service choose instances themselves.
        let chosen = matches!(
            self.cluster.as_deref().map(|it| &it.discovery),
            Some(Discovery::Original { .. })
        );
        if let Some(selector) = service.selector.as_ref().filter(|_| chosen) {
            let selected = world.workloads.iter().filter(|workload| {
                workload.name.namespace == *near && selector.selects(&workload.labels)
            });
            all.extend(selected.filter_map(|workload| {
                let port = match &port.target {
                    TargetPort::Number(number) => *number,
                    TargetPort::Name(name) => *workload.ports.get(name)?,
                };
                Some(Instance {
                    address: address_of(workload)?,
                    port,
                    peer_tls: workload.peer_tls,
                    workload: Some(workload.clone()),
                })
            }));
        }
        let mut seen = BTreeSet::new();
        all.retain(|it| seen.insert((it.address, it.port)));
        if all.is_empty() {
            return Err(open(format!("{} has no instances", service.host)));
        }
        Ok(all)
    }

    /// How the client speaks to an instance, in a word and as it is.
    pub(super) fn speaks(
        &self,
        instance: &Instance,
        http: bool,
        trust_domain: &TrustDomain,
    ) -> Result<(&'static str, Peer), Failure> {
        let uri = match &self.who {
            Who::Nobody => return Ok(("plaintext", Peer::Plaintext)),
            Who::Identity(uri) => uri.clone(),
            Who::Account(namespace, account) => {
                format!("spiffe://{trust_domain}/ns/{namespace}/sa/{account}")
            }
        };
        let marks: &[&str] = if http { &HTTP_MARKS } else { &TCP_MARKS };
        let mesh = |server_name: &str| {
            let hello = ClientHello {
                server_name: server_name.to_owned(),
                protocols: marks.iter().map(ToString::to_string).collect(),
            };
            let certificate = Certificate {
                uris: vec![uri],
                dns_names: Vec::new(),
                subject: String::new(),
                chain: Chain::Trusted,
            };
            ("mesh", Peer::MutualTls(hello, certificate))
        };
        let Some(cluster) = self.cluster.as_deref() else {
            // Connections to addresses have no policy of a service.
            return Ok(match instance.peer_tls {
                PeerTls::Mesh => mesh(""),
                PeerTls::Plain => ("plaintext", Peer::Plaintext),
            });
        };
        match (&cluster.tls, instance.peer_tls) {
            (UpstreamTls::Off, _) | (UpstreamTls::Auto(_), PeerTls::Plain) => {
                Ok(("plaintext", Peer::Plaintext))
            }
            (UpstreamTls::Auto(tls), PeerTls::Mesh) | (UpstreamTls::Mesh(tls), _) => {
                let name = match &*tls.sni {
                    "" => server_name(&cluster.name),
                    sni => sni.to_owned(),
                };
                Ok(mesh(&name))
            }
            (UpstreamTls::Other(ClientTls::Simple(check), _), _) => {
                let hello = ClientHello {
                    server_name: check.sni.to_string(),
                    protocols: Vec::new(),
                };
                Ok(("tls", Peer::Tls(hello)))
            }
            (UpstreamTls::Other(..), _) => Err(open(
                "the client presents a certificate of a file (DestinationRule), which is not known here",
            )),
        }
    }
}

/// The server name that the mesh's clients ask for.
fn server_name(cluster: &ClusterName) -> String {
    match cluster {
        ClusterName::Outbound { port, subset, host } => {
            let subset = subset.as_ref().map(|it| it.as_str()).unwrap_or_default();
            format!("outbound_.{port}_.{subset}_.{host}")
        }
        _ => String::new(),
    }
}
