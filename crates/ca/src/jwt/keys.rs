//! The keys of today, fetched again when a token names one that isn't among them.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{Key, KeySet};
use crate::refusal::{Reason, Refusal};

/// How often keys are fetched at most, whatever tokens name.
const PAUSE: Duration = Duration::from_secs(10);

/// After how long keys are fetched again although all are known: one of them may be withdrawn.
const FRESH: Duration = Duration::from_secs(300);

/// How long a caller waits for keys.
const PATIENCE: Duration = Duration::from_secs(5);

/// A document of keys, at some time.
pub type Document<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// Where keys come from: a file, or a server.
pub trait KeySource: Send + Sync + 'static {
    /// Fetches the set of JSON Web Keys.
    fn fetch(&self) -> Document<'_>;
}

/// Keys in a file, which is read again as others fetch again.
#[derive(Clone, Debug)]
pub struct FileKeys(pub PathBuf);

impl KeySource for FileKeys {
    fn fetch(&self) -> Document<'_> {
        Box::pin(async {
            tokio::fs::read(&self.0)
                .await
                .map_err(|error| format!("{}: {error}", self.0.display()))
        })
    }
}

/// The keys of a source.
pub struct Keys {
    source: Arc<dyn KeySource>,
    fetched: watch::Sender<Fetched>,
    attempt: Mutex<Attempt>,
}

/// The outcome of the last fetches.
#[derive(Clone, Default)]
struct Fetched {
    keys: Arc<KeySet>,
    attempts: u64,
    fault: Option<String>,
}

/// The last fetch.
#[derive(Clone, Copy, Default)]
struct Attempt {
    began: Option<Duration>,
    number: u64,
}

impl Keys {
    /// Keys of a source, none of which is known yet.
    pub fn new(source: Arc<dyn KeySource>) -> Arc<Self> {
        Arc::new(Self {
            source,
            fetched: watch::Sender::new(Fetched::default()),
            attempt: Mutex::default(),
        })
    }

    /// The key of this id. If it isn't known, keys are fetched, but at most once in ten seconds:
    /// a flood of invented ids doesn't reach the source.
    ///
    /// # Errors
    /// If there is no such key.
    pub async fn key(self: &Arc<Self>, id: &str, now: Duration) -> Result<Key, Refusal> {
        let known = self.fetched.borrow().keys.get(id).cloned();
        if let Some(key) = known {
            self.fetch(now, FRESH);
            return Ok(key);
        }
        let number = self.fetch(now, PAUSE);
        let mut fetched = self.fetched.subscribe();
        let arrived = fetched.wait_for(|fetched| fetched.attempts >= number);
        // Who waits in vain is answered by what is known.
        let _ = tokio::time::timeout(PATIENCE, arrived).await;
        let Fetched { keys, fault, .. } = self.fetched.borrow().clone();
        match (keys.get(id), fault) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(fault)) if keys.is_empty() => Err(Refusal::new(
                Reason::Unavailable,
                format!("token: there are no keys to verify it by: {fault}"),
            )),
            (None, _) => Err(Refusal::new(
                Reason::UnknownKey,
                "token: kid: there is no such key",
            )),
        }
    }

    /// Begins to fetch if the last time is longer ago than `pause`; the number of the last fetch.
    /// It goes on when the caller that caused it is gone: others wait for it as well.
    fn fetch(self: &Arc<Self>, now: Duration, pause: Duration) -> u64 {
        let number = {
            let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
            let busy = self.fetched.borrow().attempts < attempt.number;
            let recent = attempt
                .began
                .is_some_and(|began| now.saturating_sub(began) < pause);
            if busy || recent {
                return attempt.number;
            }
            attempt.began = Some(now);
            attempt.number += 1;
            attempt.number
        };
        let keys = self.clone();
        tokio::spawn(async move {
            // A source that never answers mustn't keep the next fetch away.
            let document = tokio::time::timeout(PAUSE, keys.source.fetch())
                .await
                .unwrap_or_else(|_| Err("no answer".to_owned()));
            keys.arrived(document, number);
        });
        number
    }

    /// Takes new keys; if there are none, those of before stay.
    fn arrived(&self, document: Result<Vec<u8>, String>, number: u64) {
        let parsed = document
            .and_then(|document| KeySet::parse(&document).map_err(|fault| fault.to_string()));
        self.fetched.send_modify(|fetched| {
            fetched.attempts = number;
            match parsed {
                Ok(keys) => {
                    fetched.keys = Arc::new(keys);
                    fetched.fault = None;
                }
                Err(fault) => {
                    tracing::warn!(fault, "keys of tokens are as they were");
                    fetched.fault = Some(fault);
                }
            }
        });
    }
}
