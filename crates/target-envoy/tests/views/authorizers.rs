//! External authorizers of every sort.

use std::time::Duration;

use ferromesh_mesh as mesh;

use mesh::name::Hostname;
use mesh::policy::ext_authz::{AuthorizedRouting, AuthorizerBody, AuthorizerFailure};
use mesh::policy::ext_authz::{AuthorizerProtocol, BodyEncoding, ExternalAuthorizer};
use mesh::policy::ext_authz::{HttpAuthorizer, PartialBody, ProviderService};
use mesh::view::security::Authorizer;

use super::clusters::outbound;
use super::every;
use super::security::matches;

fn authorizer(name: &str, protocol: AuthorizerProtocol, failure: AuthorizerFailure) -> Authorizer {
    Authorizer {
        cluster: outbound(name, None),
        settings: ExternalAuthorizer {
            service: ProviderService {
                namespace: None,
                host: Hostname::new(name),
            },
            port: 80,
            timeout: Duration::ZERO,
            failure,
            routing: AuthorizedRouting::Keep,
            body: None,
            protocol,
        },
    }
}

/// Authorizers of every sort.
pub fn all() -> Vec<Authorizer> {
    let http = HttpAuthorizer {
        path_prefix: "/check".into(),
        request_headers: matches(),
        added_headers: vec![("x-added".into(), "1".into())],
        upstream_headers: matches(),
        allowed_headers: matches(),
        denied_headers: matches(),
    };
    let bare = HttpAuthorizer {
        path_prefix: "".into(),
        request_headers: Vec::new(),
        added_headers: Vec::new(),
        upstream_headers: Vec::new(),
        allowed_headers: Vec::new(),
        denied_headers: Vec::new(),
    };
    let mut protocols = every! {
        AuthorizerProtocol::Grpc => AuthorizerProtocol::Grpc,
        AuthorizerProtocol::Http(_) => AuthorizerProtocol::Http(http),
    };
    protocols.push(AuthorizerProtocol::Http(bare));
    let failures = every! {
        AuthorizerFailure::Refuse(_) => AuthorizerFailure::Refuse(503),
        AuthorizerFailure::Allow => AuthorizerFailure::Allow,
    };
    let routings = every! {
        AuthorizedRouting::Keep => AuthorizedRouting::Keep,
        AuthorizedRouting::Again => AuthorizedRouting::Again,
    };
    let partials = every! {
        PartialBody::Refuse => PartialBody::Refuse,
        PartialBody::Cut => PartialBody::Cut,
    };
    let encodings = every! {
        BodyEncoding::Text => BodyEncoding::Text,
        BodyEncoding::Bytes => BodyEncoding::Bytes,
    };
    let mut all = Vec::new();
    for protocol in protocols {
        for failure in failures
            .iter()
            .copied()
            .chain([AuthorizerFailure::Refuse(0)])
        {
            let plain = authorizer("authorizer.test", protocol.clone(), failure);
            for (index, routing) in routings.iter().enumerate() {
                let mut full = plain.clone();
                full.settings.routing = *routing;
                full.settings.timeout = Duration::from_secs(1);
                full.settings.body = Some(AuthorizerBody {
                    max_bytes: u32::try_from(index).expect("a small number") * 1024,
                    partial: partials[index],
                    encoding: encodings[index],
                });
                all.push(full);
            }
            all.push(plain);
        }
    }
    all
}
