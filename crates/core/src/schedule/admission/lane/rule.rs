//! The lane of a rule.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Moment;
use crate::rules::Priority;
use crate::schedule::admission::Waiting;
use crate::schedule::limits::Pace;

/// Everything of one rule that waits.
pub(super) struct RuleLane {
    pub(super) pace: Pace,
    pub(super) priority: Priority,
    pub(super) queue: VecDeque<Waiting>,
    pub(super) place: InLine,
    /// How many of its messages stand at the gate.
    pub(super) n_at_gate: usize,
}

/// Where a rule stands in its app's lane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InLine {
    Idle,
    Ready,
    /// Until then.
    Blocked(Duration),
}

impl RuleLane {
    /// When the rule's next turn may be given: `None` is now.
    pub(super) fn turn_at(&self, now: Moment) -> Option<Duration> {
        if self.n_at_gate >= self.pace.longest_line()
            && let Some(at) = self.pace.departure_at(now)
        {
            return Some(at);
        }
        self.pace.turn_at(now)
    }
}

/// When a waiting message is too old, on the clock that times waits. One millisecond later than its last good one.
pub(super) fn expiry(waiting: &Waiting, now: Moment) -> Duration {
    let left_ms = waiting
        .expires_at_ms
        .saturating_sub(now.unix_ms)
        .saturating_add(1);
    now.elapsed + Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
}
