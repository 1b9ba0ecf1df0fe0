//! What comes from the topics: records that were understood or not, each with the offsets that are read with it.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use wx_courier_core::model::outcome::Outcome;

/// A record of a topic, or offsets that have none.
#[derive(Clone, Debug)]
pub struct Arriving {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The offsets that are read with it: from behind the record before it to behind itself.
    pub offsets: Range<i64>,
    /// When Kafka says that the record was made, in Unix milliseconds.
    pub timestamp_ms: Option<i64>,
    /// What the record is.
    pub content: Content,
    /// How it came.
    pub way: Way,
}

/// What a record is.
#[derive(Clone, Debug)]
pub enum Content {
    /// An outcome.
    Outcome(Box<Outcome>),
    /// A record of the audit topic.
    Change(Audited),
    /// Something that belongs there, and is not kept: a receipt, a deleted outcome.
    PassedOver,
    /// Nothing that is understood.
    NotUnderstood,
    /// There is no record: compaction or a transaction has left a gap.
    Gap,
}

/// A record of the audit topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Audited {
    /// Its `id`, if it has one.
    pub id: Option<String>,
    /// When, in Unix milliseconds, if it says so.
    pub at_ms: Option<i64>,
    /// The record.
    pub record: Value,
}

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// At the newest end of its topic: it is news.
    Newest,
    /// From what lay there before.
    Older,
}
