//! What was sent before, and who is about to send: the questions that are put to the store, and what it answers.
//!
//! A claim is made before the first call of a message and names the record that asked for it. It ends with the message's outcome, which
//! the store keeps as well: no outcome is published that the store does not know, so that a record which is read again repeats its
//! outcome and never changes it. Two processes that both think they own a record are told apart by the holder of the claim; only the
//! holder's word counts.
//!
//! [`Book`] is the meaning of it all, as a value. The store that keeps nothing is a `Book`; the others must answer as one does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

mod book;

pub use book::Book;

use super::admission::Ticket;
use super::moment::Moment;
use super::outcome::{Outcome, Status};

/// Who holds a claim: one question of one process. The next question for the same message is another holder, so that a claim which was renewed
/// is not taken for the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// One life of one process, by a number drawn at its start.
    pub process: u64,
    /// A number that is never used twice in that life.
    pub ticket: Ticket,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.process, self.ticket.0)
    }
}

impl Holder {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (process, ticket) = text.split_once('-')?;
        Some(Self {
            process: u64::from_str_radix(process, 16).ok()?,
            ticket: Ticket(ticket.parse().ok()?),
        })
    }
}

/// What is asked of the store. Requests of one process are carried out in the order in which they were made. Each may be carried out
/// again after an answer that was lost on the way: the second answer is as good as the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// May this message be sent?
    Claim(Claim),
    /// The message certainly reached nobody and waits for another attempt: anybody may claim it. Answered with [`Answer::Released`]
    /// whatever the store knew.
    Release {
        /// What is sent once.
        message_id: Arc<str>,
        /// Whose claim it was. Another holder's claim stays.
        holder: Holder,
    },
    /// This is how a record's message ended.
    Settle(Settlement),
}

/// The wish to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is sent once.
    pub message_id: Arc<str>,
    /// The record that asks, and the rule: the `id` of the outcome that it will have.
    pub outcome_id: Arc<str>,
    /// Who will send.
    pub holder: Holder,
    /// A claim of this holder is in doubt and is taken over, if the same record asked for it.
    pub over: Option<Holder>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// The end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// How it ended. It holds its `id` and the message id.
    pub outcome: Arc<Outcome>,
    /// Whose claim ends with it; `None` for a message that was not claimed.
    pub holder: Option<Holder>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a claim: it is made, and durable. Send.
    Granted,
    /// To a claim: somebody else is sending the message, or was when he ended. To a settlement without a claim: the same record has one.
    Held(Held),
    /// To a claim: another record's message with this id was sent, or may have been.
    Duplicate {
        /// The `id` of its outcome.
        of: Arc<str>,
    },
    /// To a claim: the record's message has ended already. To a settlement: it has ended now. Either way, this is its outcome.
    Settled(Arc<Outcome>),
    /// To a settlement: somebody else has taken the claim over, and owes the outcome.
    TakenOver,
    /// To a release.
    Released,
}

/// A claim without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The record that asked for it, and the rule.
    pub outcome_id: Arc<str>,
    /// Who made it.
    pub holder: Holder,
    /// When, in Unix milliseconds.
    pub since_ms: i64,
}

/// The store's word that a message may be sent. There is no other way to get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    holder: Holder,
    asked_at: Moment,
}

/// A call is begun only this soon after its claim was asked for: later, somebody may take the claim for one in doubt. A process that was
/// stopped for a while, or that waited for the store, asks again first.
pub const FRESH: Duration = Duration::from_secs(2);

impl Grant {
    /// The grant in an answer to the claim that this holder asked for at this time.
    pub fn in_answer(answer: &Answer, holder: Holder, asked_at: Moment) -> Option<Self> {
        matches!(answer, Answer::Granted).then_some(Self { holder, asked_at })
    }

    /// Whether a call may be begun with it. Both clocks are looked at: the first one stands still while the machine sleeps.
    pub fn is_fresh(self, now: Moment) -> bool {
        let age_ms = now.unix_ms.saturating_sub(self.asked_at.unix_ms).max(0);
        let waited = now.elapsed.saturating_sub(self.asked_at.elapsed);
        waited.max(Duration::from_millis(age_ms.unsigned_abs())) <= FRESH
    }

    /// Who may send.
    pub fn holder(self) -> Holder {
        self.holder
    }
}

/// Whether a message that ended like this reached its user, or may have: then no other record may send it again. All other endings let
/// the same message be tried again.
pub fn counts_as_sent(status: Status) -> bool {
    match status {
        Status::Sent | Status::Unknown => true,
        Status::Rejected
        | Status::Invalid
        | Status::Skipped
        | Status::Expired
        | Status::Failed
        | Status::Unmatched => false,
    }
}
