//! From what the store knows to the broker's acknowledgement. An outcome is never given up: its record's offset waits for it.
//!
//! Every outcome, and every dead letter in its smallest form, fits the smallest topic that is allowed. So where one is refused for good the
//! topic, its rights or the broker are at fault and a person has to look, and the same outcome goes out when they are mended. Until then it is
//! tried again at a pace, and whoever asks is told.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Effect, Engine, Stage, ledger_of};
use crate::model::outcome::Outcome;
use crate::model::{Moment, Ticket, rfc3339_ms};

/// The wait after the first refusal of an outcome; each further one is twice as long. Publishing has its own patience inside the client, so
/// this is only the pause between two of its refusals.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);

/// The longest of these waits: short enough after the topic is mended, and with the engine full of refused outcomes no load.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// An outcome that waits longer than this for its acknowledgement is one that is not published.
const TOO_LONG: Duration = Duration::from_secs(10);

/// An outcome on its way to the broker.
pub(super) struct Publishing {
    pub(super) outcome: Arc<Outcome>,
    /// When it was handed to the producer first.
    since: Moment,
    /// How often it was refused.
    refusals: u32,
    /// Why, the last time.
    refusal: Option<Arc<str>>,
}

/// Outcomes that Kafka does not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unpublished {
    /// How many have waited too long for their acknowledgement.
    pub outcomes: usize,
    /// Since when the first of them waits: RFC 3339, UTC.
    pub since: String,
    /// Why it was refused the last time; none if the broker has not answered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

impl std::fmt::Display for Unpublished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            outcomes, since, ..
        } = self;
        let why = self.refusal.as_deref().unwrap_or("no broker has answered");
        write!(
            f,
            "outcomes are not published: {outcomes} wait for Kafka, the first since {since}: {why}"
        )
    }
}

impl Engine {
    /// Begins with the publication of what the store knows.
    pub(super) fn publish_first(
        &mut self,
        now: Moment,
        ticket: Ticket,
        outcome: Arc<Outcome>,
        effects: &mut Vec<Effect>,
    ) {
        let publishing = Publishing {
            outcome: Arc::clone(&outcome),
            since: now,
            refusals: 0,
            refusal: None,
        };
        self.enter(ticket, Stage::Publishing(publishing));
        self.publish(ticket, outcome, effects);
    }

    pub(super) fn publish(&self, ticket: Ticket, outcome: Arc<Outcome>, effects: &mut Vec<Effect>) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        let dead_letter = outcome
            .wants_dead_letter()
            .then(|| Arc::clone(&duty.origin.record));
        effects.push(Effect::Publish {
            ticket,
            outcome,
            dead_letter,
        });
    }

    pub(super) fn publish_failed(&mut self, now: Moment, ticket: Ticket, why: Arc<str>) {
        let stage = self.duties.get_mut(&ticket).map(|duty| &mut duty.stage);
        if let Some(Stage::Publishing(publishing)) = stage {
            let wait = PUBLISH_AGAIN.saturating_mul(2_u32.saturating_pow(publishing.refusals));
            publishing.refusals = publishing.refusals.saturating_add(1);
            publishing.refusal = Some(why);
            let at = now.elapsed + wait.min(LONGEST_WAIT);
            self.timers.insert((at, ticket));
        }
    }

    pub(super) fn published(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        let Stage::Publishing(Publishing { outcome, .. }) = &duty.stage else {
            return;
        };
        effects.push(Effect::Settled {
            outcome: Arc::clone(outcome),
        });
        if let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin) {
            ledger.acknowledge(duty.origin.record.offset);
        }
        self.drop_duty(ticket);
        self.positions_may_have_moved(now);
    }

    /// What Kafka does not take; `None` if publishing works.
    pub fn unpublished(&self, now: Moment) -> Option<Unpublished> {
        let mut outcomes = 0;
        let mut first: Option<&Publishing> = None;
        for duty in self.duties.values() {
            let Stage::Publishing(publishing) = &duty.stage else {
                continue;
            };
            let elapsed = publishing.since.elapsed;
            if now.elapsed.saturating_sub(elapsed) < TOO_LONG {
                continue;
            }
            outcomes += 1;
            if first.is_none_or(|first| elapsed < first.since.elapsed) {
                first = Some(publishing);
            }
        }
        let first = first?;
        Some(Unpublished {
            outcomes,
            since: rfc3339_ms(first.since.unix_ms),
            refusal: first.refusal.as_deref().map(str::to_owned),
        })
    }
}
