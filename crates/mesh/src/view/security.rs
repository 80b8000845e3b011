//! What a workload's proxy demands of those who connect.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_identity::TrustDomain;

use super::cluster::ClusterName;
use crate::origin::Origin;
use crate::policy::authorization::{Action, Enforcement, Rule};
use crate::policy::ext_authz::ExternalAuthorizer;
use crate::policy::jwt::JwtRule;
use crate::policy::path_normalization::PathNormalization;
use crate::policy::tls::TlsParameters;

/// What a workload's proxy demands of those who connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InboundSecurity {
    /// The trust domain of the mesh.
    pub trust_domain: TrustDomain,
    /// Names that stand for it in policies, sorted.
    pub trust_domain_aliases: Vec<TrustDomain>,
    /// Parameters of the mesh's TLS.
    pub tls: TlsParameters,
    /// How paths are normalised.
    pub paths: PathNormalization,
    /// Whose tokens are accepted; policies sorted by namespace and name.
    pub tokens: Vec<TokenRule>,
    /// Who may do what; sorted by namespace and name, those of the root namespace first.
    pub authorization: Vec<Policy>,
    /// The external authorizers that the policies name. One that is not known is not here;
    /// then its policies refuse what they match.
    pub authorizers: BTreeMap<Arc<str>, Authorizer>,
}

/// Whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenRule {
    /// How they are found, verified and passed on.
    pub rule: JwtRule,
    /// The keys; `None` = not known yet: all tokens of the issuer are refused.
    pub keys: Option<Arc<str>>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What happens to what the rules match.
    pub action: Action,
    /// Whether that happens.
    pub enforcement: Enforcement,
    /// Any of these.
    pub rules: Vec<Rule>,
    /// Where it was said.
    pub origin: Origin,
}

/// An external authorizer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authorizer {
    /// Its cluster, which the proxy has.
    pub cluster: ClusterName,
    /// How it is asked.
    pub settings: ExternalAuthorizer,
}
