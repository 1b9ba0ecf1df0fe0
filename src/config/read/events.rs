//! `[events]`: where plain JSON keeps its attributes and its data.

use super::Reader;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Count, Mistake, Parsed, Words};
use wx_courier_core::document::Section;
use wx_courier_core::event::{
    DataLocator, Decoding, Envelope, LONGEST_ATTRIBUTE_BYTES, Locator, Pointer,
};

pub(super) static EVENTS: Table = Table {
    path: "events",
    keys: &[
        &ID, &TYPE, &TIME, &SOURCE, &SUBJECT, &DATA, &ENVELOPE, &MAX_BYTES,
    ],
};

static ID: Key<Parsed<Locator>> = Key {
    name: "id",
    kind: Parsed {
        read: place_of_one,
        ..LOCATOR
    },
    default: || Decoding::default().id,
    about: "if nothing is there, `topic/partition/offset`. Not `topic` or `const:`",
};

static TYPE: Key<Parsed<Locator>> = Key {
    name: "type",
    kind: LOCATOR,
    default: || Decoding::default().kind,
    about: "if nothing is there, the outcome is `invalid`, `type_missing`",
};

static TIME: Key<Parsed<Locator>> = Key {
    name: "time",
    kind: Parsed {
        read: place_of_one,
        ..LOCATOR
    },
    default: || Decoding::default().time,
    about: "RFC 3339 text, or an epoch number; if nothing is there, the record's time. Not `topic` or `const:`",
};

static SOURCE: Key<Parsed<Locator>> = Key {
    name: "source",
    kind: LOCATOR,
    default: || Decoding::default().source,
    about: "if nothing is there, the topic",
};

static SUBJECT: Key<Parsed<Locator>> = Key {
    name: "subject",
    kind: LOCATOR,
    default: || Decoding::default().subject,
    about: "if nothing is there, there is none",
};

static DATA: Key<Parsed<DataLocator>> = Key {
    name: "data",
    kind: Parsed {
        what: "place of data",
        read: place_of_data,
        show: DataLocator::to_string,
    },
    default: || Decoding::default().data,
    about: "what rules see as `data`: `value` is the whole event; if nothing is there, it is null",
};

static ENVELOPE: Key<Words<Envelope>> = Key {
    name: "envelope",
    kind: Words(&[("none", Envelope::None), ("debezium", Envelope::Debezium)]),
    default: || Decoding::default().envelope,
    about: "what stands around the event: with `debezium`, the event is the row below `/after` or `/payload/after`, and a deleted row is none",
};

static MAX_BYTES: Key<Count> = Key {
    name: "max_bytes",
    kind: Count(1, 64 * 1024 * 1024),
    default: || Decoding::default().max_bytes,
    about: "a record with more bytes in value, key and headers is `invalid`, `record_too_large`",
};

/// Where in an event something is.
pub(super) const POINTER: Parsed<Pointer> = Parsed {
    what: "JSON Pointer",
    read: pointer,
    show: Pointer::to_string,
};

/// Where an attribute of a plain event is.
const LOCATOR: Parsed<Locator> = Parsed {
    what: "place",
    read: place,
    show: Locator::to_string,
};

impl Reader<'_> {
    pub(super) fn events(&mut self, top: &mut Section) -> Decoding {
        let mut section = self.section(top, &EVENTS);
        let decoding = Decoding {
            id: self.read(&mut section, &ID),
            kind: self.read(&mut section, &TYPE),
            time: self.read(&mut section, &TIME),
            source: self.read(&mut section, &SOURCE),
            subject: self.read(&mut section, &SUBJECT),
            data: self.read(&mut section, &DATA),
            envelope: self.read(&mut section, &ENVELOPE),
            max_bytes: self.read(&mut section, &MAX_BYTES),
            keys: None,
        };
        section.finish(self.problems);
        decoding
    }
}

fn pointer(text: &str) -> Result<Pointer, Mistake> {
    Pointer::new(text).ok_or_else(|| Mistake {
        message: format!("\"{text}\" is not a JSON Pointer"),
        help: format!("begin with a slash: \"{}\"", with_slashes(text)),
    })
}

fn place(text: &str) -> Result<Locator, Mistake> {
    let locator = Locator::new(text).ok_or_else(|| Mistake {
        message: format!("\"{text}\" names no place in a record"),
        help: format!(
            "write a JSON Pointer (\"{}\"), \"header:NAME\", \"key\", \"topic\", or \"const:TEXT\" for what is always the same",
            with_slashes(text)
        ),
    })?;
    match &locator {
        // No event could have it: each would be refused.
        Locator::Always(constant) if constant.len() > LONGEST_ATTRIBUTE_BYTES => Err(Mistake {
            message: format!("the text after `const:` has {} bytes", constant.len()),
            help: format!("an attribute may have {LONGEST_ATTRIBUTE_BYTES}"),
        }),
        Locator::At(_)
        | Locator::Header(_)
        | Locator::Key
        | Locator::Topic
        | Locator::Always(_) => Ok(locator),
    }
}

/// The place of something that each event has for itself.
fn place_of_one(text: &str) -> Result<Locator, Mistake> {
    let locator = place(text)?;
    match locator {
        Locator::Topic | Locator::Always(_) => Err(Mistake {
            message: format!("\"{text}\" is the same for every event"),
            help: "write a JSON Pointer (\"/id\"), \"header:NAME\" or \"key\"; without one, the place or the time of the record stands in".to_owned(),
        }),
        Locator::At(_) | Locator::Header(_) | Locator::Key => Ok(locator),
    }
}

fn place_of_data(text: &str) -> Result<DataLocator, Mistake> {
    DataLocator::new(text).ok_or_else(|| {
        let path = text.strip_prefix("json:").unwrap_or(text);
        let path = with_slashes(path);
        Mistake {
            message: format!("\"{text}\" names no place of data"),
            help: format!(
                "write \"value\" for the whole event, a JSON Pointer (\"{path}\"), or \"json:{path}\" for JSON that is written as text"
            ),
        }
    })
}

/// What was meant by `meta.event_name`.
fn with_slashes(text: &str) -> String {
    format!("/{}", text.replace('.', "/"))
}
