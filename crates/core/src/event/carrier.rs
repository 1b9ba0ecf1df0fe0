//! The record around an event, for the rules that ask for more than the event.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Data;
use super::attributes::unquoted;
use super::first_timestamp_ms;
use super::json::Json;
use super::replayed::is_of_replay;
use crate::model::Record;

/// What headers of extension attributes begin with, in binary mode.
const PREFIX: &str = "ce_";

/// So many attributes of an event can be read by rules. `CloudEvents` wants few.
pub const MOST_ATTRIBUTES: usize = 256;

/// What no rule reads as an attribute, though it stands among them.
const PAYLOAD: [&str; 2] = ["data", "data_base64"];

/// The record that an event came in. A copy costs nothing, and nothing is read before a rule asks.
#[derive(Clone, PartialEq)]
pub struct Carrier {
    record: Arc<Record>,
    attributes: AttributesIn,
}

/// Where the event's attributes are, those included that have no name of their own.
#[derive(Clone, PartialEq)]
enum AttributesIn {
    /// In headers `ce_…`.
    Headers,
    /// In the fields of the object that lies here in the record's value.
    Value(Range<usize>),
    /// In the fields of this object.
    Object(Box<Data>),
}

impl Carrier {
    /// The record of an event whose attributes are in headers, if it has any.
    pub fn new(record: Arc<Record>) -> Self {
        Self {
            record,
            attributes: AttributesIn::Headers,
        }
    }

    /// The record of an event whose attributes are fields of this object.
    pub fn with_attributes(record: Arc<Record>, object: Data) -> Self {
        Self {
            record,
            attributes: AttributesIn::Object(Box::new(object)),
        }
    }

    /// The record of an event whose attributes are fields of the sound object that lies here in its value.
    pub(super) fn with_attributes_in_value(record: Arc<Record>, at: Range<usize>) -> Self {
        Self {
            record,
            attributes: AttributesIn::Value(at),
        }
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The source topic.
    pub fn topic(&self) -> &str {
        &self.record.topic
    }

    /// The record's key, if it is text in UTF-8.
    pub fn key(&self) -> Option<&str> {
        std::str::from_utf8(self.record.key.as_deref()?).ok()
    }

    /// When the record was made or appended, in Unix milliseconds; of one that was published again, when it was first.
    pub fn record_time_ms(&self) -> Option<i64> {
        first_timestamp_ms(&self.record)
    }

    /// The headers in their order, by name; a name may come again. Those of a replay are left out: what a rule makes of a record, its message
    /// id above all, is the same each time.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let headers = self.record.headers.iter();
        let of_upstream = headers.filter(|(name, _)| !is_of_replay(name));
        of_upstream.map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// What it takes in memory beside its record.
    pub(super) fn own_bytes(&self) -> usize {
        match &self.attributes {
            AttributesIn::Headers | AttributesIn::Value(_) => 0,
            AttributesIn::Object(object) => object.own_bytes(),
        }
    }

    /// Hands over the attributes of the event, by name: those of headers as text, those of an object as JSON. Of several with one name the
    /// first header counts, and the last field. What is a list or an object is no attribute, and there is an end to how many are looked at.
    pub(crate) fn each_attribute(&self, mut take: impl FnMut(Cow<'_, str>, Attribute<'_>)) {
        match &self.attributes {
            AttributesIn::Headers => {
                let attributes = self.record.headers.iter().filter_map(|(name, value)| {
                    let (prefix, name) = name.split_at_checked(PREFIX.len())?;
                    let text = std::str::from_utf8(value.as_deref()?).ok()?;
                    prefix.eq_ignore_ascii_case(PREFIX).then_some((name, text))
                });
                for (name, text) in attributes.take(MOST_ATTRIBUTES) {
                    let name = Cow::Owned(name.to_ascii_lowercase());
                    take(name, Attribute::Text(unquoted(text)));
                }
            }
            AttributesIn::Value(at) => {
                let value = self
                    .record
                    .value
                    .as_deref()
                    .and_then(|value| value.get(at.clone()));
                let object = std::str::from_utf8(value.unwrap_or_default());
                each_field(Json::of(object.unwrap_or_default()), take);
            }
            AttributesIn::Object(object) => each_field(object.json(), take),
        }
    }
}

fn each_field(object: Json<'_>, mut take: impl FnMut(Cow<'_, str>, Attribute<'_>)) {
    let attributes = object
        .fields()
        .filter(|(name, value)| !PAYLOAD.contains(&name.as_ref()) && value.is_single());
    for (name, value) in attributes.take(MOST_ATTRIBUTES) {
        take(name, Attribute::Json(value));
    }
}

/// An attribute as it stands in the record.
pub(crate) enum Attribute<'a> {
    /// In a header.
    Text(Cow<'a, str>),
    /// In the object of a structured event.
    Json(Json<'a>),
}

impl Default for Carrier {
    /// The record of an event that came in none.
    fn default() -> Self {
        Self::new(Arc::new(Record {
            topic: Arc::from(""),
            partition: 0,
            offset: 0,
            key: None,
            headers: Vec::new(),
            value: None,
            timestamp_ms: None,
        }))
    }
}

impl fmt::Debug for Carrier {
    /// Without what is in it: payloads belong into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carrier({})", self.record.position())
    }
}
