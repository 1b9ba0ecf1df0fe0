//! Bytes and headers → [`Event`], or why not.
//!
//! `CloudEvents`, Kafka protocol binding 1.0: binary mode puts attributes into `ce_*` headers and the data into the value; structured
//! mode says `content-type: application/cloudevents+json` and puts everything into the value. Everything else is plain JSON, of which the
//! settings say where it keeps things.

use std::borrow::Cow;
use std::sync::Arc;

use super::attributes::{Attributes, Glimpse, Said};
use super::carrier::Carrier;
use super::envelope::{Envelope, Layer, layer_of};
use super::found::{Body, Found};
use super::hints::{unsound, why_no_type};
use super::json::{Fault, Json};
use super::payload::{MediaType, Packing};
use super::{DataLocator, Decoding, Event, Locator, Payload};
use crate::model::Record;
use crate::model::outcome::Reason;

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An event.
    Event(Box<Event>),
    /// A record that tells of no event: it has no value, because a producer deleted a key of a compacted topic, or its envelope has no row.
    /// There is nothing to send.
    Tombstone,
    /// No event can be made of it.
    Undecodable(Undecodable),
}

/// Why no event can be made of a record, and what can be told of it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// The stable word.
    pub reason: Reason,
    /// A sentence for a person. It never repeats the payload.
    pub detail: String,
    /// What it says of itself, as far as that could be read.
    pub glimpse: Glimpse,
}

/// Why something in a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The stable word.
    pub reason: Reason,
    /// A sentence for a person. It never repeats the payload.
    pub detail: String,
}

pub(super) fn unreadable(reason: Reason, detail: impl Into<String>) -> Unreadable {
    Unreadable {
        reason,
        detail: detail.into(),
    }
}

/// Headers that a record may have: one that asks for more to be kept is no event.
pub const MOST_HEADERS: usize = 1000;

/// The media type of an event that is whole in the value.
const STRUCTURED: &str = "application/cloudevents+json";

/// So many texts are taken off a plain event: one around an envelope, and one in it.
const MOST_TEXTS: usize = 2;

/// Reads a record. `received_ms` (Unix milliseconds) stands in where neither the event nor the record has a time. Nothing is made of the
/// event's data yet: it stays in the record.
pub fn decode(decoding: &Decoding, record: &Arc<Record>, received_ms: i64) -> Decoded {
    let value = match &record.value {
        Some(value) => value.as_slice(),
        // An event without data, as most libraries write it.
        None if is_binary(record) => &[],
        None => return Decoded::Tombstone,
    };
    let reading = Reading {
        decoding,
        record,
        received_ms,
        media_type: MediaType::of_header(record, "content-type"),
    };
    match reading.check() {
        Ok(()) => reading.read(Body::of_value(record, value), decoding.envelope, MOST_TEXTS),
        Err(unreadable) => reading.refused(&Found::nothing(record), unreadable),
    }
}

/// Whether the attributes are in headers.
fn is_binary(record: &Record) -> bool {
    record.header("ce_specversion").is_some() || record.header("ce_type").is_some()
}

/// The forms of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Binary,
    Structured,
    Plain,
}

/// What is read, and how.
struct Reading<'a> {
    decoding: &'a Decoding,
    record: &'a Arc<Record>,
    received_ms: i64,
    /// What the header says.
    media_type: MediaType,
}

