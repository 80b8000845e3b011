//! An authority in memory, and a clock.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ferromesh_identity::{Certificate, SpiffeId, TrustDomain};
use ferromesh_proto::trust::{FetchResponse, TrustBundle};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::identity::control_plane::Fault;
use crate::identity::held::{Held, Own, Trust};
use crate::identity::keeper::{Counts, Keeper};
use crate::identity::key::Key;
use crate::identity::outside::{Outside, Plane};
use crate::identity::settings::Credentials;
use crate::settings::{Host, XdsAddress};

/// How long certificates live here.
pub(super) fn day() -> Duration {
    Duration::from_secs(86_400)
}

/// How the authority answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// As it should.
    Present,
    /// Not at all.
    Away,
    /// By a certificate that another authority has signed.
    Impostor,
    /// By a certificate of another namespace.
    OfAnotherNamespace,
    /// By a certificate for another key.
    OfAnotherKey,
    /// By a certificate that has expired.
    Late,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// When.
    pub(super) at: Instant,
    /// With which token.
    pub(super) token: Option<String>,
    /// The serial of the certificate that was shown.
    pub(super) shown: Option<String>,
}

/// The world. Clones share it.
#[derive(Clone)]
pub(super) struct World(Arc<Inner>);

struct Inner {
    files: TempDir,
    began: (SystemTime, Option<Instant>),
    authority: CertifiedIssuer<'static, KeyPair>,
    impostor: CertifiedIssuer<'static, KeyPair>,
    mood: Mutex<Mood>,
    asked: watch::Sender<Vec<Asked>>,
}

/// A keeper that runs. It ends with this.
pub(super) struct Running {
    pub(super) held: watch::Receiver<Held>,
    pub(super) counts: watch::Receiver<Counts>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    /// Waits for a certificate.
    pub(super) async fn own(&self, accept: impl Fn(&Arc<Own>) -> bool) -> Arc<Own> {
        let mut held = self.held.clone();
        let found = held.wait_for(|held| held.own.as_ref().is_some_and(&accept));
        let held = found.await.expect("the keeper runs").clone();
        held.own.expect("it was there")
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a root")
}

impl World {
    /// With an authority that is present and a token.
    pub(super) fn new() -> Self {
        // Time stands still only in a runtime.
        let now = tokio::runtime::Handle::try_current()
            .ok()
            .map(|_| Instant::now());
        let world = Self(Arc::new(Inner {
            files: TempDir::new().expect("a directory"),
            began: (SystemTime::now(), now),
            authority: authority(),
            impostor: authority(),
            mood: Mutex::new(Mood::Present),
            asked: watch::Sender::new(Vec::new()),
        }));
        world.token("first");
        world
    }

    /// How the authority answers from now on.
    pub(super) fn is(&self, mood: Mood) {
        *self.mood() = mood;
    }

    /// Puts another token there.
    pub(super) fn token(&self, token: &str) {
        std::fs::write(self.token_file(), token).expect("a file");
    }

    /// Removes the token.
    pub(super) fn lose_token(&self) {
        std::fs::remove_file(self.token_file()).expect("a file");
    }

    /// Runs a keeper here.
    pub(super) fn start(&self) -> Running {
        let keeper = Keeper::in_world(self.clone(), self.credentials());
        Running {
            held: keeper.held(),
            counts: keeper.counts(),
            task: tokio::spawn(keeper.run()),
        }
    }

    /// Waits for so many requests.
    pub(super) async fn asked(&self, count: usize) -> Vec<Asked> {
        let mut asked = self.0.asked.subscribe();
        let found = asked.wait_for(|asked| asked.len() >= count);
        found.await.expect("the world is there").clone()
    }

    pub(super) fn credentials(&self) -> Credentials {
        let trust_domain = TrustDomain::default();
        Credentials {
            ca: XdsAddress {
                host: Host::Name("nowhere".to_owned()),
                port: 15012,
            },
            token: self.token_file(),
            root: self.0.files.path().join("root"),
            control_plane: SpiffeId::of_control_plane(trust_domain.clone(), "istio-system")
                .expect("an identity"),
            trust_domain,
            namespace: "shop".to_owned(),
        }
    }

    fn token_file(&self) -> PathBuf {
        self.0.files.path().join("token")
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.0.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issue(&self, request: &str, mood: Mood) -> Vec<String> {
        let Inner {
            authority,
            impostor,
            ..
        } = &*self.0;
        let another;
        let request = if mood == Mood::OfAnotherKey {
            another = Key::generate()
                .and_then(|key| key.request())
                .expect("a request");
            &another
        } else {
            request
        };
        let namespace = if mood == Mood::OfAnotherNamespace {
            "other"
        } else {
            "shop"
        };
        let mut request = CertificateSigningRequestParams::from_pem(request).expect("a request");
        let id = format!("spiffe://cluster.local/ns/{namespace}/sa/web");
        let params = &mut request.params;
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(id.try_into().expect("a name"))];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let end = if mood == Mood::Late {
            self.now() - Duration::from_secs(1)
        } else {
            self.now() + day()
        };
        params.not_before = (self.now() - 2 * day()).into();
        params.not_after = end.into();
        let signer = if mood == Mood::Impostor {
            impostor
        } else {
            authority
        };
        let leaf = request.signed_by(signer).expect("a certificate");
        vec![leaf.pem(), authority.pem()]
    }
}

impl Outside for World {
    type Plane = Connection;

    async fn connect(
        &self,
        _credentials: &Credentials,
        _trust: Option<&Trust>,
        own: Option<&Own>,
    ) -> Result<Connection, Fault> {
        Ok(Connection {
            world: self.clone(),
            shown: own
                .and_then(|own| own.chain.first())
                .map(|leaf| Certificate::serial(leaf).to_owned()),
        })
    }

    fn now(&self) -> SystemTime {
        let (began, instant) = self.0.began;
        began + instant.map_or(Duration::ZERO, |instant| instant.elapsed())
    }
}

/// A connection to the authority.
pub(super) struct Connection {
    world: World,
    shown: Option<String>,
}

impl Plane for Connection {
    async fn certify(&mut self, request: &str, token: Option<&str>) -> Result<Vec<String>, Fault> {
        let asked = Asked {
            at: Instant::now(),
            token: token.map(str::to_owned),
            shown: self.shown.clone(),
        };
        self.world.0.asked.send_modify(|all| all.push(asked));
        let mood = *self.world.mood();
        if mood == Mood::Away {
            return Err(Fault::away("gone fishing"));
        }
        Ok(self.world.issue(request, mood))
    }

    async fn bundles(&mut self, known: &str, wait: Duration) -> Result<FetchResponse, Fault> {
        if *self.world.mood() == Mood::Away {
            return Err(Fault::away("gone fishing"));
        }
        if known == "1" {
            tokio::time::sleep(wait).await;
        }
        Ok(FetchResponse {
            version: "1".to_owned(),
            bundles: vec![TrustBundle {
                trust_domain: "cluster.local".to_owned(),
                pem: self.world.0.authority.pem(),
            }],
        })
    }
}
