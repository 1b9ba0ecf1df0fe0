//! From what the store knows to the broker's acknowledgement. An outcome is never given up: its record's offset waits for it.
//!
//! Every outcome, and every dead letter in its smallest form, fits the smallest topic that is allowed. So where one is refused for good the
//! topic, its rights or the broker are at fault and a person has to look, and the same outcome goes out when they are mended. Until then it is
//! tried again at a pace, and `/readyz` tells.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::in_flight::Lent;
use super::message::State;
use super::transition::Next;
use super::{Effect, Engine};
use crate::model::outcome::Outcome;
use crate::model::{Moment, rfc3339_ms};

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
    /// After a refusal: when it is handed over once more.
    pub(super) again_at: Option<Duration>,
}

impl Publishing {
    /// The broker or the client has refused it.
    pub(super) fn refused(mut self, now: Moment, why: Arc<str>) -> Self {
        let wait = PUBLISH_AGAIN.saturating_mul(2_u32.saturating_pow(self.refusals));
        self.refusals = self.refusals.saturating_add(1);
        self.refusal = Some(why);
        self.again_at = Some(now.elapsed + wait.min(LONGEST_WAIT));
        self
    }

    /// Hands it to the producer once more.
    pub(super) fn again(mut self, lent: &Lent, effects: &mut Vec<Effect>) -> Self {
        self.again_at = None;
        publish(lent, &self.outcome, effects);
        self
    }
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

/// Begins with the publication of what the store knows.
pub(super) fn publish_first(
    now: Moment,
    lent: &Lent,
    outcome: Arc<Outcome>,
    effects: &mut Vec<Effect>,
) -> Next {
    publish(lent, &outcome, effects);
    Next::Become(State::Publishing(Publishing {
        outcome,
        since: now,
        refusals: 0,
        refusal: None,
        again_at: None,
    }))
}

fn publish(lent: &Lent, outcome: &Arc<Outcome>, effects: &mut Vec<Effect>) {
    let dead_letter = outcome
        .wants_dead_letter()
        .then(|| Arc::clone(&lent.origin.record));
    effects.push(Effect::Publish {
        ticket: lent.ticket,
        outcome: Arc::clone(outcome),
        dead_letter,
    });
}

impl Engine {
    /// The broker has it: the message is over.
    pub(super) fn published(
        &mut self,
        now: Moment,
        lent: &Lent,
        publishing: Publishing,
        effects: &mut Vec<Effect>,
    ) -> Next {
        effects.push(Effect::Ended {
            outcome: publishing.outcome,
        });
        self.acknowledge(now, &lent.origin, effects);
        Next::End
    }

    /// What Kafka does not take; `None` if publishing works.
    pub fn unpublished(&self, now: Moment) -> Option<Unpublished> {
        let mut outcomes = 0;
        let mut first: Option<&Publishing> = None;
        for (_, _, state) in self.in_flight.iter() {
            let State::Publishing(publishing) = state else {
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
