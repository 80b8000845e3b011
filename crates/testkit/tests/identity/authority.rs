//! Who asks the authority for what it must not give, through its real port: refused, counted by reason, and logged without
//! anything of the token.

use ferromesh_proto::auth::{CREATE_CERTIFICATE, IstioCertificateRequest};
use ferromesh_testkit::authority::Authority;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, IsCa, KeyPair, SanType};

use crate::rpc::{Rpc, Status};
use crate::world::{self, CLIENT, World};

fn csr(change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    params.serialize_request(&key).unwrap().pem().unwrap()
}

fn uri(params: &mut CertificateParams, name: &str) {
    params
        .subject_alt_names
        .push(SanType::URI(name.try_into().unwrap()));
}

fn dns(params: &mut CertificateParams, name: &str) {
    params
        .subject_alt_names
        .push(SanType::DnsName(name.try_into().unwrap()));
}

fn request(csr: String, metadata: Option<&str>) -> Vec<u8> {
    let value = |text: &str| Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    };
    let request = IstioCertificateRequest {
        csr,
        validity_duration: 0,
        metadata: metadata.map(|name| Struct {
            fields: [(name.to_owned(), value(CLIENT))].into(),
        }),
    };
    request.render().to_vec()
}

/// A count of refusals of the control plane, by its metrics.
pub async fn refused(mesh: &Mesh, metric: &str, reason: &str) -> u64 {
    let text = mesh.debug("/metrics").await.unwrap().text();
    let label = format!("reason=\"{reason}\"");
    let counted = text
        .lines()
        .filter(|line| line.starts_with(metric) && line.contains(&label));
    counted
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn token(mesh: &Mesh, namespace: &str, workload: &str) -> String {
    let path = mesh.state().token(namespace, workload);
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

async fn ask(mesh: &Mesh, token: Option<&str>, body: &[u8]) -> Result<(), Status> {
    let mut rpc = Rpc::open(mesh.secured_xds(), None).await.unwrap();
    let header = token.map(|token| format!("Bearer {token}"));
    rpc.call(CREATE_CERTIFICATE, header.as_deref(), body)
        .await
        .map(drop)
}

#[tokio::test]
async fn what_nobody_may_have_is_refused_counted_and_logged_without_the_token() {
    let world = World::plain().await;
    let mesh = &world.mesh;
    let own = token(mesh, "shop", "client");
    let unknown: String = own.chars().rev().collect();
    let long = "x".repeat(9 << 10);
    let plain = || request(csr(|_| {}), None);
    let san = |name: &str| request(csr(|params| uri(params, name)), None);
    let ca = csr(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let cases = [
        ("no-credentials", "16", None, plain()),
        ("unknown-token", "16", Some(&unknown), plain()),
        ("oversized-token", "16", Some(&long), plain()),
        ("malformed-request", "3", Some(&own), vec![0xff; 40]),
        (
            "oversized-csr",
            "3",
            Some(&own),
            request("x".repeat(17 << 10), None),
        ),
        (
            "malformed-csr",
            "3",
            Some(&own),
            request("no request".to_owned(), None),
        ),
        ("wants-ca", "7", Some(&own), request(ca, None)),
        (
            "wildcard-san",
            "7",
            Some(&own),
            request(csr(|params| dns(params, "*.shop.svc")), None),
        ),
        ("foreign-san", "7", Some(&own), san(world::SERVER)),
        (
            "foreign-san",
            "7",
            Some(&own),
            san("spiffe://cluster.local/ns/istio-system/sa/ferromesh"),
        ),
        (
            "impersonation",
            "7",
            Some(&own),
            request(csr(|_| {}), Some("ImpersonatedIdentity")),
        ),
        (
            "signer-metadata",
            "7",
            Some(&own),
            request(csr(|_| {}), Some("CertSigner")),
        ),
    ];
    for (reason, code, token, body) in &cases {
        let counted = refused(mesh, "ferromesh_certificates_refused", reason).await;
        let (got, message) = ask(mesh, token.map(String::as_str), body)
            .await
            .expect_err(reason);
        assert_eq!(&got, code, "{reason}: {message}");
        assert!(message.starts_with(reason), "{reason}: {message}");
        let now = refused(mesh, "ferromesh_certificates_refused", reason).await;
        assert_eq!(now, counted + 1, "{reason} is counted");
        let log = format!("\"{reason}\"");
        mesh.operator()
            .stderr_line(reason, |line| line.contains(&log) || line.contains(reason))
            .await;
    }
    let log = mesh.operator().log();
    for secret in [&own, &unknown, &long] {
        assert!(!log.contains(secret.as_str()), "a token is in the log");
    }
    // What its owner may have is given all the same.
    let right = request(csr(|params| uri(params, CLIENT)), Some("ClusterID"));
    ask(mesh, Some(&own), &right).await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_no_token_for_a_pod() {
    let world = World::plain().await;
    let mesh = &world.mesh;
    let own = mesh.certificate("shop", "client").await;
    let mut rpc = Rpc::open(mesh.secured_xds(), Some(&own)).await.unwrap();
    let (code, message) = rpc
        .call(CREATE_CERTIFICATE, None, &request(csr(|_| {}), None))
        .await
        .unwrap_err();
    assert_eq!(code, "16", "{message}");
    assert!(message.starts_with("entry-gone"), "{message}");
    let stranger = Authority::new("nobody").issue(&[CLIENT]).certified;
    let outcome = async {
        let mut rpc = Rpc::open(mesh.secured_xds(), Some(&stranger)).await?;
        rpc.call(CREATE_CERTIFICATE, None, &request(csr(|_| {}), None))
            .await
            .map_err(|status| std::io::Error::other(format!("{status:?}")))
    };
    outcome.await.unwrap_err();
    eventually("the stranger is counted", async || {
        let counted = refused(mesh, "ferromesh_xds_denials", "certificate_untrusted").await;
        if counted == 1 {
            Ok(())
        } else {
            Err(counted.to_string())
        }
    })
    .await;
}

#[tokio::test]
async fn another_namespaces_token_makes_no_agent_of_ours() {
    let mut world = World::plain().await;
    let alien = Settings::new("alien", "other", &mut world.addresses);
    let manifest = ferromesh_testkit::mesh::manifest::pod(&alien, &[]);
    world.mesh.manifests().write("alien.yaml", &manifest);
    world.mesh.certificate("other", "alien").await;
    // The agent of `client` with the token of `alien`: it would speak as somebody that nobody takes it for.
    let mut thief = world.client.settings().clone();
    let stolen = world.mesh.state().token("other", "alien");
    thief.address = world.addresses.next_ip();
    thief.app = world.addresses.next_ip();
    thief.outbound = world.addresses.next_ip();
    let token = stolen.display().to_string();
    let mut agent = Workload::agent_with(&thief, &world.mesh.secured(), &["--token", &token]);
    agent
        .stderr_line("that it is somebody else's", |line| {
            line.contains("is not of cluster.local and namespace shop")
        })
        .await;
    agent.kill();
    let text = std::fs::read_to_string(stolen).unwrap();
    assert!(!agent.log().contains(text.trim()));
}
