//! Which policies guard a workload, and what they say together.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::mesh_config::{MeshConfig, MeshSecurity};
use ferromesh_mesh::decl::request_authentication::RequestAuthentication;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::ext_authz::ExternalAuthorizer;
use ferromesh_mesh::policy::jwt::{JwtRule, KeySource};
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::security::{Authorizer, InboundSecurity, Policy, TokenRule};

use super::facts::{self, Candidate};
use super::scope::{Scope, ScopeKey};
use crate::identity::DeclId;
use crate::index::guards::{Guard, GuardKind};
use crate::index::reading::Reading;
use crate::question::pairs;

/// The policies that guard a workload, by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct SecurityKey {
    /// Who may do what: those of the root namespace first, then by name.
    pub(crate) authorization: Vec<DeclId>,
    /// Whose tokens are accepted, by namespace and name.
    pub(crate) tokens: Vec<DeclId>,
    /// The outlook by which external authorizers are found; `None` = nobody asks any.
    pub(crate) outlook: Option<ScopeKey>,
}

impl SecurityKey {
    /// The policies that select a workload.
    pub(crate) fn of(scope: &ScopeKey, labels: &Labels, reading: &mut Reading<'_>) -> Self {
        let root = reading.mesh().root_namespace.clone();
        let mut found = BTreeMap::new();
        for author in [&root, &scope.namespace] {
            for pair in pairs(labels) {
                for guard in reading.guards(author, pair) {
                    if guard.selector.selects(labels) {
                        found.insert((author != &root, order(guard)), guard);
                    }
                }
            }
        }
        let mut key = Self::default();
        let mut tokens = BTreeMap::new();
        for guard in found.into_values() {
            match &guard.kind {
                GuardKind::Custom(_) => {
                    key.outlook = Some(scope.clone());
                    key.authorization.push(guard.id.clone());
                }
                GuardKind::Authorization => key.authorization.push(guard.id.clone()),
                GuardKind::Tokens => drop(tokens.insert(order(guard), guard.id.clone())),
            }
        }
        key.tokens = tokens.into_values().collect();
        key
    }

    /// What the policies say together.
    pub(crate) fn read(&self, reading: &mut Reading<'_>) -> InboundSecurity {
        let mesh = reading.mesh().clone();
        let MeshSecurity {
            trust_domain,
            trust_domain_aliases,
            authorities: _,
            auto_mtls: _,
            mesh_tls,
            outside_tls: _,
            paths,
            authorizers: _,
        } = &mesh.security;
        let authorization: Vec<Policy> = self
            .authorization
            .iter()
            .filter_map(|id| reading.authorization(id))
            .map(|policy| policy_of(policy))
            .collect();
        let rules: Vec<&JwtRule> = self
            .tokens
            .iter()
            .filter_map(|id| reading.request_authentication(id))
            .flat_map(|policy| rules_of(policy))
            .collect();
        InboundSecurity {
            trust_domain: trust_domain.clone(),
            trust_domain_aliases: trust_domain_aliases.clone(),
            tls: mesh_tls.clone(),
            paths: *paths,
            tokens: rules.into_iter().map(|rule| token(rule, reading)).collect(),
            authorizers: self.authorizers(&authorization, &mesh, reading),
            authorization,
        }
    }

    fn authorizers(
        &self,
        policies: &[Policy],
        mesh: &MeshConfig,
        reading: &mut Reading<'_>,
    ) -> BTreeMap<Arc<str>, Authorizer> {
        let Some(outlook) = &self.outlook else {
            return BTreeMap::new();
        };
        let scope = Scope::link(outlook, reading);
        let mut found = BTreeMap::new();
        for policy in policies {
            let Action::Custom(provider) = &policy.action else {
                continue;
            };
            if found.contains_key(provider) {
                continue;
            }
            let Some(settings) = mesh.security.authorizers.get(provider) else {
                continue;
            };
            let candidates = facts::candidates(&settings.service.host, reading);
            if let Ok(service) = authorizer(&scope, &candidates, settings) {
                let cluster = ClusterName::Outbound {
                    port: settings.port,
                    subset: None,
                    host: service.service.host.clone(),
                };
                let settings = settings.clone();
                found.insert(provider.clone(), Authorizer { cluster, settings });
            }
        }
        found
    }
}

/// Why an external authorizer can't be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAuthorizer {
    /// There is no such service.
    Unknown,
    /// The name means another service where the workload is.
    Ambiguous,
    /// The service has no such port.
    Port,
}

/// The service of an external authorizer, imported or not. A name has one cluster only, so that
/// whom the clients mean by it counts; if they mean another one, nobody is asked.
pub(crate) fn authorizer<'f>(
    scope: &Scope,
    candidates: &'f [Candidate],
    settings: &ExternalAuthorizer,
) -> Result<&'f Candidate, NoAuthorizer> {
    let required = settings.service.namespace.as_ref();
    let fits = |candidate: &&Candidate| {
        required.is_none_or(|namespace| candidate.service.namespace == *namespace)
    };
    let found = match scope.infer(candidates) {
        Some(meant) if fits(&meant) => meant,
        Some(_) => return Err(NoAuthorizer::Ambiguous),
        None => candidates.iter().find(fits).ok_or(NoAuthorizer::Unknown)?,
    };
    if has_port(&found.service, settings.port) {
        Ok(found)
    } else {
        Err(NoAuthorizer::Port)
    }
}

fn has_port(service: &Service, number: u16) -> bool {
    service
        .ports
        .iter()
        .any(|port| port.number == number && port.protocol != Protocol::Udp)
}

/// The external authorizers that the policies of namespaces ask.
pub(crate) fn asked(
    namespaces: [&Namespace; 2],
    mesh: &MeshConfig,
    reading: &mut Reading<'_>,
) -> Vec<ExternalAuthorizer> {
    let mut providers: Vec<&Arc<str>> = namespaces
        .into_iter()
        .flat_map(|namespace| reading.providers(namespace))
        .collect();
    providers.sort();
    providers.dedup();
    providers
        .into_iter()
        .filter_map(|provider| mesh.security.authorizers.get(provider).cloned())
        .collect()
}

fn order(guard: &Guard) -> (Namespace, Arc<str>, DeclId) {
    (
        guard.namespace.clone(),
        guard.name.clone(),
        guard.id.clone(),
    )
}

fn policy_of(policy: &AuthorizationPolicy) -> Policy {
    let AuthorizationPolicy {
        namespace,
        name,
        selector: _,
        action,
        enforcement,
        rules,
        age: _,
        origin,
    } = policy;
    Policy {
        namespace: Arc::from(namespace.as_str()),
        name: name.clone(),
        action: action.clone(),
        enforcement: *enforcement,
        rules: rules.clone(),
        origin: origin.clone(),
    }
}

fn rules_of(policy: &RequestAuthentication) -> &[JwtRule] {
    let RequestAuthentication {
        namespace: _,
        name: _,
        selector: _,
        rules,
        age: _,
        origin: _,
    } = policy;
    rules
}

fn token(rule: &JwtRule, reading: &mut Reading<'_>) -> TokenRule {
    let keys = match &rule.keys {
        KeySource::Inline(keys) => Some(keys.clone()),
        KeySource::Nobody => None,
        source @ (KeySource::Uri(_) | KeySource::Issuer(_)) => {
            reading.keys(source).map(|found| found.keys.clone())
        }
    };
    TokenRule {
        rule: rule.clone(),
        keys,
    }
}
