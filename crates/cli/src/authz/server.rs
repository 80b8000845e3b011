//! What the proxies of the instances are given, and what it says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ferromesh_chassis::Failure;
use ferromesh_envoy as envoy;
use ferromesh_envoy::Message;
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::workload::{PeerTls, Workload};
use ferromesh_mesh::name::WorkloadName;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::authorization::{Action, Enforcement};
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::{Listener, ListenerTraffic};
use ferromesh_mesh::view::security::InboundSecurity;
use ferromesh_probe::{HttpRequest, HttpVersion, PolicyName, Request, Verdict};
use ferromesh_target_envoy::emit;
use serde_json::{Map, Value};

use super::arguments::{self, Arguments};
use super::client::Client;
use super::instance::{Answer, Instance, Stated};
use super::open;
use super::target::Target;
use super::world::{World, usage, written};

/// Asks all instances.
pub(super) fn ask(
    world: &mut World,
    arguments: &Arguments,
    client: &Client,
    target: &Target,
    instances: Vec<Instance>,
) -> Result<Vec<Answer>, Failure> {
    let names: Vec<WorkloadName> = instances
        .iter()
        .map(|instance| match &instance.workload {
            Some(workload) => Ok(workload.name.clone()),
            None => Err(open(format!(
                "no Pod or WorkloadEntry is at {}, so nothing is known of its proxy",
                instance.address
            ))),
        })
        .collect::<Result<_, _>>()?;
    let views = world.views(&names);
    let world = &*world;
    let asked = instances.into_iter().zip(views);
    asked
        .map(|(instance, views)| {
            let Some(server) = Server::of(&views) else {
                return Err(open(format!(
                    "{} has no inbound listener",
                    instance.address
                )));
            };
            server.answer(world, arguments, client, target, instance)
        })
        .collect()
}

/// What the proxy of an instance is given.
struct Server<'a> {
    view: &'a View,
    listener: &'a Listener,
    security: &'a InboundSecurity,
}

impl<'a> Server<'a> {
    fn of(views: &'a [View]) -> Option<Self> {
        views.iter().find_map(|view| match view {
            View::Listener(listener) => match &listener.traffic {
                ListenerTraffic::VirtualInbound { security, .. } => Some(Self {
                    view,
                    listener,
                    security,
                }),
                _ => None,
            },
            _ => None,
        })
    }

    fn answer(
        &self,
        world: &World,
        arguments: &Arguments,
        client: &Client,
        target: &Target,
        instance: Instance,
    ) -> Result<Answer, Failure> {
        let http = self.request(arguments, target)?;
        let trust_domain = &self.security.trust_domain;
        let (spoken, peer) = client.speaks(&instance, http.is_some(), trust_domain)?;
        if let Some(workload) = &instance.workload {
            say_proxy(workload);
        }
        let request = Request {
            destination: SocketAddr::new(instance.address, instance.port),
            source: SocketAddr::new(client.address, 40_000),
            peer,
            http,
            now: now(),
        };
        let verdict = self.verdict(&request)?;
        let policy = verdict
            .policy
            .as_deref()
            .or_else(|| asking(&verdict))
            .and_then(|name| self.policy(world, name));
        let workload = instance.workload.as_deref();
        Ok(Answer {
            spoken,
            mtls: self.mtls(instance.port),
            policy,
            allowing: self.allowing(),
            peer_authentication: workload
                .and_then(|it| peer_authentication(world, it, instance.port))
                .map(|it| stated(world, it)),
            providers: self.providers(),
            verdict,
            instance,
        })
    }

    /// The request, with the token that is taken for valid.
    fn request(
        &self,
        arguments: &Arguments,
        target: &Target,
    ) -> Result<Option<HttpRequest>, Failure> {
        let asked = arguments.method.is_some()
            || arguments.path.is_some()
            || !arguments.headers.is_empty()
            || !arguments.claims.is_empty();
        if !asked && !target.may_be_http() {
            return Ok(None);
        }
        let (hosts, headers): (Vec<_>, Vec<_>) = arguments
            .headers
            .iter()
            .cloned()
            .partition(|(name, _)| name.eq_ignore_ascii_case("host"));
        let mut hosts = hosts.into_iter();
        let (host, port) = &arguments.to;
        let authority = hosts.next().map_or_else(
            || match port {
                80 => host.clone(),
                port => format!("{host}:{port}"),
            },
            |(_, value)| value,
        );
        let claims = self.token(arguments)?;
        Ok(Some(HttpRequest {
            version: HttpVersion::Http1,
            method: arguments.method.clone().unwrap_or_else(|| "GET".to_owned()),
            path: arguments.path.clone().unwrap_or_else(|| "/".to_owned()),
            authority: Some(authority),
            headers: hosts.chain(headers).collect(),
            claims: claims.into_iter().collect(),
        }))
    }

