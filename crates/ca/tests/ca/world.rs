//! A mesh with an authority, a clock that stands still, and pods that do as they are told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferromesh_ca::attest::Attestor;
use ferromesh_ca::jwt::KeySource;
use ferromesh_ca::jwt::keys::Document;
use ferromesh_ca::service::{Call, Rate, Settings};
use ferromesh_ca::tokens::Holder;
use ferromesh_ca::{
    Authority, Clock, DirectoryTokens, Kind, Lifetimes, OwnCertificates, Phase, Pod,
    ProjectedTokens, Reason, Refusal, Review, Reviewed, Reviewer, Roots, Rotation, Service, Status,
    Tokens, Trust, Workload, Workloads,
};
use ferromesh_identity::workload::Parts;
use ferromesh_identity::{Certificate, SpiffeId, TrustDomain, WorkloadLabels};
use ferromesh_proto::{IstioCertificateRequest, IstioCertificateResponse};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Now, at first.
pub const NOW: u64 = 1_800_000_000;
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub const CLIENT: &str = "spiffe://cluster.local/ns/shop/sa/client";
pub const VM: &str = "spiffe://cluster.local/ns/shop/sa/vm";

pub struct World {
    pub state: tempfile::TempDir,
    pub clock: Arc<StoppedClock>,
    pub source: Arc<Source>,
    pub jwks: Arc<Jwks>,
    pub reviewer: Arc<Reviews>,
    pub tokens: Arc<Tokens>,
    pub roots: Arc<Roots>,
    pub service: Arc<Service>,
}

/// Shows the time that it was told.
pub struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// What is known of pods and entries.
#[derive(Default)]
pub struct Source {
    pub pods: Mutex<BTreeMap<(String, String), Pod>>,
    pub entries: Mutex<Vec<(String, Workload)>>,
}

impl Workloads for Source {
    fn pod(&self, namespace: &str, name: &str) -> Option<Pod> {
        let key = (namespace.to_owned(), name.to_owned());
        self.pods.lock().expect("pods").get(&key).cloned()
    }

    fn workload(&self, namespace: &str, name: &str) -> Option<Workload> {
        self.pod(namespace, name).map(|pod| pod.workload)
    }

    fn entries(&self, identity: &SpiffeId) -> Vec<Workload> {
        let entries = self.entries.lock().expect("entries");
        let of = |(namespace, entry): &&(String, Workload)| {
            namespace == identity.namespace() && entry.account == identity.account()
        };
        entries
            .iter()
            .filter(of)
            .map(|(_, one)| one.clone())
            .collect()
    }
}

impl Source {
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Pod)) {
        let mut pods = self.pods.lock().expect("pods");
        change(
            pods.get_mut(&("shop".to_owned(), name.to_owned()))
                .expect("the pod"),
        );
    }
}

/// Keys of tokens, which count how often they are fetched.
pub struct Jwks {
    pub document: Mutex<Result<String, String>>,
    pub fetches: AtomicUsize,
}

impl KeySource for Jwks {
    fn fetch(&self) -> Document<'_> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let document = self.document.lock().expect("the document").clone();
        Box::pin(async { document.map(String::into_bytes) })
    }
}

/// What an API server would say of tokens, and how often it was asked.
#[derive(Default)]
pub struct Reviews {
    pub known: Mutex<BTreeMap<String, Reviewed>>,
    pub asked: AtomicUsize,
}

impl Reviewer for Reviews {
    fn review<'a>(&'a self, token: &'a str, audience: &'a str, undecided: Refusal) -> Review<'a> {
        assert_eq!(audience, "istio-ca");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let known = self.known.lock().expect("reviews").get(token).cloned();
        Box::pin(async { known.ok_or(undecided) })
    }
}

/// A key that signs tokens.
pub struct TokenKey {
    pub id: String,
    key: EcdsaKeyPair,
}

impl TokenKey {
    pub fn new(id: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self {
            id: id.to_owned(),
            key,
        }
    }

    pub fn public(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": part(&point[1..33]), "y": part(&point[33..]),
        })
    }

    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": self.id}), claims)
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The claims of a sound token of the pod `shop/client-1`.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["istio-ca"], "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 3600,
        "sub": "system:serviceaccount:shop:client",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "n"},
            "pod": {"name": "client-1", "uid": "uid-1"},
            "serviceaccount": {"name": "client", "uid": "s"},
        },
    })
}

pub fn labels(workload: &str) -> WorkloadLabels {
    WorkloadLabels::new(Parts {
        workload,
        app: "client",
        version: "v1",
        cluster: "c1",
    })
}

