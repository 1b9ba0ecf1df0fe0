//! The sandbox's only look at the clock: wall time that never runs backwards, so that token lives are exact in a test.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall time read once, and a steady clock from there on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    started_ms: u64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox stands for a remote server, which has a clock of its own"
    )]
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            started_ms: u64::try_from(since_epoch.as_millis()).unwrap_or_default(),
        }
    }

    /// Milliseconds since the epoch.
    pub(super) fn now_ms(self) -> u64 {
        self.started_ms
            .saturating_add(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
