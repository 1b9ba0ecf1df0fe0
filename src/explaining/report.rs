//! All that is told. As JSON it is what `wx-courier explain --format json` prints.

use serde::Serialize;

use wx_courier_core::explanation::{EventTold, Nothing};

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was asked for.
    pub sought: String,
    /// Why there is no event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing: Option<Nothing>,
    /// The records that it is about, in the order of their places.
    pub events: Vec<EventTold>,
    /// Where it was looked for.
    pub read: Vec<Source>,
    /// What could not be told, and why.
    pub notes: Vec<String>,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is asked.
    Store,
    /// It is read.
    Topic,
}

/// Something that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The state store, or a topic.
    pub what: String,
    /// Which of both.
    #[serde(skip)]
    pub kind: Kind,
    /// From when on: RFC 3339, UTC. Nothing where only what has a known place was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How many records or rows.
    pub read: u64,
    /// Why it was not read, or not to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

impl Source {
    /// Whether it says what this note says.
    pub fn says(&self, note: &str) -> bool {
        let why = note.strip_prefix(super::asking::NOT_ASKED);
        self.kind == Kind::Store && why.is_some() && why == self.why_not.as_deref()
    }
}
