//! The last word on a message, as a dead letter or an outcome tells it, and the original record in a dead letter.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::Place;
use crate::model::Record;
use crate::model::outcome::{Reason, Status, letter, open, read_word};

/// How a message ended, and where its record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The `id` of the outcome.
    pub outcome_id: String,
    /// What is sent once.
    pub message_id: String,
    /// How it ended.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// The rule; none where no rule was reached.
    pub rule: Option<Arc<str>>,
    /// `WeChat`'s code.
    pub errcode: Option<i64>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The event's type.
    pub event_type: Option<String>,
    /// When it ended, in Unix milliseconds.
    pub settled_ms: i64,
    /// The record on its source topic.
    pub source: Place,
}

/// The fields of an outcome that matter here. Fewer than [`crate::model::outcome::Outcome`] has, so that an older or newer one is
/// understood as well.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(deserialize_with = "open")]
    status: Status,
    #[serde(deserialize_with = "open")]
    reason: Reason,
    rule: Option<Arc<str>>,
    errcode: Option<i64>,
    #[serde(borrow)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    settled_at: Cow<'a, str>,
    topic: Arc<str>,
    partition: i32,
    offset: i64,
}

impl Word {
    /// Reads a record of the outcome topic; `None` if it is not an outcome that this version knows.
    pub fn of_outcome(record: &Record) -> Option<Self> {
        let line: Line<'_> = serde_json::from_slice(record.value.as_deref()?).ok()?;
        Some(Self {
            outcome_id: line.id.into_owned(),
            message_id: line.message_id.into_owned(),
            status: line.status,
            reason: line.reason,
            rule: line.rule,
            errcode: line.errcode,
            event_id: line.event_id.map(Cow::into_owned),
            event_type: line.event_type.map(Cow::into_owned),
            settled_ms: unix_ms(&line.settled_at)?,
            source: Place {
                topic: line.topic,
                partition: line.partition,
                offset: line.offset,
            },
        })
    }

    /// Reads a record of the dead-letter topic; `None` if it is not a letter of ours.
    pub fn of_letter(record: &Record) -> Option<Self> {
        let text = |name| said(record, name);
        let outcome_id = text(letter::OUTCOME_ID)?.to_owned();
        let message_id = text(letter::MESSAGE_ID).map(str::to_owned);
        let rule = text(letter::RULE).filter(|rule| !rule.is_empty());
        Some(Self {
            message_id: message_id.unwrap_or_else(|| outcome_id.clone()),
            outcome_id,
            status: read_word(text(letter::STATUS)?)?,
            reason: read_word(text(letter::REASON)?)?,
            rule: rule.map(Arc::from),
            errcode: text(letter::ERRCODE).and_then(|errcode| errcode.parse().ok()),
            event_id: text(letter::EVENT_ID).map(str::to_owned),
            event_type: text(letter::EVENT_TYPE).map(str::to_owned),
            settled_ms: unix_ms(text(letter::TIME)?)?,
            source: Place {
                topic: Arc::from(text(letter::TOPIC)?),
                partition: text(letter::PARTITION)?.parse().ok()?,
                offset: text(letter::OFFSET)?.parse().ok()?,
            },
        })
    }
}

/// The record that a dead letter repeats; `None` if the letter left something of it out, or is not one of ours.
pub fn original(record: Record) -> Option<Record> {
    if said(&record, letter::OMITTED).is_some() {
        return None;
    }
    let source = Word::of_letter(&record)?.source;
    let timestamp_ms = said(&record, letter::TIMESTAMP).and_then(|text| text.parse().ok());
    // Without its own timestamp, the moment when it was given up is the nearest that is known.
    let settled = || unix_ms(said(&record, letter::TIME)?);
    let timestamp_ms = timestamp_ms.or_else(settled);
    let mut headers = record.headers;
    headers.retain(|(name, _)| !letter::ALL.iter().any(|ours| name == ours));
    Some(Record {
        topic: source.topic,
        partition: source.partition,
        offset: source.offset,
        headers,
        timestamp_ms,
        ..record
    })
}

/// A header that the letter was given: ours come last, so an original header of the same name does not count.
fn said<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    let mut from_the_end = record.headers.iter().rev();
    let (_, value) = from_the_end.find(|(header, _)| header == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

fn unix_ms(rfc3339: &str) -> Option<i64> {
    let moment: Timestamp = rfc3339.parse().ok()?;
    Some(moment.as_millisecond())
}
