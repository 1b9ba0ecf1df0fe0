//! Record → event: `CloudEvents` in both Kafka modes, and plain JSON.

mod attributes;
mod business;
mod carrier;
mod data;
mod decode;
mod decoding;
mod envelope;
mod found;
mod hints;
pub(crate) mod json;
mod locator;
mod payload;
mod pointer;
mod replayed;

use std::mem::size_of;
use std::sync::Arc;

pub use attributes::{Glimpse, LONGEST_ATTRIBUTE_BYTES};
pub use business::{BusinessKeys, MOST_BUSINESS_KEYS, ROOTS_OF_BUSINESS_KEYS};
pub(crate) use carrier::Attribute;
pub use carrier::{Carrier, MOST_ATTRIBUTES};
pub use data::Data;
pub use decode::{Decoded, MOST_HEADERS, Undecodable, Unreadable, decode};
pub use decoding::Decoding;
pub use envelope::Envelope;
pub use json::{Json, MOST_LEVELS, MOST_VALUES, Seen};
pub use locator::{DataLocator, Locator};
pub use payload::{Opened, Payload};
pub use pointer::Pointer;
pub use replayed::{RunId, Wish, first_position, first_timestamp_ms, republished};

/// A decoded record, with `CloudEvents`' attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's id; without one, `topic/partition/offset`.
    pub id: String,
    /// What happened: `order.completed`.
    pub kind: String,
    /// The source that says so; for plain JSON without one, the topic.
    pub source: String,
    /// When it happened, as RFC 3339 text: the event's own time, else the record's.
    pub time: String,
    /// The same in Unix milliseconds.
    pub time_ms: i64,
    /// What it happened to.
    pub subject: Option<String>,
    /// The payload; for plain JSON the whole object, unless the settings say otherwise.
    pub data: Payload,
    /// W3C trace context of the record, passed on to the outcome.
    pub traceparent: Option<String>,
    /// What a replay wants of it, if one has published it again.
    pub wish: Wish,
    /// The record that it came in.
    pub carrier: Carrier,
    /// Where its business key lies, if the settings name places.
    pub keys: Option<Arc<BusinessKeys>>,
}

impl Event {
    /// What it takes in memory beside its record, in bytes, near enough for a bound.
    pub fn size_bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let rules: usize = self.wish.rules.iter().map(|rule| rule.len()).sum();
        let attributes = [&self.id, &self.kind, &self.source, &self.time];
        let attributes: usize = attributes.into_iter().map(String::len).sum();
        let more = optional(&self.subject) + optional(&self.traceparent);
        // If both have a text of their own, it is the same one.
        let unpacked = self.data.own_bytes().max(self.carrier.own_bytes());
        size_of::<Self>() + attributes + more + rules + unpacked
    }
}
