//! What is told: for people and programs alike. These names are the shape of `wx-courier explain --format json`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Pending, Shown, Words};
use crate::catalog::Template;
use crate::model::outcome::{Outcome, Reason};
use crate::rules::{Part, Verdict};
use crate::state::{ClaimSeen, ReceiptSeen};
use crate::wechat::callback::Receipt;

/// One record, and all that came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventTold {
    /// Where the record lies: `topic/partition/offset`.
    pub place: String,
    /// Whether it could be read, and is an event.
    pub state: RecordState,
    /// Why no event could be made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it happened: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// When the record was made or appended: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_time: Option<String>,
    /// What it is about, by `[explain] keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_key: Option<String>,
    /// W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The rules that a replay published it again for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replayed_for: Vec<String>,
    /// Whether the service is past the record; `None` where that is not known.
    pub is_past: Option<bool>,
    /// The version of the rules that are looked at here; none where these cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_version: Option<Arc<str>>,
    /// The rules for its type, in the order of their names.
    pub rules: Vec<RuleTold>,
    /// Why no rule wants it, where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<String>,
    /// What came of it, one for each rule; one without a rule where none was reached.
    pub messages: Vec<MessageTold>,
}

/// What was found where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// An event.
    Event,
    /// A record that tells of no event: it has no value, or a row was deleted.
    NoEvent,
    /// A record of which no event can be made.
    Undecodable,
    /// No record: it was deleted from its topic.
    Gone,
    /// No record, and outcomes of one: the topic was made anew, or has lost its end.
    NotThere,
    /// Not known: the topic could not be read.
    NotRead,
}

/// A rule that is for the event's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleTold {
    /// Its name.
    pub rule: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// What it does with the event.
    pub verdict: Verdict,
    /// The parts of its `when`.
    pub when: Vec<Part>,
}

/// What came of a rule's message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageTold {
    /// The rule; none where none was reached.
    pub rule: Option<Arc<str>>,
    /// The `id` that its outcome has, or would have.
    pub outcome_id: String,
    /// What is sent once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Its outcome, as `docs/outcomes.md` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How often the outcome stands on the outcome topic, as far as that was read.
    pub published: u32,
    /// Whether the state store has the outcome; `None` where it was not asked.
    pub is_in_store: Option<bool>,
    /// Why it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// The `id` of the outcome by which another record has sent the message, where this one has not: a replay, for example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<String>,
    /// Rows of the store that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<&'static str>,
    /// Which record has the message, and how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimSeen>,
    /// The customer's permissions for its template, where these are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantTold>,
    /// What `WeChat` told later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Whether the store knows of a receipt.
    pub receipt_in_store: ReceiptSeen,
    /// What is paused of it now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paused_by: Vec<PauseTold>,
    /// The line that it stands in, where a running instance was asked and it has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<LineTold>,
    /// How long after the event happened its record was made, in milliseconds, where the message had expired by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_late_ms: Option<i64>,
    /// When a message that waits expires, by the present rule: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// What the present rules make of the event, if it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<Present>,
    /// The template of its card, by the rules and the catalog of now: for those who show the card. Programs get its name in the outcome.
    #[serde(skip)]
    pub template: Option<Arc<Template>>,
    /// The values that the present rule makes.
    pub values: Vec<Shown>,
    /// What is to be said.
    pub words: Words,
}

/// What the present rules, and this moment, would make of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Present {
    /// `would_send`, or the status of the outcome that it would have.
    pub status: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a user has allowed, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantTold {
    /// The template, by its name.
    pub template: Arc<str>,
    /// Messages that the user has allowed, as far as is known.
    pub granted: u64,
    /// Messages under way that have one reserved.
    pub reserved: u64,
    /// Messages that were sent, or may have been.
    pub used: u64,
    /// How many more may be sent.
    pub left: u64,
}

/// What is known of a rule as it runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleNow {
    /// What holds its messages.
    pub paused_by: Vec<PauseTold>,
    /// Its messages that wait; only a running instance knows.
    pub line: Option<LineTold>,
}

/// The messages of a rule that wait in an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTold {
    /// How many wait, in the window.
    pub waiting: u64,
    /// How many wait outside of it, and are read again later.
    pub set_aside: u64,
    /// When the oldest of those in the window came: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<String>,
}

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseTold {
    /// `app shop`, `template shop/ID` or `rule order-completed`.
    pub subject: String,
    /// Why, in a word.
    pub cause: String,
    /// `WeChat`'s code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Why, in a sentence.
    pub detail: String,
    /// Since when: RFC 3339, UTC.
    pub since: String,
    /// What ends it.
    pub ends: String,
}
