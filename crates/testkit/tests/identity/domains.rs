//! Two trust domains with authorities of their own, and how they trust each other.

use std::net::SocketAddr;

use ferromesh_identity::TrustDomain;
use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::authority::Authority;
use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::pod;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, certify};
use ferromesh_testkit::raw::{self, Certified, Handshake, Raw};
use ferromesh_testkit::wait::eventually;

use crate::world::{self, World};

/// The other trust domain.
const OTHER: &str = "other.example";

/// Text in YAML's literal style.
fn literal(pem: &str, indent: usize) -> String {
    let pad = " ".repeat(indent);
    pem.lines().map(|line| format!("{pad}{line}\n")).collect()
}

/// A mesh configuration that trusts these roots for the other domain.
fn trusting(own: &str, other: &str, pem: &str) -> String {
    format!(
        "outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\ntrustDomain: {own}\ntrustDomainAliases: [{other}]\n\
         caCertificates:\n- trustDomains: [{other}]\n  pem: |\n{}",
        literal(pem, 4)
    )
}

/// What a client gets on the server's port.
async fn ask(to: SocketAddr, certified: &Certified) -> std::io::Result<(u16, String)> {
    let handshake = Handshake::tls(Some(certified), raw::HTTP, "server.shop");
    let mut raw = Raw::open(to, &handshake).await?;
    let reply = raw.send(b"GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
    Ok((reply.status, reply.text()))
}

fn domain(name: &str) -> TrustDomain {
    TrustDomain::new(name).expect("a trust domain")
}

#[tokio::test]
async fn each_authority_speaks_for_its_own_domain_alone() {
    let strict = world::peer_authentication("shop", "default", "{mtls: {mode: STRICT}}");
    let world = World::open("", &strict, &[]).await;
    let to = world.server.inbound(8080);
    let theirs = Authority::new("their root");
    let friend = theirs.issue(&["spiffe://other.example/ns/shop/sa/friend"]);
    // Whoever knows the key of the one root could say anything in one bundle: not in two.
    let posing = theirs.issue(&[world::CLIENT]);
    let third = Authority::new("a third root").issue(&["spiffe://other.example/ns/shop/sa/friend"]);
    ask(to, &friend.certified).await.unwrap_err();
    let config = trusting("cluster.local", OTHER, &theirs.pem());
    world.mesh.manifests().write("mesh.yaml", &config);
    let (status, text) = eventually("the friend is heard", async || {
        ask(to, &friend.certified)
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(status, 200);
    assert!(
        text.contains("URI=spiffe://other.example/ns/shop/sa/friend"),
        "{text}"
    );
    ask(to, &posing.certified).await.unwrap_err();
    ask(to, &third.certified).await.unwrap_err();
    let own = world.mesh.certificate("shop", "client").await;
    assert_eq!(ask(to, &own).await.unwrap().0, 200);
    world.arrives().await;
}

#[tokio::test]
async fn our_authority_does_not_speak_for_the_other_domain() {
    // Our own root is plugged in, so that its key can be misused here.
    let strict = world::peer_authentication("shop", "default", "{mtls: {mode: STRICT}}");
    let (mine, theirs) = (
        Authority::new("a misused root"),
        Authority::new("their root"),
    );
    let config = format!(
        "{}- pem: |\n{}",
        trusting("cluster.local", OTHER, &theirs.pem()),
        literal(&mine.pem(), 4)
    );
    let world = World::open(&config, &strict, &[]).await;
    let to = world.server.inbound(8080);
    let ours = mine.issue(&["spiffe://cluster.local/ns/shop/sa/friend"]);
    eventually("the further root of ours is believed", async || {
        ask(to, &ours.certified)
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    let posing = mine.issue(&["spiffe://other.example/ns/shop/sa/friend"]);
    ask(to, &posing.certified).await.unwrap_err();
    let friend = theirs.issue(&["spiffe://other.example/ns/shop/sa/friend"]);
    assert_eq!(ask(to, &friend.certified).await.unwrap().0, 200);
}

/// A mesh of a trust domain with a server and a client of it, whose service has the other one's server as well.
struct Federated {
    client: Workload,
    server: Workload,
    mesh: Mesh,
}

async fn federated(own: &str, [client, server, remote]: [&Settings; 3]) -> Federated {
    let files = Manifests::new();
    files.write(
        "mesh.yaml",
        &format!("outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\ntrustDomain: {own}\n"),
    );
    let pods = pod(client, &[("app", "client")]) + &pod(server, &[("app", "server")]);
    // The remote one is known by its address and account only.
    let entry = format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: remote, namespace: shop}}\n\
         spec:\n  hosts: [remote.shop.svc.cluster.local]\n  location: MESH_INTERNAL\n  resolution: STATIC\n  \
         ports: [{{number: 90, name: http, protocol: HTTP, targetPort: 8080}}]\n  \
         endpoints: [{{address: {}, serviceAccount: server}}]\n---\n",
        remote.address
    );
    files.write(
        "workloads.yaml",
        &(pods + &world::services([server]) + &entry),
    );
    let strict = world::peer_authentication("shop", "default", "{mtls: {mode: STRICT}}");
    files.write("policies.yaml", &strict);
    let mesh = Mesh::start(files).await;
    let in_domain = |settings: &Settings| settings.clone().argument("--trust-domain").argument(own);
    Federated {
        client: mesh.workload(in_domain(client)).await,
        server: mesh.workload(in_domain(server)).await,
        mesh,
    }
}

impl Federated {
    fn root(&self) -> String {
        std::fs::read_to_string(self.mesh.state().root()).expect("the root")
    }

    /// A request to the other mesh's server.
    async fn call(&self) -> Result<Answer, String> {
        let request = Request::get("remote.shop.svc.cluster.local", "/");
        request.send(self.client.outbound(90)).await
    }
}

#[tokio::test]
async fn two_meshes_that_trust_each_other_call_each_other() {
    let mut addresses = Addresses::take();
    let [client_a, client_b] = ["client", "client"]
        .map(|name| Settings::new(name, "shop", &mut addresses).account("client"));
    let [server_a, server_b] = ["server", "server"].map(|name| world::server(name, &mut addresses));
    let one = federated("one.example", [&client_a, &server_a, &server_b]).await;
    let two = federated("two.example", [&client_b, &server_b, &server_a]).await;
    for mesh in [&one, &two] {
        eventually("they don't trust each other yet", async || {
            match mesh.call().await?.status.as_u16() {
                503 => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
    }
    let (root_one, root_two) = (one.root(), two.root());
    for (mesh, config) in [
        (&one, trusting("one.example", "two.example", &root_two)),
        (&two, trusting("two.example", "one.example", &root_one)),
    ] {
        mesh.mesh.manifests().write("mesh.yaml", &config);
    }
    for (mesh, caller) in [(&one, "one.example"), (&two, "two.example")] {
        eventually("they trust each other", async || {
            let answer = mesh.call().await?;
            let seen = answer.seen_header("x-forwarded-client-cert");
            if answer.status == 200
                && seen.contains(&format!("URI=spiffe://{caller}/ns/shop/sa/client"))
            {
                Ok(())
            } else {
                Err(format!("{} {seen} {}", answer.status, answer.text()))
            }
        })
        .await;
    }
    // What the one's authority has issued is not believed under the other's name, and neither gets the other's certificates.
    let own = certify(
        &one.mesh
            .credentials(domain("one.example"), "shop", "client"),
    )
    .await
    .unwrap();
    assert_eq!(ask(two.server.inbound(8080), &own).await.unwrap().0, 200);
    let mut credentials = one
        .mesh
        .credentials(domain("one.example"), "shop", "client");
    credentials.ca = two.mesh.secured_xds().to_string().parse().unwrap();
    let fault = certify(&credentials).await.unwrap_err().to_string();
    assert!(
        fault.contains("UnknownIssuer") || fault.contains("not the control plane"),
        "{fault}"
    );
}

/// What is remarked on the trust domain.
async fn remark(world: &World) -> Option<serde_json::Value> {
    let list = world.mesh.debug_json("/debug/diagnostics").await;
    let list = list.as_array().expect("a list").clone();
    list.into_iter().find(|it| it["path"] == "trustDomain")
}

#[tokio::test]
async fn a_trust_domain_that_changes_waits_for_the_next_start() {
    let strict = world::peer_authentication("shop", "default", "{mtls: {mode: STRICT}}");
    let usual = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n";
    let moved = format!(
        "{usual}trustDomain: new.example\ntrustDomainAliases: [cluster.local, a.example]\n"
    );
    let world = World::open(usual, &strict, &[]).await;
    assert_eq!(remark(&world).await, None);
    world.mesh.manifests().write("mesh.yaml", &moved);
    let told = eventually("it is remarked", async || {
        remark(&world).await.ok_or_else(String::new)
    })
    .await;
    assert_eq!(told["code"], "needs-restart", "{told}");
    let hint = told["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("restart the control plane"), "{told}");
    // Nothing else has changed: who comes anew gets what everybody has, and is heard.
    let own = world.mesh.certificate("shop", "client").await;
    let (status, text) = ask(world.server.inbound(8080), &own).await.unwrap();
    assert_eq!(status, 200);
    assert!(text.contains(&format!("URI={}", world::CLIENT)), "{text}");
    world.arrives().await;
    world.mesh.manifests().write("mesh.yaml", usual);
    eventually("the remark is gone", async || {
        remark(&world)
            .await
            .map_or(Ok(()), |told| Err(told.to_string()))
    })
    .await;
    world.arrives().await;
}
