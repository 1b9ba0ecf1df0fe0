//! What one pass over a text has found of an event.

use std::ops::Range;
use std::sync::Arc;

use super::attributes::Said;
use super::data::{Keeper, Part};
use super::json::{Counts, Fault, Json, Survey, Wanted, survey};
use super::{Carrier, Data, Pointer};
use crate::model::Record;
use crate::model::outcome::Reason;

/// What some editors and programs write before UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a schema registry's JSON serializer writes before the JSON: a zero and the four bytes of the schema's id.
const SCHEMA_ID_BYTES: usize = 5;

/// What keeps a body.
#[derive(Clone, Copy)]
enum KeptBy<'a> {
    /// The value of its record.
    Record(&'a Arc<Record>),
    /// A text that was unpacked.
    Text(&'a Arc<str>),
}

/// A text that is looked through for an event, and what keeps it.
pub(super) struct Body<'a> {
    text: &'a str,
    kept_by: KeptBy<'a>,
    /// Where the text begins in what keeps it.
    begins: usize,
    /// All bytes that should be text.
    bytes: &'a [u8],
    /// What it is called, and the word for it if it is not JSON.
    named: (&'static str, Reason),
}

impl<'a> Body<'a> {
    /// The value of a record, without what its serializer may have put before the JSON.
    pub(super) fn of_value(record: &'a Arc<Record>, value: &'a [u8]) -> Self {
        let begins = if value.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else if value.starts_with(b"\0") && value.get(SCHEMA_ID_BYTES) == Some(&b'{') {
            SCHEMA_ID_BYTES
        } else {
            0
        };
        let bytes = value.get(begins..).unwrap_or_default();
        // What stands before the first wrong byte may tell whose event it is.
        let text = std::str::from_utf8(bytes).or_else(|error| {
            let sound = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(sound)
        });
        Self {
            text: text.unwrap_or_default(),
            kept_by: KeptBy::Record(record),
            begins,
            bytes,
            named: ("the value", Reason::NotJson),
        }
    }

    /// A text that stands in place of the event.
    pub(super) fn unpacked(text: &'a Arc<str>) -> Self {
        Self {
            text,
            kept_by: KeptBy::Text(text),
            begins: 0,
            bytes: text.as_bytes(),
            named: ("the text in the value", Reason::EventMalformed),
        }
    }
}

/// What a survey has found in a body.
pub(super) struct Found<'a> {
    body: Body<'a>,
    whole: Range<usize>,
    counts: Counts,
    fields: Vec<Wanted<'a>>,
}

impl<'a> Found<'a> {
    /// Looks the body through, for fields of these names in its outermost object. Where it is not sound, what was found before that place is
    /// there all the same.
    pub(super) fn in_body(
        body: Body<'a>,
        names: impl Iterator<Item = &'a str>,
    ) -> (Self, Result<(), Fault>) {
        let mut fields: Vec<_> = names.map(|name| Wanted { name, at: None }).collect();
        let surveyed = survey(body.text, &mut fields);
        let is_cut = body.text.len() < body.bytes.len();
        let (Survey { whole, counts }, result) = match surveyed {
            Ok(_) | Err(Fault::Syntax(_)) if is_cut => {
                (Survey::default(), Err(Fault::Syntax(body.text.len())))
            }
            Ok(survey) => (survey, Ok(())),
            Err(fault) => (Survey::default(), Err(fault)),
        };
        let found = Self {
            body,
            whole,
            counts,
            fields,
        };
        (found, result)
    }

    /// Of a record that is not looked into.
    pub(super) fn nothing(record: &'a Arc<Record>) -> Self {
        let Survey { whole, counts } = Survey::default();
        Self {
            body: Body::of_value(record, &[]),
            whole,
            counts,
            fields: Vec::new(),
        }
    }

    /// What the body is called, the word for it if it is no JSON, and its bytes.
    pub(super) fn shown(&self) -> ((&'static str, Reason), &'a [u8]) {
        (self.body.named, self.body.bytes)
    }

    /// The whole value.
    pub(super) fn whole(&self) -> Json<'a> {
        self.json(self.whole.clone())
    }

    fn json(&self, at: Range<usize>) -> Json<'a> {
        Json::of(self.body.text.get(at).unwrap_or_default())
    }

    /// A field of the outermost object.
    pub(super) fn field(&self, name: &str) -> Option<Json<'a>> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(self.json(field.at.clone()?))
    }

    /// What a field of the outermost object says.
    pub(super) fn said(&self, name: &str) -> Option<Said<'a>> {
        Said::of(self.field(name)?)
    }

    /// What the pointer leads to; `null` is nothing. The survey has found where the first step leads.
    pub(super) fn at(&self, pointer: &Pointer) -> Option<Json<'a>> {
        let mut steps = pointer.steps();
        let first = match steps.next() {
            Some(first) => self.field(&first)?,
            None => self.whole(),
        };
        first.follow(steps)
    }

    /// A value of the body, with what keeps it.
    pub(super) fn part(&self, json: Json<'_>) -> Part {
        Part::new(self.keeper(), self.place_of(json))
    }

    fn keeper(&self) -> Keeper {
        match self.body.kept_by {
            KeptBy::Record(record) => Keeper::Record(Arc::clone(record)),
            KeptBy::Text(text) => Keeper::Text(Arc::clone(text)),
        }
    }

    /// Where a value of the body lies in what keeps it.
    fn place_of(&self, json: Json<'_>) -> Range<usize> {
        let Range { start, end } = json.place_in(self.body.text);
        let begins = self.body.begins;
        begins + start..begins + end
    }

    /// The record around an event whose attributes are fields of the outermost object.
    pub(super) fn carrier(&self, record: Arc<Record>) -> Carrier {
        let whole = self.whole();
        match self.body.kept_by {
            KeptBy::Record(_) => Carrier::with_attributes_in_value(record, self.place_of(whole)),
            KeptBy::Text(_) => Carrier::with_attributes(record, self.data(whole)),
        }
    }

    /// The whole value of the record, whatever it is.
    pub(super) fn value(&self, n_bytes: usize) -> Part {
        Part::new(self.keeper(), 0..n_bytes)
    }

    /// A value of the body as data.
    pub(super) fn data(&self, json: Json<'_>) -> Data {
        Data::of(self.part(json), self.counts)
    }

    /// An object in the body, in place of the whole.
    pub(super) fn inside(&self, json: Json<'a>) -> Body<'a> {
        let text = json.as_written();
        Body {
            text,
            kept_by: self.body.kept_by,
            begins: self.place_of(json).start,
            bytes: text.as_bytes(),
            named: self.body.named,
        }
    }
}
