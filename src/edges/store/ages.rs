//! By which time entries are forgotten: never faster than time passes.
//!
//! The calendar of requests is steady while a process lives, but it is what the system said at the start, or moves on when a jump was
//! believed. An entry is forgotten only when the store was open for as long as it is to be remembered.

use std::time::Duration;

use tokio::time::Instant;

/// The time for purges.
#[derive(Default)]
pub(super) struct Ages {
    /// When the newest entry was written that was there at the start, in Unix milliseconds.
    newest_ms: Option<i64>,
    first: Option<Heard>,
    last: Option<Heard>,
}

/// A time that a request named, and when it came.
#[derive(Clone, Copy)]
struct Heard {
    now_ms: i64,
    at: Instant,
}

impl Heard {
    fn goes_on(self, at: Instant) -> i64 {
        let since = at.saturating_duration_since(self.at);
        let since_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.saturating_add(since_ms)
    }
}

/// An entry that is so much newer than the calendar was written by another one.
const AHEAD: Duration = Duration::from_mins(1);

impl Ages {
    pub(super) fn new(newest_ms: Option<i64>) -> Self {
        Self {
            newest_ms,
            ..Self::default()
        }
    }

    /// A request named this time.
    pub(super) fn hear(&mut self, now_ms: i64, at: Instant) {
        let heard = Heard { now_ms, at };
        self.last = Some(heard);
        if self.first.is_none() {
            let base_ms = self.newest_ms.map_or(now_ms, |newest| newest.min(now_ms));
            self.first = Some(Heard {
                now_ms: base_ms,
                at,
            });
            self.look_at_start(now_ms);
        }
    }

    fn look_at_start(&self, now_ms: i64) {
        let Some(newest_ms) = self.newest_ms else {
            return;
        };
        let ahead_ms = newest_ms.saturating_sub(now_ms);
        if u128::from(ahead_ms.unsigned_abs()) > AHEAD.as_millis() && ahead_ms > 0 {
            tracing::error!(
                ahead_s = ahead_ms / 1_000,
                "the state store has entries of the future: this machine's calendar is behind, or was ahead when they were written. Look at NTP"
            );
        }
    }

    /// The time by which entries are old now.
    pub(super) fn now_ms(&self, at: Instant) -> i64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => first.goes_on(at).min(last.goes_on(at)),
            _ => i64::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;
    const NOW_MS: i64 = 1_790_000_000_000;
    const MINUTE: Duration = Duration::from_mins(1);

    fn check(newest_ms: Option<i64>, told_ms: &[i64], expected_ms: i64) {
        let mut at = Instant::now();
        let mut ages = Ages::new(newest_ms);
        assert_eq!(ages.now_ms(at), i64::MIN);
        for now_ms in told_ms {
            ages.hear(*now_ms, at);
            at += MINUTE;
        }
        let passed_ms = i64::try_from(told_ms.len()).unwrap() * 60_000;
        assert_eq!(ages.now_ms(at), expected_ms + passed_ms);
    }

    #[test]
    fn entries_grow_old_as_time_passes() {
        check(None, &[NOW_MS, NOW_MS + 60_000], NOW_MS);
        check(Some(NOW_MS - 1_000), &[NOW_MS], NOW_MS - 1_000);
    }

    #[test]
    fn a_calendar_that_moves_ahead_makes_nothing_older() {
        check(None, &[NOW_MS, NOW_MS + 5 * DAY_MS], NOW_MS);
    }

    #[test]
    fn a_calendar_that_moves_back_is_believed() {
        check(
            None,
            &[NOW_MS, NOW_MS - 5 * DAY_MS],
            NOW_MS - 5 * DAY_MS - 60_000,
        );
    }

    #[test]
    fn a_start_long_after_the_newest_entry_forgets_nothing_at_once() {
        check(Some(NOW_MS - 30 * DAY_MS), &[NOW_MS], NOW_MS - 30 * DAY_MS);
    }

    #[test]
    fn entries_of_the_future_hold_nothing_up() {
        check(Some(NOW_MS + 5 * DAY_MS), &[NOW_MS], NOW_MS);
    }
}