impl Reading<'_> {
    /// Whether the record is looked into at all.
    fn check(&self) -> Result<(), Unreadable> {
        if self.record.headers.len() > MOST_HEADERS {
            return Err(unreadable(
                Reason::RecordTooLarge,
                format!("the record has more than {MOST_HEADERS} headers: send fewer"),
            ));
        }
        let (found, allowed) = (self.record.content_bytes(), self.decoding.max_bytes);
        if found > allowed {
            return Err(unreadable(
                Reason::RecordTooLarge,
                format!(
                    "value, key and headers have {found} bytes, [events] max_bytes allows {allowed}"
                ),
            ));
        }
        let media_type = self.media_type.as_str();
        if media_type.starts_with("application/cloudevents") && media_type != STRUCTURED {
            let shown = self.media_type.shown();
            return Err(unreadable(
                Reason::FormatUnsupported,
                format!(
                    "content-type {shown} is not supported: send application/cloudevents+json, one event a record"
                ),
            ));
        }
        Ok(())
    }

    /// Reads a body, and what lies in it if something stands around the event.
    fn read(&self, body: Body<'_>, envelope: Envelope, n_texts: usize) -> Decoded {
        let declared = self.declared();
        let more = match declared {
            Some(Form::Binary | Form::Structured) => Vec::new(),
            Some(Form::Plain) | None => self.decoding.more_fields(),
        };
        let fields = self.decoding.fields(declared);
        let (found, result) = Found::in_body(body, fields.chain(more.iter().map(Cow::as_ref)));
        let form = declared.unwrap_or_else(|| undeclared(&found));
        if form == Form::Plain && result.is_ok() {
            match layer_of(envelope, &found) {
                Layer::Text(text, inside) if n_texts > 0 => {
                    let text = Arc::from(text);
                    return self.read(Body::unpacked(&text), inside, n_texts - 1);
                }
                Layer::None | Layer::Text(..) => {}
                Layer::Object(row) => {
                    return self.read(found.inside(row), Envelope::None, n_texts);
                }
                Layer::NoEvent => return Decoded::Tombstone,
            }
        }
        let payload = match form {
            Form::Binary => self.binary_payload(&found, result),
            Form::Structured => structured_payload(&found, result),
            Form::Plain => self.plain_payload(&found, result),
        };
        let event = payload.and_then(|payload| self.event(form, &found, payload));
        match event {
            Ok(event) => Decoded::Event(Box::new(event)),
            Err(unreadable) => self.refused(&found, unreadable),
        }
    }

    /// The form that the headers tell.
    fn declared(&self) -> Option<Form> {
        if self.media_type.as_str() == STRUCTURED {
            return Some(Form::Structured);
        }
        is_binary(self.record).then_some(Form::Binary)
    }

    fn event(&self, form: Form, found: &Found<'_>, payload: Payload) -> Result<Event, Unreadable> {
        let record = Arc::clone(self.record);
        let carrier = match form {
            Form::Structured => found.carrier(record),
            Form::Binary | Form::Plain => Carrier::new(record),
        };
        let no_type = || why_no_type(form, self.decoding, self.record, found);
        let attributes = self.attributes(form, found);
        let mut event = attributes.event(carrier, self.received_ms, payload, no_type)?;
        event.keys.clone_from(&self.decoding.keys);
        Ok(event)
    }

    /// Why there is no event, with what was found of it.
    fn refused(&self, found: &Found<'_>, unreadable: Unreadable) -> Decoded {
        let Unreadable { reason, detail } = unreadable;
        let form = self.declared().unwrap_or_else(|| undeclared(found));
        let attributes = self.attributes(form, found);
        Decoded::Undecodable(Undecodable {
            reason,
            detail,
            glimpse: attributes.glimpse(),
        })
    }

    fn attributes<'f>(&'f self, form: Form, found: &Found<'f>) -> Attributes<'f> {
        let decoding = self.decoding;
        match form {
            Form::Binary => Attributes {
                id: self.header("ce_id"),
                kind: self.header("ce_type"),
                source: self.header("ce_source"),
                time: self.header("ce_time"),
                subject: self.header("ce_subject"),
                traceparent: self.header("ce_traceparent"),
            },
            Form::Structured => Attributes {
                id: found.said("id"),
                kind: found.said("type"),
                source: found.said("source"),
                time: found.said("time"),
                subject: found.said("subject"),
                traceparent: found.said("traceparent"),
            },
            Form::Plain => Attributes {
                id: self.said(&decoding.id, found),
                kind: self.said(&decoding.kind, found),
                source: self.said(&decoding.source, found),
                time: self.said(&decoding.time, found),
                subject: self.said(&decoding.subject, found),
                traceparent: None,
            },
        }
    }

    fn header(&self, name: &str) -> Option<Said<'_>> {
        self.record.header(name).map(Said::of_header)
    }

    fn said<'f>(&'f self, locator: &'f Locator, found: &Found<'f>) -> Option<Said<'f>> {
        match locator {
            Locator::At(pointer) => Said::of(found.at(pointer)?),
            Locator::Header(name) => self.header(name),
            Locator::Key => {
                let key = std::str::from_utf8(self.record.key.as_deref()?);
                key.ok().map(Said::of_header)
            }
            Locator::Topic => Some(Said::Text(Cow::Borrowed(&self.record.topic))),
            Locator::Always(constant) => Some(Said::Text(Cow::Borrowed(constant))),
        }
    }

    /// The value is the data. Sound JSON is JSON whatever its type says; it need not be any where that does not promise it.
    fn binary_payload(
        &self,
        found: &Found<'_>,
        result: Result<(), Fault>,
    ) -> Result<Payload, Unreadable> {
        let value = self.record.value.as_deref().unwrap_or_default();
        if value.is_empty() {
            return Ok(Payload::default());
        }
        // Some libraries write the attribute by its own name.
        let media_type = match self.media_type.as_str() {
            "" => Cow::Owned(MediaType::of_header(self.record, "ce_datacontenttype")),
            _ => Cow::Borrowed(&self.media_type),
        };
        let is_json = media_type.is_json();
        match result {
            Ok(()) => Ok(Payload::Json(found.data(found.whole()))),
            Err(fault @ Fault::Syntax(_)) if is_json => Err(unsound_body(found, fault)),
            Err(fault @ (Fault::TooDeep | Fault::TooMany)) => Err(unsound_body(found, fault)),
            Err(Fault::Syntax(_)) => {
                let packing = Packing::Plain(media_type.into_owned());
                Ok(Payload::packed(found.value(value.len()), packing))
            }
        }
    }

    fn plain_payload(
        &self,
        found: &Found<'_>,
        result: Result<(), Fault>,
    ) -> Result<Payload, Unreadable> {
        result.map_err(|fault| unsound_body(found, fault))?;
        if !found.whole().is_object() {
            return Err(unreadable(
                Reason::EventMalformed,
                "plain JSON events must be objects, one in a record",
            ));
        }
        let locator = &self.decoding.data;
        let Some(json) = found.at(locator.pointer()) else {
            return Ok(Payload::default());
        };
        Ok(match locator {
            DataLocator::InText(pointer) if json.is_text() => {
                let packing = Packing::InText(pointer.to_string().into());
                Payload::packed(found.part(json), packing)
            }
            DataLocator::At(_) | DataLocator::InText(_) => Payload::Json(found.data(json)),
        })
    }
}