pub fn workload(kind: Kind, account: &str, name: &str) -> Workload {
    Workload {
        kind,
        account: account.to_owned(),
        phase: Phase::Alive,
        labels: labels(name),
    }
}

pub fn pod(account: &str) -> Pod {
    Pod {
        uid: "uid-1".to_owned(),
        node: "node-1".to_owned(),
        workload: workload(Kind::Pod, account, "client-v1"),
    }
}

/// What differs between worlds.
pub struct Choices {
    pub lifetimes: Lifetimes,
    pub rate: Rate,
    pub rotation: Rotation,
}

impl Default for Choices {
    fn default() -> Self {
        let lifetimes = Lifetimes::default();
        Self {
            rotation: Rotation::of(&lifetimes),
            lifetimes,
            rate: Rate::default(),
        }
    }
}

impl World {
    pub fn new() -> (Self, TokenKey) {
        Self::with(Choices::default())
    }

    pub fn with(choices: Choices) -> (Self, TokenKey) {
        let state = tempfile::tempdir().expect("a directory");
        let domain = TrustDomain::default();
        let now = Duration::from_secs(NOW);
        let roots = Roots::own(state.path(), &domain, choices.rotation, now).expect("roots");
        Self::on(state, roots, choices)
    }

    /// A world on roots of any kind.
    pub fn on(state: tempfile::TempDir, roots: Roots, choices: Choices) -> (Self, TokenKey) {
        let key = TokenKey::new("k1");
        let document = json!({"keys": [key.public()]}).to_string();
        let jwks = Arc::new(Jwks {
            document: Mutex::new(Ok(document)),
            fetches: AtomicUsize::new(0),
        });
        let reviewer = Arc::new(Reviews::default());
        let source = Arc::new(Source::default());
        for (name, account) in [("client-1", "client"), ("thief-1", "ferromesh")] {
            let key = ("shop".to_owned(), name.to_owned());
            source.pods.lock().expect("pods").insert(key, pod(account));
        }
        let tokens = Arc::new(Tokens::open(&state.path().join("tokens")).expect("tokens"));
        let clock = Arc::new(StoppedClock(AtomicU64::new(NOW)));
        let authority = Authority {
            lifetimes: choices.lifetimes,
            control_plane: SpiffeId::of_control_plane(TrustDomain::default(), "istio-system")
                .expect("an id"),
            control_plane_names: vec!["istiod.istio-system.svc".to_owned()],
        };
        let service = Service::new(Settings {
            attestors: attestors(&source, (&jwks, &reviewer), &tokens, roots.watch()),
            trust: roots.watch(),
            authority,
            rate: choices.rate,
            clock: clock.clone(),
        });
        let world = Self {
            state,
            clock,
            source,
            jwks,
            reviewer,
            tokens,
            roots: Arc::new(roots),
            service: Arc::new(service),
        };
        (world, key)
    }

    pub async fn ask(
        &self,
        authorization: Option<&str>,
        chain: &[Vec<u8>],
        body: &[u8],
    ) -> Result<Chain, Status> {
        let call = Call {
            authorization,
            chain,
            body,
        };
        let bytes = self.service.create_certificate(call).await?;
        let texts = IstioCertificateResponse::parse(&bytes)
            .expect("the message")
            .cert_chain;
        Ok(Chain { texts })
    }

    pub async fn ask_with(&self, token: &str, csr: &str) -> Result<Chain, Status> {
        let request = request(csr, 0).render();
        self.ask(Some(&format!("Bearer {token}")), &[], &request)
            .await
    }

    /// Asks and expects a refusal for a reason, which is counted, and that says nothing of the
    /// token.
    pub async fn refuses(&self, reason: Reason, token: &str, csr: &str) {
        let request = request(csr, 0).render();
        let header = format!("Bearer {token}");
        self.refuses_call(reason, (Some(&header), &[]), &request)
            .await;
    }

    pub async fn refuses_call(
        &self,
        reason: Reason,
        (authorization, chain): (Option<&str>, &[Vec<u8>]),
        body: &[u8],
    ) {
        let before = self.service.metrics().refused(reason);
        let issued = self.service.metrics().issued();
        let status = self
            .ask(authorization, chain, body)
            .await
            .expect_err(reason.word());
        assert!(
            status.message.starts_with(&format!("{reason}: ")),
            "expected {reason}: {}",
            status.message
        );
        assert_eq!(status.code, reason.code());
        assert_eq!(self.service.metrics().refused(reason), before + 1);
        assert_eq!(self.service.metrics().issued(), issued);
        let secret = authorization.and_then(|header| header.split(' ').nth(1));
        for part in secret
            .unwrap_or_default()
            .split('.')
            .filter(|part| part.len() > 8)
        {
            assert!(!status.message.contains(part), "{}", status.message);
        }
    }

