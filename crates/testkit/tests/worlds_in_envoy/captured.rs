//! Worlds as they are for proxies whose traffic the kernel captures.
//!
//! Their listeners bind well-known ports on all addresses, which is for a network namespace of
//! their own; here these two sockets are moved to a loopback address, and nothing else differs.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_compiler::{Certificates, Compiler, Interception, Proxy, Snapshot, Tables};
use ferromesh_envoy::discovery::Resource;
use ferromesh_envoy::{Any, Duration, Message, cluster, core, listener};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_target_envoy::{Emitted, emit};
use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::fixed_ads::FixedAds;
use ferromesh_testkit::generate::World;
use ferromesh_testkit::mesh::{Settings, Workload};
use ferromesh_testkit::wait::eventually;

use crate::dump::{Held, Kind, refused};
use crate::{complaints, text};

fn emitted(world: &World, proxy: Proxy) -> Vec<Emitted> {
    let mut compiler = Compiler::new();
    for unit in ferromesh_dialects::default_units() {
        compiler.replace(Arc::new(unit));
    }
    for object in world.objects() {
        let object = serde_json::from_str(&text(object)).expect("JSON");
        let object = Object::new(object).expect("an object");
        compiler.replace(Arc::new(ferromesh_dialects::lower(&object)));
    }
    let proxy = compiler.open(proxy);
    let mut snapshot = Snapshot::new();
    for edit in compiler.compile() {
        snapshot.apply(edit);
    }
    snapshot
        .views_of(proxy)
        .map(|(_, view)| emit(view))
        .collect()
}

/// The resource, with its socket, if it has one, on this address.
fn resource(emitted: &Emitted, address: IpAddr) -> Resource {
    let Emitted {
        kind,
        name,
        aliases,
        body,
        ..
    } = emitted;
    let mut value = body.clone();
    if *kind == ferromesh_target_envoy::Kind::Listener {
        let mut listener = listener::Listener::decode(body.as_slice()).expect("a listener");
        if listener.bind_to_port.is_none_or(|bind| bind) {
            let Some(core::address::Address::SocketAddress(socket)) = listener
                .address
                .as_mut()
                .and_then(|address| address.address.as_mut())
            else {
                panic!("{name} has no address");
            };
            socket.address = address.to_string();
            socket.port_specifier = Some(core::socket_address::PortSpecifier::PortValue(0));
            listener.additional_addresses.clear();
            // A privilege that a test may lack.
            listener.transparent = None;
            value = listener.encode_to_vec();
        }
    }
    Resource {
        name: name.clone(),
        version: "1".to_owned(),
        aliases: aliases.clone(),
        resource: Some(Any {
            type_url: kind.type_url(),
            value,
        }),
        ..Resource::default()
    }
}

/// Whether an Envoy takes all of this world.
async fn check(seed: u64, interception: Interception, tables: Tables, addresses: &mut Addresses) {
    let mut world = World::new(seed, 300);
    let (namespace, name) = world.workload();
    let what = format!("seed {seed}, {interception:?}, {tables:?}, {name}.{namespace}");
    let proxy = Proxy {
        workload: WorkloadName {
            namespace: Namespace::from(namespace.as_str()),
            name: Arc::from(name.as_str()),
        },
        interception,
        tables,
        certificates: Certificates::None,
    };
    let all = emitted(&world, proxy);
    let settings = Settings::new(&name, &namespace, addresses);
    let resources = all
        .iter()
        .map(|emitted| resource(emitted, settings.address))
        .collect();
    let server = FixedAds::serve(resources).await;
    let envoy = Workload::start_unready(settings, server.address()).await;
    eventually(&what, async || {
        assert_eq!(server.refusals(), Vec::<String>::new(), "{what}");
        let dump = envoy.config_dump().await;
        assert_eq!(refused(&dump), Vec::<String>::new(), "{what}");
        let held = Held::of(&dump);
        let is_held = |emitted: &&Emitted| {
            let kind = match emitted.kind {
                ferromesh_target_envoy::Kind::Cluster => Kind::Cluster,
                ferromesh_target_envoy::Kind::Endpoints => Kind::Endpoints,
                ferromesh_target_envoy::Kind::Listener => Kind::Listener,
                ferromesh_target_envoy::Kind::Route => Kind::Table,
                ferromesh_target_envoy::Kind::VirtualHost => Kind::VirtualHost,
            };
            held.has(kind, &emitted.name)
        };
        let missing: Vec<_> = all
            .iter()
            .filter(|emitted| !is_held(emitted))
            .map(|emitted| (emitted.kind, &emitted.name))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?}"))
        }
    })
    .await;
    assert_eq!(complaints(&envoy), Vec::<String>::new(), "{what}");
    assert_eq!(
        envoy.stat("cluster_manager.warming_clusters").await,
        0,
        "{what}"
    );
    println!("{what}: {} resources", all.len());
}

#[tokio::test]
async fn worlds_of_captured_proxies_are_accepted() {
    let mut addresses = Addresses::take();
    for seed in 10..16 {
        let interception = if seed % 3 == 0 {
            Interception::Tproxy
        } else {
            Interception::Redirect
        };
        let tables = if seed % 2 == 0 {
            Tables::Inline
        } else {
            Tables::Separate
        };
        check(seed, interception, tables, &mut addresses).await;
    }
}

/// What the other tests rely on.
#[tokio::test]
async fn what_envoy_refuses_is_seen() {
    let bad_cluster = cluster::Cluster {
        name: "bad".to_owned(),
        connect_timeout: Some(Duration {
            seconds: -1,
            nanos: 0,
        }),
        ..cluster::Cluster::default()
    };
    let bad_listener = listener::Listener {
        name: "bad".to_owned(),
        ..listener::Listener::default()
    };
    let server = FixedAds::start(vec![bad_listener], vec![bad_cluster]).await;
    let settings = Settings::new("web", "shop", &mut Addresses::take());
    let envoy = Workload::start_unready(settings, server.address()).await;
    eventually("the refusals are seen everywhere", async || {
        let all = (
            server.refusals().len(),
            refused(&envoy.config_dump().await).len(),
            complaints(&envoy).len(),
            envoy.stat("cluster_manager.cds.update_rejected").await,
            envoy.stat("listener_manager.lds.update_rejected").await,
        );
        if matches!(all, (2, 1.., 2.., 1, 1)) {
            Ok(())
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await;
}
