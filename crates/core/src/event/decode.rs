//! Bytes and headers → [`Event`], or why not.
//!
//! `CloudEvents`, Kafka protocol binding 1.0: binary mode puts attributes into `ce_*` headers and the data into the value; structured
//! mode says `content-type: application/cloudevents+json` and puts everything into the value.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::attributes::{Attributes, Said};
use super::json::{Fault, Json, MOST_LEVELS, MOST_VALUES, Survey, Wanted, survey};
use super::{Data, Event, Pointer};
use crate::model::Record;
use crate::model::outcome::Reason;

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
    /// A record above this is not decoded, in bytes of its value, key and headers.
    pub max_bytes: usize,
}

impl Decoding {
    fn pointers(&self) -> [&Pointer; 5] {
        [
            &self.id,
            &self.kind,
            &self.time,
            &self.source,
            &self.subject,
        ]
    }
}

impl Default for Decoding {
    fn default() -> Self {
        let pointer = |path: &str| Pointer::new(path).unwrap_or_default();
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

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An event.
    Event(Box<Event>),
    /// A record without a value: a producer deleted a key of a compacted topic. There is nothing to send.
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

pub(super) fn undecodable(reason: Reason, detail: impl Into<String>) -> Undecodable {
    Undecodable {
        reason,
        detail: detail.into(),
    }
}

/// Headers that a record may have: one that asks for more to be kept is no event.
pub const MOST_HEADERS: usize = 1000;

/// The media type of an event that is whole in the value.
const STRUCTURED: &str = "application/cloudevents+json";

/// What is looked for in the outermost object, besides where the pointers begin.
const FIELDS: [&str; 9] = [
    "specversion",
    "data",
    "data_base64",
    "id",
    "type",
    "source",
    "time",
    "subject",
    "traceparent",
];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a record. `received_ms` (Unix milliseconds) stands in where neither the event nor the record has a time. Nothing is made of the
/// event's data yet: it stays in the record.
pub fn decode(decoding: &Decoding, record: &Arc<Record>, received_ms: i64) -> Decoded {
    let Some(value) = &record.value else {
        return Decoded::Tombstone;
    };
    let reading = Reading {
        decoding,
        record,
        received_ms,
    };
    let event = check_size(decoding, record).and_then(|()| reading.event(value));
    match event {
        Ok(event) => Decoded::Event(Box::new(event)),
        Err(problem) => Decoded::Undecodable(problem),
    }
}

fn check_size(decoding: &Decoding, record: &Record) -> Result<(), Undecodable> {
    if record.headers.len() > MOST_HEADERS {
        return Err(undecodable(
            Reason::RecordTooLarge,
            format!("the record has more than {MOST_HEADERS} headers: send fewer"),
        ));
    }
    let (found, allowed) = (record.content_bytes(), decoding.max_bytes);
    if found > allowed {
        return Err(undecodable(
            Reason::RecordTooLarge,
            format!(
                "value, key and headers have {found} bytes, [events] max_bytes allows {allowed}"
            ),
        ));
    }
    Ok(())
}

/// What is read, and how.
struct Reading<'a> {
    decoding: &'a Decoding,
    record: &'a Arc<Record>,
    received_ms: i64,
}

/// What a survey has found in the value.
struct Found<'a> {
    text: &'a str,
    /// Where the text begins in the value.
    begins: usize,
    survey: Survey,
    fields: Vec<Wanted<'a>>,
}

impl<'a> Found<'a> {
    fn place_of(&self, name: &str) -> Option<Range<usize>> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        field.at.clone()
    }

    fn json(&self, at: Range<usize>) -> Json<'a> {
        Json::of(self.text.get(at).unwrap_or_default())
    }

    fn whole(&self) -> Json<'a> {
        self.json(self.survey.whole.clone())
    }

    /// What a field of the outermost object says.
    fn said(&self, name: &str) -> Option<Said<'a>> {
        Said::of(self.json(self.place_of(name)?))
    }

    /// What the pointer leads to. The survey has found where the first step leads.
    fn said_at(&self, pointer: &Pointer) -> Option<Said<'a>> {
        let mut steps = pointer.steps();
        let first = match steps.next() {
            Some(first) => self.json(self.place_of(&first)?),
            None => self.whole(),
        };
        Said::of(first.follow(steps)?)
    }
}

