//! What Kafka delivered, before it is looked into.

use std::mem::size_of;
use std::sync::Arc;

use super::outcome::bounds;

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
