//! The headers of a record that `replay` has published again. A record has a new position then, and no part of its identity may
//! change with that: which event it is, when it happened, and which of its messages are meant.

use std::fmt;

use crate::model::Record;

/// Where the record was first read: `topic/partition/offset`. It is the id of an event that brings none.
const REPLAY_OF: &str = "wx-courier-replay-of";

/// The Kafka timestamp of the record that was first read, in Unix milliseconds: the time of an event that brings none.
const REPLAY_TIMESTAMP: &str = "wx-courier-replay-timestamp";

/// A rule whose message is to be tried again, one header for each. Without one every rule is meant.
const REPLAY_RULE: &str = "wx-courier-replay-rule";

/// The run that wants messages sent once more which were sent before.
const REPLAY_AGAIN: &str = "wx-courier-replay-again";

const ALL: [&str; 4] = [REPLAY_OF, REPLAY_TIMESTAMP, REPLAY_RULE, REPLAY_AGAIN];

/// A topic's name has at most 249 bytes, the two numbers 30.
const LONGEST_POSITION_BYTES: usize = 300;

/// Names one run of `replay`: `20261122T083000Z-1a2b3c`. Its shape is strict, so that it is known again at the end of a message id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(Box<str>);

impl RunId {
    /// A run that began at this second, told from others of the same second by 24 bits.
    pub fn new(begun_ms: i64, distinction: u32) -> Self {
        let begun = jiff::Timestamp::from_millisecond(begun_ms).unwrap_or_default();
        let begun = begun.strftime("%Y%m%dT%H%M%SZ");
        Self(format!("{begun}-{:06x}", distinction & 0x00ff_ffff).into())
    }

    /// Reads what [`fmt::Display`] wrote, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        const SHAPE: &[u8] = b"00000000T000000Z-xxxxxx";
        let fits = |(byte, shape): (u8, &u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            literal => byte == *literal,
        };
        (text.len() == SHAPE.len() && text.bytes().zip(SHAPE).all(fits)).then(|| Self(text.into()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a replay wants of an event. The default is what every other record wants: every rule, once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The rules that are meant; empty for all.
    pub rules: Vec<Box<str>>,
    /// The messages are to be sent once more, whatever was sent before: once in this run.
    pub again: Option<RunId>,
}

impl Wish {
    /// What the record's headers say. A header that is not one of ours in its shape says nothing.
    pub fn of(record: &Record) -> Self {
        let named = record
            .headers
            .iter()
            .filter(|(name, _)| is(name, REPLAY_RULE));
        let rules = named.filter_map(|(_, value)| {
            let rule = std::str::from_utf8(value.as_deref()?).ok()?;
            (!rule.is_empty()).then(|| rule.into())
        });
        Self {
            rules: rules.collect(),
            again: record.header(REPLAY_AGAIN).and_then(RunId::parse),
        }
    }

    /// Whether this rule's message is meant.
    pub fn means(&self, rule: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|meant| meant.as_ref() == rule)
    }
}

/// Where the record was first read, `topic/partition/offset`: not where it lies now, if a replay has published it again.
pub fn first_position(record: &Record) -> String {
    let said = record.header(REPLAY_OF).filter(|said| is_position(said));
    said.map_or_else(|| record.position(), str::to_owned)
}

/// The timestamp of the record that was first read, in Unix milliseconds.
pub fn first_timestamp_ms(record: &Record) -> Option<i64> {
    let said = record.header(REPLAY_TIMESTAMP);
    let said = said.and_then(|text| text.parse().ok());
    said.or(record.timestamp_ms)
}

/// The record as a replay publishes it: key, value and headers as they were, and the headers that keep its identity. Those of an
/// earlier replay are replaced. Its timestamp is left to Kafka: a topic's retention counts by it, and an old one could be
/// deleted before it is read.
pub fn republished(original: Record, wish: &Wish) -> Record {
    let position = first_position(&original);
    let timestamp = first_timestamp_ms(&original).map(|ms| ms.to_string());
    let mut headers = original.headers;
    headers.retain(|(name, _)| !is_of_replay(name));
    let ours = [
        (REPLAY_OF, Some(position)),
        (REPLAY_TIMESTAMP, timestamp),
        (REPLAY_AGAIN, wish.again.as_ref().map(RunId::to_string)),
    ];
    let rules = wish
        .rules
        .iter()
        .map(|rule| (REPLAY_RULE, Some(rule.to_string())));
    for (name, value) in ours.into_iter().chain(rules) {
        headers.extend(value.map(|value| (name.to_owned(), Some(value.into_bytes()))));
    }
    Record {
        headers,
        timestamp_ms: None,
        ..original
    }
}

/// Whether a header of this name comes from a replay, and not from upstream.
pub(super) fn is_of_replay(name: &str) -> bool {
    ALL.iter().any(|ours| is(name, ours))
}

fn is(name: &str, ours: &str) -> bool {
    name.eq_ignore_ascii_case(ours)
}

fn is_position(text: &str) -> bool {
    let mut parts = text.rsplitn(3, '/');
    let offset = parts.next().and_then(|offset| offset.parse::<u64>().ok());
    let partition = parts.next().and_then(|number| number.parse::<u32>().ok());
    let topic = parts.next().unwrap_or_default();
    offset.is_some()
        && partition.is_some()
        && !topic.is_empty()
        && text.len() <= LONGEST_POSITION_BYTES
}

#[cfg(test)]
mod tests;
