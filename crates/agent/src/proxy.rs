//! `ferromesh-agent proxy`: Envoy's life from the start to the drain.

mod running;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ferromesh_chassis::{Failure, Shutdown, announce, listen};
use tokio::sync::watch;

use crate::admin::Admin;
use crate::application::Application;
use crate::bootstrap::Chosen;
use crate::drain;
use crate::identity::held::Held;
use crate::identity::keeper::Keeper;
use crate::reservation::{self, Binding, Reservation};
use crate::sds::files::Files;
use crate::sds::guest::Guest;
use crate::sds::secret;
use crate::sds::server::Socket;
use crate::sds::store::Store;
use crate::settings::{Identity, Interception, Patience, Settings, XdsAddress};
use crate::status::{self, Announced, Lack, Observed, Phase, Unready};
use running::{Start, keep_running};

/// The name under which the agent announces its addresses.
const PROGRAM: &str = "ferromesh-agent";

/// The ports to which captured connections are redirected.
const CAPTURE_PORTS: [u16; 2] = [15001, 15006];

/// How soon the agent looks again whether Envoy has become ready, only to log it; it doubles each time.
const READINESS_INTERVAL: Duration = Duration::from_millis(20);

/// The longest such interval.
const LONGEST_READINESS_INTERVAL: Duration = Duration::from_secs(1);

/// How long configuration may take before the agent complains.
const FIRST_COMPLAINT: Duration = Duration::from_secs(5);

/// How long it waits before it complains again.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// How long idle connections may stay at the end if it has been announced.
const ANNOUNCED: Duration = Duration::from_secs(1);

/// Runs Envoy until a signal ends the agent.
///
/// # Errors
/// When Envoy can't be started the first time, or a port is taken.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals()?;
    let (listener, status_address) =
        listen::on("--status-address", settings.status_address).await?;
    let held = reserve(&settings)?;
    let http_proxy = match (&settings.interception, held.first()) {
        (Interception::None(_), Some(reservation)) => Some(reservation.address()?),
        _ => None,
    };
    let mut chosen = Chosen {
        admin: settings.admin_address,
        http_proxy_port: http_proxy.map(|address| address.port()),
        secrets: None,
    };
    reservation::check_free("--admin-address", settings.admin_address)?;
    let (phase, watched) = watch::channel(Phase::Starting);
    let mut observed = Observed {
        phase: watched.clone(),
        admin: Arc::new(OnceLock::new()),
        identity: None,
        application: Arc::new(Application::of_environment(&settings)?),
        announced: watch::Sender::default(),
    };
    let guest = Guest::default();
    if let Identity::Issued(credentials) = &settings.identity {
        let keeper = Keeper::new(credentials.clone());
        observed.identity = Some((keeper.held(), keeper.counts()));
        chosen.secrets = Some(serve_secrets(keeper, guest.clone())?);
    }
    tokio::spawn(status::serve(listener, observed.clone()));
    if let Some(address) = settings.metrics_address {
        let (listener, _) = listen::on("--metrics-address", address).await?;
        tokio::spawn(status::serve(listener, observed.clone()));
    }
    let start = async {
        // Without a certificate Envoy could do nothing, and would wait ever longer between its attempts.
        if let Some((held, _)) = &mut observed.identity {
            // The sender is the keeper's, which runs for ever.
            let _ = held.wait_for(|held| held.own.is_some()).await;
        }
        let start = Start {
            settings: &settings,
            chosen: &chosen,
            guest: &guest,
        };
        start.envoy().await
    };
    let first = tokio::select! {
        first = start => first?,
        () = shutdown.begun() => return Ok(()),
    };
    // A restarted Envoy gets the same address, which has been announced.
    chosen.admin = first.admin();
    let admin = *observed.admin.get_or_init(|| Admin::at(chosen.admin));
    announce(status_address, chosen.admin, http_proxy)?;
    phase.send_replace(Phase::Running);
    tokio::spawn(log_readiness(
        admin,
        settings.control_plane.address().clone(),
        watched,
    ));
    let start = Start {
        settings: &settings,
        chosen: &chosen,
        guest: &guest,
    };
    let Some(mut envoy) = keep_running(start, first, &phase, &shutdown).await else {
        return Ok(());
    };
    phase.send_replace(Phase::Draining);
    let patience = match *observed.announced.borrow() {
        Announced::No => settings.patience,
        // Clients have been told, and the application has ended before.
        Announced::Yes => Patience {
            idle: settings.patience.idle.min(ANNOUNCED),
            ..settings.patience
        },
    };
    tokio::select! {
        () = drain::drain(admin, patience) => {}
        why = envoy.ended() => tracing::warn!(why, "envoy ended while it was draining"),
    }
    envoy.stop().await;
    Ok(())
}

