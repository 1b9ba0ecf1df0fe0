//! The sandbox's only look at the clock: wall time that never runs backwards, so that token lives are exact in a test. It can be
//! put forward, for no test wants to wait 48 hours until a customer-service window closes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall time read once, and a steady clock from there on.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    started_ms: u64,
    forward_ms: AtomicU64,
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
            forward_ms: AtomicU64::new(0),
        }
    }

    /// Milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> u64 {
        let passed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_ms
            .saturating_add(passed_ms)
            .saturating_add(self.forward_ms.load(Ordering::Relaxed))
    }

    /// Puts it forward. It never goes back, or a token would come to life again.
    pub(super) fn put_forward(&self, ms: u64) {
        self.forward_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

/// WeChat's day is China's: UTC+8.
const DAY_OFFSET_MS: u64 = 8 * 3_600_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// The number of the day in which a moment lies.
pub(super) fn day_of(now_ms: u64) -> u64 {
    (now_ms + DAY_OFFSET_MS) / DAY_MS
}

/// The number of the minute in which a moment lies.
pub(super) fn minute_of(now_ms: u64) -> u64 {
    now_ms / 60_000
}

/// The number of the calendar month in which a moment lies, in China.
pub(super) fn month_of(now_ms: u64) -> u64 {
    let moment = jiff::Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(i64::MAX));
    let day = moment.map(|moment| jiff::tz::offset(8).to_datetime(moment).date());
    day.map_or(0, |day| {
        u64::from(day.year().unsigned_abs()) * 12 + u64::from(day.month().unsigned_abs())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_china() {
        // 2026-10-31T15:59:59Z and 16:00:00Z.
        assert_eq!(month_of(1_793_462_399_000), 2026 * 12 + 10);
        assert_eq!(month_of(1_793_462_400_000), 2026 * 12 + 11);
    }

    #[test]
    fn the_clock_goes_forward_on_command() {
        let clock = Clock::start();
        let before = clock.now_ms();
        clock.put_forward(3_600_000);
        assert!(clock.now_ms() >= before + 3_600_000);
    }
}