impl Reading<'_> {
    fn event(&self, value: &[u8]) -> Result<Event, Undecodable> {
        let media_type = self.media_type()?;
        let begins = if value.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let bytes = value.get(begins..).unwrap_or_default();
        let text =
            std::str::from_utf8(bytes).map_err(|error| not_json(bytes, error.valid_up_to()))?;
        let heads = self.decoding.pointers();
        let heads = heads.map(|pointer| pointer.steps().next());
        let heads = heads.iter().flatten().map(Cow::as_ref);
        let mut fields: Vec<Wanted<'_>> = FIELDS
            .into_iter()
            .chain(heads)
            .map(|name| Wanted { name, at: None })
            .collect();
        let survey = survey(text, &mut fields).map_err(|fault| refused(bytes, fault))?;
        let found = Found {
            text,
            begins,
            survey,
            fields,
        };
        if media_type == STRUCTURED {
            return self.structured(&found);
        }
        if self.record.header("ce_specversion").is_some() || self.record.header("ce_type").is_some()
        {
            return self.binary(&found);
        }
        // Console tools and some producers leave the content type out of a structured event; the mark inside is just as clear.
        if let Some(Said::Text(version)) = found.said("specversion")
            && version == "1.0"
        {
            return self.structured(&found);
        }
        self.plain(&found)
    }

    fn media_type(&self) -> Result<String, Undecodable> {
        const SHOWN: usize = 64;
        let content_type = self.record.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        if media_type.starts_with("application/cloudevents") && media_type != STRUCTURED {
            let shown: String = media_type.chars().take(SHOWN).collect();
            return Err(undecodable(
                Reason::FormatUnsupported,
                format!(
                    "content-type {shown} is not supported: send application/cloudevents+json, one event a record"
                ),
            ));
        }
        Ok(media_type)
    }

    fn data(&self, found: &Found<'_>, at: Range<usize>) -> Data {
        let at = found.begins + at.start..found.begins + at.end;
        Data::of(self.record, at, found.survey.counts)
    }

    fn binary(&self, found: &Found<'_>) -> Result<Event, Undecodable> {
        let header = |name: &str| {
            let text = self.record.header(name)?;
            Some(Said::Text(Cow::Borrowed(text)))
        };
        let attributes = Attributes {
            id: header("ce_id"),
            kind: header("ce_type"),
            source: header("ce_source"),
            time: header("ce_time"),
            subject: header("ce_subject"),
            traceparent: header("ce_traceparent"),
        };
        let data = self.data(found, found.survey.whole.clone());
        attributes.event(self.record, self.received_ms, "the header ce_type", data)
    }

    fn structured(&self, found: &Found<'_>) -> Result<Event, Undecodable> {
        if !found.whole().is_object() {
            return Err(undecodable(
                Reason::EventMalformed,
                "a structured CloudEvent must be a JSON object",
            ));
        }
        if found.place_of("data_base64").is_some() {
            return Err(undecodable(
                Reason::FormatUnsupported,
                "the event brings data_base64: rules need JSON, send it as `data`",
            ));
        }
        let attributes = Attributes {
            id: found.said("id"),
            kind: found.said("type"),
            source: found.said("source"),
            time: found.said("time"),
            subject: found.said("subject"),
            traceparent: found.said("traceparent"),
        };
        let data = match found.place_of("data") {
            Some(at) => self.data(found, at),
            None => Data::default(),
        };
        let place = "the attribute `type`";
        attributes.event(self.record, self.received_ms, place, data)
    }

    fn plain(&self, found: &Found<'_>) -> Result<Event, Undecodable> {
        if !found.whole().is_object() {
            return Err(undecodable(
                Reason::EventMalformed,
                "plain JSON events must be objects",
            ));
        }
        let decoding = self.decoding;
        let attributes = Attributes {
            id: found.said_at(&decoding.id),
            kind: found.said_at(&decoding.kind),
            source: found.said_at(&decoding.source),
            time: found.said_at(&decoding.time),
            subject: found.said_at(&decoding.subject),
            traceparent: None,
        };
        let place = format!("{} (the pointer [events] type)", decoding.kind);
        let data = self.data(found, found.survey.whole.clone());
        attributes.event(self.record, self.received_ms, &place, data)
    }
}

fn not_json(bytes: &[u8], at: usize) -> Undecodable {
    let before = bytes.get(..at).unwrap_or_default();
    let mut lines = before.rsplit(|byte| *byte == b'\n');
    let column = lines.next().map_or(0, <[u8]>::len) + 1;
    let line = lines.count() + 1;
    undecodable(
        Reason::NotJson,
        format!("the value is not JSON: line {line} column {column}"),
    )
}

fn refused(bytes: &[u8], fault: Fault) -> Undecodable {
    let detail = match fault {
        Fault::Syntax(at) => return not_json(bytes, at),
        Fault::TooDeep => format!(
            "lists and objects lie in one another on more than {MOST_LEVELS} levels: send flatter JSON"
        ),
        Fault::TooMany => format!(
            "the value has more than {MOST_VALUES} values and names of fields: send what the message needs"
        ),
    };
    undecodable(Reason::RecordTooLarge, detail)
}

#[cfg(test)]
mod tests;
