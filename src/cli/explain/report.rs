//! All that is told, as `--format json` has it.

use serde::Serialize;

use wx_courier_core::explanation::{EventTold, Nothing};

/// The answer.
#[derive(Serialize)]
pub(super) struct Report {
    /// What was asked for.
    pub(super) sought: String,
    /// Why there is no event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nothing: Option<Nothing>,
    /// The records that it is about, in the order of their places.
    pub(super) events: Vec<EventTold>,
    /// Where it was looked for.
    pub(super) read: Vec<Source>,
    /// What could not be told, and why.
    pub(super) notes: Vec<String>,
}

/// What a source is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is asked.
    Store,
    /// It is read.
    Topic,
}

/// Something that was read.
#[derive(Clone, Serialize)]
pub(super) struct Source {
    /// The state store, or a topic.
    pub(super) what: String,
    #[serde(skip)]
    pub(super) kind: Kind,
    /// From when on: RFC 3339, UTC. Nothing where only what has a known place was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    /// How many records or rows.
    pub(super) read: u64,
    /// Why it was not read, or not to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why_not: Option<String>,
}

impl Source {
    /// Whether it says what this note says.
    pub(super) fn says(&self, note: &str) -> bool {
        let why = note.strip_prefix(super::asking::NOT_ASKED);
        self.kind == Kind::Store && why.is_some() && why == self.why_not.as_deref()
    }
}
