//! The payload of an event: it stays in the bytes of its record until it is read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::json::{Counts, Fault, Json, Survey, survey};
use crate::model::Record;

/// JSON that was looked through and found sound. A copy costs nothing.
#[derive(Clone)]
pub struct Data {
    part: Part,
    counts: Counts,
}

/// Bytes of an event, and what keeps them. A copy costs nothing.
#[derive(Clone)]
pub(super) struct Part {
    kept_by: Keeper,
    at: Range<usize>,
}

/// What keeps the bytes of an event.
#[derive(Clone)]
pub(super) enum Keeper {
    /// The value of its record.
    Record(Arc<Record>),
    /// A text that was unpacked.
    Text(Arc<str>),
}

impl Part {
    pub(super) fn new(kept_by: Keeper, at: Range<usize>) -> Self {
        Self { kept_by, at }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let whole = match &self.kept_by {
            Keeper::Record(record) => record.value.as_deref().unwrap_or_default(),
            Keeper::Text(text) => text.as_bytes(),
        };
        whole.get(self.at.clone()).unwrap_or_default()
    }

    /// What it takes in memory beside the record.
    pub(super) fn own_bytes(&self) -> usize {
        match &self.kept_by {
            Keeper::Record(_) => 0,
            Keeper::Text(text) => text.len(),
        }
    }
}

impl Data {
    /// A part of an event, of which a survey has found it sound; what that has counted is enough for the part.
    pub(super) fn of(part: Part, counts: Counts) -> Self {
        Self { part, counts }
    }

    /// JSON that was unpacked.
    pub(crate) fn of_json(text: Arc<str>) -> Result<Self, Fault> {
        let Survey { whole, counts } = survey(&text, &mut [])?;
        let part = Part::new(Keeper::Text(text), whole);
        Ok(Self { part, counts })
    }

    /// The data of an event that comes from no record. What no event could bring becomes `null`.
    pub(crate) fn written(text: &str) -> Self {
        Self::of_json(Arc::from(text)).unwrap_or_default()
    }

    /// Text that is not JSON, as the JSON that says it.
    pub(super) fn of_text(text: &str) -> Self {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        Self::written(&quoted)
    }

    /// How much is in it at most.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The JSON text.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.part.bytes()
    }

    /// What it takes in memory beside the record.
    pub(super) fn own_bytes(&self) -> usize {
        self.part.own_bytes()
    }

    /// The same as text; it costs a look at every byte.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The value, to look for something in it.
    pub fn json(&self) -> Json<'_> {
        Json::of(self.as_str())
    }
}

impl Default for Data {
    /// `null`.
    fn default() -> Self {
        const NULL: &str = "null";
        Self {
            part: Part::new(Keeper::Text(Arc::from(NULL)), 0..NULL.len()),
            counts: Counts {
                values: 1,
                containers: 0,
            },
        }
    }
}

impl From<serde_json::Value> for Data {
    fn from(value: serde_json::Value) -> Self {
        Self::written(&value.to_string())
    }
}

impl PartialEq for Data {
    /// Written in the same way.
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Data {
    /// Without what is in it: payloads belong into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes)", self.bytes().len())
    }
}
