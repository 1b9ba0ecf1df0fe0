//! `[events]`: where plain JSON keeps its attributes.

use super::Reader;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Count, Mistake, Parsed};
use wx_courier_core::document::Section;
use wx_courier_core::event::{Decoding, Pointer};

pub(super) static EVENTS: Table = Table {
    path: "events",
    keys: &[&ID, &TYPE, &TIME, &SOURCE, &SUBJECT, &MAX_BYTES],
};

static ID: Key<Parsed<Pointer>> = Key {
    name: "id",
    kind: POINTER,
    default: || Decoding::default().id,
    about: "if nothing is there, `topic/partition/offset`",
};

static TYPE: Key<Parsed<Pointer>> = Key {
    name: "type",
    kind: POINTER,
    default: || Decoding::default().kind,
    about: "if nothing is there, the outcome is `invalid`, `type_missing`",
};

static TIME: Key<Parsed<Pointer>> = Key {
    name: "time",
    kind: POINTER,
    default: || Decoding::default().time,
    about: "RFC 3339 text, or epoch seconds or milliseconds; if nothing is there, the record's time",
};

static SOURCE: Key<Parsed<Pointer>> = Key {
    name: "source",
    kind: POINTER,
    default: || Decoding::default().source,
    about: "if nothing is there, the topic",
};

static SUBJECT: Key<Parsed<Pointer>> = Key {
    name: "subject",
    kind: POINTER,
    default: || Decoding::default().subject,
    about: "if nothing is there, there is none",
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

impl Reader<'_> {
    pub(super) fn events(&mut self, top: &mut Section) -> Decoding {
        let mut section = self.section(top, &EVENTS);
        let decoding = Decoding {
            id: self.read(&mut section, &ID),
            kind: self.read(&mut section, &TYPE),
            time: self.read(&mut section, &TIME),
            source: self.read(&mut section, &SOURCE),
            subject: self.read(&mut section, &SUBJECT),
            max_bytes: self.read(&mut section, &MAX_BYTES),
        };
        section.finish(self.problems);
        decoding
    }
}

fn pointer(text: &str) -> Result<Pointer, Mistake> {
    Pointer::new(text).ok_or_else(|| Mistake {
        message: format!("\"{text}\" is not a JSON Pointer"),
        help: format!("begin with a slash: \"/{}\"", text.replace('.', "/")),
    })
}
