//! TLS that a DestinationRule asks for: the mesh's, that of servers outside with certificates in files, or none.

use std::net::SocketAddr;
use std::path::Path;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::authority::{Authority, Issued};
use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::tls_server::TlsServer;
use ferromesh_testkit::wait::eventually;

use crate::world::{CLIENT, World};

fn rule(tls: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: server, namespace: shop}}\n\
         spec:\n  host: server\n  trafficPolicy:\n    tls: {tls}\n    \
         connectionPool: {{http: {{maxRequestsPerConnection: 1}}}}\n---\n"
    )
}

#[tokio::test]
async fn the_mesh_is_asked_for_or_left_out() {
    let world = World::open("", &rule("{mode: ISTIO_MUTUAL}"), &[]).await;
    let xfcc = |answer: &Answer| answer.seen_header("x-forwarded-client-cert");
    let answer = world.get(80).await.unwrap();
    assert!(xfcc(&answer).contains(CLIENT), "{}", xfcc(&answer));
    world.apply(&rule("{mode: DISABLE}"));
    world
        .until("plain", 80, |answer| {
            answer.status == 200 && xfcc(answer).is_empty()
        })
        .await;
    // Whom the rule expects is not whom it meets.
    let wrong = "spiffe://cluster.local/ns/shop/sa/other";
    world.apply(&rule(&format!(
        "{{mode: ISTIO_MUTUAL, subjectAltNames: [\"{wrong}\"]}}"
    )));
    let answer = world
        .until("a wrong server", 80, |answer| answer.status == 503)
        .await;
    assert!(
        answer.text().contains("connection failure"),
        "{}",
        answer.text()
    );
    world.apply(&rule("{mode: ISTIO_MUTUAL, sni: somebody.example}"));
    world
        .until("another name in the handshake", 80, |answer| {
            answer.status == 200 && xfcc(answer).contains(CLIENT)
        })
        .await;
}

/// A server outside of the mesh that speaks TLS itself, and a client of the mesh.
struct Outside {
    client: Workload,
    mesh: Mesh,
    server: TlsServer,
    files: tempfile::TempDir,
    theirs: Authority,
}

const HOST: &str = "server.shop.svc.cluster.local";

impl Outside {
    async fn start(clients: Option<&Authority>) -> Self {
        let mut addresses = Addresses::take();
        let client = Settings::new("client", "shop", &mut addresses).account("client");
        let app = Settings::new("server", "shop", &mut addresses).alone();
        let theirs = Authority::new("their root");
        let shown = theirs.issue(&[HOST, "server.example"]);
        let at = SocketAddr::new(app.address, 8080);
        let server = match clients {
            None => TlsServer::start(at, &shown.certified, None).await,
            Some(authority) => TlsServer::start(at, &shown.certified, Some(&authority.pem())).await,
        };
        let manifests = Manifests::new();
        manifests.write(
            "workloads.yaml",
            &[
                pod(&client, &[("app", "client")]),
                pod(&app, &[("app", "server")]),
                service("shop", "server", &[("http-web", 80, 8080)]),
                endpoint_slice("shop", "server", &[("http-web", 8080)], [&app]),
            ]
            .concat(),
        );
        let mesh = Mesh::start(manifests).await;
        let client = mesh.workload(client).await;
        let files = tempfile::tempdir().expect("a directory");
        let outside = Self {
            client,
            mesh,
            server,
            files,
            theirs,
        };
        outside.file("root.pem", &outside.theirs.pem());
        outside
    }

    /// Writes a file and returns its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.files.path().join(name);
        replace(&path, text);
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    fn certificate(&self, issued: &Issued) {
        self.file("key.pem", &issued.key_pem);
        self.file("cert.pem", &issued.chain_pem);
    }

    fn apply(&self, tls: &str) {
        self.mesh.manifests().write("policies.yaml", &rule(tls));
    }

    async fn get(&self) -> Result<Answer, String> {
        Request::get(HOST, "/").send(self.client.outbound(80)).await
    }

    async fn until(&self, what: &str, good: impl Fn(&Answer) -> bool) -> Answer {
        eventually(what, async || {
            let answer = self.get().await?;
            if good(&answer) {
                Ok(answer)
            } else {
                Err(format!("{} {}", answer.status, answer.text()))
            }
        })
        .await
    }
}

/// As who replaces files should: at once.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("a file");
    std::fs::rename(new, path).expect("a file");
}

fn served(answer: &Answer) -> bool {
    answer.status == 200 && !answer.json()["tls"].is_null()
}

#[tokio::test]
async fn simple_tls_knows_the_server_by_a_file_and_by_name() {
    let outside = Outside::start(None).await;
    let root = outside.path("root.pem");
    outside.apply(&format!(
        "{{mode: SIMPLE, caCertificates: {root}, sni: server.example}}"
    ));
    let answer = outside.until("TLS to the server", served).await;
    // Until the rule was in force, requests were sent as they are.
    let plaintext = outside.server.seen().plaintext;
    assert_eq!(answer.json()["sni"], "server.example");
    assert!(answer.json()["peer"].is_null(), "{}", answer.text());
    outside.apply(&format!(
        "{{mode: SIMPLE, caCertificates: {root}, sni: server.example, subjectAltNames: [other.example]}}"
    ));
    let refused = outside
        .until("a server of another name", |answer| answer.status == 503)
        .await;
    assert!(
        refused.text().contains("connection failure"),
        "{}",
        refused.text()
    );
    outside.apply(&format!(
        "{{mode: SIMPLE, caCertificates: {root}, subjectAltNames: [server.example]}}"
    ));
    outside.until("the name that it has", served).await;
    let unknown = outside.file("unknown.pem", &Authority::new("nobody").pem());
    outside.apply(&format!("{{mode: SIMPLE, caCertificates: {unknown}}}"));
    outside
        .until("a root that has not signed it", |answer| {
            answer.status == 503
        })
        .await;
    outside.apply("{mode: SIMPLE, insecureSkipVerify: true}");
    outside.until("nobody is asked", served).await;
    assert_eq!(outside.server.seen().plaintext, plaintext);
}

#[tokio::test]
async fn mutual_tls_shows_a_certificate_of_files_which_may_be_replaced() {
    let ours = Authority::new("the root of clients");
    let outside = Outside::start(Some(&ours)).await;
    let [root, cert, key] = ["root.pem", "cert.pem", "key.pem"].map(|name| outside.path(name));
    outside.certificate(&ours.issue(&["spiffe://a.example/first"]));
    outside.apply(&format!("{{mode: SIMPLE, caCertificates: {root}}}"));
    outside
        .until("without a certificate", |answer| answer.status == 503)
        .await;
    outside.apply(&format!(
        "{{mode: MUTUAL, caCertificates: {root}, clientCertificate: {cert}, privateKey: {key}}}"
    ));
    let answer = outside.until("with a certificate", served).await;
    assert_eq!(answer.json()["peer"][0], "spiffe://a.example/first");
    // A file that is half there changes nothing.
    replace(Path::new(&cert), "-----BEGIN CERTIFICATE-----\nMIIB");
    let second = ours.issue(&["spiffe://a.example/second"]);
    replace(Path::new(&key), &second.key_pem);
    for _ in 0..20 {
        let answer = outside.get().await.unwrap();
        assert!(served(&answer), "{}", answer.text());
    }
    replace(Path::new(&cert), &second.chain_pem);
    let answer = outside
        .until("the second certificate", |answer| {
            served(answer) && answer.json()["peer"][0] == "spiffe://a.example/second"
        })
        .await;
    assert_eq!(answer.status, 200);
}
