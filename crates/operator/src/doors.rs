//! Where others come in: Envoys and agents, and the API server.

use std::sync::Arc;

use ferromesh_chassis::{Failure, Shutdown};
use ferromesh_injector::NamespaceFacts;
use ferromesh_webhook::{Admission, inject, probe, validate};
use ferromesh_xds_server::{Limits, PlaneHandle, Transport, serve};
use tokio::net::TcpListener;

use crate::cluster::lease::Candidate;
use crate::cluster::probe::{Arrivals, Probe, Reached};
use crate::cluster::status::{Reports, Statuses};
use crate::cluster::webhooks::Webhooks;
use crate::cluster::webhooks::entries::Revision;
use crate::identity::known::Known;
use crate::identity::{self, Home, Identity};
use crate::metrics::Authority;

/// Where clients come in.
pub struct Doors {
    /// Envoys and agents, by TLS.
    pub secured: Option<(TcpListener, identity::Settings)>,
    /// Envoys on this machine, without.
    pub plaintext: Option<TcpListener>,
    /// The API server.
    pub admission: Option<Questions>,
    /// Where the authority is shown that comes with the first.
    pub authority: Authority,
}

/// Where the API server asks.
pub struct Questions {
    /// There.
    pub listener: TcpListener,
    /// How pods get their proxies.
    pub settings: Arc<ferromesh_injector::Settings>,
    /// Whether it reaches us.
    pub reached: Reached,
    /// What is told to it about objects.
    pub reports: Reports,
}

impl Doors {
    /// From now on we are not ready before the API server has asked us, if there is one.
    pub fn await_questions(&self) {
        let secured = self.secured.as_ref();
        let is_in_cluster =
            secured.is_some_and(|(_, settings)| matches!(settings.home, Home::Cluster(_)));
        if let Some(questions) = self.admission.as_ref().filter(|_| is_in_cluster) {
            questions.reached.await_it();
        }
    }

    /// Serves at all of them, until the shutdown begins.
    ///
    /// # Errors
    /// When there is nothing to sign with.
    pub async fn serve(
        self,
        plane: PlaneHandle,
        known: Arc<Known>,
        shutdown: Shutdown,
    ) -> Result<(), Failure> {
        let Self {
            secured,
            plaintext,
            admission,
            authority,
        } = self;
        let end = || {
            let shutdown = shutdown.clone();
            async move { shutdown.begun().await }
        };
        let open = |listener, transport| {
            serve(listener, transport, plane.clone(), Limits::default(), end())
        };
        let clear = async {
            if let Some(listener) = plaintext {
                open(listener, Transport::Loopback).await;
            }
        };
        let guarded = async {
            if let Some((listener, settings)) = secured {
                let home = settings.home.clone();
                // The trust domain stands in the source, which has to be read before.
                let identity = tokio::select! {
                    started = Identity::start(settings, Arc::clone(&known), shutdown.clone()) => started?,
                    () = end() => return Ok(()),
                };
                authority.show(&identity.service);
                let admitting = admit(admission, home, &identity, &known, &shutdown);
                tokio::join!(open(listener, identity.transport()), admitting);
            }
            Ok(())
        };
        let (outcome, ()) = tokio::join!(guarded, clear);
        outcome
    }
}

/// Answers the API server, and has it ask.
async fn admit(
    questions: Option<Questions>,
    home: Home,
    identity: &Identity,
    known: &Arc<Known>,
    shutdown: &Shutdown,
) {
    let Some(questions) = questions else {
        return;
    };
    let Questions {
        listener,
        settings,
        reached,
        reports,
    } = questions;
    let end = || {
        let shutdown = shutdown.clone();
        async move { shutdown.begun().await }
    };
    let arrivals = Arrivals::default();
    let answers = answers(&settings, known, arrivals.clone());
    let serving = ferromesh_webhook::serve(listener, identity.tls(), answers, end());
    match home {
        Home::Directory => serving.await,
        Home::Cluster(cluster) => {
            let candidate = Candidate::new(&cluster);
            let webhooks = Webhooks::new(
                &cluster,
                Revision::of(&settings),
                candidate.follow(),
                identity.bundles.clone(),
            );
            let revision = Revision::of(&settings);
            let statuses = Statuses::new(
                &cluster,
                revision,
                candidate.follow(),
                reports,
                identity.mutual.clone(),
            );
            let writing = tokio::spawn(statuses.keep());
            let keeping = tokio::spawn(webhooks.keep());
            let probing = tokio::spawn(Probe::new(&cluster, arrivals, reached).run());
            tokio::join!(serving, candidate.run(end()));
            writing.abort();
            keeping.abort();
            probing.abort();
        }
    }
}

fn answers(
    settings: &Arc<ferromesh_injector::Settings>,
    known: &Known,
    arrivals: Arrivals,
) -> Admission {
    let settings = Arc::clone(settings);
    let namespaces = known.follow_namespaces();
    Admission {
        inject: Arc::new(move |body| {
            inject(body, &settings, |name| NamespaceFacts {
                name: name.to_owned(),
                labels: namespaces.borrow().get(name).cloned().unwrap_or_default(),
            })
        }),
        validate: Arc::new(validate),
        probe: Arc::new(move |body| probe(body, |said| arrivals.note(said))),
    }
}
