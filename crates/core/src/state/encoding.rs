//! Rows as text, one encoding for all stores that keep text. What a later version has added is read, and written again as it was.
//!
//! | row | text |
//! |---|---|
//! | claim | when, the holder (then `.` and the identity of the record), and the outcome's id, with a blank between; when it was sent, `=` and the outcome's id, or `~` and the record's place where the message id tells the rule |
//! | outcome | a line for each field: see [`outcome_to_text`] |
//! | ledger | JSON |
//! | mark | `1` |
//! | user | `@`, until when, a blank, and the openid |
//! | number | the outcome's id |
//! | holds | JSON |
//! | instances | JSON |
//! | recipient key | itself |
//!
//! No outcome begins with `@`: a store may keep a user where the outcome of the same name will lie.

mod lines;
mod named;
mod outcome;

use std::sync::Arc;

use super::rows::{BEFORE_RULE, ClaimState, Entry, Key, User, Value, with_rule, without_rule};
use crate::grants::Ledger;
use crate::holds::Holds;
use crate::instances::Instances;
use crate::model::Holder;
use crate::model::outcome::{Identity, RecipientKey};
pub use outcome::{outcome_of_text, outcome_to_text};

/// Before the outcome's id: the message was sent, or may have been. When, nothing asks. Redis takes memory by 16 bytes for that text and its
/// header together: each byte may count.
const SENT: char = '=';

/// The same before the place of the record: its rule is the one that the message id begins with.
const SENT_BY_RULE: char = '~';

/// In place of the holder, in texts of the version before.
const SENT_BEFORE: &str = "-";

/// What the text of a user begins with.
const OF_USER: char = '@';

impl Value {
    /// The text of the row under a key. Fails for an outcome that is not JSON's.
    pub fn to_text(&self, key: &Key) -> serde_json::Result<String> {
        Ok(match self {
            Self::Claim(entry) => entry_to_text(key, entry),
            Self::Outcome(outcome) => outcome_to_text(outcome)?,
            Self::Ledger(ledger) => ledger_to_text(ledger)?,
            Self::Mark => "1".to_owned(),
            Self::User(user) => format!("{OF_USER}{} {}", user.until_ms, user.openid),
            Self::Number(outcome_id) => outcome_id.to_string(),
            Self::Holds(holds) => holds.to_text()?,
            Self::RecipientKey(key) => key.expose().to_owned(),
            Self::Instances(instances) => instances.to_text()?,
        })
    }

    /// Reads the text of the row under a key; `None` if it cannot be read.
    pub fn of_text(key: &Key, text: &str) -> Option<Self> {
        match key {
            Key::Claim(message_id) => entry_of_text(message_id, text).map(Self::Claim),
            Key::Outcome(id) => outcome_of_text(id, text).map(Arc::new).map(Self::Outcome),
            Key::Ledger(_) => ledger_of_text(text).map(Self::Ledger),
            Key::Mark(_) => Some(Self::Mark),
            Key::User(_) => user_of_text(text).map(Self::User),
            Key::Number(_) => Some(Self::Number(Arc::from(text))),
            Key::Holds => Holds::of_text(text).map(Self::Holds),
            Key::Instances => Instances::of_text(text).map(Self::Instances),
            Key::RecipientKey => {
                let key = Some(text).filter(|text| !text.is_empty());
                key.map(RecipientKey::new).map(Self::RecipientKey)
            }
        }
    }
}

/// Whether this is, or should be, the text of a user.
pub fn is_of_user(text: &[u8]) -> bool {
    text.first()
        .is_some_and(|first| char::from(*first) == OF_USER)
}

