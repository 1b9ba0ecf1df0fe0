//! A selected message: the last word on it, what its original would become today, and what is known of its past.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Place;
use super::Word;
use crate::event::{Decoded, Decoding, Wish, decode, republished};
use crate::message::sent_first;
use crate::model::Record;
use crate::model::outcome::{Reason, Status};
use crate::rules::{Planned, RuleSet};
use crate::state::counts_as_sent;

/// What messages are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How records are read.
    pub decoding: &'a Decoding,
    /// The present rules.
    pub rules: &'a RuleSet,
    /// The source topics: the service would not read what is published to another one.
    pub topics: &'a [String],
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// A text that is only compared: half of its SHA-256. That two texts share one does not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    pub(super) fn of(text: &str) -> Self {
        let whole = Sha256::digest(text.as_bytes());
        let mut half = Self::default();
        for (byte, of_whole) in half.0.iter_mut().zip(whole) {
            *byte = of_whole;
        }
        half
    }

    /// Of a message, whether it was sent once or again.
    pub(super) fn of_message(message_id: &str) -> Self {
        Self::of(sent_first(message_id))
    }
}

/// How a message ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) status: Status,
    pub(super) reason: Reason,
    pub(super) settled_ms: i64,
    /// The outcome that says so.
    outcome: Digest,
}

impl Ending {
    pub(super) fn of(word: &Word) -> Self {
        Self {
            status: word.status,
            reason: word.reason,
            settled_ms: word.settled_ms,
            outcome: Digest::of(&word.outcome_id),
        }
    }
}

/// The last word on a selected message.
pub(super) struct Candidate {
    pub(super) ending: Ending,
    /// What is sent once; for a record that reached no rule, its first position.
    pub(super) subject: Digest,
    /// The dead letter; none if the original is read on its source topic.
    pub(super) letter: Option<Place>,
    pub(super) sight: Sight,
    /// The messages that the present rules make of it.
    pub(super) planned: Box<[Digest]>,
}

/// What an original would become today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It has not been looked at.
    Unread,
    /// The rule does not exist.
    RuleGone,
    /// No rule that is meant wants it.
    NotWanted,
    /// No message comes of it, and this is why.
    Invalid(Box<str>),
    /// It would be too old.
    Expired,
    /// It would be sent.
    Good,
}

impl Sight {
    /// Looks at an original: what it would become, and the ids of its messages. One rule if it is a rule's message, else every rule.
    pub(super) fn of(
        context: &Context<'_>,
        original: Record,
        rule: Option<&Arc<str>>,
    ) -> (Self, Box<[Digest]>) {
        if let Some(rule) = rule {
            let known = context.rules.rules();
            if known
                .binary_search_by(|known| known.name.cmp(rule))
                .is_err()
            {
                return (Self::RuleGone, Box::default());
            }
        }
        let wish = Wish {
            rules: rule.iter().map(|rule| rule.as_ref().into()).collect(),
            again: None,
        };
        let record = Arc::new(republished(original, &wish));
        match decode(context.decoding, &record, context.now_ms) {
            Decoded::Event(event) => {
                let planned = context.rules.plan(&event);
                let messages = planned
                    .iter()
                    .map(|planned| Digest::of(&planned.message_id));
                let messages = messages.collect();
                let age_ms = context.now_ms.saturating_sub(event.time_ms);
                (Self::best(&planned, age_ms), messages)
            }
            Decoded::Tombstone => (Self::NotWanted, Box::default()),
            Decoded::Undecodable(problem) => (Self::Invalid(problem.detail.into()), Box::default()),
        }
    }

    /// One good message is reason enough for the whole record.
    fn best(planned: &[Planned], age_ms: i64) -> Self {
        let mut best = Self::NotWanted;
        for Planned { rule, result, .. } in planned {
            let allowed_ms = i64::try_from(rule.expires_after.as_millis()).unwrap_or(i64::MAX);
            match (result, &best) {
                (Ok(_), _) if age_ms <= allowed_ms => return Self::Good,
                (Ok(_), _) => best = Self::Expired,
                (Err(rejection), Self::NotWanted) => {
                    best = Self::Invalid(rejection.detail.as_str().into());
                }
                (Err(_), _) => {}
            }
        }
        best
    }
}

/// What is known of everything that happened to a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    pub(super) is_sent: bool,
    last_ms: i64,
    last_outcome: Digest,
}

impl Past {
    pub(super) fn hear(&mut self, said: &Ending) {
        // A duplicate is the shadow of a message that was sent, and no word on it.
        let is_shadow = said.reason == Reason::Duplicate;
        self.is_sent |= counts_as_sent(said.status) || is_shadow;
        if !is_shadow && said.settled_ms >= self.last_ms {
            self.last_ms = said.settled_ms;
            self.last_outcome = said.outcome;
        }
    }

    /// Whether another outcome came after this one.
    pub(super) fn went_on(&self, candidate: &Candidate) -> bool {
        let ending = &candidate.ending;
        self.last_ms > ending.settled_ms && self.last_outcome != ending.outcome
    }
}
