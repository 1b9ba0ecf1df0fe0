//! What an app sends through one API, and less of it after `WeChat` has said that it is too much.
//!
//! The settings promise a rate for an app as a whole; `WeChat` counts each API by itself, and only the one that was too fast is slowed.

use std::time::Duration;

use crate::model::{Moment, Rate};
use crate::schedule::limits::Pace;

/// One API of an app.
pub(super) struct Throttle {
    /// Without a rate, and so without effect, unless it is slowed.
    pace: Pace,
    this_minute: MinuteCount,
    /// Until when less is sent than may be.
    slowed_until: Option<Duration>,
    /// How many of its messages stand at the gate.
    pub(super) n_at_gate: usize,
}

/// Calls in the present minute of the calendar and in the one before, which is what `WeChat` counts by: the answer to a call that was one
/// too many may come in the next minute.
#[derive(Default)]
struct MinuteCount {
    minute: i64,
    calls: u32,
    calls_before: u32,
}

/// How long an API is slowed after a 45011.
const SLOW_FOR: Duration = Duration::from_mins(10);

/// How much of what was too much is tried then.
const SLOW_SHARE: f64 = 0.8;

/// However little was sent in the minute of a 45011 (others may share the quota), an API is not slowed below this.
const SLOWEST_PER_SECOND: f64 = 1.0;

impl Default for Throttle {
    fn default() -> Self {
        Self {
            pace: Pace::new(None),
            this_minute: MinuteCount::default(),
            slowed_until: None,
            n_at_gate: 0,
        }
    }
}

impl Throttle {
    /// Less from now on; `promised` is our part of the rate of the whole app.
    pub(super) fn slow_down(&mut self, now: Moment, promised: Option<Rate>) {
        // An answer may come when our partitions have just gone, or just come. That says nothing of what they bear, and a pace of nothing
        // would last longer than the want of a share.
        let promised = promised.filter(|rate| rate.per_second > 0.0);
        let sent_per_second = f64::from(self.this_minute.most(now)) / 60.0;
        let present = self.pace.rate().or(promised);
        let present = present.map_or(sent_per_second, |rate| rate.per_second);
        let per_second =
            (present.min(sent_per_second.max(present / 2.0)) * SLOW_SHARE).max(SLOWEST_PER_SECOND);
        let promised = promised.map_or(f64::INFINITY, |rate| rate.per_second);
        self.pace.change(Some(Rate {
            per_second: per_second.min(promised),
            burst: std::num::NonZeroU32::MIN,
        }));
        self.slowed_until = Some(now.elapsed + SLOW_FOR);
    }

    pub(super) fn is_slowed(&self) -> bool {
        self.slowed_until.is_some()
    }

    /// As fast as ever again, if it is time.
    pub(super) fn end_if_due(&mut self, now: Moment) {
        if self.slowed_until.is_some_and(|until| until <= now.elapsed) {
            self.slowed_until = None;
            self.pace.change(None);
        }
    }

    /// When the next turn may be given: `None` is now.
    pub(super) fn turn_at(&self, now: Moment) -> Option<Duration> {
        if self.n_at_gate >= self.pace.longest_line()
            && let Some(at) = self.pace.departure_at(now)
        {
            return Some(at);
        }
        self.pace.turn_at(now)
    }

    pub(super) fn take_turn(&mut self, now: Moment) {
        self.pace.take_turn(now);
    }

    /// When the next call may be made: `None` is now.
    pub(super) fn departure_at(&self, now: Moment) -> Option<Duration> {
        self.pace.departure_at(now)
    }

    pub(super) fn take_departure(&mut self, now: Moment) {
        self.pace.take_departure(now);
        self.this_minute.count(now);
    }
}

impl MinuteCount {
    fn count(&mut self, now: Moment) {
        self.turn_over(now);
        self.calls += 1;
    }

    fn most(&mut self, now: Moment) -> u32 {
        self.turn_over(now);
        self.calls.max(self.calls_before)
    }

    fn turn_over(&mut self, now: Moment) {
        let minute = now.unix_ms.div_euclid(60_000);
        if self.minute == minute {
            return;
        }
        let follows = self.minute.saturating_add(1) == minute;
        *self = Self {
            minute,
            calls: 0,
            calls_before: if follows { self.calls } else { 0 },
        };
    }
}
