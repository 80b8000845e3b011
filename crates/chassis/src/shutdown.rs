//! The signals that end a program.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Failure;

/// Tells every part of a program that it is to end. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Shutdown {
    begun: watch::Receiver<bool>,
}

/// Begins the shutdown that its [`Shutdown`] tells of.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Begins the shutdown. A second call changes nothing.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}

/// A signal within this time of the first one means nothing more.
const REPETITION: Duration = Duration::from_secs(1);

/// What a signal means.
#[derive(Debug, Eq, PartialEq)]
enum Asked {
    First,
    Repeatedly,
    Again,
}

impl Asked {
    /// What a signal means that comes now, where `first` is when the first one came.
    fn now(first: &mut Option<Instant>, now: Instant) -> Self {
        match *first {
            None => {
                *first = Some(now);
                Self::First
            }
            Some(first) if now.duration_since(first) < REPETITION => Self::Repeatedly,
            Some(_) => Self::Again,
        }
    }
}

impl Shutdown {
    /// A shutdown that begins when its trigger says so. It also begins when the trigger is dropped.
    pub fn manual() -> (Trigger, Self) {
        let (sender, begun) = watch::channel(false);
        (Trigger(sender), Self { begun })
    }

    /// A shutdown that begins with the first SIGTERM or SIGINT. A later one ends the process at once, for a person
    /// who doesn't want to wait for the drain, unless it comes within a second: supervisors repeat themselves, and
    /// terminals signal a whole group of processes whose leader passes the signal on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> Result<Self, Failure> {
        let fault = |error| Failure::new(format!("cannot listen to signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
        let (trigger, shutdown) = Self::manual();
        tokio::spawn(async move {
            let mut first = None;
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                match Asked::now(&mut first, Instant::now()) {
                    Asked::First => {
                        tracing::info!(signal = name, "shutting down");
                        trigger.begin();
                    }
                    Asked::Repeatedly => {}
                    Asked::Again => {
                        tracing::warn!(signal = name, "asked a second time: ending at once");
                        std::process::exit(1);
                    }
                }
            }
        });
        Ok(shutdown)
    }

    /// Waits until the shutdown begins.
    pub async fn begun(&self) {
        // A closed channel means that the trigger is gone, which begins the shutdown too.
        let _ = self.begun.clone().wait_for(|begun| *begun).await;
    }

    /// Whether the shutdown has begun.
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow() || self.begun.has_changed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn every_clone_learns_of_it() {
        let (trigger, shutdown) = Shutdown::manual();
        let other = shutdown.clone();
        assert!(!shutdown.has_begun());
        trigger.begin();
        shutdown.begun().await;
        other.begun().await;
        assert!(other.has_begun());
    }

    #[test]
    fn signals_in_quick_succession_are_one() {
        let begin = Instant::now();
        let mut first = None;
        for (after, expected) in [
            (0, Asked::First),
            (0, Asked::Repeatedly),
            (999, Asked::Repeatedly),
            (1000, Asked::Again),
        ] {
            let now = begin + Duration::from_millis(after);
            assert_eq!(Asked::now(&mut first, now), expected, "after {after} ms");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_dropped_trigger_begins_it() {
        let (trigger, shutdown) = Shutdown::manual();
        drop(trigger);
        shutdown.begun().await;
        assert!(shutdown.has_begun());
    }
}
