//! One record: what the store is to be asked about it, and what is told of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::asked::{MessageAsked, add_heard, asked, is_of};
use super::heard::{Heard, Lying};
use super::parts::{has_receipts, outcome_of, rule_told, template_of, unreadable_rows};
use super::standing::{Found, Hindrance, Standing, Timed};
use super::told::{EventTold, GrantTold, MessageTold, Present, RecordState, RuleNow};
use super::{About, Pending, Shown, Veil, veiled, words};
use crate::event::{Decoded, Decoding, Event, decode};
use crate::model::outcome::{Identity, Outcome, Reason, RecipientStyle, are_two_records};
use crate::model::{Record, rfc3339_ms};
use crate::replay::Place;
use crate::rules::{Considered, RuleSet, Verdict};
use crate::state::{Looked, ReceiptSeen};

/// What records are looked at by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How they are read.
    pub decoding: &'a Decoding,
    /// The present rules; none where these cannot be used, as it is told then.
    pub rules: Option<&'a RuleSet>,
    /// How users are shown.
    pub style: RecipientStyle,
    /// The apps whose callbacks bring receipts.
    pub receipts: &'a BTreeSet<Arc<str>>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// How far the service has come in the partition of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is past the record.
    Past,
    /// It is not.
    NotYet,
    /// It is not known.
    NotKnown,
}

/// What was learned of the messages of a record.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was found on the topics.
    pub heard: &'a Heard,
    /// What the store knows, by the `id` of the outcome.
    pub looked: &'a BTreeMap<String, Looked>,
    /// The grants, by the `id` of the outcome.
    pub grants: &'a BTreeMap<String, GrantTold>,
    /// How rules run now, by their names.
    pub now: &'a BTreeMap<String, RuleNow>,
    /// How far the service has come.
    pub committed: Committed,
}

/// A record that is asked about.
#[derive(Debug)]
pub struct Inquiry {
    place: Place,
    record: Option<Arc<Record>>,
    read: Read,
    messages: Vec<MessageAsked>,
}

/// What the record turned out to be.
#[derive(Debug)]
enum Read {
    Event {
        event: Box<Event>,
        considered: Vec<Considered>,
    },
    Other(Decoded),
    /// There is no record.
    Absent(RecordState),
}

impl Inquiry {
    /// Looks at what lies in a place, and at what was heard of it.
    pub fn of(context: Context<'_>, place: &Place, lying: &Lying, heard: &Heard) -> Self {
        let read = match lying {
            Lying::Gone => Read::Absent(RecordState::Gone),
            Lying::NotThere(_) => Read::Absent(RecordState::NotThere),
            Lying::NotRead => Read::Absent(RecordState::NotRead),
            Lying::Here(record) => match decode(context.decoding, record, context.now_ms) {
                Decoded::Event(event) => Read::Event {
                    considered: context
                        .rules
                        .map(|rules| rules.consider(&event))
                        .unwrap_or_default(),
                    event,
                },
                other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => Read::Other(other),
            },
        };
        let mut messages = match (&read, context.rules) {
            (Read::Event { considered, .. }, Some(rules)) => {
                let planned = considered.iter().filter_map(Considered::planned);
                planned
                    .map(|planned| asked(rules, place, planned))
                    .collect()
            }
            (Read::Event { .. }, None) | (Read::Other(_) | Read::Absent(_), _) => Vec::new(),
        };
        add_heard(&mut messages, heard.outcomes_of(place));
        let is_of_no_rule = match &read {
            Read::Event { .. } | Read::Other(Decoded::Tombstone) => false,
            Read::Other(_) | Read::Absent(_) => true,
        };
        if messages.is_empty() && is_of_no_rule {
            messages.push(MessageAsked {
                rule: None,
                outcome_id: place.to_string(),
                message_id: None,
                ledger: None,
            });
        }
        Self {
            place: place.clone(),
            record: match lying {
                Lying::Here(record) => Some(Arc::clone(record)),
                Lying::Gone | Lying::NotThere(_) | Lying::NotRead => None,
            },
            read,
            messages,
        }
    }

    /// The messages about which the store is asked.
    pub fn messages(&self) -> &[MessageAsked] {
        &self.messages
    }

