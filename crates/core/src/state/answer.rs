//! What the store answers. Each question has an answer of its own type, which holds only what can come.

use std::sync::Arc;

use super::{Looked, Row};
use crate::grants::{Balance, Cleared, Counted, Reservation};
use crate::holds::Holds;
use crate::instances::Instances;
use crate::model::Holder;
use crate::model::outcome::{Outcome, RecipientKey};

/// What comes back for a request: its answer, or the kind of a row that it needs and that cannot be read, or not be written. In that case
/// nothing was changed. Other requests are not concerned, and asking the same again would not help.
pub type Reply<A = Answer> = Result<A, Row>;

/// The answer to any request, as it travels from the store to its asker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a claim.
    Claim(ClaimAnswer),
    /// To a release, whatever the store knew.
    Released,
    /// To a settlement.
    Settle(SettlementAnswer),
    /// To a report of a user's answer: it is noted, and durable.
    Report(Counted),
    /// To the word that a user takes something back: it is noted, and durable.
    Withdraw(Cleared),
    /// To a question about a ledger.
    Balance(Balance),
    /// To the wish to keep a user.
    Keep(KeepAnswer),
    /// To the question which user was kept.
    Recall(RecallAnswer),
    /// To the question which outcome a receipt belongs to.
    Join(JoinAnswer),
    /// To the word that a receipt was published.
    Done(MarkSet),
    /// To the question what is stopped.
    Holds(Holds),
    /// To a proposal: the key that is kept, and durable.
    Propose(RecipientKey),
    /// To the question which instances there are.
    Note(Instances),
    /// To the question what is known of a message.
    Look(Box<Looked>),
}

/// The answer to a [`Claim`](super::Claim).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimAnswer {
    /// It is made, and durable. Send.
    Claimed(Reservation),
    /// It is not made, because the user has granted nothing that is left.
    NoGrant,
    /// It is not made, because the template is limited by frequency, and a message of the same turn was sent too short a time ago or is under
    /// way.
    TooSoon,
    /// Another holder is sending the message, or was when its process ended.
    Held(Held),
    /// Another record's message with this id was sent, or may have been.
    Duplicate {
        /// The `id` of its outcome.
        of: Arc<str>,
    },
    /// The record's message has ended already, with this outcome.
    Settled(Arc<Outcome>),
    /// It is not made: the outcome or the claim under this `id` is of another record, which lay in the same place. This one's message has to
    /// go by another `id`.
    OfOtherRecord,
}

/// The answer to a [`Settlement`](super::Settlement).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementAnswer {
    /// The message has ended, with this outcome: it is the first one that it was given.
    Settled(Arc<Outcome>),
    /// It has not ended. To a settlement without a claim: the same record has one. To a settlement that says that the message was sent, or
    /// may have been: another record has the claim by now.
    Held(Held),
    /// To a settlement that says that the message was sent, or may have been: another record's message with this id was, or may have been.
    Duplicate {
        /// The `id` of its outcome.
        of: Arc<str>,
    },
    /// Another holder has taken the claim over, and owes the outcome.
    TakenOver,
    /// It has not ended: the outcome under this `id` is of another record, which lay in the same place.
    OfOtherRecord,
}

/// The answer to a [`Keep`](crate::wechat::logins::Keep).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepAnswer {
    /// The user is kept, and that is durable.
    Kept,
    /// Nothing is kept: the message has ended already, with this outcome.
    Settled(Arc<Outcome>),
    /// Nothing is kept: the outcome under this `id` is of another record, which lay in the same place.
    OfOtherRecord,
}

/// The answer to a [`Recall`](crate::wechat::logins::Recall).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecallAnswer {
    /// The user that was kept; `None` if none was, or not any more.
    User(Option<Arc<str>>),
    /// No user was kept, and another record's message with this id was sent, or may have been.
    Duplicate {
        /// The `id` of its outcome.
        of: Arc<str>,
    },
    /// The record's message has ended already, with this outcome.
    Settled(Arc<Outcome>),
    /// The outcome under this `id` is of another record, which lay in the same place.
    OfOtherRecord,
}

/// The answer to a [`Join`](crate::wechat::receipts::Join).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAnswer {
    /// This outcome; its receipt was not published yet.
    Joined(Arc<Outcome>),
    /// None that is known. It may be settled in a moment: a receipt can come before the call's own answer.
    Unknown,
    /// The receipt was published before.
    Published,
}

/// The answer to a [`Done`](crate::wechat::receipts::Done): it is noted, and durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkSet;

/// A claim without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The record that asked for it, and the rule.
    pub outcome_id: Arc<str>,
    /// The holder that made it.
    pub holder: Holder,
    /// When, in Unix milliseconds.
    pub since_ms: i64,
}
