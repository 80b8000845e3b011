//! Who may do what: policies → stations that requests and connections pass.
//!
//! First external authorizers are asked, then what is to be audited is noted, then what a policy
//! denies is refused, then what none allows. Whatever can't be judged is refused.
//!
//! Reading order: this file → `rule` → `source`, `operation`, `condition` → `names`, `tokens`,
//! `template` → `text`, `logic`.

mod condition;
mod logic;
mod operation;
mod peers;
mod rule;
mod source;
mod template;
mod text;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::rbac::{Policy as Matched, Rbac, rbac};
use mesh::policy::authorization::{Action, Condition, Enforcement, TextAttribute};
use mesh::policy::ext_authz::AuthorizerProtocol;
use mesh::view::security::{Authorizer, InboundSecurity, Policy};

use rule::{Narrowing, Scope};
pub(crate) use text::{Case, pattern};

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Requests.
    Requests,
    /// Connections to a port where there are requests, too.
    Connections,
    /// Connections to a port that is declared to have nothing else.
    DeclaredConnections,
}

/// Where requests or connections are judged.
pub(crate) enum Station<'a> {
    /// An authorizer of this name is asked about what the rules match.
    Ask(&'a str, &'a Authorizer, Rbac),
    /// Judged by rules.
    Judge {
        /// These count.
        enforced: Option<Rbac>,
        /// These are only tried; the prefix of their statistics.
        tried: Option<(Rbac, &'static str)>,
    },
}

/// Whether a policy asks for the server name in TLS.
pub(crate) fn needs_server_name(security: &InboundSecurity) -> bool {
    let mut conditions = security
        .authorization
        .iter()
        .flat_map(|policy| &policy.rules)
        .flat_map(|rule| &rule.conditions);
    conditions.any(|it| matches!(it, Condition::Text(TextAttribute::ServerName, _)))
}

/// The stations, in order.
pub(crate) fn stations(security: &InboundSecurity, layer: Layer) -> Vec<Station<'_>> {
    let judges = Judges { security, layer };
    let providers: BTreeSet<&str> = security
        .authorization
        .iter()
        .filter_map(|policy| match &policy.action {
            Action::Custom(provider) => Some(&**provider),
            Action::Audit | Action::Deny | Action::Allow => None,
        })
        .collect();
    let custom = providers
        .into_iter()
        .filter_map(|provider| judges.custom(provider));
    let ours = [
        (Action::Audit, "istio_dry_run_audit_"),
        (Action::Deny, "istio_dry_run_deny_"),
        (Action::Allow, "istio_dry_run_allow_"),
    ];
    let ours = ours
        .into_iter()
        .filter_map(|(action, prefix)| judges.judge(&action, prefix));
    custom.chain(ours).collect()
}

struct Judges<'a> {
    security: &'a InboundSecurity,
    layer: Layer,
}

impl<'a> Judges<'a> {
    /// The station for policies that refer to an authorizer. What nobody can be asked about is
    /// refused; but one that only knows requests has nothing to say on a port without any, as in
    /// Istio.
    fn custom(&self, provider: &'a str) -> Option<Station<'a>> {
        let action = Action::Custom(Arc::from(provider));
        let tried = self.tried(&action, "istio_dry_run_custom_");
        let enforced = self.rules(&action, Enforcement::Enforced);
        let judge = |enforced| station(enforced, tried.clone());
        let Some(enforced) = enforced else {
            return judge(None);
        };
        let Some(authorizer) = self.security.authorizers.get(provider) else {
            return judge(Some(enforced));
        };
        match (&authorizer.settings.protocol, self.layer) {
            (AuthorizerProtocol::Http(_), Layer::DeclaredConnections) => judge(None),
            (AuthorizerProtocol::Http(_), Layer::Connections) => judge(Some(enforced)),
            (AuthorizerProtocol::Http(_), Layer::Requests) | (AuthorizerProtocol::Grpc, _) => {
                Some(Station::Ask(provider, authorizer, enforced))
            }
        }
    }

    fn judge(&self, action: &Action, prefix: &'static str) -> Option<Station<'a>> {
        let enforced = self.rules(action, Enforcement::Enforced);
        station(enforced, self.tried(action, prefix))
    }

    fn tried(&self, action: &Action, prefix: &'static str) -> Option<(Rbac, &'static str)> {
        let rules = self.rules(action, Enforcement::DryRun)?;
        Some((rules, prefix))
    }

    /// What all policies of an action match together; `None` if that is the same as no policy.
    fn rules(&self, action: &Action, enforcement: Enforcement) -> Option<Rbac> {
        let mut policies = self
            .security
            .authorization
            .iter()
            .filter(|policy| policy.action == *action && policy.enforcement == enforcement)
            .peekable();
        policies.peek()?;
        let scope = Scope {
            security: self.security,
            layer: self.layer,
            narrowing: match action {
                Action::Allow => Narrowing::Nothing,
                Action::Custom(_) | Action::Audit | Action::Deny => Narrowing::Wider,
            },
        };
        let matched: BTreeMap<String, Matched> = policies
            .flat_map(|policy| matched(policy, &scope))
            .collect();
        let action = match (action, enforcement) {
            (Action::Allow, _) => rbac::Action::Allow,
            (Action::Audit, Enforcement::Enforced) => rbac::Action::Log,
            (Action::Custom(_) | Action::Audit | Action::Deny, _) => rbac::Action::Deny,
        };
        // Nothing matched: whoever allows nothing denies everything; the others do nothing.
        (action == rbac::Action::Allow || !matched.is_empty()).then_some(Rbac {
            action: action as i32,
            policies: matched,
            audit_logging_options: None,
        })
    }
}

fn station<'a>(enforced: Option<Rbac>, tried: Option<(Rbac, &'static str)>) -> Option<Station<'a>> {
    (enforced.is_some() || tried.is_some()).then_some(Station::Judge { enforced, tried })
}

/// The rules of a policy, by Istio's names.
fn matched(policy: &Policy, scope: &Scope<'_>) -> Vec<(String, Matched)> {
    let Policy {
        namespace,
        name,
        action: _,
        enforcement: _,
        rules,
        origin: _,
    } = policy;
    let numbered = rules.iter().enumerate();
    numbered
        .filter_map(|(index, rule)| {
            let name = format!("ns[{namespace}]-policy[{name}]-rule[{index}]");
            Some((name, rule::policy(rule, scope)?))
        })
        .collect()
}
