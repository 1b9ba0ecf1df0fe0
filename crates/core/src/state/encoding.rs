//! Rows as text, one encoding for all stores that keep text. What a later version has added is read, and written again as it was.
//!
//! | row | text |
//! |---|---|
//! | claim | when, the holder, and the outcome's id, with a blank between; when it was sent, `=` and the outcome's id |
//! | outcome | a line for each field: see [`outcome_to_text`] |
//! | ledger | JSON |
//! | mark | `1` |
//! | user | `@`, until when, a blank, and the openid |
//! | number | the outcome's id |
//!
//! No outcome begins with `@`: a store may keep a user where the outcome of the same name will lie.

mod lines;
mod outcome;

use std::sync::Arc;

use super::rows::{Entry, Key, Sending, User, Value};
use crate::grants::Ledger;
use crate::model::Holder;
pub use outcome::{outcome_of_text, outcome_to_text};

/// Before the outcome's id: the message was sent, or may have been. When, nothing asks; and with 43 bytes Redis keeps the text in one piece.
const SENT: char = '=';

/// In place of the holder, in texts of the version before.
const SENT_BEFORE: &str = "-";

/// What the text of a user begins with.
const OF_USER: char = '@';

impl Value {
    /// The row as text. Fails for an outcome that is not JSON's.
    pub fn to_text(&self) -> serde_json::Result<String> {
        Ok(match self {
            Self::Claim(entry) => match entry.state {
                Sending::Open(holder) => {
                    format!("{} {holder} {}", entry.since_ms, entry.outcome_id)
                }
                Sending::Done => format!("{SENT}{}", entry.outcome_id),
            },
            Self::Outcome(outcome) => outcome_to_text(outcome)?,
            Self::Ledger(ledger) => ledger_to_text(ledger)?,
            Self::Mark => "1".to_owned(),
            Self::User(user) => format!("{OF_USER}{} {}", user.until_ms, user.openid),
            Self::Number(outcome_id) => outcome_id.to_string(),
        })
    }

    /// Reads the text of the row under a key; `None` if it cannot be read.
    pub fn of_text(key: &Key, text: &str) -> Option<Self> {
        match key {
            Key::Claim(_) => entry_of_text(text).map(Self::Claim),
            Key::Outcome(id) => outcome_of_text(id, text).map(Arc::new).map(Self::Outcome),
            Key::Ledger(_) => ledger_of_text(text).map(Self::Ledger),
            Key::Mark(_) => Some(Self::Mark),
            Key::User(_) => user_of_text(text).map(Self::User),
            Key::Number(_) => Some(Self::Number(Arc::from(text))),
        }
    }
}

/// Whether this is, or should be, the text of a user.
pub fn is_of_user(text: &[u8]) -> bool {
    text.first()
        .is_some_and(|first| char::from(*first) == OF_USER)
}

fn entry_of_text(text: &str) -> Option<Entry> {
    if let Some(outcome_id) = text.strip_prefix(SENT) {
        return Some(Entry {
            outcome_id: Arc::from(outcome_id),
            since_ms: 0,
            state: Sending::Done,
        });
    }
    let (since_ms, rest) = text.split_once(' ')?;
    let (holder, outcome_id) = rest.split_once(' ')?;
    Some(Entry {
        outcome_id: Arc::from(outcome_id),
        since_ms: since_ms.parse().ok()?,
        state: match holder {
            SENT_BEFORE => Sending::Done,
            holder => Sending::Open(Holder::parse(holder)?),
        },
    })
}

fn user_of_text(text: &str) -> Option<User> {
    let (until_ms, openid) = text.strip_prefix(OF_USER)?.split_once(' ')?;
    Some(User {
        openid: Arc::from(openid),
        until_ms: until_ms.parse().ok()?,
    })
}

/// A ledger as text.
pub fn ledger_to_text(ledger: &Ledger) -> serde_json::Result<String> {
    serde_json::to_string(ledger)
}

/// Reads the text of a ledger, be it one of those that an earlier version's script has left in Redis.
pub fn ledger_of_text(text: &str) -> Option<Ledger> {
    let ledger = serde_json::from_str(text).ok();
    ledger.or_else(|| Ledger::of_script(text))
}