/// Console tools and some producers leave the content type out of a structured event; the mark inside is just as clear.
fn undeclared(found: &Found<'_>) -> Form {
    match found.said("specversion") {
        Some(Said::Text(version)) if version == "1.0" => Form::Structured,
        Some(Said::Text(_) | Said::Number(_) | Said::Other) | None => Form::Plain,
    }
}

fn structured_payload(found: &Found<'_>, result: Result<(), Fault>) -> Result<Payload, Unreadable> {
    result.map_err(|fault| unsound_body(found, fault))?;
    if !found.whole().is_object() {
        return Err(unreadable(
            Reason::EventMalformed,
            "a structured CloudEvent must be a JSON object",
        ));
    }
    let field = |name| found.field(name).filter(|json| !json.is_null());
    if let Some(data) = field("data") {
        return Ok(Payload::Json(found.data(data)));
    }
    let Some(packed) = field("data_base64") else {
        return Ok(Payload::default());
    };
    if !packed.is_text() {
        return Err(unreadable(
            Reason::EventMalformed,
            "`data_base64` must be text",
        ));
    }
    let said = found.field("datacontenttype").and_then(Json::as_text);
    let packing = Packing::Base64(MediaType::of(&said.unwrap_or_default()));
    Ok(Payload::packed(found.part(packed), packing))
}

fn unsound_body(found: &Found<'_>, fault: Fault) -> Unreadable {
    let (named, bytes) = found.shown();
    unsound(named, bytes, fault)
}

#[cfg(test)]
mod tests;
