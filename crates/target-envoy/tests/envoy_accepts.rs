//! The real Envoy accepts what is emitted, for every variant of every part of a view.

use std::path::{Path, PathBuf};
use std::process::Command;

use ferromesh_envoy as envoy;
use ferromesh_target_envoy as target_envoy;

use envoy::Message;
use envoy::bootstrap::Bootstrap;
use envoy::bootstrap::bootstrap::{DynamicResources, StaticResources};
use envoy::hcm::http_connection_manager::RouteSpecifier;
use target_envoy::{Emitted, Kind};

#[path = "views/views.rs"]
mod views;

#[test]
fn every_view_is_accepted() {
    let emitted: Vec<_> = views::all().iter().map(target_envoy::emit).collect();
    for kind in [
        Kind::Cluster,
        Kind::Endpoints,
        Kind::Listener,
        Kind::Route,
        Kind::VirtualHost,
    ] {
        assert!(emitted.iter().any(|it| it.kind == kind), "no {kind:?}");
    }
    let bootstrap = bootstrap(&emitted);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("bootstrap.pb");
    std::fs::write(&file, bootstrap.encode_to_vec()).expect("the bootstrap is written");
    let output = Command::new(envoy_binary())
        .args([
            "--mode",
            "validate",
            "--log-level",
            "error",
            "--config-path",
        ])
        .arg(&file)
        .output()
        .expect("Envoy runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
}

/// The binary of `$ENVOY`, or the one that `cargo xtask envoy` keeps.
fn envoy_binary() -> PathBuf {
    let binary = std::env::var_os("ENVOY").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/envoy-1.40.0/envoy"),
        PathBuf::from,
    );
    assert!(
        binary.exists(),
        "{} is missing: run cargo xtask envoy",
        binary.display()
    );
    binary
}

fn bootstrap(emitted: &[Emitted]) -> Bootstrap {
    let mut resources = StaticResources {
        clusters: vec![agent()],
        ..Default::default()
    };
    for (index, one) in emitted.iter().enumerate() {
        match one.kind {
            Kind::Cluster => resources.clusters.push(decode(one)),
            Kind::Endpoints => resources.clusters.push(holder(decode(one))),
            Kind::Listener => resources.listeners.push(unique(decode(one), index)),
            Kind::Route => resources.listeners.push(server(decode(one), index)),
            Kind::VirtualHost => {
                let table = envoy::route::RouteConfiguration {
                    name: one.name.clone(),
                    virtual_hosts: vec![decode(one)],
                    max_direct_response_body_size_bytes: Some(1 << 20),
                    validate_clusters: Some(false),
                    ..Default::default()
                };
                resources.listeners.push(server(table, index));
            }
        }
    }
    Bootstrap {
        node: Some(envoy::core::Node {
            id: "test".into(),
            cluster: "test".into(),
            ..Default::default()
        }),
        static_resources: Some(resources),
        dynamic_resources: Some(DynamicResources {
            ads_config: Some(envoy::core::ApiConfigSource {
                api_type: envoy::core::api_config_source::ApiType::DeltaGrpc as i32,
                transport_api_version: envoy::core::ApiVersion::V3 as i32,
                grpc_services: vec![grpc()],
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The cluster that the bootstrap has for secrets.
fn agent() -> envoy::cluster::Cluster {
    envoy::cluster::Cluster {
        name: "sds-grpc".into(),
        ..Default::default()
    }
}

/// Nobody answers there; the validation doesn't ask.
fn grpc() -> envoy::core::GrpcService {
    use envoy::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
    envoy::core::GrpcService {
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: "inbound|8080||".into(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn decode<M: Message + Default>(emitted: &Emitted) -> M {
    M::decode(emitted.body.as_slice()).expect("our own bytes")
}

/// A cluster with these instances.
fn holder(assignment: envoy::endpoint::ClusterLoadAssignment) -> envoy::cluster::Cluster {
    envoy::cluster::Cluster {
        name: format!("instances of {}", assignment.cluster_name),
        load_assignment: Some(assignment),
        ..Default::default()
    }
}

/// Listeners of many proxies in one: each gets a port of its own.
fn unique(mut listener: envoy::listener::Listener, index: usize) -> envoy::listener::Listener {
    use envoy::core::address::Address;
    use envoy::core::socket_address::PortSpecifier;
    let additional = listener.additional_addresses.iter_mut();
    let addresses = additional
        .map(|it| &mut it.address)
        .chain([&mut listener.address]);
    for address in addresses.flatten() {
        if let Some(Address::SocketAddress(socket)) = &mut address.address {
            let port = 20_000 + u32::try_from(index).expect("a small number");
            socket.port_specifier = Some(PortSpecifier::PortValue(port));
        }
    }
    listener.name = format!("{} {index}", listener.name);
    listener
}

/// A listener with this table, which knows all filters that routes configure.
fn server(table: envoy::route::RouteConfiguration, index: usize) -> envoy::listener::Listener {
    use ferromesh_mesh::view::View;
    use ferromesh_mesh::view::listener::{ListenerName, ListenerTraffic};
    use ferromesh_mesh::view::route_table::TableName;
    let traffic = ListenerTraffic::HttpProxy {
        table: TableName::HttpProxy,
    };
    let name = ListenerName::HttpProxy(views::listeners::at(15002));
    let view = View::Listener(views::listeners::listener(name, traffic).into());
    let mut listener: envoy::listener::Listener = decode(&target_envoy::emit(&view));
    for filter in listener
        .filter_chains
        .iter_mut()
        .flat_map(|it| &mut it.filters)
    {
        let Some(envoy::listener::filter::ConfigType::TypedConfig(config)) =
            &mut filter.config_type
        else {
            continue;
        };
        let mut manager = envoy::hcm::HttpConnectionManager::decode(config.value.as_slice())
            .expect("a connection manager");
        manager.route_specifier = Some(RouteSpecifier::RouteConfig(table.clone()));
        *config = envoy::any(&manager);
    }
    unique(listener, index)
}
