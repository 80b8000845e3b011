//! Waiting for something to become true, with a deadline and the reason when it doesn't.

use std::time::Duration;

use tokio::time::Instant;

/// How long tests wait for what normally takes milliseconds. Generous, because machines are slow at times.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The pause between two looks. It limits the load, nothing depends on its length.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until the condition gives a value; its error says what is still missing.
///
/// # Panics
/// After [`DEADLINE`], with what was waited for and the last error.
pub async fn eventually<T>(what: &str, condition: impl AsyncFnMut() -> Result<T, String>) -> T {
    within(DEADLINE, what, condition).await
}

/// As [`eventually`], with a deadline of its own.
///
/// # Panics
/// After the deadline.
pub async fn within<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + deadline;
    let mut last = "no look was finished".to_owned();
    loop {
        match tokio::time::timeout_at(end, condition()).await {
            Ok(Ok(value)) => return value,
            // A look that is over at once is never late for tokio.
            Ok(Err(error)) if Instant::now() < end => last = error,
            Ok(Err(error)) => panic!("{what}: not within {deadline:?}: {error}"),
            Err(_) => panic!("{what}: not within {deadline:?}: {last}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
