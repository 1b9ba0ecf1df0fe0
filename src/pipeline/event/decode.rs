//! Bytes and headers → [`Event`], or why not.
//!
//! `CloudEvents`, Kafka protocol binding 1.0: binary mode puts attributes into `ce_*` headers and the data into the value; structured
//! mode says `content-type: application/cloudevents+json` and puts everything into the value.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::{Event, Record, Wish, first_position, first_timestamp_ms};
use crate::pipeline::outcome::Reason;

/// How records of the source topics are to be read.
#[derive(Clone, Debug)]
pub struct Decoding {
    /// Where plain JSON keeps its id.
    pub id: Pointer,
    /// Where plain JSON keeps its type.
    pub kind: Pointer,
    /// Where plain JSON keeps its time: RFC 3339, or epoch seconds or milliseconds.
    pub time: Pointer,
    /// Where plain JSON keeps its source.
    pub source: Pointer,
    /// Where plain JSON keeps its subject.
    pub subject: Pointer,
    /// A value above this is not decoded, in bytes.
    pub max_bytes: usize,
}

impl Default for Decoding {
    fn default() -> Self {
        let pointer = |path: &str| Pointer(path.to_owned());
        Self {
            id: pointer("/id"),
            kind: pointer("/type"),
            time: pointer("/time"),
            source: pointer("/source"),
            subject: pointer("/subject"),
            max_bytes: 1024 * 1024,
        }
    }
}

/// A JSON Pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(String);

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pointer {
    /// A pointer is empty or begins with `/`.
    pub fn new(path: &str) -> Option<Self> {
        (path.is_empty() || path.starts_with('/')).then(|| Self(path.to_owned()))
    }

    /// What is there; `null` is nothing.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        value.pointer(&self.0).filter(|found| !found.is_null())
    }
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An event.
    Event(Box<Event>),
    /// A record without a value: somebody deleted a key of a compacted topic. There is nothing to send.
    Tombstone,
    /// No event can be made of it.
    Undecodable(Undecodable),
}

/// Why no event can be made of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// The stable word.
    pub reason: Reason,
    /// A sentence for a person. It never repeats the payload.
    pub detail: String,
}

fn undecodable(reason: Reason, detail: impl Into<String>) -> Undecodable {
    Undecodable {
        reason,
        detail: detail.into(),
    }
}

/// Reads a record. `received_ms` (Unix milliseconds) stands in where neither the event nor the record has a time.
pub fn decode(decoding: &Decoding, record: &Record, received_ms: i64) -> Decoded {
    let Some(bytes) = &record.value else {
        return Decoded::Tombstone;
    };
    let event = if bytes.len() > decoding.max_bytes {
        Err(undecodable(
            Reason::RecordTooLarge,
            format!(
                "the value has {} bytes, [events] max_bytes allows {}",
                bytes.len(),
                decoding.max_bytes
            ),
        ))
    } else {
        decode_value(decoding, record, bytes, received_ms)
    };
    match event {
        Ok(event) => Decoded::Event(Box::new(event)),
        Err(problem) => Decoded::Undecodable(problem),
    }
}

fn decode_value(
    decoding: &Decoding,
    record: &Record,
    bytes: &[u8],
    received_ms: i64,
) -> Result<Event, Undecodable> {
    let content_type = record.header("content-type").unwrap_or_default();
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if media_type.starts_with("application/cloudevents")
        && media_type != "application/cloudevents+json"
    {
        return Err(undecodable(
            Reason::FormatUnsupported,
            format!(
                "content-type {media_type} is not supported: send application/cloudevents+json, one event a record"
            ),
        ));
    }
    let value: Value = serde_json::from_slice(strip_bom(bytes)).map_err(|error| {
        undecodable(
            Reason::NotJson,
            format!(
                "the value is not JSON: line {} column {}",
                error.line(),
                error.column()
            ),
        )
    })?;
    let facts = Facts {
        record,
        received_ms,
    };
    if media_type == "application/cloudevents+json" {
        return facts.structured(value);
    }
    if record.header("ce_specversion").is_some() || record.header("ce_type").is_some() {
        return facts.binary(value);
    }
    // Console tools and some producers leave the content type out of a structured event; the mark inside is just as clear.
    if value
        .get("specversion")
        .is_some_and(|version| version.as_str() == Some("1.0"))
    {
        return facts.structured(value);
    }
    facts.plain(decoding, value)
}

fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What every form of event falls back on.
struct Facts<'a> {
    record: &'a Record,
    received_ms: i64,
}

