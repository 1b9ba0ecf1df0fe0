//! How old another holder's claim is, and what a calendar that jumped does not tell.

use std::time::Duration;

use super::Engine;
use super::in_flight::{Lent, Met};
use crate::model::Moment;
use crate::state::Held;

/// How far the calendar is to be trusted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CalendarTrust {
    /// Until then it does not tell how old a claim is.
    pub(super) doubted_until: Duration,
    /// By how much the system's is ahead, in milliseconds; negative if it is behind.
    pub(super) system_ahead_ms: i64,
}

/// How old a claim is. It is at least as old as we know it; what the calendar says depends on the clock of the machine that made it.
pub(super) fn age_of(
    now: Moment,
    met: Option<Met>,
    held: &Held,
    calendar_doubted_until: Duration,
) -> Duration {
    let met = met.filter(|met| met.holder == held.holder);
    let known_for = met.map_or(Duration::ZERO, |met| now.elapsed.saturating_sub(met.since));
    if now.elapsed < calendar_doubted_until {
        return known_for;
    }
    let age_ms = now.unix_ms.saturating_sub(held.since_ms).max(0);
    known_for.max(Duration::from_millis(age_ms.unsigned_abs()))
}

impl Engine {
    /// The system's calendar has jumped, is back, or is believed. The machine may have stood still meanwhile, without either clock telling:
    /// no call is begun on a claim that was asked for before.
    pub(super) fn calendar_jumped(&mut self, now: Moment, system_ahead_ms: i64) {
        self.calendar = CalendarTrust {
            doubted_until: now.elapsed + self.in_doubt_after(),
            system_ahead_ms,
        };
        self.in_flight.spoil_permits();
        // What waits for a time of the calendar has reckoned with another one.
        self.in_flight.admission.look_again();
    }
}

impl Lent {
    /// Takes notice of a claim that the store has of another holder.
    pub(super) fn meet(&mut self, now: Moment, held: &Held) {
        if self.met.is_none_or(|met| met.holder != held.holder) {
            self.met = Some(Met {
                holder: held.holder,
                since: now.elapsed,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Holder, Ticket};

    const NOW_MS: i64 = 1_790_000_000_000;
    const HOLDER: Holder = Holder {
        process: 7,
        ticket: Ticket(7),
    };
    const NEVER: Duration = Duration::ZERO;

    fn at(seconds: u64) -> Moment {
        Moment {
            elapsed: Duration::from_secs(seconds),
            unix_ms: NOW_MS + i64::try_from(seconds).unwrap() * 1_000,
        }
    }

    fn held(since_ms: i64) -> Held {
        Held {
            outcome_id: Arc::from("events/0/1/rule"),
            holder: HOLDER,
            since_ms,
        }
    }

    fn met_at(seconds: u64) -> Met {
        Met {
            holder: HOLDER,
            since: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_claim_is_as_old_as_the_calendar_says() {
        let age = age_of(at(12), Some(met_at(10)), &held(NOW_MS), NEVER);
        assert_eq!(age, Duration::from_secs(12));
    }

    #[test]
    fn a_claim_of_the_future_is_as_old_as_it_is_known() {
        let future = held(NOW_MS + 86_400_000);
        let age = |seconds| age_of(at(seconds), Some(met_at(10)), &future, NEVER);
        assert_eq!(age(10), Duration::ZERO);
        assert_eq!(age(25), Duration::from_secs(15));
    }

    #[test]
    fn after_a_jump_the_calendar_does_not_tell() {
        let doubted_until = Duration::from_secs(20);
        let old = held(NOW_MS - 86_400_000);
        let age = |seconds| age_of(at(seconds), Some(met_at(10)), &old, doubted_until);
        assert_eq!(age(13), Duration::from_secs(3));
        assert!(age(20) > Duration::from_hours(24));
    }

    #[test]
    fn another_claim_is_met_anew() {
        let mut other = held(NOW_MS + 86_400_000);
        other.holder.ticket = Ticket(8);
        assert_eq!(
            age_of(at(25), Some(met_at(10)), &other, NEVER),
            Duration::ZERO
        );
    }
}
