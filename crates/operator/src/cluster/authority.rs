//! The authority of a cluster: the Secret that all replicas share.
//!
//! Whoever comes first makes the root: by server-side apply without force, in its own name, so that
//! only one of several gets through. Nobody signs with what he has made, but only with what was
//! read from the API server; it is unpacked into the state directory, from where the roots are
//! read. A rotation goes on by replacing the Secret that was read: whoever is late is refused and
//! reads again, so no replica has to be the first among them.
//!
//! An authority that somebody else made is a Secret with Istio's name and keys, [`PLUGGED_IN`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ferromesh_ca::roots::deposit::{self, Files, Step};
use ferromesh_ca::{Clock, RootFault, Rotation, SystemClock};
use ferromesh_identity::TrustDomain;
use futures_util::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use tokio::time::{Interval, MissedTickBehavior};

use super::{Cluster, MANAGER, Pauses, is_conflict, told};

/// The Secret of our own root.
pub const OWN: &str = "ferromesh-ca";

/// The Secret of an authority that somebody else made.
pub const PLUGGED_IN: &str = "cacerts";

/// The type of our Secret.
const TYPE: &str = "ferromesh.io/ca";

/// Whoever sets this annotation on the Secret, to whatever value, begins a rotation.
pub const ROTATE: &str = "ferromesh.io/rotate-root";

/// How seldom and how often it is looked whether a rotation goes on.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Whose authority it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our own.
    Own,
    /// Somebody else's.
    PluggedIn,
}

/// The authority in the API server and its copy in the state directory.
pub struct Authority {
    /// Whose it is.
    pub kind: Kind,
    api: Api<Secret>,
    replica: String,
    state: PathBuf,
    trust_domain: TrustDomain,
    known: Secret,
}

impl Authority {
    /// Reads it, or makes it, until that has worked.
    pub async fn open(cluster: &Cluster, state: &Path, trust_domain: &TrustDomain) -> Self {
        let Cluster {
            client,
            namespace,
            replica,
        } = cluster;
        let mut authority = Self {
            kind: Kind::Own,
            api: Api::namespaced(client.clone(), namespace),
            replica: replica.clone(),
            state: state.to_owned(),
            trust_domain: trust_domain.clone(),
            known: Secret::default(),
        };
        let mut pauses = Pauses::default();
        loop {
            match authority.try_open().await {
                Ok(()) => return authority,
                Err(fault) => tracing::error!(fault, "there is no authority yet"),
            }
            pauses.wait().await;
        }
    }

    async fn try_open(&mut self) -> Result<(), String> {
        let plugged_in = self.get(PLUGGED_IN).await?;
        if let Some(secret) = plugged_in {
            self.kind = Kind::PluggedIn;
            return self.take(secret).await;
        }
        self.kind = Kind::Own;
        let found = match self.get(OWN).await? {
            Some(secret) => secret,
            None => {
                self.found().await?;
                // Only what others read, too, is our root.
                self.get(OWN)
                    .await?
                    .ok_or_else(|| format!("secret {OWN} was removed at once"))?
            }
        };
        self.take(found).await
    }

    async fn get(&self, name: &str) -> Result<Option<Secret>, String> {
        let found = self.api.get_opt(name).await;
        found.map_err(|error| format!("secret {name}: {}", told(&error)))
    }

    /// Makes a first root, unless somebody else is faster.
    async fn found(&self) -> Result<(), String> {
        let made = self.step(Files::new(), Step::Found).await?;
        let files = made.ok_or_else(|| "no root was made".to_owned())?;
        let params = PatchParams::apply(&self.replica);
        let secret = self.secret(files);
        match self.api.patch(OWN, &params, &Patch::Apply(&secret)).await {
            Ok(_) => tracing::info!(secret = OWN, "a new root was made"),
            Err(error) if is_conflict(&error) => {
                tracing::info!(secret = OWN, "another replica has made the root");
            }
            Err(error) => return Err(format!("secret {OWN}: {}", told(&error))),
        }
        Ok(())
    }

