//! An Envoy that is started, and started again whenever it dies.

use std::time::{Duration, Instant};

use ferromesh_chassis::{Failure, Shutdown};
use tokio::sync::watch;

use crate::bootstrap::{self, Chosen};
use crate::envoy::Envoy;
use crate::sds::guest::Guest;
use crate::settings::Settings;
use crate::status::Phase;

/// The pause before an Envoy that died is started again; it doubles with each failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// An Envoy that lived this long was not the victim of its configuration.
const STABLE: Duration = Duration::from_secs(10);

/// What an Envoy is started with.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) settings: &'a Settings,
    pub(super) chosen: &'a Chosen,
    pub(super) guest: &'a Guest,
}

impl Start<'_> {
    /// Starts one.
    pub(super) async fn envoy(self) -> Result<Envoy, Failure> {
        let Self {
            settings,
            chosen,
            guest,
        } = self;
        Envoy::start(settings, bootstrap::render(settings, chosen), guest).await
    }
}

/// Restarts Envoy whenever it dies, until the shutdown begins. Returns the Envoy that runs then, if one does.
pub(super) async fn keep_running(
    start: Start<'_>,
    first: Envoy,
    phase: &watch::Sender<Phase>,
    shutdown: &Shutdown,
) -> Option<Envoy> {
    let mut envoy = first;
    let mut pause = SHORTEST_PAUSE;
    loop {
        let born = Instant::now();
        tokio::select! {
            why = envoy.ended() => tracing::error!(why, "envoy died"),
            () = shutdown.begun() => return Some(envoy),
        }
        // Its number may become somebody else's.
        start.guest.forget();
        phase.send_replace(Phase::Restarting);
        if born.elapsed() >= STABLE {
            pause = SHORTEST_PAUSE;
        }
        envoy = loop {
            tracing::info!(pause_ms = pause.as_millis() as u64, "restarting envoy");
            let attempt = async {
                tokio::time::sleep(pause).await;
                start.envoy().await
            };
            let outcome = tokio::select! {
                outcome = attempt => outcome,
                () = shutdown.begun() => return None,
            };
            pause = (pause * 2).min(LONGEST_PAUSE);
            match outcome {
                Ok(envoy) => break envoy,
                Err(failure) => tracing::error!(%failure, "cannot restart envoy"),
            }
        };
        phase.send_replace(Phase::Running);
    }
}
