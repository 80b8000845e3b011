//! The signals that end a program.

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

impl Shutdown {
    /// A shutdown that begins when its trigger says so. It also begins when the trigger is dropped.
    pub fn manual() -> (Trigger, Self) {
        let (sender, begun) = watch::channel(false);
        (Trigger(sender), Self { begun })
    }

    /// A shutdown that begins with the first SIGTERM or SIGINT. The second one ends the process at once, for a person
    /// who doesn't want to wait for the drain. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> Result<Self, Failure> {
        let fault = |error| Failure::new(format!("cannot listen to signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
        let (trigger, shutdown) = Self::manual();
        tokio::spawn(async move {
            for first in [true, false] {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if first {
                    tracing::info!(signal = name, "shutting down");
                    trigger.begin();
                } else {
                    tracing::warn!(signal = name, "asked a second time: ending at once");
                    std::process::exit(1);
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

    #[tokio::test(flavor = "current_thread")]
    async fn a_dropped_trigger_begins_it() {
        let (trigger, shutdown) = Shutdown::manual();
        drop(trigger);
        shutdown.begun().await;
        assert!(shutdown.has_begun());
    }
}
