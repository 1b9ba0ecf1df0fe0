//! When the next record may go.

use std::time::Duration;

use tokio::time::Instant;

/// How far behind its time a record may be made up for: the runtime's timers are that coarse, and a longer stall must not end in a
/// burst.
const CATCHES_UP: Duration = Duration::from_millis(10);

/// One record each so often.
pub(super) struct Pace {
    gap: Duration,
    due: Instant,
}

impl Pace {
    /// So many records a second, the first at once.
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            gap: Duration::from_secs(1) / per_second.max(1),
            due: Instant::now(),
        }
    }

    /// When the next record may go.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// One went at this time.
    pub(super) fn went(&mut self, now: Instant) {
        let earliest = now.checked_sub(CATCHES_UP).unwrap_or(now);
        self.due = (self.due + self.gap).max(earliest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_holds_more_than_it_may_and_a_stall_is_not_made_up_for() {
        let mut pace = Pace::new(100);
        let mut count = |from: Instant| {
            let mut n_went = 0;
            while pace.due() < from + Duration::from_secs(1) {
                pace.went(pace.due().max(from));
                n_went += 1;
            }
            n_went
        };
        let begin = Instant::now();
        assert!((100..=101).contains(&count(begin)));
        assert!((99..=102).contains(&count(begin + Duration::from_mins(1))));
    }
}
