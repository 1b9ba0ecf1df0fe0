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

/// WeChat's day is China's: UTC+8.
const DAY_OFFSET_MS: u64 = 8 * 3_600_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// The number of the day in which a moment lies.
pub(super) fn day_of(now_ms: u64) -> u64 {
    (now_ms + DAY_OFFSET_MS) / DAY_MS
}