    /// Where the record lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is told.
    pub fn tell(&self, context: Context<'_>, facts: &Facts<'_>) -> EventTold {
        let veils = self.veils(context);
        let mut told = self.record_told(context, &veils);
        told.is_past = match facts.committed {
            Committed::Past => Some(true),
            Committed::NotYet => Some(false),
            Committed::NotKnown => None,
        };
        let messages = self.messages.iter();
        told.messages = messages
            .map(|message| self.message_told(context, facts, (message, &veils)))
            .collect();
        if told.messages.is_empty() {
            told.messages.push(self.nothing_told(context));
        }
        told
    }

    /// What no text of it may show: the users that rules make of it.
    fn veils(&self, context: Context<'_>) -> Vec<Veil> {
        let Read::Event { considered, .. } = &self.read else {
            return Vec::new();
        };
        let users: BTreeSet<&str> = considered.iter().filter_map(Considered::openid).collect();
        let veils = users.into_iter();
        veils
            .filter_map(|openid| Veil::of_user(openid, context.style))
            .collect()
    }

    fn record_told(&self, context: Context<'_>, veils: &[Veil]) -> EventTold {
        let time = |record: &Arc<Record>| record.timestamp_ms.map(rfc3339_ms);
        let mut told = EventTold {
            place: self.place.to_string(),
            state: RecordState::Gone,
            reason: None,
            detail: None,
            id: None,
            kind: None,
            source: None,
            time: None,
            record_time: self.record.as_ref().and_then(time),
            business_key: None,
            traceparent: None,
            replayed_for: Vec::new(),
            is_past: None,
            rules_version: context.rules.map(|rules| Arc::clone(rules.version())),
            rules: Vec::new(),
            unmatched: None,
            messages: Vec::new(),
        };
        match &self.read {
            Read::Event { event, considered } => {
                told.state = RecordState::Event;
                told.id = Some(veiled(veils, &event.id));
                told.kind = Some(event.kind.clone());
                told.source = Some(event.source.clone());
                told.time = Some(rfc3339_ms(event.time_ms));
                let keys = event.keys.as_ref();
                let key = keys.and_then(|keys| keys.shown(event, None));
                told.business_key = key.map(|key| veiled(veils, &key));
                told.traceparent.clone_from(&event.traceparent);
                told.replayed_for = event.wish.rules.iter().map(ToString::to_string).collect();
                told.rules = considered.iter().map(|it| rule_told(it, veils)).collect();
                let is_wanted = considered.iter().any(|it| it.verdict == Verdict::Wants);
                let rules = context.rules.filter(|_| !is_wanted);
                told.unmatched = rules.map(|rules| rules.why_unmatched(&event.kind));
            }
            Read::Other(Decoded::Undecodable(problem)) => {
                told.state = RecordState::Undecodable;
                told.reason = Some(problem.reason);
                told.detail = Some(problem.detail.clone());
                let glimpse = &problem.glimpse;
                told.id.clone_from(&glimpse.id);
                told.kind.clone_from(&glimpse.kind);
                told.source.clone_from(&glimpse.source);
                told.time = glimpse.time_ms.map(rfc3339_ms);
            }
            Read::Other(Decoded::Tombstone | Decoded::Event(_)) => {
                told.state = RecordState::NoEvent;
            }
            Read::Absent(state) => told.state = *state,
        }
        told
    }

