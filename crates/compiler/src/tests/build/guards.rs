//! Policies that guard workloads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::key_set::KeySet;
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::request_authentication::RequestAuthentication;
use ferromesh_mesh::decl::{Declaration, Selector};
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::authorization::{Action, Enforcement, Rule};
use ferromesh_mesh::policy::ext_authz::{
    AuthorizedRouting, AuthorizerFailure, AuthorizerProtocol, ExternalAuthorizer, ProviderService,
};
use ferromesh_mesh::policy::jwt::{JwtRule, KeySource, TokenForwarding};
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};
use ferromesh_mesh::unit::Unit;

use super::{labels, origin, unit};

/// `DISABLE`, `PERMISSIVE`, `STRICT`; anything else inherits.
pub fn mode(text: &str) -> MtlsSetting {
    match text {
        "DISABLE" => MtlsSetting::Mode(MtlsMode::Disable),
        "PERMISSIVE" => MtlsSetting::Mode(MtlsMode::Permissive),
        "STRICT" => MtlsSetting::Mode(MtlsMode::Strict),
        _ => MtlsSetting::Inherit,
    }
}

pub fn peers(namespace: &str, name: &str, selector: &str, said: &str) -> PeerAuthentication {
    PeerAuthentication {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
        selector: Selector(labels(selector)),
        mode: mode(said),
        ports: BTreeMap::new(),
        age: Age::new("", name, namespace),
        origin: origin("PeerAuthentication", namespace, name, "spec"),
    }
}

pub fn peers_unit(peers: PeerAuthentication) -> Arc<Unit> {
    let object = peers.origin.object.clone();
    unit(
        &object.kind,
        &object.namespace,
        &object.name,
        vec![Declaration::PeerAuthentication(Arc::new(peers))],
    )
}

/// An AuthorizationPolicy with one rule that matches everything.
pub fn authorization(
    namespace: &str,
    name: &str,
    selector: &str,
    action: Action,
) -> AuthorizationPolicy {
    AuthorizationPolicy {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
        selector: Selector(labels(selector)),
        action,
        enforcement: Enforcement::Enforced,
        rules: vec![Rule {
            sources: Vec::new(),
            operations: Vec::new(),
            conditions: Vec::new(),
            origin: origin("AuthorizationPolicy", namespace, name, "spec.rules[0]"),
        }],
        age: Age::new("", name, namespace),
        origin: origin("AuthorizationPolicy", namespace, name, "spec"),
    }
}

pub fn authorization_unit(policy: AuthorizationPolicy) -> Arc<Unit> {
    let object = policy.origin.object.clone();
    unit(
        &object.kind,
        &object.namespace,
        &object.name,
        vec![Declaration::Authorization(Arc::new(policy))],
    )
}

pub fn tokens(
    namespace: &str,
    name: &str,
    selector: &str,
    keys: KeySource,
) -> RequestAuthentication {
    RequestAuthentication {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
        selector: Selector(labels(selector)),
        rules: vec![JwtRule {
            issuer: Arc::from("https://issuer.com"),
            audiences: Vec::new(),
            keys,
            places: Vec::new(),
            payload_header: Arc::from(""),
            claim_headers: Vec::new(),
            space_delimited_claims: Vec::new(),
            forwarding: TokenForwarding::Remove,
            fetch_timeout: Duration::from_secs(5),
            origin: origin("RequestAuthentication", namespace, name, "spec.jwtRules[0]"),
        }],
        age: Age::new("", name, namespace),
        origin: origin("RequestAuthentication", namespace, name, "spec"),
    }
}

pub fn tokens_unit(policy: RequestAuthentication) -> Arc<Unit> {
    let object = policy.origin.object.clone();
    unit(
        &object.kind,
        &object.namespace,
        &object.name,
        vec![Declaration::RequestAuthentication(Arc::new(policy))],
    )
}

pub fn uri(text: &str) -> KeySource {
    KeySource::Uri(Arc::from(text))
}

pub fn keys(name: &str, source: KeySource, keys: &str) -> Arc<Unit> {
    let set = KeySet {
        source,
        keys: Arc::from(keys),
    };
    unit("KeySet", "", name, vec![Declaration::KeySet(Arc::new(set))])
}

/// An external authorizer by gRPC.
pub fn authorizer(namespace: Option<&str>, host: &str, port: u16) -> ExternalAuthorizer {
    ExternalAuthorizer {
        service: ProviderService {
            namespace: namespace.map(Namespace::from),
            host: Hostname::new(host),
        },
        port,
        timeout: Duration::from_secs(1),
        failure: AuthorizerFailure::Refuse(403),
        routing: AuthorizedRouting::Keep,
        body: None,
        protocol: AuthorizerProtocol::Grpc,
    }
}
