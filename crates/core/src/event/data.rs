//! The payload of an event: it stays in the bytes of its record until it is read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::json::{Counts, Json, survey};
use crate::model::Record;

/// JSON that was looked through and found sound. A copy costs nothing.
#[derive(Clone)]
pub struct Data {
    text: Text,
    counts: Counts,
}

#[derive(Clone)]
enum Text {
    In(Arc<Record>, Range<usize>),
    Own(Arc<str>),
}

impl Data {
    /// A part of the value of a record, of which a survey has found it sound; what that has counted is enough for the part.
    pub(super) fn of(record: &Arc<Record>, at: Range<usize>, counts: Counts) -> Self {
        Self {
            text: Text::In(Arc::clone(record), at),
            counts,
        }
    }

    /// The data of an event that comes from no record. What no event could bring becomes `null`.
    pub(crate) fn written(text: &str) -> Self {
        match survey(text, &mut []) {
            Ok(found) => Self {
                counts: found.counts,
                text: Text::Own(Arc::from(text.get(found.whole).unwrap_or_default())),
            },
            Err(_) => Self::default(),
        }
    }

    /// How much is in it at most.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The JSON text.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::In(record, at) => {
                let value = record.value.as_deref();
                value
                    .and_then(|value| value.get(at.clone()))
                    .unwrap_or_default()
            }
            Text::Own(text) => text.as_bytes(),
        }
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
        Self {
            text: Text::Own(Arc::from("null")),
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
