//! Which replica does what only one may do: write statuses and webhook configurations.
//!
//! As Kubernetes' own controllers do it: a Lease is renewed by its holder, and whoever has not seen
//! it renewed for as long as it says may take it. Clocks are never compared with those of others;
//! what counts is when this replica saw the Lease change.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Cluster, is_conflict, owner, told};

/// The Lease.
pub const NAME: &str = "ferromesh";

/// How long a holder that is silent still holds it.
const TERM: Duration = Duration::from_secs(15);

/// How often the holder renews it and others look at it.
const PERIOD: Duration = Duration::from_secs(5);

/// Whether this replica holds the Lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// It does.
    Leading,
    /// Another one does, or nobody knows.
    #[default]
    Following,
}

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// There is none.
    Create,
    /// It is ours.
    Renew,
    /// It is nobody's.
    Take,
    /// It is another one's.
    Wait,
}

/// What was seen of it, and when.
struct Seen {
    renewed: Option<Timestamp>,
    holder: String,
    at: Instant,
}

/// Holds the Lease, or waits for it.
pub struct Candidate {
    cluster: Cluster,
    api: Api<Lease>,
    seen: Option<Seen>,
    leadership: watch::Sender<Leadership>,
}

impl Candidate {
    /// Another one may hold it.
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            api: Api::namespaced(cluster.client.clone(), &cluster.namespace),
            seen: None,
            leadership: watch::Sender::default(),
        }
    }

    /// Follows whether it is ours.
    pub fn follow(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// Keeps it or waits for it until `end`, and gives it back then.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        let mut held_until = Instant::now();
        loop {
            let step = tokio::time::timeout(PERIOD, self.step()).await;
            match step.unwrap_or_else(|_| Err("there is no answer in time".to_owned())) {
                Ok(Leadership::Leading) => {
                    held_until = Instant::now() + TERM - PERIOD;
                    self.tell(Leadership::Leading);
                }
                Ok(Leadership::Following) => self.tell(Leadership::Following),
                // Others can't tell either: nobody takes it before its term is over.
                Err(fault) if Instant::now() < held_until => {
                    tracing::debug!(fault, "the lease could not be renewed");
                }
                Err(fault) => {
                    tracing::debug!(fault, "nobody knows who holds the lease");
                    self.tell(Leadership::Following);
                }
            }
            let pause = PERIOD.mul_f64(0.9 + fastrand::f64() / 5.0);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut end => break,
            }
        }
        if *self.leadership.borrow() == Leadership::Leading {
            self.tell(Leadership::Following);
            let _ = tokio::time::timeout(PERIOD, self.give_back()).await;
        }
    }

    fn tell(&self, now: Leadership) {
        self.leadership.send_if_modified(|before| {
            let is_new = *before != now;
            if is_new {
                tracing::info!(?now, "lease {NAME}");
            }
            *before = now;
            is_new
        });
    }

    async fn step(&mut self) -> Result<Leadership, String> {
        let found = self.api.get_opt(NAME).await;
        let found = found.map_err(|error| told(&error))?;
        let spec = found.as_ref().and_then(|lease| lease.spec.as_ref());
        let action = self.decide(spec, Instant::now());
        let lease = match (action, found) {
            (Action::Wait, _) => return Ok(Leadership::Following),
            (Action::Create, _) | (_, None) => self.first().await?,
            (Action::Renew | Action::Take, Some(lease)) => self.lease(Some(lease)),
        };
        let params = PostParams::default();
        let written = match action {
            Action::Create => self.api.create(&params, &lease).await,
            Action::Renew | Action::Take | Action::Wait => {
                self.api.replace(NAME, &params, &lease).await
            }
        };
        match written {
            Ok(lease) => {
                let spec = lease.spec.unwrap_or_default();
                self.decide(Some(&spec), Instant::now());
                Ok(Leadership::Leading)
            }
            Err(error) if is_conflict(&error) => Ok(Leadership::Following),
            Err(error) => Err(told(&error)),
        }
    }

    /// Remembers what is seen, and decides.
    fn decide(&mut self, spec: Option<&LeaseSpec>, now: Instant) -> Action {
        let Some(spec) = spec else {
            return Action::Create;
        };
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let renewed = spec.renew_time.as_ref().map(|time| time.0);
        let same = |seen: &&Seen| seen.renewed == renewed && seen.holder == holder;
        let since = self.seen.as_ref().filter(same).map(|seen| seen.at);
        self.seen = Some(Seen {
            renewed,
            holder: holder.to_owned(),
            at: since.unwrap_or(now),
        });
        let term = spec.lease_duration_seconds.unwrap_or_default();
        let term = Duration::from_secs(u64::try_from(term).unwrap_or_default());
        let is_over = since.is_some_and(|since| now.duration_since(since) > term);
        match holder {
            holder if holder == self.cluster.replica => Action::Renew,
            "" => Action::Take,
            _ if is_over => Action::Take,
            _ => Action::Wait,
        }
    }

    /// The Lease as ours, where there is none. It goes with the release.
    async fn first(&self) -> Result<Lease, String> {
        let owner = owner::reference(&self.cluster).await?;
        let mut lease = self.lease(None);
        lease.metadata.owner_references = owner.map(|owner| vec![owner]);
        Ok(lease)
    }

    /// The Lease as ours, made of what is there.
    fn lease(&self, found: Option<Lease>) -> Lease {
        let Lease { metadata, spec } = found.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let spec = spec.unwrap_or_default();
        let now = Some(MicroTime(Timestamp::now()));
        let is_ours = spec.holder_identity.as_deref() == Some(&self.cluster.replica);
        let transitions = spec.lease_transitions.unwrap_or_default();
        Lease {
            metadata,
            spec: Some(LeaseSpec {
                holder_identity: Some(self.cluster.replica.clone()),
                lease_duration_seconds: i32::try_from(TERM.as_secs()).ok(),
                acquire_time: if is_ours {
                    spec.acquire_time
                } else {
                    now.clone()
                },
                renew_time: now,
                lease_transitions: Some(transitions + i32::from(!is_ours)),
                ..LeaseSpec::default()
            }),
        }
    }

    async fn give_back(&self) {
        let Ok(Some(mut lease)) = self.api.get_opt(NAME).await else {
            return;
        };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.cluster.replica) {
            return;
        }
        spec.holder_identity = None;
        let given = self.api.replace(NAME, &PostParams::default(), &lease).await;
        if let Err(error) = given {
            tracing::debug!(fault = told(&error), "the lease runs out by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Timestamp::from_second(renewed).ok().map(MicroTime),
            ..LeaseSpec::default()
        }
    }

    #[tokio::test]
    async fn a_lease_is_taken_only_when_its_holder_is_silent_for_its_term() {
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let config = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
        let client = kube::Client::try_from(config).expect("a client");
        let cluster = Cluster {
            client,
            namespace: "mesh".to_owned(),
            replica: "a".to_owned(),
        };
        let mut candidate = Candidate::new(&cluster);
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(candidate.decide(None, begin), Action::Create);
        // The clock of its holder says nothing to us, however old it is.
        assert_eq!(candidate.decide(Some(&spec("b", 0)), begin), Action::Wait);
        assert_eq!(
            candidate.decide(Some(&spec("b", 0)), after(15)),
            Action::Wait
        );
        assert_eq!(
            candidate.decide(Some(&spec("b", 1)), after(16)),
            Action::Wait
        );
        assert_eq!(
            candidate.decide(Some(&spec("b", 1)), after(31)),
            Action::Wait
        );
        assert_eq!(
            candidate.decide(Some(&spec("b", 1)), after(32)),
            Action::Take
        );
        assert_eq!(
            candidate.decide(Some(&spec("", 1)), after(32)),
            Action::Take
        );
        assert_eq!(
            candidate.decide(Some(&spec("a", 2)), after(32)),
            Action::Renew
        );
        assert_eq!(
            candidate.decide(Some(&spec("c", 3)), after(99)),
            Action::Wait
        );
    }

    #[tokio::test]
    async fn whoever_takes_it_counts_and_whoever_renews_it_does_not() {
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let config = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
        let candidate = Candidate::new(&Cluster {
            client: kube::Client::try_from(config).expect("a client"),
            namespace: "mesh".to_owned(),
            replica: "a".to_owned(),
        });
        let taken = candidate.lease(Some(Lease {
            metadata: ObjectMeta::default(),
            spec: Some(spec("b", 1)),
        }));
        let first = taken.spec.clone().expect("a spec");
        assert_eq!(first.lease_transitions, Some(1));
        let renewed = candidate.lease(Some(taken)).spec.expect("a spec");
        assert_eq!(renewed.lease_transitions, Some(1));
        assert_eq!(renewed.acquire_time, first.acquire_time);
        assert!(renewed.renew_time > first.renew_time);
    }
}
