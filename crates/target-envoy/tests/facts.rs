//! What is emitted says what the view says, as an independent decoder reads it.

use std::sync::Arc;

use envoy_types::pb::envoy::config as pb;
use envoy_types::pb::google::protobuf as wkt;
use ferromesh_mesh as mesh;
use ferromesh_target_envoy as target_envoy;
use prost::Message;

use mesh::view::View;
use target_envoy::{Emitted, Kind};

#[path = "facts/authorization.rs"]
mod authorization;
#[path = "facts/clusters.rs"]
mod clusters;
#[path = "facts/jwt.rs"]
mod jwt;
#[path = "facts/listeners.rs"]
mod listeners;
#[path = "facts/mtls.rs"]
mod mtls;
#[path = "facts/routes.rs"]
mod routes;
#[path = "facts/statements.rs"]
mod statements;
#[path = "facts/tls.rs"]
mod tls;
#[path = "views/views.rs"]
mod views;

/// The resource of a view, as the other decoder reads it.
fn read<M: Message + Default>(view: View) -> (Emitted, M) {
    let emitted = target_envoy::emit(&view);
    let message = M::decode(emitted.body.as_slice()).expect("a message");
    (emitted, message)
}

/// The message in an `Any`.
fn open<M: Message + Default>(any: &wkt::Any) -> M {
    M::decode(any.value.as_slice()).expect("a message")
}

fn seconds(seconds: i64) -> Option<wkt::Duration> {
    Some(wkt::Duration { seconds, nanos: 0 })
}

#[test]
fn names_are_istios() {
    let all: Vec<_> = views::all()
        .iter()
        .map(target_envoy::emit)
        .map(|emitted| (emitted.kind, emitted.name, emitted.aliases))
        .collect();
    let without_alias = [
        (Kind::Cluster, "outbound|80|v1|a.test"),
        (Kind::Cluster, "inbound|8080||"),
        (Kind::Cluster, "PassthroughCluster"),
        (Kind::Cluster, "BlackHoleCluster"),
        (Kind::Cluster, "InboundPassthroughCluster"),
        (Kind::Endpoints, "outbound|80|v1|a.test"),
        (Kind::Listener, "virtualOutbound"),
        (Kind::Listener, "virtualInbound"),
        (Kind::Listener, "127.0.0.1_7000"),
        (Kind::Route, "80"),
        (Kind::Route, "a.test:9000"),
        (Kind::Route, "http_proxy"),
    ];
    for (kind, name) in without_alias {
        assert!(
            all.contains(&(kind, name.into(), vec![])),
            "{kind:?} {name}"
        );
    }
    for name in [
        "80/a.test:80",
        "a.test:9000/a.test:80",
        "http_proxy/a.test:80",
    ] {
        let own = (Kind::VirtualHost, name.to_owned(), vec![name.to_owned()]);
        assert!(all.contains(&own), "{name}");
    }
}
