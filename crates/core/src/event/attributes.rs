//! What an event says of itself, with the bounds that hold however it is written.

use std::borrow::Cow;

use jiff::Timestamp;

use super::decode::{Unreadable, unreadable};
use super::json::{Json, Seen, survey, text_of};
use super::{Carrier, Event, Payload, Wish, first_position, first_timestamp_ms};
use crate::model::outcome::Reason;
use crate::model::{moment_of_epoch, rfc3339_ms};

/// Attributes go into every outcome, twice or three times: what is longer is no name of anything.
pub const LONGEST_ATTRIBUTE_BYTES: usize = 1024;

/// Attributes as they were said, before anything is filled in.
pub(super) struct Attributes<'a> {
    pub(super) id: Option<Said<'a>>,
    pub(super) kind: Option<Said<'a>>,
    pub(super) source: Option<Said<'a>>,
    pub(super) time: Option<Said<'a>>,
    pub(super) subject: Option<Said<'a>>,
    pub(super) traceparent: Option<Said<'a>>,
}

/// What a record that is no event says of itself all the same. Nothing is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glimpse {
    /// The event's id.
    pub id: Option<String>,
    /// Its type.
    pub kind: Option<String>,
    /// Its source.
    pub source: Option<String>,
    /// Its time, in Unix milliseconds.
    pub time_ms: Option<i64>,
}

/// What stands where an attribute is looked for.
pub(super) enum Said<'a> {
    /// Text, as it reads.
    Text(Cow<'a, str>),
    /// A number, as it is written.
    Number(&'a str),
    /// Something that is no attribute.
    Other,
}

impl<'a> Said<'a> {
    /// `null` says nothing.
    pub(super) fn of(json: Json<'a>) -> Option<Self> {
        match json.seen() {
            Seen::Null => None,
            Seen::Text(text) => Some(Self::Text(text)),
            Seen::Number(number) => Some(Self::Number(number)),
            Seen::Bool | Seen::List | Seen::Object => Some(Self::Other),
        }
    }

    /// What a header or a key says.
    pub(super) fn of_header(text: &'a str) -> Self {
        Self::Text(unquoted(text))
    }
}

/// What a header says: some producers write headers as JSON (Kafka Connect's `JsonConverter`, Spring's mapper), and no attribute begins with
/// a quotation mark.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    let is_quoted = text.starts_with('"') && text.ends_with('"');
    if is_quoted && survey(text, &mut []).is_ok() {
        text_of(text)
    } else {
        Cow::Borrowed(text)
    }
}

impl Attributes<'_> {
    /// The event, with what it does not say filled in. `no_type` says where its type was looked for.
    pub(super) fn event(
        &self,
        carrier: Carrier,
        received_ms: i64,
        data: Payload,
        no_type: impl FnOnce() -> String,
    ) -> Result<Event, Unreadable> {
        let record = carrier.record();
        let Some(kind) = text("type", self.kind.as_ref())? else {
            return Err(unreadable(Reason::TypeMissing, no_type()));
        };
        let (time, time_ms) = read_time(self.time.as_ref())?.unwrap_or_else(|| {
            let time_ms = first_timestamp_ms(record).unwrap_or(received_ms);
            (rfc3339_ms(time_ms), time_ms)
        });
        let traceparent = match &self.traceparent {
            Some(Said::Text(said)) => Some(Cow::Borrowed(said.as_ref())),
            Some(Said::Number(_) | Said::Other) | None => {
                record.header("traceparent").map(unquoted)
            }
        };
        Ok(Event {
            id: text("id", self.id.as_ref())?.unwrap_or_else(|| first_position(record)),
            kind,
            source: text("source", self.source.as_ref())?
                .unwrap_or_else(|| record.topic.to_string()),
            time,
            time_ms,
            subject: text("subject", self.subject.as_ref())?,
            data,
            traceparent: traceparent
                .filter(|text| is_traceparent(text))
                .map(Cow::into_owned),
            wish: Wish::of(record),
            carrier,
            keys: None,
        })
    }

    /// What can be told of the event, whatever is wrong with the rest of it.
    pub(super) fn glimpse(&self) -> Glimpse {
        let text = |said: &Option<Said<'_>>| text("", said.as_ref()).ok().flatten();
        let time = read_time(self.time.as_ref()).ok().flatten();
        Glimpse {
            id: text(&self.id),
            kind: text(&self.kind),
            source: text(&self.source),
            time_ms: time.map(|(_, time_ms)| time_ms),
        }
    }
}

/// A moment as text and in Unix milliseconds. An empty text is none.
fn read_time(said: Option<&Said<'_>>) -> Result<Option<(String, i64)>, Unreadable> {
    let read = match said {
        None => return Ok(None),
        Some(Said::Text(text)) if text.is_empty() => return Ok(None),
        Some(Said::Text(text)) => {
            check_length("time", text)?;
            match text.parse::<Timestamp>() {
                Ok(moment) => Some((text.as_ref().to_owned(), moment.as_millisecond())),
                Err(_) => of_epoch(text),
            }
        }
        Some(Said::Number(number)) => {
            check_length("time", number)?;
            of_epoch(number)
        }
        Some(Said::Other) => None,
    };
    read.map(Some).ok_or_else(|| {
        unreadable(
            Reason::EventMalformed,
            "the event's time is neither RFC 3339, such as 2026-11-22T16:30:00+08:00, nor an epoch number: without a zone it does not name a moment",
        )
    })
}

fn of_epoch(number: &str) -> Option<(String, i64)> {
    let time_ms = moment_of_epoch(number)?.as_millisecond();
    Some((rfc3339_ms(time_ms), time_ms))
}

/// W3C trace context, `traceparent`: version, trace, parent and flags in hexadecimal digits. Anything else is no trace.
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([2, 32, 16, 2])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// An attribute as text. Numbers count as text, with the digits that they have, since ids often are; an empty text counts as none.
fn text(name: &str, said: Option<&Said<'_>>) -> Result<Option<String>, Unreadable> {
    let text = match said {
        None => return Ok(None),
        Some(Said::Text(text)) => text.as_ref(),
        Some(Said::Number(number)) => number,
        Some(Said::Other) => {
            return Err(unreadable(
                Reason::EventMalformed,
                format!("the event's {name} must be text"),
            ));
        }
    };
    check_length(name, text)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn check_length(name: &str, text: &str) -> Result<(), Unreadable> {
    if text.len() <= LONGEST_ATTRIBUTE_BYTES {
        return Ok(());
    }
    Err(unreadable(
        Reason::EventMalformed,
        format!(
            "the event's {name} has {} bytes, at most {LONGEST_ATTRIBUTE_BYTES} are allowed",
            text.len()
        ),
    ))
}