impl Facts<'_> {
    fn binary(&self, data: Value) -> Result<Event, Undecodable> {
        let header = |name: &str| self.record.header(name).map(Value::from);
        let attributes = Attributes {
            id: header("ce_id"),
            kind: header("ce_type"),
            source: header("ce_source"),
            time: header("ce_time"),
            subject: header("ce_subject"),
            traceparent: header("ce_traceparent"),
        };
        self.event(&attributes, "the header ce_type", data)
    }

    fn structured(&self, mut value: Value) -> Result<Event, Undecodable> {
        let Some(object) = value.as_object_mut() else {
            return Err(undecodable(
                Reason::EventMalformed,
                "a structured CloudEvent must be a JSON object",
            ));
        };
        if object.contains_key("data_base64") {
            return Err(undecodable(
                Reason::FormatUnsupported,
                "the event brings data_base64: rules need JSON, send it as `data`",
            ));
        }
        let data = object.remove("data").unwrap_or(Value::Null);
        let mut take = |name: &str| object.remove(name).filter(|found| !found.is_null());
        let attributes = Attributes {
            id: take("id"),
            kind: take("type"),
            source: take("source"),
            time: take("time"),
            subject: take("subject"),
            traceparent: take("traceparent"),
        };
        self.event(&attributes, "the attribute `type`", data)
    }

    fn plain(&self, decoding: &Decoding, value: Value) -> Result<Event, Undecodable> {
        if !value.is_object() {
            return Err(undecodable(
                Reason::EventMalformed,
                "plain JSON events must be objects",
            ));
        }
        let find = |pointer: &Pointer| pointer.find(&value).cloned();
        let attributes = Attributes {
            id: find(&decoding.id),
            kind: find(&decoding.kind),
            source: find(&decoding.source),
            time: find(&decoding.time),
            subject: find(&decoding.subject),
            traceparent: None,
        };
        let place = format!("{} (the pointer [events] type)", decoding.kind.0);
        self.event(&attributes, &place, value)
    }

    fn event(
        &self,
        attributes: &Attributes,
        place_of_kind: &str,
        data: Value,
    ) -> Result<Event, Undecodable> {
        let Some(kind) = text("type", attributes.kind.as_ref())? else {
            return Err(undecodable(
                Reason::TypeMissing,
                format!("the event has no type: {place_of_kind} is missing or empty"),
            ));
        };
        let (time, time_ms) = self.time(attributes.time.as_ref())?;
        let said = attributes.traceparent.as_ref().and_then(Value::as_str);
        let traceparent = said.or_else(|| self.record.header("traceparent"));
        Ok(Event {
            id: text("id", attributes.id.as_ref())?.unwrap_or_else(|| first_position(self.record)),
            kind,
            source: text("source", attributes.source.as_ref())?
                .unwrap_or_else(|| self.record.topic.to_string()),
            time,
            time_ms,
            subject: text("subject", attributes.subject.as_ref())?,
            data,
            traceparent: traceparent
                .filter(|text| is_traceparent(text))
                .map(str::to_owned),
            wish: Wish::of(self.record),
        })
    }

    fn time(&self, said: Option<&Value>) -> Result<(String, i64), Undecodable> {
        let malformed = || {
            undecodable(
                Reason::EventMalformed,
                "the event's time is neither RFC 3339 nor epoch seconds or milliseconds",
            )
        };
        match said {
            None => {
                let time_ms = first_timestamp_ms(self.record).unwrap_or(self.received_ms);
                Ok((rfc3339_ms(time_ms), time_ms))
            }
            Some(Value::String(text)) => {
                let moment: Timestamp = text.parse().map_err(|_| malformed())?;
                Ok((text.clone(), moment.as_millisecond()))
            }
            Some(number) => {
                let number = number.as_i64().ok_or_else(malformed)?;
                // 10^11 seconds lie beyond the year 5000, 10^11 milliseconds in 1973: no real event is on the wrong side.
                let time_ms = if number.unsigned_abs() < 100_000_000_000 {
                    number.saturating_mul(1000)
                } else {
                    number
                };
                Timestamp::from_millisecond(time_ms).map_err(|_| malformed())?;
                Ok((rfc3339_ms(time_ms), time_ms))
            }
        }
    }
}

/// Attributes as they were said, before anything is filled in.
struct Attributes {
    id: Option<Value>,
    kind: Option<Value>,
    source: Option<Value>,
    time: Option<Value>,
    subject: Option<Value>,
    traceparent: Option<Value>,
}

/// Attributes go into every outcome, twice or three times: what is longer is no name of anything.
const LONGEST_ATTRIBUTE_BYTES: usize = 1024;

/// W3C trace context, `traceparent`: version, trace, parent and flags in hexadecimal digits. Anything else is nobody's trace.
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([2, 32, 16, 2])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// An attribute as text. Whole numbers count as text, since ids often are; an empty text counts as none.
fn text(name: &str, said: Option<&Value>) -> Result<Option<String>, Undecodable> {
    match said {
        None => Ok(None),
        Some(Value::String(text)) if text.len() > LONGEST_ATTRIBUTE_BYTES => Err(undecodable(
            Reason::EventMalformed,
            format!(
                "the event's {name} has {} bytes, at most {LONGEST_ATTRIBUTE_BYTES} are allowed",
                text.len()
            ),
        )),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(undecodable(
                Reason::EventMalformed,
                format!("the event's {name} must be text"),
            ))
        }
    }
}

/// Unix milliseconds as RFC 3339 text in UTC, with milliseconds. A moment that no calendar holds becomes the epoch.
pub fn rfc3339_ms(unix_ms: i64) -> String {
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests;
