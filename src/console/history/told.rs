//! What the history is asked with, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wx_courier_core::model::outcome::Outcome;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For how long outcomes are kept, from when they were settled on.
    pub keep: Duration,
    /// How large the file may become, with its write-ahead log.
    pub max_bytes: u64,
}

/// A time from its beginning to before its end, in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first millisecond.
    pub from_ms: i64,
    /// The first millisecond behind it.
    pub to_ms: i64,
}

/// An outcome that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its place in the order of the history: newer ones have larger cursors.
    pub cursor: Cursor,
    /// The outcome, as it was read.
    pub outcome: Outcome,
    /// When it was settled, in Unix milliseconds.
    pub settled_ms: i64,
}

/// A place in the order of the history: by time, then by the order in which outcomes were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the outcome was settled, in Unix milliseconds.
    pub settled_ms: i64,
    /// Its row.
    pub row: i64,
}

/// A page of outcomes, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The outcomes.
    pub outcomes: Vec<Kept>,
    /// Where the next page begins; `None` at the end. A search that takes long ends early, with fewer outcomes than were asked for, and goes on
    /// from here.
    pub older: Option<Cursor>,
}

/// Outcomes that differ in nothing that is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// The word of the status.
    pub status: Arc<str>,
    /// The word of the reason.
    pub reason: Arc<str>,
    /// `WeChat`'s code.
    pub errcode: Option<i64>,
    /// The rule.
    pub rule: Option<Arc<str>>,
    /// The app.
    pub app: Option<Arc<str>>,
    /// The template, by its name.
    pub template: Option<Arc<str>>,
    /// The version of the rules; none where there are too many kinds to tell them apart by it.
    pub rules_version: Option<Arc<str>>,
}

/// How many outcomes there are of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// How many.
    pub count: u64,
    /// The minute in which the first was settled, in Unix milliseconds.
    pub first_ms: i64,
    /// The minute in which the last was settled, in Unix milliseconds.
    pub last_ms: i64,
}

/// A part of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Its first millisecond.
    pub from_ms: i64,
    /// How many outcomes were settled in it, by the word of their status.
    pub counts: BTreeMap<Arc<str>, u64>,
}

/// A record of the audit topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// The record, as `docs/audit.md` has it.
    pub record: Value,
}

/// How far the topics are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Outcomes in the history.
    pub kept: u64,
    /// Records that were read since the start.
    pub read: u64,
    /// Records that are still to be read, as far as is known.
    pub left: u64,
    /// Of these, how many are neither an outcome nor anything else that belongs on its topic.
    pub not_understood: u64,
    /// Whether the newest end was reached: what is older may still be read.
    pub is_live: bool,
    /// From when on the history is whole, in Unix milliseconds; none where nothing is kept yet.
    pub whole_since_ms: Option<i64>,
    /// What keeps it from reading.
    pub trouble: Option<String>,
}
