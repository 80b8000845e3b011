//! How many certificates a core issues in a second, against what verifying a request and signing
//! a certificate cost alone: `cargo run --release -p ferromesh-ca --example issue`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use ferromesh_ca::service::{Call, Rate, Settings};
use ferromesh_ca::tokens::Holder;
use ferromesh_ca::{
    Authority, Clock, DirectoryTokens, Kind, Lifetimes, Phase, Pod, Roots, Rotation, Service,
    SystemClock, Tokens, Workload, Workloads,
};
use ferromesh_identity::{SpiffeId, TrustDomain, WorkloadLabels};
use ferromesh_proto::IstioCertificateRequest;
use rcgen::{CertificateParams, KeyPair};

const ROUNDS: u32 = 20_000;

/// Knows one workload, whatever it is called.
struct One;

impl Workloads for One {
    fn pod(&self, _: &str, _: &str) -> Option<Pod> {
        None
    }

    fn workload(&self, _: &str, _: &str) -> Option<Workload> {
        Some(Workload {
            kind: Kind::Pod,
            account: "client".to_owned(),
            phase: Phase::Alive,
            labels: WorkloadLabels::unknown(),
        })
    }

    fn entries(&self, _: &SpiffeId) -> Vec<Workload> {
        Vec::new()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let state = tempfile::tempdir()?;
    let (service, authorization) = service(state.path())?;
    let key = KeyPair::generate()?;
    let csr = CertificateParams::default()
        .serialize_request(&key)?
        .pem()?;
    let body = IstioCertificateRequest {
        csr,
        validity_duration: 0,
        metadata: None,
    }
    .render();
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        let call = Call {
            authorization: Some(&authorization),
            chain: &[],
            body: &body,
        };
        service
            .create_certificate(call)
            .await
            .map_err(|status| status.message)?;
    }
    say("certificates", begun.elapsed());
    say("limit: verify and sign", limit()?);
    Ok(())
}

/// The same cryptography and nothing else.
fn limit() -> Result<Duration, Box<dyn std::error::Error>> {
    let (message, random) = ([7; 500], SystemRandom::new());
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let signature = key.sign(&random, &message)?;
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key())
            .verify(&message, signature.as_ref())?;
        std::hint::black_box(key.sign(&random, &message)?);
    }
    Ok(begun.elapsed())
}

fn service(state: &std::path::Path) -> Result<(Service, String), Box<dyn std::error::Error>> {
    let (trust_domain, lifetimes) = (TrustDomain::default(), Lifetimes::default());
    let rotation = Rotation::of(&lifetimes);
    let roots = Roots::own(state, &trust_domain, rotation, SystemClock.now())?;
    let tokens = Arc::new(Tokens::open(&state.join("tokens"))?);
    let holder = Holder {
        namespace: "shop".to_owned(),
        name: "client".to_owned(),
    };
    tokens.reconcile(std::slice::from_ref(&holder))?;
    let token = std::fs::read_to_string(tokens.path(&holder))?;
    let attestor = DirectoryTokens {
        tokens,
        workloads: Arc::new(One),
        trust_domain: trust_domain.clone(),
    };
    let service = Service::new(Settings {
        attestors: vec![Box::new(attestor)],
        trust: roots.watch(),
        authority: Authority {
            lifetimes,
            control_plane: SpiffeId::of_control_plane(trust_domain, "istio-system")?,
            control_plane_names: Vec::new(),
        },
        rate: Rate {
            burst: f64::INFINITY,
            per_second: f64::INFINITY,
        },
        clock: Arc::new(SystemClock),
    });
    Ok((service, format!("Bearer {token}")))
}

fn say(what: &str, took: Duration) {
    let each = took / ROUNDS;
    println!("{what}: {:.0}/s, {each:?} each", 1.0 / each.as_secs_f64());
}