/// Serves the guest what the keeper gets, and says where.
fn serve_secrets(keeper: Keeper, guest: Guest) -> Result<Arc<str>, Failure> {
    let store = Store::default();
    let files = Files::new(store.clone());
    let socket = Socket::bind()?;
    let path = Arc::from(socket.path());
    tokio::spawn(hand_over(keeper.held(), store.clone()));
    tokio::spawn(keeper.run());
    tokio::spawn(files.clone().follow());
    tokio::spawn(socket.serve(guest, store, files));
    Ok(path)
}

/// Puts what is held among the secrets, whenever it changes. Who is trusted comes first, so that nobody is met by a
/// certificate whose root is not known yet.
async fn hand_over(mut held: watch::Receiver<Held>, store: Store) {
    loop {
        let Held {
            own,
            trust,
            trouble: _,
        } = held.borrow_and_update().clone();
        if let Some(trust) = trust {
            store.put(&secret::roots(&trust));
        }
        if let Some(own) = own {
            store.put(&secret::own(&own));
        }
        if held.changed().await.is_err() {
            return;
        }
    }
}

/// Holds the ports that Envoy will bind: that of the HTTP proxy, or those to which traffic is redirected.
fn reserve(settings: &Settings) -> Result<Vec<Reservation>, Failure> {
    match &settings.interception {
        Interception::None(bound) => {
            let address = SocketAddr::new(bound.outbound, bound.http_proxy_port);
            Ok(vec![Reservation::take(
                "--http-proxy-port",
                address,
                Binding::Alone,
            )?])
        }
        Interception::Captured(captured) => {
            let mode = format!("--interception-mode {captured}");
            let any: IpAddr = match settings.address {
                IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            CAPTURE_PORTS
                .iter()
                .map(|port| Reservation::take(&mode, SocketAddr::new(any, *port), Binding::Shared))
                .collect()
        }
    }
}

fn announce(
    status: SocketAddr,
    admin: SocketAddr,
    http_proxy: Option<SocketAddr>,
) -> Result<(), Failure> {
    let mut addresses = vec![("status", status), ("admin", admin)];
    addresses.extend(http_proxy.map(|address| ("http-proxy", address)));
    announce::print(PROGRAM, &addresses)
}

/// When to complain that no configuration comes.
struct Complaints {
    /// The time at which the next one is due.
    due: Duration,
}

impl Complaints {
    fn new() -> Self {
        Self {
            due: FIRST_COMPLAINT,
        }
    }

    /// Whether to complain now, after waiting for so long.
    fn is_due(&mut self, waited: Duration) -> bool {
        let is_due = waited >= self.due;
        if is_due {
            self.due = waited + COMPLAINT_INTERVAL;
        }
        is_due
    }
}

/// Logs when the proxy becomes ready, and again after a restart; and that the control plane sends nothing.
async fn log_readiness(admin: Admin, xds: XdsAddress, mut phase: watch::Receiver<Phase>) {
    loop {
        let begin = Instant::now();
        let mut complaints = Complaints::new();
        let mut pause = READINESS_INTERVAL;
        loop {
            let current = *phase.borrow_and_update();
            match status::readiness(admin, current).await {
                Ok(()) => break,
                Err(Unready::Unconfigured(lack)) if complaints.is_due(begin.elapsed()) => {
                    let what = match lack {
                        // They come first.
                        Lack::Clusters => "nothing",
                        Lack::Listeners => "no listeners",
                    };
                    tracing::warn!(
                        "not ready: the control plane at {xds} has sent {what} yet (is it running, is its address right?)"
                    );
                }
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_READINESS_INTERVAL);
        }
        tracing::info!(
            elapsed_ms = begin.elapsed().as_millis() as u64,
            "the proxy is ready"
        );
        if phase
            .wait_for(|phase| *phase != Phase::Running)
            .await
            .is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_come_after_5_seconds_and_then_every_minute() {
        let mut complaints = Complaints::new();
        let seconds = (0..130).filter(|second| complaints.is_due(Duration::from_secs(*second)));
        assert_eq!(seconds.collect::<Vec<_>>(), [5, 65, 125]);
    }
}
