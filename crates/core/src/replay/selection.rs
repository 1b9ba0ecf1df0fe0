//! Which messages are meant.

use super::Word;
use crate::message::sent_first;
use crate::model::outcome::{Reason, Status};

/// Which messages are meant, by the last word on each. Several values of one field mean any of them; all fields must hold; an empty
/// one holds for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Settled at this time or later, in Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Settled before this time, in Unix milliseconds.
    pub until_ms: Option<i64>,
    /// By the rule.
    pub rules: Vec<String>,
    /// By how it ended.
    pub statuses: Vec<Status>,
    /// By why.
    pub reasons: Vec<Reason>,
    /// By `WeChat`'s code.
    pub errcodes: Vec<i64>,
    /// By the event's type.
    pub event_types: Vec<String>,
    /// By the event's id, the message id or the outcome's id.
    pub ids: Vec<String>,
}

impl Selection {
    /// Whether the message with this word is meant.
    pub fn takes(&self, word: &Word) -> bool {
        let text = |wanted: &[String], said: Option<&str>| {
            wanted.is_empty() || said.is_some_and(|said| wanted.iter().any(|name| name == said))
        };
        let is_in_time = self.since_ms.is_none_or(|since| word.settled_ms >= since)
            && self.until_ms.is_none_or(|until| word.settled_ms < until);
        // A duplicate's message is the one of another outcome, which is there to be selected.
        let is_its_own = word.reason != Reason::Duplicate
            || self.statuses.contains(&Status::Skipped)
            || self.reasons.contains(&Reason::Duplicate);
        is_in_time
            && is_its_own
            && any(&self.statuses, Some(word.status))
            && any(&self.reasons, Some(word.reason))
            && any(&self.errcodes, word.errcode)
            && text(&self.rules, word.rule.as_deref())
            && text(&self.event_types, word.event_type.as_deref())
            && (self.ids.is_empty() || self.ids.iter().any(|id| names(id, word)))
    }
}

fn any<T: PartialEq>(wanted: &[T], said: Option<T>) -> bool {
    wanted.is_empty() || said.is_some_and(|said| wanted.contains(&said))
}

fn names(id: &str, word: &Word) -> bool {
    id == word.outcome_id
        || id == word.message_id
        || id == sent_first(&word.message_id)
        || word.event_id.as_deref() == Some(id)
}
