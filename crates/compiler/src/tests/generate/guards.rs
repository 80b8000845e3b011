//! Policies that guard workloads.

use std::sync::Arc;

use ferromesh_mesh::decl::workload::PeerTls;
use ferromesh_mesh::name::ServiceAccount;
use ferromesh_mesh::policy::authorization::{Action, Enforcement};
use ferromesh_mesh::policy::ext_authz::ExternalAuthorizer;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::policy::tls::{ClientTls, ServerCheck, ServerTrust};
use ferromesh_mesh::unit::Unit;

use super::{NAMESPACES, age};
use crate::tests::build::guards as build;
use crate::tests::dice::Dice;

const SELECTORS: [&str; 4] = ["", "app=s0", "version=v2", "app=s1,version=v1"];
const MODES: [&str; 4] = ["", "DISABLE", "PERMISSIVE", "STRICT"];
/// The last one is nowhere.
const PROVIDERS: [&str; 3] = ["asked", "hidden", "unknown"];
const URIS: [&str; 2] = ["https://x.net/keys", "https://y.net/keys"];

pub fn peers(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["pa0", "pa1"]));
    let mut peers = build::peers(namespace, name, dice.pick(&SELECTORS), dice.pick(&MODES));
    if !peers.selector.is_empty() && dice.once_in(2) {
        let port = dice.pick(&[8080, 9090]);
        let mode = build::mode(dice.pick(&MODES));
        peers.ports.insert(port, mode);
    }
    peers.age = age(dice, name, namespace);
    build::peers_unit(peers)
}

pub fn authorization(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["ap0", "ap1"]));
    let action = match dice.roll(4) {
        0 => Action::Allow,
        1 => Action::Deny,
        _ => Action::Custom(Arc::from(dice.pick(&PROVIDERS))),
    };
    let mut policy = build::authorization(namespace, name, dice.pick(&SELECTORS), action);
    if dice.once_in(2) {
        policy.enforcement = Enforcement::DryRun;
    }
    if dice.once_in(3) {
        policy.rules = Vec::new();
    }
    policy.age = age(dice, name, namespace);
    build::authorization_unit(policy)
}

fn source(dice: &mut Dice<'_>) -> KeySource {
    match dice.roll(4) {
        0 => KeySource::Issuer(Arc::from("https://issuer.com")),
        _ => build::uri(dice.pick(&URIS)),
    }
}

pub fn tokens(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["ra0", "ra1"]));
    let keys = match dice.roll(5) {
        0 => KeySource::Inline(Arc::from("inline")),
        _ => source(dice),
    };
    let mut policy = build::tokens(namespace, name, dice.pick(&SELECTORS), keys);
    policy.age = age(dice, name, namespace);
    build::tokens_unit(policy)
}

pub fn keys(dice: &mut Dice<'_>) -> Arc<Unit> {
    let name = dice.pick(&["k0", "k1"]);
    build::keys(name, source(dice), dice.pick(&["one", "two"]))
}

pub fn authorizers(dice: &mut Dice<'_>) -> Vec<(Arc<str>, ExternalAuthorizer)> {
    let namespace = dice.pick(&[None, None, Some("b")]);
    let hosts = ["s0.b.svc.cluster.local", "s1.a.svc.cluster.local"];
    ["asked", "hidden"]
        .into_iter()
        .zip(hosts)
        .map(|(name, host)| {
            let authorizer = build::authorizer(namespace, host, dice.pick(&[80, 80, 9000]));
            (Arc::from(name), authorizer)
        })
        .collect()
}

/// What a policy says about TLS towards instances.
pub fn client_tls(dice: &mut Dice<'_>) -> Option<ClientTls> {
    match dice.roll(8) {
        0 => Some(ClientTls::Disable),
        1 => Some(ClientTls::Mesh {
            sni: Arc::from(""),
            names: Vec::new(),
        }),
        2 => Some(ClientTls::Mesh {
            sni: Arc::from("sni"),
            names: vec![Arc::from("spiffe://b"), Arc::from("a")],
        }),
        3 => Some(ClientTls::Simple(ServerCheck {
            sni: Arc::from(""),
            trust: ServerTrust::System,
            names: Vec::new(),
            revoked: Arc::from(""),
        })),
        _ => None,
    }
}

/// The account of a workload.
pub fn account(dice: &mut Dice<'_>) -> ServiceAccount {
    dice.pick(&["default", "other", ""]).into()
}

/// Whether a workload speaks the mesh's TLS.
pub fn peer_tls(dice: &mut Dice<'_>) -> PeerTls {
    dice.pick(&[PeerTls::Mesh, PeerTls::Mesh, PeerTls::Plain])
}