fn entry_to_text(key: &Key, entry: &Entry) -> String {
    let Entry {
        outcome_id,
        since_ms,
        state,
        record,
    } = entry;
    match state {
        ClaimState::Open(holder) => {
            format!(
                "{since_ms} {} {outcome_id}",
                holder_to_text(*holder, *record)
            )
        }
        ClaimState::Sent => {
            let kept = if let Key::Claim(message_id) = key {
                without_rule(outcome_id, message_id)
            } else {
                outcome_id
            };
            match kept.strip_suffix(BEFORE_RULE) {
                Some(place) => format!("{SENT_BY_RULE}{place}"),
                None => format!("{SENT}{kept}"),
            }
        }
    }
}

fn entry_of_text(message_id: &str, text: &str) -> Option<Entry> {
    let whole = text.strip_prefix(SENT).map(Arc::from);
    let by_rule = || {
        let place = text.strip_prefix(SENT_BY_RULE)?;
        Some(with_rule(&format!("{place}{BEFORE_RULE}"), message_id))
    };
    if let Some(outcome_id) = whole.or_else(by_rule) {
        return Some(Entry {
            outcome_id,
            since_ms: 0,
            state: ClaimState::Sent,
            record: None,
        });
    }
    let (since_ms, rest) = text.split_once(' ')?;
    let (holder, outcome_id) = rest.split_once(' ')?;
    let (state, record) = match holder {
        SENT_BEFORE => (ClaimState::Sent, None),
        holder => {
            let (holder, record) = holder_of_text(holder)?;
            (ClaimState::Open(holder), record)
        }
    };
    Some(Entry {
        outcome_id: Arc::from(outcome_id),
        since_ms: since_ms.parse().ok()?,
        state,
        record,
    })
}

/// Between the holder of a claim and the identity of its record.
const BEFORE_RECORD: char = '.';

/// The holder of an open claim as text, and which record it was.
pub fn holder_to_text(holder: Holder, record: Option<Identity>) -> String {
    match record {
        Some(record) => format!("{holder}{BEFORE_RECORD}{}", record.as_text()),
        None => holder.to_string(),
    }
}

/// Reads what [`holder_to_text`] wrote, or a version before that did not say which record it was.
pub fn holder_of_text(text: &str) -> Option<(Holder, Option<Identity>)> {
    match text.split_once(BEFORE_RECORD) {
        Some((holder, record)) => Some((Holder::parse(holder)?, Some(Identity::of_text(record)?))),
        None => Some((Holder::parse(text)?, None)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ticket;

    fn done(outcome_id: &str) -> Value {
        Value::Claim(Entry {
            outcome_id: Arc::from(outcome_id),
            since_ms: 0,
            state: ClaimState::Sent,
            record: None,
        })
    }

    #[test]
    fn claims_are_read_as_they_were_written_and_as_the_version_before_wrote_them() {
        let key = Key::Claim(Arc::from("r|/shop|1"));
        let holder = Holder {
            process: 7,
            ticket: Ticket(1),
        };
        let open = Value::Claim(Entry {
            outcome_id: Arc::from("t/0/1/r"),
            since_ms: -5,
            state: ClaimState::Open(holder),
            record: None,
        });
        let of_record = Value::Claim(Entry {
            outcome_id: Arc::from("t/0/1/r"),
            since_ms: 5,
            state: ClaimState::Open(holder),
            record: Identity::of_text("abcdEFG_"),
        });
        for (value, text) in [
            (done("t/0/1/r"), "~t/0/1"),
            (done("t/0/1/other"), "=t/0/1/other"),
            (open, "-5 0000000000000007-1 t/0/1/r"),
            (of_record, "5 0000000000000007-1.abcdEFG_ t/0/1/r"),
        ] {
            assert_eq!(value.to_text(&key).unwrap(), text);
            assert_eq!(Value::of_text(&key, text), Some(value));
        }
        let Some(Value::Claim(before)) = Value::of_text(&key, "1800000000000 - t/0/1/r") else {
            panic!("it cannot be read");
        };
        assert_eq!(before.state, ClaimState::Sent);
        assert_eq!(&*before.outcome_id, "t/0/1/r");
    }
}
