//! What the store knows of one message, for people: nothing is changed, and a row that cannot be read is told like any other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::outcome::Outcome;

/// What is known of a message? Its outcome, its claim, and whether its receipt was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The `id` of the outcome. Without it the claim says which record has the message.
    pub outcome_id: Option<Arc<str>>,
    /// What is sent once. Without it no claim is looked for: the store may leave it out of the outcome, where the record tells it.
    pub message_id: Option<Arc<str>>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// What the store knows of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// How the record's message ended.
    pub outcome: Kept<Arc<Outcome>>,
    /// Which record has the message.
    pub claim: Kept<ClaimSeen>,
    /// Whether its receipt was published.
    pub receipt: ReceiptSeen,
}

/// A row, as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept<T> {
    /// There is none.
    #[default]
    Nothing,
    /// This.
    Row(T),
    /// There is one, and this version cannot read it.
    Unreadable,
}

impl<T> Kept<T> {
    /// The row, if there is one that can be read.
    pub fn row(&self) -> Option<&T> {
        match self {
            Self::Row(row) => Some(row),
            Self::Nothing | Self::Unreadable => None,
        }
    }
}

/// A claim, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimSeen {
    /// The record that has the message, and the rule: the `id` of its outcome.
    pub outcome_id: Arc<str>,
    /// How far it is.
    pub state: ClaimStateSeen,
    /// The process that claimed it, where it is not sent yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Since when, in Unix milliseconds. Of a message that was sent, it is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
}

/// How far a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStateSeen {
    /// A process is sending it, or was when it ended.
    Open,
    /// It was sent, or may have been.
    Sent,
}

/// Whether a receipt was published, as far as the store can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptSeen {
    /// Nothing is known of a number of `WeChat`'s, by which it would be found.
    #[default]
    NotKnown,
    /// None was published so far.
    None,
    /// It was published.
    Published,
}
