//! Who asks for configuration that is not its own, and who poses as the control plane.

use std::io;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse,
};
use envoy_types::pb::google::protobuf::{Value, value::Kind};
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::authority::{Authority, self_signed};
use ferromesh_testkit::fake_envoy;
use ferromesh_testkit::mesh::{ControlPlane, Settings, Workload, manifest};
use ferromesh_testkit::raw::Certified;
use ferromesh_testkit::tls_server::TlsServer;
use ferromesh_testkit::wait::eventually;

use crate::authority::refused;
use crate::rpc;
use crate::world::World;

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

fn node(name: &str, claims: &[(&str, &str)]) -> Node {
    let mut node = fake_envoy::node("shop", name, "10.0.0.1");
    let metadata = node.metadata.get_or_insert_default();
    for (key, value) in claims {
        let kind = Some(Kind::StringValue((*value).to_owned()));
        metadata.fields.insert((*key).to_owned(), Value { kind });
    }
    node
}

/// A stream that has asked for all of a type.
async fn ask(
    world: &World,
    own: Option<&Certified>,
    node: Node,
    ty: &str,
) -> io::Result<AdsClient> {
    let connection = rpc::connect(world.mesh.secured_xds(), own).await?;
    let mut ads = AdsClient::on(connection, Variant::Delta).await?;
    ads.send(&DeltaDiscoveryRequest {
        node: Some(node),
        type_url: ty.to_owned(),
        resource_names_subscribe: if ty == SECRET {
            vec!["default".to_owned(), "ROOTCA".to_owned()]
        } else {
            Vec::new()
        },
        ..DeltaDiscoveryRequest::default()
    })?;
    Ok(ads)
}

/// How it ends, when nothing was served.
async fn ended(mut ads: AdsClient) -> (String, String) {
    let response = ads.receive::<DeltaDiscoveryResponse>().await.unwrap();
    assert!(response.is_none(), "something was served: {response:?}");
    ads.status().await.unwrap().unwrap()
}

