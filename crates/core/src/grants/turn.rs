//! Templates that are limited by frequency: one message for each user, value of the key and period.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ledger::RESERVED_FOR_MS;
use crate::catalog::Frequency;
use crate::model::outcome::sha256;

/// So many values of the key are kept for one user and template, the newest. With more of them within one period the oldest is forgotten:
/// `WeChat` may refuse the next message of that value.
const MOST_TURNS: usize = 256;

/// A message as its template's frequency counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The digest of the key's value, which may be long, and personal.
    pub value: Arc<str>,
    /// How long after a message of this value the next one may be sent, in milliseconds.
    pub per_ms: i64,
}

impl Turn {
    /// The turn of a message with this value of the key.
    pub fn of(frequency: &Frequency, value: &str) -> Self {
        Self {
            value: Arc::from(sha256(value)),
            per_ms: i64::try_from(frequency.per.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

/// What was sent to a user by a template that is limited by frequency, or is under way, by digest of the key's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Turns(BTreeMap<Arc<str>, Taken>);

/// A turn that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    /// When its message was sent, or set out, in Unix milliseconds.
    at_ms: i64,
    per_ms: i64,
    /// The message that is under way; without one it was sent, or may have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Arc<str>>,
    /// What a later version has written.
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the turn for a message; `None` if it is too soon. Asked again, the answer is the same.
    pub(super) fn take(&mut self, message_id: &Arc<str>, turn: &Turn, now_ms: i64) -> Option<()> {
        if let Some(taken) = self.0.get(&turn.value) {
            let is_open = match &taken.by {
                Some(by) => by == message_id,
                None => taken.at_ms.saturating_add(turn.per_ms) <= now_ms,
            };
            if !is_open {
                return None;
            }
        } else if self.0.len() >= MOST_TURNS {
            self.forget_oldest();
        }
        let taken = Taken {
            at_ms: now_ms,
            per_ms: turn.per_ms,
            by: Some(Arc::clone(message_id)),
            more: BTreeMap::new(),
        };
        self.0.insert(Arc::clone(&turn.value), taken);
        Some(())
    }

    fn forget_oldest(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, taken)| taken.at_ms);
        if let Some(value) = oldest.map(|(value, _)| Arc::clone(value)) {
            self.0.remove(&value);
        }
    }

    /// The message was not sent, or is not sent now.
    pub(super) fn give_back(&mut self, message_id: &str) {
        self.0
            .retain(|_, taken| taken.by.as_deref() != Some(message_id));
    }

    /// The message was sent, or may have been. `None` if none of these turns is its.
    pub(super) fn use_up(&mut self, message_id: &str, now_ms: i64) -> Option<()> {
        let mut taken = self.0.values_mut();
        let own = taken.find(|taken| taken.by.as_deref() == Some(message_id))?;
        own.by = None;
        own.at_ms = now_ms;
        Some(())
    }

    /// Lets go of what was sent until then.
    pub(super) fn forget_sent(&mut self, at_ms: i64) {
        self.0
            .retain(|_, taken| taken.by.is_some() || taken.at_ms > at_ms);
    }

    /// Lets go of periods that are over, and of messages that will not be asked about any more.
    pub(super) fn tidy(&mut self, now_ms: i64) {
        self.0.retain(|_, taken| {
            let for_ms = match taken.by {
                Some(_) => RESERVED_FOR_MS,
                None => taken.per_ms.saturating_sub(1),
            };
            taken.at_ms.saturating_add(for_ms) >= now_ms
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Lack, Ledger, Need, Reservation};
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;
    const HOUR_MS: i64 = 3_600_000;

    fn turn(value: &str) -> Need {
        let frequency = Frequency {
            key: Arc::from("character_string1"),
            per: Duration::from_hours(24),
        };
        Need::Turn(Turn::of(&frequency, value))
    }

    fn ask(
        ledger: &mut Ledger,
        message_id: &str,
        value: &str,
        now_ms: i64,
    ) -> Result<Reservation, Lack> {
        ledger.tidy(now_ms);
        ledger.reserve(&Arc::from(message_id), &turn(value), now_ms)
    }

    const MADE: Result<Reservation, Lack> = Ok(Reservation::NotAsked);

    #[test]
    fn one_message_of_a_value_in_a_period() {
        let mut ledger = Ledger::default();
        assert_eq!(ask(&mut ledger, "m1", "A-1", NOW_MS), MADE);
        assert_eq!(ask(&mut ledger, "m1", "A-1", NOW_MS), MADE, "asked again");
        assert_eq!(ask(&mut ledger, "m2", "A-1", NOW_MS), Err(Lack::Turn));
        assert_eq!(ask(&mut ledger, "m3", "A-2", NOW_MS), MADE);
        ledger.use_up("m1", NOW_MS + 5);
        let end_ms = NOW_MS + 5 + 24 * HOUR_MS;
        assert_eq!(ask(&mut ledger, "m2", "A-1", end_ms - 1), Err(Lack::Turn));
        assert_eq!(ask(&mut ledger, "m2", "A-1", end_ms), MADE);
        assert_eq!(ledger.balance().used, 0, "no grants are counted");
    }

    #[test]
    fn what_was_not_sent_takes_no_turn() {
        let mut ledger = Ledger::default();
        assert_eq!(ask(&mut ledger, "m1", "A-1", NOW_MS), MADE);
        ledger.give_back("m1");
        assert_eq!(ledger, Ledger::default());
        assert_eq!(ask(&mut ledger, "m2", "A-1", NOW_MS), MADE);
        // A process that is gone says nothing any more.
        let later_ms = NOW_MS + RESERVED_FOR_MS;
        assert_eq!(ask(&mut ledger, "m3", "A-1", later_ms), Err(Lack::Turn));
        assert_eq!(ask(&mut ledger, "m3", "A-1", later_ms + 1), MADE);
    }

    #[test]
    fn turns_are_bounded_and_outlive_the_store() {
        let mut ledger = Ledger::default();
        for n in 0..300 {
            let message_id = format!("m{n}");
            assert_eq!(
                ask(&mut ledger, &message_id, &format!("A-{n}"), NOW_MS + n),
                MADE
            );
            ledger.use_up(&message_id, NOW_MS + n);
        }
        let text = serde_json::to_string(&ledger).unwrap();
        assert!(!text.contains("A-299"), "{text}");
        let mut kept: Ledger = serde_json::from_str(&text).unwrap();
        assert_eq!(kept, ledger);
        assert_eq!(ask(&mut kept, "x", "A-299", NOW_MS + 300), Err(Lack::Turn));
        assert_eq!(ask(&mut kept, "x", "A-0", NOW_MS + 300), MADE);
        kept.tidy(NOW_MS + 300 + RESERVED_FOR_MS + 1);
        assert_eq!(kept, Ledger::default());
    }

    #[test]
    fn a_user_who_has_left_leaves_no_turns() {
        let mut ledger = Ledger::default();
        let (sent, under_way) = (Arc::from("m1"), Arc::from("m2"));
        ledger.reserve(&sent, &turn("a"), NOW_MS).unwrap();
        ledger.use_up("m1", NOW_MS);
        ledger.reserve(&under_way, &turn("b"), NOW_MS).unwrap();
        ledger.clear(NOW_MS);
        assert_eq!(
            ledger.reserve(&Arc::from("m3"), &turn("a"), NOW_MS),
            Ok(Reservation::NotAsked)
        );
        let taken = ledger.reserve(&Arc::from("m4"), &turn("b"), NOW_MS);
        assert_eq!(taken, Err(Lack::Turn), "its message may still be sent");
        ledger.use_up("m2", NOW_MS);
        assert_eq!(ledger.balance().used, 0);
    }
}