    fn message_told(
        &self,
        context: Context<'_>,
        facts: &Facts<'_>,
        (asked, veils): (&MessageAsked, &[Veil]),
    ) -> MessageTold {
        let mut of_place = facts.heard.outcomes_of(&self.place);
        let heard = of_place.find(|heard| is_of(&heard.outcome, asked));
        let looked = facts.looked.get(&asked.outcome_id);
        let identity = self.record.as_deref().and_then(Identity::of);
        let kept = looked.and_then(|looked| looked.outcome.row());
        // Another record may have lain in this place.
        let kept = kept.filter(|kept| !are_two_records(kept.identity(), identity));
        let outcome = outcome_of(heard, kept, asked, self.event());
        let claim = looked.and_then(|looked| looked.claim.row()).cloned();
        let now = asked.rule.as_deref().and_then(|rule| facts.now.get(rule));
        let RuleNow { paused_by, line } = now.cloned().unwrap_or_default();
        let found = Found {
            asked,
            outcome: outcome.as_ref(),
            claim: claim.as_ref(),
            heard: facts.heard,
        };
        let hindrance = match &self.read {
            Read::Absent(_) => Hindrance::Deleted,
            Read::Event { .. } | Read::Other(_) if paused_by.is_empty() => Hindrance::None,
            Read::Event { .. } | Read::Other(_) => Hindrance::Pause,
        };
        let standing = Standing::of(found, (facts.committed, hindrance), self.timed(asked));
        let id_of_sent = standing.sent_by.as_ref();
        let id_of_sent = id_of_sent.or_else(|| Some(&outcome.as_ref()?.id));
        let receipt = id_of_sent.and_then(|id| facts.heard.receipt_of(id));
        let (present, values) = self.made(context, asked, veils);
        let has_sent = |outcome: &Outcome| outcome.reason == Reason::Ok;
        let is_sent = standing.sent_by.is_some() || outcome.as_ref().is_some_and(has_sent);
        MessageTold {
            rule: asked.rule.clone(),
            outcome_id: asked.outcome_id.clone(),
            message_id: asked
                .message_id
                .clone()
                .or_else(|| Some(outcome.as_ref()?.message_id.clone())),
            published: heard.map_or(0, |heard| heard.times),
            is_in_store: looked.map(|_| kept.is_some()),
            unreadable: looked.map(unreadable_rows).unwrap_or_default(),
            receipt_in_store: match (looked, &outcome) {
                (Some(looked), Some(outcome)) if has_receipts(context, outcome) => looked.receipt,
                (Some(_) | None, Some(_) | None) => ReceiptSeen::NotKnown,
            },
            grant: facts.grants.get(&asked.outcome_id).cloned(),
            receipt: receipt.cloned(),
            line: line.filter(|_| outcome.is_none()),
            template: template_of(context, asked, outcome.as_ref()),
            outcome,
            pending: standing.pending,
            sent_by: standing.sent_by,
            claim,
            paused_by,
            published_late_ms: standing.published_late_ms,
            expires_at: standing.expires_at,
            present: present.filter(|_| !is_sent),
            values,
            words: standing.words,
        }
    }

    /// The only thing to be told of a record that owes no message.
    fn nothing_told(&self, context: Context<'_>) -> MessageTold {
        let pending = match &self.read {
            Read::Event { .. } if context.rules.is_none() => Pending::RulesUnusable,
            Read::Event { .. } => Pending::NotWanted,
            Read::Other(_) | Read::Absent(_) => Pending::NoEvent,
        };
        MessageTold {
            rule: None,
            outcome_id: self.place.to_string(),
            message_id: None,
            outcome: None,
            published: 0,
            is_in_store: None,
            pending: Some(pending),
            sent_by: None,
            unreadable: Vec::new(),
            claim: None,
            grant: None,
            receipt: None,
            receipt_in_store: ReceiptSeen::NotKnown,
            paused_by: Vec::new(),
            line: None,
            published_late_ms: None,
            expires_at: None,
            present: None,
            template: None,
            values: Vec::new(),
            words: words(About::Pending(pending)),
        }
    }

    fn event(&self) -> Option<&Event> {
        match &self.read {
            Read::Event { event, .. } => Some(event),
            Read::Other(_) | Read::Absent(_) => None,
        }
    }

    /// By what it is decided whether the message is too old.
    fn timed(&self, asked: &MessageAsked) -> Option<Timed<'_>> {
        let Read::Event { event, considered } = &self.read else {
            return None;
        };
        let mut of_rule = considered.iter();
        let of_rule = of_rule.find(|it| Some(&it.rule.name) == asked.rule.as_ref())?;
        Some((&of_rule.rule, event, self.record.as_ref()?.timestamp_ms))
    }

    /// What the present rule makes of the event, and its values.
    fn made(
        &self,
        context: Context<'_>,
        asked: &MessageAsked,
        veils: &[Veil],
    ) -> (Option<Present>, Vec<Shown>) {
        let Read::Event { event, considered } = &self.read else {
            return (None, Vec::new());
        };
        let mut of_rule = considered.iter();
        let of_rule = of_rule.find(|it| Some(&it.rule.name) == asked.rule.as_ref());
        let Some(diagnosis) = of_rule.and_then(|it| it.diagnosis.as_ref()) else {
            return (None, Vec::new());
        };
        let age_ms = context.now_ms.saturating_sub(event.time_ms);
        let values = diagnosis.values.iter();
        let rule = &diagnosis.planned.rule;
        let values = values.map(|value| Shown::of(rule, value, veils));
        (
            Some(Present::of(&diagnosis.planned, age_ms)),
            values.collect(),
        )
    }
}
