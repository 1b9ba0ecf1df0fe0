//! What a survey comes to: how many messages of which kind, and what is to be published.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Group, Place, original};
use crate::event::{RunId, Wish, republished};
use crate::model::Record;

/// Whether what was sent is sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// A message keeps its id, and what was sent stays sent.
    Once,
    /// A message that was sent gets an id of its own in this run, and is sent once more.
    Again,
}

/// In which form a record is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// In a dead letter.
    Letter,
    /// As it lies on its source topic.
    Original,
}

/// One record to be published again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// The record on its source topic: it is published to the same topic and partition.
    pub of: Place,
    /// Where it is read.
    pub read_at: Place,
    /// In which form it lies there.
    pub form: Form,
    /// The rules that are meant; empty for all.
    pub rules: Vec<Arc<str>>,
    /// Whether its messages are sent once more.
    pub sending: Sending,
    /// How many of the selected messages it carries.
    pub messages: u32,
}

impl Errand {
    /// The record to be published, made of what lies at [`Errand::read_at`]; `None` if something else lies there by now.
    pub fn prepare(&self, found: Record, run: &RunId) -> Option<Record> {
        let original = match self.form {
            Form::Letter => original(found)?,
            Form::Original => found,
        };
        let is_it = original.topic == self.of.topic
            && original.partition == self.of.partition
            && original.offset == self.of.offset;
        let wish = Wish {
            rules: self.rules.iter().map(|rule| rule.as_ref().into()).collect(),
            again: match self.sending {
                Sending::Once => None,
                Sending::Again => Some(run.clone()),
            },
        };
        is_it.then(|| republished(original, &wish))
    }
}

/// How many messages were selected, and what is with each. All but the last group add up to `selected`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Messages that the selection takes.
    pub selected: u64,
    /// Sent, or perhaps sent (in doubt).
    pub already_sent: u64,
    /// A later outcome of the same message is there: that one is the last word.
    pub tried_since: u64,
    /// The rule does not exist any more.
    pub rule_gone: u64,
    /// The topic's retention has deleted the record.
    pub original_gone: u64,
    /// No rule that is meant wants the event under the present rules.
    pub not_wanted: u64,
    /// The present rules cannot make a message of it either.
    pub still_invalid: u64,
    /// Older than the rule's `expires_after` by now.
    pub expired: u64,
    /// Messages to be replayed.
    pub to_replay: u64,

    /// Those of `to_replay` that were sent before and are sent once more.
    pub again: u64,
    /// The records that carry them.
    pub records: u64,
    /// Records of the topic that was searched whose source topic these settings do not name.
    pub of_other_topics: u64,
    /// Records of the topic that was searched that this version does not understand.
    pub not_understood: u64,
}

/// A message that stands for others like it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The record.
    pub record: String,
    /// The rule, if one was reached.
    pub rule: Option<Arc<str>>,
    /// What is wrong, for a person.
    pub detail: String,
}

/// What a survey comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The numbers.
    pub count: Count,
    /// The first message that is still invalid.
    pub still_invalid: Option<Example>,
    /// What was selected, in groups.
    pub found: Vec<Group>,
    /// Rules that are gone, each with its messages.
    pub rules_gone: BTreeMap<Arc<str>, u64>,
    /// What is to be published, in the order in which it is read.
    pub errands: Vec<Errand>,
}
