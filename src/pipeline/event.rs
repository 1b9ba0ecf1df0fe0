//! Record → event: `CloudEvents` in both Kafka modes, and plain JSON.

mod attributes;
mod data;
mod decode;
pub(in crate::pipeline) mod json;
mod pointer;
mod replayed;

use std::mem::size_of;
use std::sync::Arc;

use super::outcome::bounds;
pub use attributes::rfc3339_ms;
pub use data::Data;
pub use decode::{Decoded, Decoding, MOST_HEADERS, Undecodable, decode};
pub use json::{Json, MOST_LEVELS, MOST_VALUES, Seen};
pub use pointer::Pointer;
pub use replayed::{RunId, Wish, first_position, first_timestamp_ms, republished};

/// What a header takes besides its content: its place in the list, and what an allocator spends on name and value.
const HEADER_BYTES: usize = size_of::<(String, Option<Vec<u8>>)>() + 32;

/// What Kafka delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The source topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// Headers in their order; names may repeat, values may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// When the record was made or appended, in Unix milliseconds, if Kafka says.
    pub timestamp_ms: Option<i64>,
}

impl Record {
    /// What names the record among all: `topic/partition/offset`. It is the id of an event that brings none, and the stem of every
    /// outcome's id, so it must be the same each time the record is read.
    pub fn position(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }

    /// The `id` of the outcome that a rule's message of this record has, on every run.
    pub fn outcome_id(&self, rule: &str) -> String {
        bounds::id(format!(
            "{}/{}/{}/{rule}",
            self.topic, self.partition, self.offset
        ))
    }

    /// What upstream published, in bytes.
    pub fn content_bytes(&self) -> usize {
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + optional(value))
            .sum();
        optional(&self.key) + optional(&self.value) + headers
    }

    /// What the record takes in memory, in bytes, near enough for a bound: many small headers take more than their content.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.headers.len() * HEADER_BYTES + self.content_bytes()
    }

    /// The first header of that name, as text. Names of headers are compared without regard to case, as HTTP's are.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// A decoded record, with `CloudEvents`' attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's id; without one, `topic/partition/offset`.
    pub id: String,
    /// What happened: `order.completed`.
    pub kind: String,
    /// Who says so; for plain JSON without one, the topic.
    pub source: String,
    /// When it happened, as RFC 3339 text: the event's own time, else the record's.
    pub time: String,
    /// The same in Unix milliseconds.
    pub time_ms: i64,
    /// What it happened to.
    pub subject: Option<String>,
    /// The payload; for plain JSON the whole object.
    pub data: Data,
    /// W3C trace context of the record, passed on to the outcome.
    pub traceparent: Option<String>,
    /// What a replay wants of it, if one has published it again.
    pub wish: Wish,
}

impl Event {
    /// What it takes in memory beside its record, in bytes, near enough for a bound.
    pub fn size_bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let rules: usize = self.wish.rules.iter().map(|rule| rule.len()).sum();
        let attributes = [&self.id, &self.kind, &self.source, &self.time];
        let attributes: usize = attributes.into_iter().map(String::len).sum();
        let more = optional(&self.subject) + optional(&self.traceparent);
        size_of::<Self>() + attributes + more + rules
    }
}
