//! An outcome as the bytes of its row: what its kind, its time and its own other fields tell is left out, so that ten million of them take
//! little more than a gigabyte.
//!
//! Each field that may be left out has two bits that say how it stands there; the texts and numbers follow. Reading gives every field back as it
//! was.

mod packed;
mod reading;

use super::bytes::Writer;
use super::kinds::{Fold, Known};
use packed::{canonical_ms, digits_of, hash_of, uuid_of};
pub(super) use reading::decode;
use wx_courier_core::model::outcome::Outcome;

/// How a field stands in a row. The typical way of each field is nought, so that a typical row has few bits.
const TYPICAL: u64 = 0;
const ABSENT: u64 = 1;
const IN_FULL: u64 = 2;
const OTHERWISE: u64 = 3;

/// Bits and bytes of a row that is written.
#[derive(Default)]
struct Row {
    forms: u64,
    shift: u32,
    rest: Writer,
}

impl Row {
    fn form(&mut self, form: u64) {
        self.forms |= form << self.shift;
        self.shift += 2;
    }

    fn in_full(&mut self, text: &str) {
        self.form(IN_FULL);
        self.rest.text(text);
    }

    /// A field that mostly is as it is with the others of the kind.
    fn usual(&mut self, text: Option<&str>, usual: Option<&str>) {
        match text {
            text if text == usual => self.form(TYPICAL),
            None => self.form(ABSENT),
            Some(text) => self.in_full(text),
        }
    }

    /// A field that mostly is not there.
    fn rare(&mut self, text: Option<&str>) {
        match text {
            None => self.form(TYPICAL),
            Some(text) => self.in_full(text),
        }
    }

    /// A time that is near to another one. Gives what later times are near to.
    fn time(&mut self, text: &str, near_ms: i64) -> i64 {
        match canonical_ms(text) {
            Some(ms) => {
                self.form(TYPICAL);
                self.rest.signed(near_ms.wrapping_sub(ms));
                ms
            }
            None => {
                self.in_full(text);
                near_ms
            }
        }
    }
}

/// The row of an outcome that is kept under this time and this kind.
pub(super) fn encode(outcome: &Outcome, at_ms: i64, known: &Known) -> Vec<u8> {
    let mut row = Row::default();
    row.kind(outcome, known.fold);
    row.rest.signed(i64::from(outcome.partition));
    row.rest.signed(outcome.offset);
    row.rest.number(u64::from(outcome.attempts));
    row.rest.number(outcome.waited_ms);
    row.rest.number(outcome.api_ms);
    row.names(outcome);
    let usual = &known.usual;
    row.usual(Some(&outcome.topic), usual.topic.as_deref());
    row.usual(Some(&outcome.detail), usual.detail.as_deref());
    row.usual(outcome.template_id.as_deref(), usual.template_id.as_deref());
    row.usual(outcome.event_type.as_deref(), usual.event_type.as_deref());
    row.usual(
        outcome.event_source.as_deref(),
        usual.event_source.as_deref(),
    );
    row.usual(outcome.errmsg.as_deref(), usual.errmsg.as_deref());
    row.usual(outcome.param.as_deref(), usual.param.as_deref());
    row.rare(outcome.rid.as_deref());
    row.rare(outcome.duplicate_of.as_deref());
    let settled_ms = row.time(&outcome.settled_at, at_ms);
    let received_ms = row.time(&outcome.received_at, begun_ms(settled_ms, outcome));
    match &outcome.event_time {
        Some(time) => {
            row.time(time, received_ms);
        }
        None => row.form(ABSENT),
    }
    if outcome.id
        == id_of(
            &outcome.topic,
            outcome.partition,
            outcome.offset,
            outcome.rule.as_deref(),
        )
    {
        row.form(TYPICAL);
    } else {
        row.in_full(&outcome.id);
    }
    if is_of_event(outcome) {
        row.form(TYPICAL);
    } else if outcome.message_id == outcome.id {
        row.form(ABSENT);
    } else {
        row.in_full(&outcome.message_id);
    }
    match serde_json::to_string(&outcome.more) {
        Ok(more) if !outcome.more.is_empty() => row.in_full(&more),
        // A map of JSON values always is JSON.
        Ok(_) | Err(_) => row.form(TYPICAL),
    }
    let mut bytes = Writer::default();
    bytes.number(row.forms);
    bytes.bytes(&row.rest.0);
    bytes.0
}

impl Row {
    /// What the kind does not tell.
    fn kind(&mut self, outcome: &Outcome, fold: Fold) {
        match fold {
            Fold::Whole => {}
            Fold::WithoutVersion => self.rest.text(&outcome.rules_version),
            Fold::StatusAlone => {
                self.rest.text(outcome.status.as_str());
                self.rest.text(outcome.reason.as_str());
                self.rest.number(u64::from(outcome.errcode.is_some()));
                self.rest.signed(outcome.errcode.unwrap_or_default());
                for name in [&outcome.rule, &outcome.app, &outcome.template] {
                    self.rest.optional(name.as_deref());
                }
                self.rest.text(&outcome.rules_version);
            }
        }
    }

    /// Whom and what it is about.
    fn names(&mut self, outcome: &Outcome) {
        match &outcome.msgid {
            None => self.form(TYPICAL),
            Some(msgid) => match digits_of(msgid) {
                Some(number) => {
                    self.form(OTHERWISE);
                    self.rest.bytes(&number.to_le_bytes());
                }
                None => self.in_full(msgid),
            },
        }
        match &outcome.event_id {
            None => self.form(ABSENT),
            Some(id) => match uuid_of(id) {
                Some(uuid) => {
                    self.form(OTHERWISE);
                    self.rest.bytes(&uuid);
                }
                None => {
                    self.form(TYPICAL);
                    self.rest.text(id);
                }
            },
        }
        match &outcome.business_key {
            None => self.form(TYPICAL),
            key if *key == outcome.event_id => self.form(OTHERWISE),
            Some(key) => self.in_full(key),
        }
        match &outcome.recipient {
            None => self.form(ABSENT),
            Some(recipient) => {
                self.form(TYPICAL);
                self.rest.text(recipient);
            }
        }
        match &outcome.recipient_hash {
            None => self.form(ABSENT),
            Some(hash) => match hash_of(hash.as_str()) {
                Some(bytes) => {
                    self.form(TYPICAL);
                    self.rest.bytes(&bytes);
                }
                None => self.in_full(hash.as_str()),
            },
        }
    }
}

/// When the record was read, if nothing but what is told took time.
fn begun_ms(settled_ms: i64, outcome: &Outcome) -> i64 {
    let spent = outcome.waited_ms.saturating_add(outcome.api_ms);
    settled_ms.wrapping_sub(i64::try_from(spent).unwrap_or_default())
}

fn id_of(topic: &str, partition: i32, offset: i64, rule: Option<&str>) -> String {
    match rule {
        Some(rule) => format!("{topic}/{partition}/{offset}/{rule}"),
        None => format!("{topic}/{partition}/{offset}"),
    }
}

/// Whether the message id is made of rule, source and event id.
pub(super) fn is_of_event(outcome: &Outcome) -> bool {
    message_id_of(
        outcome.rule.as_deref(),
        outcome.event_source.as_deref(),
        outcome.event_id.as_deref(),
    )
    .is_some_and(|id| id == outcome.message_id)
}

fn message_id_of(
    rule: Option<&str>,
    source: Option<&str>,
    event_id: Option<&str>,
) -> Option<String> {
    Some(format!("{}|{}|{}", rule?, source?, event_id?))
}

#[cfg(test)]
mod tests;
