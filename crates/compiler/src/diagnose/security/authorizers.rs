//! Policies that ask external authorizers.

use std::sync::Arc;

use ferromesh_mesh::closest::closest;
use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::service::Resolution;
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::ext_authz::{AuthorizerProtocol, ExternalAuthorizer};
use ferromesh_mesh::view::listener::InboundTraffic;

use super::{Census, named, warn};
use crate::index::reading::Reading;
use crate::link::facts;
use crate::link::inbound;
use crate::link::scope::{Scope, ScopeKey};
use crate::link::security::{NoAuthorizer, authorizer};

/// Checks whom a policy asks.
pub(super) fn check(
    policy: &AuthorizationPolicy,
    census: &Census,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let Action::Custom(provider) = &policy.action else {
        return;
    };
    let field = policy.origin.field("provider.name");
    let mesh = reading.mesh().clone();
    let known = &mesh.security.authorizers;
    let Some(settings) = known.get(provider) else {
        let message = format!(
            "the mesh configuration has no external authorizer {provider}: what the rules match is refused"
        );
        let hint = closest(provider, known.keys().map(|name| &**name)).map_or_else(
            || {
                "declare it as envoyExtAuthzGrpc or envoyExtAuthzHttp in extensionProviders"
                    .to_owned()
            },
            |meant| format!("did you mean {meant:?}?"),
        );
        list.push(warn(&field, "unknown-provider", message).hint(hint));
        return;
    };
    let selected: Vec<_> = census
        .selected(&policy.namespace, &policy.selector)
        .collect();
    if let (AuthorizerProtocol::Http(_), Some((workload, port))) =
        (&settings.protocol, without_requests(&selected, reading))
    {
        let message = format!(
            "authorizer {provider} knows requests only, and port {port} of {} speaks TCP: nobody is asked there",
            named(workload)
        );
        list.push(
            warn(&field, "requests-only", message)
                .hint("use an authorizer by gRPC, or write an ALLOW policy for that port"),
        );
    }
    let first = selected
        .first()
        .map_or_else(|| policy.namespace.clone(), |w| w.name.namespace.clone());
    if let Some(message) = fault(&first, settings, reading) {
        let message = format!("authorizer {provider}: {message}");
        list.push(warn(&field, "unusable-provider", message).hint(format!(
            "correct extensionProviders of the mesh configuration ({}:{})",
            settings.service.host, settings.port
        )));
    }
}

/// The first port that has no requests.
fn without_requests<'c>(
    selected: &[&'c Arc<Workload>],
    reading: &mut Reading<'_>,
) -> Option<(&'c Arc<Workload>, u16)> {
    selected.iter().find_map(|workload| {
        let ports = inbound::traffic_by_port(workload, reading)?;
        let mut tcp = ports
            .iter()
            .filter(|(_, traffic)| matches!(traffic, InboundTraffic::Tcp { .. }));
        tcp.next().map(|(port, _)| (*workload, *port))
    })
}

/// Why the authorizer can't be asked from a namespace.
fn fault(
    namespace: &Namespace,
    settings: &ExternalAuthorizer,
    reading: &mut Reading<'_>,
) -> Option<String> {
    let key = ScopeKey {
        namespace: namespace.clone(),
        sidecar: None,
    };
    let scope = Scope::link(&key, reading);
    let host = &settings.service.host;
    let candidates = facts::candidates(host, reading);
    match authorizer(&scope, &candidates, settings) {
        Ok(found) => {
            let service: &Arc<_> = &found.service;
            let chosen_by_client = matches!(
                service.resolution,
                Resolution::Headless | Resolution::Original
            );
            chosen_by_client.then(|| {
                format!("{host} has no instance that a proxy could choose (it is headless): it is never reached")
            })
        }
        Err(NoAuthorizer::Unknown) => Some(format!(
            "no service is called {host}: what the rules match is refused"
        )),
        Err(NoAuthorizer::Ambiguous) => Some(format!(
            "{host} is a service of another namespace for workloads in {namespace}: what the rules match is refused"
        )),
        Err(NoAuthorizer::Port) => Some(format!(
            "{host} has no port {}: what the rules match is refused",
            settings.port
        )),
    }
}