#[tokio::test]
async fn only_the_own_configuration_is_served() {
    let world = World::plain().await;
    let own = world.mesh.certificate("shop", "client").await;
    let mut ads = ask(&world, Some(&own), node("client", &[]), CLUSTER)
        .await
        .unwrap();
    let served = ads.receive::<DeltaDiscoveryResponse>().await.unwrap();
    assert!(!served.unwrap().resources.is_empty());
    // A neighbour's node id, with metadata that fits the one or the other.
    for (count, claims) in [
        &[("NAME", "server"), ("SERVICE_ACCOUNT", "server")][..],
        &[("NAME", "client"), ("SERVICE_ACCOUNT", "client")],
        &[("NAMESPACE", "shop"), ("INSTANCE_IPS", "127.0.0.1")],
    ]
    .into_iter()
    .enumerate()
    {
        for ty in [CLUSTER, SECRET] {
            let ads = ask(&world, Some(&own), node("server", claims), ty).await;
            let (code, message) = ended(ads.unwrap()).await;
            assert_eq!(code, "7", "{claims:?}: {message}");
            assert!(
                message.contains("not the account of the workload"),
                "{message}"
            );
        }
        let counted = refused(&world.mesh, "ferromesh_xds_denials", "other_identity").await;
        assert_eq!(counted, 2 * (count as u64 + 1));
    }
    let ads = ask(&world, None, node("server", &[]), CLUSTER).await;
    let (code, message) = ended(ads.unwrap()).await;
    assert_eq!(code, "16", "{message}");
    let counted = refused(&world.mesh, "ferromesh_xds_denials", "no_certificate").await;
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn certificates_of_others_open_no_stream() {
    let world = World::plain().await;
    let names = ["spiffe://cluster.local/ns/shop/sa/client"];
    for shown in [
        self_signed(&names).certified,
        Authority::new("nobody").issue(&names).certified,
    ] {
        let ads = ask(&world, Some(&shown), node("client", &[]), CLUSTER).await;
        let outcome = match ads {
            Err(_) => return,
            Ok(mut ads) => ads.receive::<DeltaDiscoveryResponse>().await,
        };
        assert!(!matches!(outcome, Ok(Some(_))), "{outcome:?}");
    }
}

/// A control plane that is somebody else: the agent must not send it the token, and Envoy must not ask it for anything.
async fn poses(world: &mut World, shown: &Certified) {
    let rogue = TlsServer::start("127.0.0.1:0".parse().unwrap(), shown, None).await;
    let mut settings = world.client.settings().clone();
    settings.address = world.addresses.next_ip();
    settings.app = world.addresses.next_ip();
    settings.outbound = world.addresses.next_ip();
    let plane = ControlPlane::Secured(rogue.address(), world.mesh.state().clone());
    let mut agent = Workload::agent_with(&settings, &plane, &[]);
    agent
        .stderr_line("that no certificate was issued", |line| {
            line.contains("no certificate was issued")
        })
        .await;
    eventually("it tries again", async || match rogue.seen().connections {
        0..3 => Err("not yet".to_owned()),
        _ => Ok(()),
    })
    .await;
    let seen = rogue.seen();
    assert_eq!(
        (seen.handshakes, seen.plaintext, seen.requests, seen.tokens),
        (0, 0, 0, 0),
        "{seen:?}"
    );
    agent.kill();
    // The real authority certifies it, but configuration comes from the rogue.
    let ca = world.mesh.secured_xds().to_string();
    let mut agent = Workload::agent_with(&settings, &plane, &["--ca", &ca]);
    agent
        .stderr_line("that a certificate was issued", |line| {
            line.contains("a certificate was issued")
        })
        .await;
    let before = seen.connections;
    eventually("Envoy comes", async || match rogue.seen().connections {
        count if count > before + 1 => Ok(()),
        count => Err(format!("{count} connections")),
    })
    .await;
    let seen = rogue.seen();
    assert_eq!((seen.plaintext, seen.requests), (0, 0), "{seen:?}");
    agent.kill();
}

#[tokio::test]
async fn who_poses_as_the_control_plane_gets_neither_token_nor_stream() {
    let mut world = World::plain().await;
    // A neighbour's own certificate of the mesh, and a name of the control plane by nobody.
    let neighbour = world.mesh.certificate("shop", "server").await;
    poses(&mut world, &neighbour).await;
    let control_plane = "spiffe://cluster.local/ns/istio-system/sa/ferromesh";
    let stranger = Authority::new("nobody").issue(&[control_plane]).certified;
    poses(&mut world, &stranger).await;
}

#[tokio::test]
async fn a_workload_that_is_gone_gets_no_certificate_and_its_stream_ends() {
    let mut world = World::open("", "", &["--certificate-lifetime", "6"]).await;
    let third = Settings::new("third", "shop", &mut world.addresses).account("third");
    world
        .mesh
        .manifests()
        .write("third.yaml", &manifest::pod(&third, &[]));
    let third = world.mesh.workload(third).await;
    let own = world.mesh.certificate("shop", "third").await;
    let mut ads = ask(&world, Some(&own), node("third", &[]), CLUSTER)
        .await
        .unwrap();
    ads.receive::<DeltaDiscoveryResponse>()
        .await
        .unwrap()
        .unwrap();
    world.mesh.manifests().remove("third.yaml");
    while ads
        .receive::<DeltaDiscoveryResponse>()
        .await
        .unwrap()
        .is_some()
    {}
    let (code, message) = ads.status().await.unwrap().unwrap();
    assert_eq!(code, "14", "{message}");
    let token = world.mesh.state().token("shop", "third");
    eventually("its token is gone", async || {
        if token.exists() {
            Err("it is there".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    // It may have been refused at its start, too, before its pod was known.
    let refusals = || {
        let lines = third.agent().stderr();
        let refused = lines
            .iter()
            .filter(|line| line.contains("no certificate was issued"));
        refused.count()
    };
    let before = refusals();
    eventually("it gets no further certificate", async || {
        if refusals() > before {
            Ok(())
        } else {
            Err(format!("{before} refusals"))
        }
    })
    .await;
    // Those who stay are not concerned.
    world.arrives().await;
}
