//! What an event says of itself, with the bounds that hold however it is written.

use std::borrow::Cow;

use jiff::Timestamp;

use super::decode::{Undecodable, undecodable};
use super::json::{Json, Seen};
use super::{Data, Event, Wish, first_position, first_timestamp_ms};
use crate::model::Record;
use crate::model::outcome::Reason;
use crate::model::rfc3339_ms;

/// Attributes go into every outcome, twice or three times: what is longer is no name of anything.
const LONGEST_ATTRIBUTE_BYTES: usize = 1024;

/// Attributes as they were said, before anything is filled in.
pub(super) struct Attributes<'a> {
    pub(super) id: Option<Said<'a>>,
    pub(super) kind: Option<Said<'a>>,
    pub(super) source: Option<Said<'a>>,
    pub(super) time: Option<Said<'a>>,
    pub(super) subject: Option<Said<'a>>,
    pub(super) traceparent: Option<Said<'a>>,
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
}

impl Attributes<'_> {
    /// The event, with what it does not say filled in.
    pub(super) fn event(
        self,
        record: &Record,
        received_ms: i64,
        place_of_kind: &str,
        data: Data,
    ) -> Result<Event, Undecodable> {
        let Some(kind) = text("type", self.kind)? else {
            return Err(undecodable(
                Reason::TypeMissing,
                format!("the event has no type: {place_of_kind} is missing or empty"),
            ));
        };
        let (time, time_ms) = read_time(record, received_ms, self.time)?;
        let traceparent = match &self.traceparent {
            Some(Said::Text(said)) => Some(said.as_ref()),
            Some(Said::Number(_) | Said::Other) | None => record.header("traceparent"),
        };
        Ok(Event {
            id: text("id", self.id)?.unwrap_or_else(|| first_position(record)),
            kind,
            source: text("source", self.source)?.unwrap_or_else(|| record.topic.to_string()),
            time,
            time_ms,
            subject: text("subject", self.subject)?,
            data,
            traceparent: traceparent
                .filter(|text| is_traceparent(text))
                .map(str::to_owned),
            wish: Wish::of(record),
        })
    }
}

fn read_time(
    record: &Record,
    received_ms: i64,
    said: Option<Said<'_>>,
) -> Result<(String, i64), Undecodable> {
    let malformed = || {
        undecodable(
            Reason::EventMalformed,
            "the event's time is neither RFC 3339 nor epoch seconds or milliseconds",
        )
    };
    match said {
        None => {
            let time_ms = first_timestamp_ms(record).unwrap_or(received_ms);
            Ok((rfc3339_ms(time_ms), time_ms))
        }
        Some(Said::Text(text)) => {
            check_length("time", &text)?;
            let moment: Timestamp = text.parse().map_err(|_| malformed())?;
            Ok((text.into_owned(), moment.as_millisecond()))
        }
        Some(Said::Number(number)) => {
            let number: i64 = number.parse().map_err(|_| malformed())?;
            // 10^11 seconds lie beyond the year 5000, 10^11 milliseconds in 1973: no real event is on the wrong side.
            let time_ms = if number.unsigned_abs() < 100_000_000_000 {
                number.saturating_mul(1000)
            } else {
                number
            };
            Timestamp::from_millisecond(time_ms).map_err(|_| malformed())?;
            Ok((rfc3339_ms(time_ms), time_ms))
        }
        Some(Said::Other) => Err(malformed()),
    }
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
fn text(name: &str, said: Option<Said<'_>>) -> Result<Option<String>, Undecodable> {
    let text = match said {
        None => return Ok(None),
        Some(Said::Text(text)) => text,
        Some(Said::Number(number)) => Cow::Borrowed(number),
        Some(Said::Other) => {
            return Err(undecodable(
                Reason::EventMalformed,
                format!("the event's {name} must be text"),
            ));
        }
    };
    check_length(name, &text)?;
    Ok((!text.is_empty()).then(|| text.into_owned()))
}

fn check_length(name: &str, text: &str) -> Result<(), Undecodable> {
    if text.len() <= LONGEST_ATTRIBUTE_BYTES {
        return Ok(());
    }
    Err(undecodable(
        Reason::EventMalformed,
        format!(
            "the event's {name} has {} bytes, at most {LONGEST_ATTRIBUTE_BYTES} are allowed",
            text.len()
        ),
    ))
}