    fn token(&self, arguments: &Arguments) -> Result<Option<Map<String, Value>>, Failure> {
        if arguments.claims.is_empty() {
            return Ok(None);
        }
        let mut token = arguments::token(&arguments.claims);
        if !token.contains_key("iss") {
            let mut issuers: Vec<_> = self
                .security
                .tokens
                .iter()
                .map(|it| &*it.rule.issuer)
                .collect();
            issuers.sort_unstable();
            issuers.dedup();
            match issuers.as_slice() {
                [only] => drop(token.insert("iss".to_owned(), Value::from(*only))),
                [] => {
                    return Err(open(
                        "no RequestAuthentication of the workload accepts tokens",
                    ));
                }
                _ => {
                    return Err(usage(format!(
                        "say whose token it is: --claim iss=ISSUER (accepted: {})",
                        issuers.join(", ")
                    )));
                }
            }
        }
        Ok(Some(token))
    }

    fn verdict(&self, request: &Request) -> Result<Verdict, Failure> {
        let emitted = emit(self.view);
        let listener = envoy::listener::Listener::decode(emitted.body.as_slice())
            .map_err(|error| open(format!("{}: {error}", emitted.name)))?;
        Ok(ferromesh_probe::ask(&listener, request))
    }

    /// Which connections a port takes.
    fn mtls(&self, number: u16) -> MtlsMode {
        match &self.listener.traffic {
            ListenerTraffic::VirtualInbound {
                ports, rest_mtls, ..
            } => ports
                .iter()
                .find(|port| port.port == number)
                .map_or(*rest_mtls, |port| port.mtls),
            _ => MtlsMode::Disable,
        }
    }

    /// The policy of a name, and where it stands.
    fn policy(&self, world: &World, name: &str) -> Option<Stated> {
        let name: PolicyName = name.parse().ok()?;
        let policy = self
            .security
            .authorization
            .iter()
            .find(|it| *it.namespace == *name.namespace && *it.name == *name.name)?;
        let rule = policy.rules.get(name.rule)?;
        let (file, line) = world.place(&rule.origin);
        Some(Stated {
            namespace: name.namespace,
            name: name.name,
            rule: Some(name.rule),
            action: Some(policy.action.clone()),
            file,
            line,
        })
    }

    fn allowing(&self) -> Vec<String> {
        self.security
            .authorization
            .iter()
            .filter(|it| it.action == Action::Allow && it.enforcement == Enforcement::Enforced)
            .map(|it| format!("{}/{}", it.namespace, it.name))
            .collect()
    }

    /// Clusters of external authorizers, as Envoy and as policies call them.
    fn providers(&self) -> Vec<(String, String)> {
        let authorizers = self.security.authorizers.iter();
        authorizers
            .filter_map(|(name, authorizer)| match &authorizer.cluster {
                ClusterName::Outbound { port, subset, host } => {
                    let subset = subset.as_ref().map(|it| it.as_str()).unwrap_or_default();
                    let cluster = format!("outbound|{port}|{subset}|{host}");
                    Some((cluster, name.to_string()))
                }
                _ => None,
            })
            .collect()
    }
}

/// The policy because of which an authorizer is asked.
fn asking(verdict: &Verdict) -> Option<&str> {
    let ferromesh_probe::Outcome::Asks { .. } = verdict.outcome else {
        return None;
    };
    let asking = |it: &&ferromesh_probe::Shadow| it.prefix.starts_with("istio_ext_authz_");
    let mut matched = verdict.shadows.iter().filter(asking);
    matched.find_map(|shadow| shadow.policy.as_deref())
}

/// What the manifests don't say matters: without a proxy nothing is enforced.
fn say_proxy(workload: &Workload) {
    if workload.peer_tls == PeerTls::Plain {
        eprintln!(
            "{} does not say that it has a proxy (no label security.istio.io/tlsMode: istio); without one nothing is enforced",
            written(&workload.name)
        );
    }
}

/// The policy that says which connections a port takes: the most specific one that says it.
fn peer_authentication<'a>(
    world: &'a World,
    workload: &Workload,
    port: u16,
) -> Option<&'a Arc<PeerAuthentication>> {
    let root = &world.mesh()?.root_namespace;
    let own = &workload.name.namespace;
    let selects = |it: &&Arc<PeerAuthentication>| {
        (it.namespace == *own || it.namespace == *root) && it.selector.selects(&workload.labels)
    };
    let mut all: Vec<_> = world.peers.iter().filter(selects).collect();
    let rank = |it: &PeerAuthentication| match (it.selector.is_empty(), it.namespace == *own) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => 2,
    };
    all.sort_by(|a, b| (rank(a), &a.age).cmp(&(rank(b), &b.age)));
    let mut passed = Vec::new();
    all.retain(|it| {
        let rank = rank(it);
        // Only the oldest of a rank counts.
        let first = !passed.contains(&rank);
        passed.push(rank);
        first
    });
    let says = |it: &MtlsSetting| matches!(it, MtlsSetting::Mode(_));
    all.into_iter()
        .find(|it| it.ports.get(&port).is_some_and(says) || says(&it.mode))
}

fn stated(world: &World, policy: &PeerAuthentication) -> Stated {
    let origin: &Origin = &policy.origin;
    let (file, line) = world.place(origin);
    Stated {
        namespace: policy.namespace.to_string(),
        name: policy.name.to_string(),
        rule: None,
        action: None,
        file,
        line,
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|it| it.as_secs()).unwrap_or_default()
}