    fn secret(&self, files: Files) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(OWN.to_owned()),
                labels: Some(BTreeMap::from([(
                    "app.kubernetes.io/part-of".to_owned(),
                    MANAGER.to_owned(),
                )])),
                ..ObjectMeta::default()
            },
            type_: Some(TYPE.to_owned()),
            data: Some(packed(files)),
            ..Secret::default()
        }
    }

    /// Copies what the API server has into the state directory.
    async fn take(&mut self, secret: Secret) -> Result<(), String> {
        let files = files_of(&secret);
        let (kind, state) = (self.kind, self.state.clone());
        blocking(move || match kind {
            Kind::Own => deposit::unpack(&state, &files),
            Kind::PluggedIn => deposit::unpack_plugged_in(&state.join(PLUGGED_IN), &files),
        })
        .await?;
        self.known = secret;
        Ok(())
    }

    async fn step(&self, files: Files, step: Step) -> Result<Option<Files>, String> {
        let scratch = self.state.join("scratch");
        let trust_domain = self.trust_domain.clone();
        blocking(move || {
            let now = SystemClock.now();
            deposit::step(&scratch, &files, &trust_domain, step, now)
        })
        .await
    }

    /// Follows the Secret and goes on with its rotation, for ever.
    pub async fn keep(mut self, rotation: Rotation) {
        let name = match self.kind {
            Kind::Own => OWN,
            Kind::PluggedIn => PLUGGED_IN,
        };
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut events = std::pin::pin!(watcher(self.api.clone(), only));
        let mut looks = looks(rotation);
        let mut pauses = Pauses::default();
        loop {
            let done = tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => self.follow(event).await,
                    Some(Err(error)) => {
                        tracing::debug!(%error, secret = name, "the watch begins again");
                        pauses.wait().await;
                        continue;
                    }
                    None => return,
                },
                _ = looks.tick(), if self.kind == Kind::Own => self.rotate(rotation).await,
            };
            match done {
                Ok(()) => pauses = Pauses::default(),
                Err(fault) => {
                    tracing::warn!(fault, secret = name, "roots are as they were");
                    pauses.wait().await;
                }
            }
        }
    }

    async fn follow(&mut self, event: watcher::Event<Secret>) -> Result<(), String> {
        match event {
            watcher::Event::Apply(secret) | watcher::Event::InitApply(secret) => {
                let is_new = files_of(&secret) != files_of(&self.known);
                if is_new {
                    self.take(secret).await
                } else {
                    self.known = secret;
                    Ok(())
                }
            }
            watcher::Event::Delete(_) => self.restore().await,
            watcher::Event::Init | watcher::Event::InitDone => Ok(()),
        }
    }

    /// Whoever removes the Secret must not make the mesh fall apart at the next start.
    async fn restore(&mut self) -> Result<(), String> {
        if self.kind == Kind::PluggedIn {
            return Err(format!("secret {PLUGGED_IN} is gone (restore it)"));
        }
        tracing::error!(
            secret = OWN,
            "the root was removed from the API server and is put back"
        );
        let secret = self.secret(files_of(&self.known));
        let params = PatchParams::apply(&self.replica);
        let restored = self.api.patch(OWN, &params, &Patch::Apply(&secret)).await;
        match restored {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(told(&error)),
        }
    }

    /// Begins a rotation that was asked for, or goes on with one.
    async fn rotate(&mut self, rotation: Rotation) -> Result<(), String> {
        let files = files_of(&self.known);
        let annotations = self.known.metadata.annotations.as_ref();
        let is_asked = annotations.is_some_and(|annotations| annotations.contains_key(ROTATE));
        let step = if is_asked {
            Step::Begin
        } else {
            Step::Advance(rotation)
        };
        let after = self.step(files, step).await?;
        if after.is_none() && !is_asked {
            return Ok(());
        }
        let mut secret = self.known.clone();
        if let Some(annotations) = &mut secret.metadata.annotations {
            annotations.remove(ROTATE);
        }
        if let Some(files) = after {
            secret.data = Some(packed(files));
        }
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        match self.api.replace(OWN, &params, &secret).await {
            Ok(secret) => {
                tracing::info!("the rotation of the root goes on");
                self.take(secret).await
            }
            // Another replica has done the same, or somebody has changed it: the watch tells.
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(told(&error)),
        }
    }
}

fn looks(rotation: Rotation) -> Interval {
    let mut looks = tokio::time::interval((rotation.hold / 10).clamp(LOOKS.0, LOOKS.1));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

fn packed(files: Files) -> BTreeMap<String, ByteString> {
    files
        .into_iter()
        .map(|(name, bytes)| (name, ByteString(bytes)))
        .collect()
}

fn files_of(secret: &Secret) -> Files {
    let data = secret.data.iter().flatten();
    data.map(|(name, bytes)| (name.clone(), bytes.0.clone()))
        .collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RootFault> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
