//! `ferromesh-operator` as a certificate authority, from outside: files, the TLS port, metrics.

#[path = "authority/client.rs"]
mod client;
#[path = "authority/program.rs"]
mod program;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ferromesh_identity::Bundle;
use ferromesh_proto::auth::{
    CREATE_CERTIFICATE, IstioCertificateRequest, IstioCertificateResponse,
};
use ferromesh_proto::trust::{FETCH, FetchRequest, FetchResponse};
use rcgen::{CertificateParams, KeyPair};

use client::Client;
use program::{Operator, pod, until};

const WEB: &str = "spiffe://cluster.local/ns/shop/sa/web";

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn request(key: &KeyPair) -> IstioCertificateRequest {
    let params = CertificateParams::new(Vec::new()).expect("parameters");
    let csr = params.serialize_request(key).expect("a request");
    IstioCertificateRequest {
        csr: csr.pem().expect("PEM"),
        validity_duration: 600,
        metadata: None,
    }
}

#[tokio::test]
async fn a_token_is_worth_the_certificate_of_its_workload() {
    let operator = Operator::start(&[("web.yaml", pod("web-1", "web"))]);
    let state = operator.state();
    let token = state.join("tokens/shop.web-1");
    until("a token", || token.exists());
    assert_eq!((mode(&token), mode(&state.join("tokens"))), (0o600, 0o700));
    let private: Vec<_> = files(state)
        .into_iter()
        .filter(|path| !path.ends_with("root-cert.pem"))
        .collect();
    assert!(private.len() > 1, "a token and a key: {private:?}");
    for path in private {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }

    let roots = std::fs::read(state.join("root-cert.pem")).expect("roots");
    let roots = Bundle::from_pem(&roots).expect("roots");
    let mut client = Client::connect(operator.xds, &roots).await;
    assert_eq!(
        client.server.identity().expect("an identity").to_string(),
        "spiffe://cluster.local/ns/istio-system/sa/ferromesh"
    );
    let key = KeyPair::generate().expect("a key");
    let body = request(&key).render();
    let secret = std::fs::read_to_string(&token).expect("a token");
    let bearer = format!("Bearer {}", secret.trim());
    let answer = client.call(CREATE_CERTIFICATE, Some(&bearer), &body).await;
    let answer = IstioCertificateResponse::parse(&answer.expect("a certificate")).expect("it");
    let leaf = answer.cert_chain.first().expect("a leaf");
    let leaf = ferromesh_identity::Certificate::all_from_pem(leaf.as_bytes()).expect("a leaf");
    let named: Vec<_> = leaf.iter().map(|leaf| leaf.identity()).collect();
    assert_eq!(named, [Ok(WEB.parse().expect("an identity"))]);

    for (bearer, reason) in [
        (None, "no-credentials"),
        (Some("Bearer AAAA"), "unknown-token"),
    ] {
        let (code, message) = client
            .call(CREATE_CERTIFICATE, bearer, &body)
            .await
            .expect_err(reason);
        assert!(
            code == "16" && message.starts_with(reason),
            "{code} {message}"
        );
    }
    operator.write("web.yaml", &pod("web-2", "web"));
    until("the token is gone", || !token.exists());
    let refused = client.call(CREATE_CERTIFICATE, Some(&bearer), &body).await;
    assert_eq!(refused.expect_err("refused").0, "16");

    let metrics = operator.get("/metrics");
    for line in [
        "citadel_server_csr_count 4",
        "citadel_server_success_cert_issuance_count 1",
        "citadel_server_authentication_failure_count 3",
        "ferromesh_certificates_refused{reason=\"no-credentials\"} 1",
        "citadel_server_root_cert_expiry_timestamp ",
        "citadel_server_cert_chain_expiry_timestamp ",
        "ferromesh_xds_denials{reason=\"no_certificate\"} 0",
        "pilot_jwks_resolver_network_fetch_fail_total 0",
    ] {
        let found = metrics.lines().any(|found| found.starts_with(line));
        assert!(found, "{line} is missing in {metrics}");
    }
    let log = operator.terminate();
    assert!(
        log.contains("unknown-token") && log.contains("no-credentials"),
        "{log}"
    );
    assert!(!log.contains(secret.trim()), "the token is in the log");
}

#[tokio::test]
async fn a_rotation_is_told_to_who_waits() {
    let operator = Operator::start(&[("web.yaml", pod("web-1", "web"))]);
    let bundle = operator.state().join("root-cert.pem");
    until("roots", || bundle.exists());
    let roots = Bundle::from_pem(&std::fs::read(&bundle).expect("roots")).expect("roots");
    let mut client = Client::connect(operator.xds, &roots).await;
    let fetch = async |client: &mut Client, known: &str, wait: u32| {
        let request = FetchRequest {
            known_version: known.to_owned(),
            wait_seconds: wait,
        };
        let answer = client.call(FETCH, None, &request.render()).await;
        FetchResponse::parse(&answer.expect("an answer")).expect("an answer")
    };
    let first = fetch(&mut client, "", 60).await;
    let [own] = first.bundles.as_slice() else {
        panic!("{first:?}")
    };
    assert_eq!(
        (own.trust_domain.as_str(), own.pem.as_str()),
        ("cluster.local", roots.pem().as_str())
    );
    assert_eq!(fetch(&mut client, &first.version, 0).await, first);

    let rotate = Command::new(env!("CARGO_BIN_EXE_ferromesh-operator"))
        .arg("rotate-root")
        .arg("--state")
        .arg(operator.state())
        .output()
        .expect("the program runs");
    assert!(rotate.status.success(), "{rotate:?}");
    let second = fetch(&mut client, &first.version, 60).await;
    assert_ne!(second.version, first.version);
    let pem = second.bundles.first().map(|own| own.pem.as_str());
    let both = Bundle::from_pem(pem.unwrap_or_default().as_bytes()).expect("roots");
    assert_eq!(both.roots().len(), 2);
    let garbage = client.call(FETCH, None, b"\xff").await;
    assert_eq!(garbage.expect_err("refused").0, "3");
}
