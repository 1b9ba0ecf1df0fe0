//! How old somebody else's claim is, and what a calendar that jumped does not tell.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Engine, Stage};
use crate::model::{Holder, Moment, Ticket};
use crate::state::{Answer, Held};

/// What the calendar cannot be asked.
#[derive(Default)]
pub(super) struct Ages {
    /// Claims of others that messages in hand have met, and since when.
    met: BTreeMap<Ticket, (Holder, Duration)>,
    /// Until then the calendar does not tell how old a claim is.
    doubted_until: Duration,
}

impl Ages {
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.met.remove(&ticket);
    }

    /// How old a claim is. It is at least as old as we know it; what the calendar says depends on the clock of the machine that made it.
    pub(super) fn age(&self, now: Moment, ticket: Ticket, held: &Held) -> Duration {
        let met = self.met.get(&ticket);
        let met = met.filter(|(holder, _)| *holder == held.holder);
        let known_for = met.map_or(Duration::ZERO, |(_, since)| {
            now.elapsed.saturating_sub(*since)
        });
        if now.elapsed < self.doubted_until {
            return known_for;
        }
        let age_ms = now.unix_ms.saturating_sub(held.since_ms).max(0);
        known_for.max(Duration::from_millis(age_ms.unsigned_abs()))
    }
}

impl Engine {
    /// The system's calendar has jumped, is back, or is believed. The machine may have stood still meanwhile, without either clock telling:
    /// no call is begun on a claim that was asked for before.
    pub(super) fn calendar_jumped(&mut self, now: Moment) {
        self.ages.doubted_until = now.elapsed + self.in_doubt_after();
        self.admission.spoil_permits();
        // Whoever waits for a time of the calendar has reckoned with another one.
        self.admission.look_again();
        for duty in self.duties.values_mut() {
            if let Stage::Claiming(delivery) = &mut duty.stage
                && let Some((_, asked_at)) = &mut delivery.asked
            {
                *asked_at = Moment::LONG_AGO;
            }
        }
    }

    /// Takes notice of a claim that the store has of somebody else.
    pub(super) fn note_claim(&mut self, now: Moment, ticket: Ticket, answer: &Answer) {
        let Answer::Held(held) = answer else {
            return;
        };
        let met = self.ages.met.entry(ticket);
        let met = met.or_insert((held.holder, now.elapsed));
        if met.0 != held.holder {
            *met = (held.holder, now.elapsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;
    const HOLDER: Holder = Holder {
        process: 7,
        ticket: Ticket(7),
    };
    const OURS: Ticket = Ticket(1);

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

    fn met_at(seconds: u64) -> Ages {
        Ages {
            met: BTreeMap::from([(OURS, (HOLDER, Duration::from_secs(seconds)))]),
            ..Ages::default()
        }
    }

    #[test]
    fn a_claim_is_as_old_as_the_calendar_says() {
        let age = met_at(10).age(at(12), OURS, &held(NOW_MS));
        assert_eq!(age, Duration::from_secs(12));
    }

    #[test]
    fn a_claim_of_the_future_is_as_old_as_it_is_known() {
        let future = held(NOW_MS + 86_400_000);
        assert_eq!(met_at(10).age(at(10), OURS, &future), Duration::ZERO);
        assert_eq!(
            met_at(10).age(at(25), OURS, &future),
            Duration::from_secs(15)
        );
    }

    #[test]
    fn after_a_jump_the_calendar_does_not_tell() {
        let mut ages = met_at(10);
        ages.doubted_until = Duration::from_secs(20);
        let old = held(NOW_MS - 86_400_000);
        assert_eq!(ages.age(at(13), OURS, &old), Duration::from_secs(3));
        assert!(ages.age(at(20), OURS, &old) > Duration::from_hours(24));
    }

    #[test]
    fn another_claim_is_met_anew() {
        let mut other = held(NOW_MS + 86_400_000);
        other.holder.ticket = Ticket(8);
        assert_eq!(met_at(10).age(at(25), OURS, &other), Duration::ZERO);
    }
}
