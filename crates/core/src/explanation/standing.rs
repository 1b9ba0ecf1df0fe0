//! How a message stands: whether another record has sent it, what it waits for, whether upstream was too late, and when it expires.

use super::heard::Heard;
use super::inquiry::Committed;
use super::{About, MessageAsked, Pending, Words, words};
use crate::event::Event;
use crate::model::outcome::{Outcome, Reason};
use crate::model::rfc3339_ms;
use crate::rules::Rule;
use crate::state::{ClaimSeen, ClaimStateSeen};

/// What was found of a message.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) asked: &'a MessageAsked,
    pub(super) outcome: Option<&'a Outcome>,
    pub(super) claim: Option<&'a ClaimSeen>,
    pub(super) heard: &'a Heard,
}

/// What stands in the way of a message that has not ended.
#[derive(Clone, Copy)]
pub(super) enum Hindrance {
    /// Nothing that is known.
    None,
    /// A pause.
    Pause,
    /// Its record was deleted.
    Deleted,
}

/// How it stands.
pub(super) struct Standing {
    pub(super) pending: Option<Pending>,
    /// The `id` of the outcome by which another record has sent it.
    pub(super) sent_by: Option<String>,
    pub(super) published_late_ms: Option<i64>,
    pub(super) expires_at: Option<String>,
    pub(super) words: Words,
}

/// The present rule and the event, with the time of its record, where all of them are there.
pub(super) type Timed<'a> = (&'a Rule, &'a Event, Option<i64>);

impl Standing {
    pub(super) fn of(
        found: Found<'_>,
        (committed, hindrance): (Committed, Hindrance),
        timed: Option<Timed<'_>>,
    ) -> Self {
        let sent_by = found.sent_by();
        let published_late_ms = timed.and_then(|timed| found.published_late_ms(timed));
        let pending = found
            .outcome
            .is_none()
            .then(|| found.pending(committed, hindrance));
        let waits = match pending {
            Some(Pending::Paused | Pending::Waiting) => sent_by.is_none(),
            Some(
                Pending::BeingSent
                | Pending::NotWanted
                | Pending::RulesUnusable
                | Pending::RecordDeleted
                | Pending::NoEvent
                | Pending::NotFound
                | Pending::NotKnown,
            )
            | None => false,
        };
        let expires_at = timed
            .filter(|_| waits)
            .map(|(rule, event, _)| rfc3339_ms(event.time_ms.saturating_add(lives_ms(rule))));
        let about = match (&sent_by, found.outcome) {
            (Some(id), _) => About::SentByAnother {
                receipt: found.heard.receipt_of(id).map(|receipt| receipt.status),
            },
            (None, Some(_)) if published_late_ms.is_some() => About::PublishedLate,
            (None, Some(outcome)) => About::Ended {
                reason: outcome.reason,
                errcode: outcome.errcode,
                receipt: found
                    .heard
                    .receipt_of(&outcome.id)
                    .map(|receipt| receipt.status),
            },
            (None, None) => About::Pending(pending.unwrap_or(Pending::NotKnown)),
        };
        Self {
            pending,
            sent_by,
            published_late_ms,
            expires_at,
            words: words(about),
        }
    }
}

impl Found<'_> {
    /// A message that one record has not sent may have been sent by another one, a replay of it for example.
    fn sent_by(&self) -> Option<String> {
        let reason = self.outcome.map(|outcome| outcome.reason);
        // These say themselves that it was sent.
        if reason.is_some_and(|reason| [Reason::Ok, Reason::Duplicate].contains(&reason)) {
            return None;
        }
        let message_id = self.asked.message_id.as_deref();
        let other = message_id.and_then(|id| self.heard.sent(id, &self.asked.outcome_id));
        if let Some(other) = other {
            return Some(other.id.clone());
        }
        let claim = self.claim?;
        let is_others = *claim.outcome_id != *self.asked.outcome_id;
        let is_sent = claim.state == ClaimStateSeen::Sent;
        // A claim that counts as sent may be in doubt, which its outcome tells.
        let known = self.heard.outcome(&claim.outcome_id);
        let is_in_doubt = known.is_some_and(|known| known.reason != Reason::Ok);
        (is_others && is_sent && !is_in_doubt).then(|| claim.outcome_id.to_string())
    }

    fn pending(&self, committed: Committed, hindrance: Hindrance) -> Pending {
        let is_claimed = self.claim.is_some_and(|claim| {
            claim.state == ClaimStateSeen::Open && *claim.outcome_id == *self.asked.outcome_id
        });
        match committed {
            _ if is_claimed => Pending::BeingSent,
            Committed::Past => Pending::NotFound,
            Committed::NotYet | Committed::NotKnown => match (hindrance, committed) {
                (Hindrance::Deleted, _) => Pending::RecordDeleted,
                (Hindrance::Pause, _) => Pending::Paused,
                (Hindrance::None, Committed::NotYet) => Pending::Waiting,
                (Hindrance::None, Committed::Past | Committed::NotKnown) => Pending::NotKnown,
            },
        }
    }

    /// How long after the event its record was made, where it was too old by then.
    fn published_late_ms(&self, (rule, event, record_ms): Timed<'_>) -> Option<i64> {
        let has_expired = self.outcome?.reason == Reason::Expired;
        let late_ms = record_ms?.saturating_sub(event.time_ms);
        (has_expired && late_ms > lives_ms(rule)).then_some(late_ms)
    }
}

fn lives_ms(rule: &Rule) -> i64 {
    i64::try_from(rule.expires_after.as_millis()).unwrap_or(i64::MAX)
}
