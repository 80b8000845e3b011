//! The end of a proxy without a failed request.
//!
//! Envoy itself ends at once on SIGTERM and cuts what is in flight. So it is first told to send its clients away, and gets
//! the signal when nothing is left to lose, or when patience ends.

use std::time::Duration;

use hyper::Method;
use tokio::time::Instant;

use crate::admin::{Admin, Unreachable};
use crate::settings::Patience;

/// How often the statistics are looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// `^(listener|http)\..*downstream_(cx|rq)_active$`
const ACTIVE: &str = "%5E(listener%7Chttp)%5C..*downstream_(cx%7Crq)_active%24";

/// Tells Envoy to send its clients away and waits until it may end.
pub async fn drain(admin: Admin, patience: Patience) {
    let begin = Instant::now();
    for path in ["/healthcheck/fail", "/drain_listeners?graceful&inboundonly"] {
        if let Err(error) = admin.send(Method::POST, path).await {
            tracing::warn!(%error, "cannot drain");
            return;
        }
    }
    loop {
        match Activity::of(admin).await {
            Err(error) => {
                tracing::warn!(%error, "cannot drain any further");
                return;
            }
            Ok(activity) if activity.may_end(begin.elapsed(), patience) => {
                tracing::info!(
                    elapsed_ms = begin.elapsed().as_millis() as u64,
                    ?activity,
                    "drained"
                );
                return;
            }
            Ok(activity) if begin.elapsed() >= patience.work => {
                tracing::warn!(?activity, "not everything finished in time");
                return;
            }
            Ok(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// What clients have open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Activity {
    /// Connections of any kind.
    connections: u64,
    /// Those of them that carry HTTP.
    http_connections: u64,
    /// Requests in flight.
    requests: u64,
}

impl Activity {
    async fn of(admin: Admin) -> Result<Self, Unreachable> {
        admin.stats(ACTIVE).await.map(|stats| Self::read(&stats))
    }

    /// Adds up the statistics, except those of the admin interface and those by worker, which are counted in the others.
    fn read(stats: &str) -> Self {
        let mut activity = Self::default();
        for (name, value) in stats.lines().filter_map(|line| line.split_once(": ")) {
            let value: u64 = value.parse().unwrap_or(0);
            if name.starts_with("listener.admin.")
                || name.starts_with("http.admin.")
                || name.contains(".worker_")
            {
                continue;
            }
            match name.rsplit_once('.') {
                Some((owner, "downstream_cx_active")) if owner.starts_with("listener.") => {
                    activity.connections += value
                }
                Some((_, "downstream_cx_active")) => activity.http_connections += value,
                Some((_, "downstream_rq_active")) => activity.requests += value,
                _ => {}
            }
        }
        activity
    }

    /// Idle HTTP connections may be cut, after a while in which their clients are told to close them.
    fn may_end(self, elapsed: Duration, patience: Patience) -> bool {
        let Self {
            connections,
            http_connections,
            requests,
        } = self;
        let working = requests > 0 || connections > http_connections;
        connections == 0 || (!working && elapsed >= patience.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted_once() {
        let stats = "http.admin.downstream_cx_active: 1\nhttp.admin.downstream_rq_active: 1\n\
                     http.inbound_127.0.0.1_80;.downstream_cx_active: 3\nhttp.inbound_127.0.0.1_80;.downstream_rq_active: 2\n\
                     listener.127.0.0.1_80.downstream_cx_active: 4\nlistener.127.0.0.1_80.worker_0.downstream_cx_active: 4\n\
                     listener.admin.downstream_cx_active: 1\nlistener.admin.main_thread.downstream_cx_active: 1\n";
        assert_eq!(
            Activity::read(stats),
            Activity {
                connections: 4,
                http_connections: 3,
                requests: 2
            }
        );
    }

    #[test]
    fn idle_connections_are_waited_for_less_than_work() {
        let patience = Patience {
            work: Duration::from_secs(25),
            idle: Duration::from_secs(5),
        };
        let check = |connections, http_connections, requests, seconds, expected| {
            let activity = Activity {
                connections,
                http_connections,
                requests,
            };
            assert_eq!(
                activity.may_end(Duration::from_secs(seconds), patience),
                expected,
                "{activity:?} {seconds}"
            );
        };
        check(0, 0, 0, 0, true);
        check(2, 2, 0, 4, false);
        check(2, 2, 0, 5, true);
        check(2, 2, 1, 20, false);
        check(2, 1, 0, 20, false);
    }
}
