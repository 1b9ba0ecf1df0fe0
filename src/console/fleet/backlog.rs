//! What the group has not read yet, and when it will be through at the pace of the last minutes.

use std::collections::VecDeque;

/// What is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records that the group has not committed.
    pub records: u64,
    /// How many records a minute are committed, by the last minutes; `None` before that is known.
    pub cleared_per_minute: Option<u64>,
    /// How many records a minute are published.
    pub published_per_minute: Option<u64>,
}

impl Backlog {
    /// How long it takes until nothing is behind, in milliseconds, if all goes on like this. `None` if it does not shrink.
    pub fn time_to_clear_ms(&self) -> Option<i64> {
        if self.records == 0 {
            return Some(0);
        }
        let (cleared, published) = (self.cleared_per_minute?, self.published_per_minute?);
        let shrinks_by = cleared.checked_sub(published).filter(|by| *by > 0)?;
        let ms = u128::from(self.records) * 60_000 / u128::from(shrinks_by);
        i64::try_from(ms).ok()
    }
}

/// Ends and commits over the last minutes.
#[derive(Debug, Default)]
pub struct Pace {
    seen: VecDeque<Seen>,
}

/// All partitions at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When, by a clock that never jumps, in milliseconds.
    pub at_ms: u64,
    /// The sum of the ends.
    pub ends: u64,
    /// The sum of what is committed.
    pub committed: u64,
}

/// Paces are told over this time.
const OVER_MS: u64 = 3 * 60_000;

/// What is seen over less time is chance.
const AT_LEAST_MS: u64 = 5_000;

impl Pace {
    /// Takes what was seen, and tells what it comes to.
    pub fn see(&mut self, seen: Seen) -> Backlog {
        // A topic that was made anew, or a group that was set back, begins anew.
        let goes_back = |last: &Seen| seen.ends < last.ends || seen.committed < last.committed;
        if self.seen.back().is_some_and(goes_back) {
            self.seen.clear();
        }
        self.seen.push_back(seen);
        let is_old = |first: &Seen| seen.at_ms.saturating_sub(first.at_ms) > OVER_MS;
        while self.seen.len() > 2 && self.seen.front().is_some_and(is_old) {
            self.seen.pop_front();
        }
        let first = self.seen.front().copied().unwrap_or(seen);
        let ms = seen.at_ms.saturating_sub(first.at_ms);
        let per_minute = |now: u64, then: u64| {
            let rate = u128::from(now.saturating_sub(then)) * 60_000 / u128::from(ms.max(1));
            (ms >= AT_LEAST_MS).then(|| u64::try_from(rate).unwrap_or(u64::MAX))
        };
        Backlog {
            records: seen.ends.saturating_sub(seen.committed),
            cleared_per_minute: per_minute(seen.committed, first.committed),
            published_per_minute: per_minute(seen.ends, first.ends),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at_s: u64, ends: u64, committed: u64) -> Seen {
        Seen {
            at_ms: at_s * 1_000,
            ends,
            committed,
        }
    }

    #[test]
    fn what_shrinks_is_through_at_a_time_and_what_grows_is_not() {
        let mut pace = Pace::default();
        assert_eq!(pace.see(seen(0, 1_000, 0)).time_to_clear_ms(), None);
        // 600 a minute are cleared, 120 come.
        let backlog = pace.see(seen(10, 1_020, 100));
        assert_eq!(backlog.cleared_per_minute, Some(600));
        assert_eq!(backlog.time_to_clear_ms(), Some(920 * 60_000 / 480));
        let backlog = pace.see(seen(20, 2_020, 110));
        assert_eq!(backlog.time_to_clear_ms(), None);
        let backlog = pace.see(seen(30, 2_020, 2_020));
        assert_eq!(backlog.time_to_clear_ms(), Some(0));
    }

    #[test]
    fn a_topic_that_was_made_anew_begins_anew() {
        let mut pace = Pace::default();
        pace.see(seen(0, 5_000, 4_000));
        let backlog = pace.see(seen(60, 10, 0));
        assert_eq!((backlog.records, backlog.cleared_per_minute), (10, None));
    }
}