    pub fn directory_token(&self, name: &str) -> String {
        let holder = Holder {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        };
        self.tokens
            .reconcile(std::slice::from_ref(&holder))
            .expect("a token");
        std::fs::read_to_string(self.tokens.path(&holder)).expect("a token")
    }

    pub fn published(&self) -> String {
        published(self.state.path())
    }
}

pub fn published(state: &Path) -> String {
    std::fs::read_to_string(state.join("root-cert.pem")).expect("the bundle")
}

fn attestors(
    source: &Arc<Source>,
    (jwks, reviewer): (&Arc<Jwks>, &Arc<Reviews>),
    tokens: &Arc<Tokens>,
    trust: watch::Receiver<Arc<Trust>>,
) -> Vec<Box<dyn Attestor>> {
    let trust_domain = TrustDomain::default();
    vec![
        Box::new(ProjectedTokens {
            keys: ferromesh_ca::jwt::Keys::new(jwks.clone()),
            workloads: source.clone(),
            issuer: ISSUER.to_owned(),
            audience: "istio-ca".to_owned(),
            trust_domain: trust_domain.clone(),
            reviewer: reviewer.clone(),
        }),
        Box::new(DirectoryTokens {
            tokens: tokens.clone(),
            workloads: source.clone(),
            trust_domain: trust_domain.clone(),
        }),
        Box::new(OwnCertificates {
            workloads: source.clone(),
            trust,
            trust_domain,
            max_age: Duration::from_secs(12 * 3600),
        }),
    ]
}

/// What a caller gets: PEM texts.
#[derive(Debug)]
pub struct Chain {
    pub texts: Vec<String>,
}

impl Chain {
    pub fn leaf(&self) -> Certificate {
        read(&self.texts[0]).remove(0)
    }

    /// The leaf and its intermediates.
    pub fn ders(&self) -> Vec<Vec<u8>> {
        let sent = &self.texts[..self.texts.len() - 1];
        let all = sent.iter().flat_map(|text| read(text));
        all.map(|one| one.der().to_vec()).collect()
    }

    /// The roots, which come last.
    pub fn roots(&self) -> &str {
        self.texts.last().expect("roots")
    }
}

pub fn read(pem: &str) -> Vec<Certificate> {
    Certificate::all_from_pem(pem.as_bytes()).expect("certificates")
}

pub fn request(csr: &str, seconds: i64) -> IstioCertificateRequest {
    IstioCertificateRequest {
        csr: csr.to_owned(),
        validity_duration: seconds,
        metadata: None,
    }
}

/// A signing request for a new key that names nobody.
pub fn csr() -> String {
    csr_naming(vec![])
}

pub fn csr_naming(names: Vec<SanType>) -> String {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    csr_of(&params, &KeyPair::generate().expect("a key"))
}

pub fn csr_of(params: &CertificateParams, key: &KeyPair) -> String {
    let request = params.serialize_request(key).expect("a request");
    request.pem().expect("PEM")
}

pub fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().expect("ascii"))
}

/// Verifies a chain, which may be of a client and of a server, by a library that knows nothing of
/// the one that wrote it.
pub fn verify(chain: &[Vec<u8>], roots: &str, now: u64) -> Result<(), webpki::Error> {
    use rustls_pki_types::{CertificateDer, UnixTime};
    let ders: Vec<_> = chain
        .iter()
        .map(|der| CertificateDer::from(&der[..]))
        .collect();
    let roots = read(roots);
    let roots: Vec<_> = roots
        .iter()
        .map(|root| CertificateDer::from(root.der()))
        .collect();
    let anchors: Vec<_> = roots
        .iter()
        .map(|root| webpki::anchor_from_trusted_cert(root).expect("a root"))
        .collect();
    let leaf = webpki::EndEntityCert::try_from(&ders[0])?;
    for usage in [
        webpki::KeyUsage::client_auth(),
        webpki::KeyUsage::server_auth(),
    ] {
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &ders[1..],
            UnixTime::since_unix_epoch(Duration::from_secs(now)),
            usage,
            None,
            None,
        )?;
    }
    Ok(())
}
