//! What was sent before, and which process is about to send: the questions that are put to the store, and what it answers.
//!
//! A claim is made before the first call of a message and names the record that asked for it. It ends with the message's outcome, which
//! the store keeps as well: no outcome is published that the store does not know, so that a record which is read again repeats its
//! outcome and never changes it. Two processes that both think they own a record are told apart by the holder of the claim; only the
//! holder's word counts.
//!
//! The same store keeps what has to go together with a claim, or outlive the process for the same reason: users' grants, users behind
//! login codes, the way from `WeChat`'s number of a message to its outcome, what is stopped until a person lets it go on, and the key by which
//! recipients are hashed.
//!
//! [`StoreState`] is the meaning of it all, for every store: it carries a request out on [`rows::Rows`], which a store reads and writes. The
//! store that keeps nothing is a [`MemoryStore`].

use std::sync::Arc;
use std::time::Duration;

mod answer;
pub mod encoding;
mod look;
mod memory;
mod question;
pub mod rows;
mod store_state;

pub use answer::{
    Answer, ClaimAnswer, Held, JoinAnswer, KeepAnswer, MarkSet, RecallAnswer, Reply,
    SettlementAnswer,
};
pub use look::{ClaimSeen, ClaimStateSeen, Kept, Look, Looked, ReceiptSeen};
pub use memory::MemoryStore;
pub use question::{Question, Request};
pub use store_state::StoreState;

use crate::grants::{self, Ledger, Reservation, Wish};
use crate::model::Holder;
use crate::model::Moment;
use crate::model::outcome::{Identity, Outcome, RecipientKey, Status};
use crate::wechat::logins::UserName;
use crate::wechat::receipts::{self, Receipts};

/// The wish to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is sent once.
    pub message_id: Arc<str>,
    /// The record that asks, and the rule: the `id` of the outcome that it will have.
    pub outcome_id: Arc<str>,
    /// Which record asks: an earlier one in its place may have left an outcome under the same `id`.
    pub record: Option<Identity>,
    /// The holder that will send.
    pub holder: Holder,
    /// A claim of this holder is in doubt and is taken over, whichever record asked for it.
    pub takes_over: Option<Holder>,
    /// The user's grant that the message needs, reserved together with the claim.
    pub grant: Option<Wish>,
    /// What to do with rows that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// Since when it is a claim, in Unix milliseconds: others tell by that how old it is. Never earlier than the system's calendar says.
    pub since_ms: i64,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// The end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// How it ended. It holds its `id` and the message id.
    pub outcome: Arc<Outcome>,
    /// The holder whose claim ends with it, be it another record's that is in doubt; `None` for a message that was not claimed.
    pub holder: Option<Holder>,
    /// Where a grant was reserved for it: used up or given back as the outcome says.
    pub grant: Option<grants::Key>,
    /// Whether the outcome is looked for by its `msgid` later.
    pub receipts: Receipts,
    /// For which moment `WeChat` has said that the user allows nothing more, in Unix milliseconds, if it is to be believed.
    pub refused_ms: Option<i64>,
    /// What to do with rows that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

impl Settlement {
    /// What this end means for the grant that was reserved. `WeChat` may have delivered a message whose last answer was 43101.
    pub fn end_grant(&self, ledger: &mut Ledger) {
        let outcome = &self.outcome;
        if counts_as_sent(outcome.status) {
            ledger.use_up(&outcome.message_id, self.now_ms);
        } else {
            ledger.give_back(&outcome.message_id);
        }
        if let Some(refused_ms) = self.refused_ms {
            ledger.reject(refused_ms);
        }
    }

    /// `WeChat`'s number of the message, where the outcome is looked for by it later.
    pub fn number(&self) -> Option<receipts::Key> {
        match self.receipts {
            Receipts::Expected => receipts::Key::of(&self.outcome),
            Receipts::None => None,
        }
    }

    /// Under which name the user of its login code is kept, if it has one.
    pub fn user_name(&self) -> UserName {
        UserName::Message {
            outcome_id: Arc::from(self.outcome.id.as_str()),
            record: self.outcome.identity(),
        }
    }
}

/// The wish that all instances that share a store hash recipients by one key: the first that is proposed. What comes back is the key to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The key that is kept if there is none.
    pub key: RecipientKey,
}

/// How far back a store remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
    /// How long claims, outcomes and what goes with them are kept, in milliseconds.
    pub remember_ms: i64,
}

impl Horizon {
    /// Rows of this kind from before this moment are forgotten; those that say themselves until when they are kept, when that is over.
    pub fn of(self, row: Row) -> i64 {
        let kept_ms = row.kept_for_ms(self.remember_ms).unwrap_or_default();
        self.now_ms.saturating_sub(kept_ms)
    }
}

/// How long a ledger is kept that nothing happens to: a year. `WeChat` names no end of a permission.
pub const LEDGERS_FOR_MS: i64 = 365 * 24 * 3_600_000;

/// How long is for ever: a thousand years, which is more than a store needs and less than it can count.
pub const FOR_EVER_MS: i64 = 1_000 * 365 * 24 * 3_600_000;

/// What a request does about a row that cannot be read: damaged, or written by a version with other ideas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnreadable {
    /// The reply is the row.
    #[default]
    Fail,
    /// Claims and outcomes count as if they were not there, and are written anew; a ledger counts as empty and stays as it is. A record's
    /// own message that was sent, or may have been, is told all the same.
    Overwrite,
}

/// The kinds of rows that a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Row {
    /// The holder that sends a message, or the note that it was sent.
    Claim,
    /// How a record's message ended.
    Outcome,
    /// A user's grants for a template.
    Ledger,
    /// What was told or done.
    Mark,
    /// A user behind a login code or a session.
    User,
    /// The way from `WeChat`'s number to an outcome.
    Number,
    /// What is stopped until a person lets it go on: one row for all.
    Holds,
    /// The key by which all instances hash recipients.
    RecipientKey,
    /// The instances that share the store.
    Instances,
}

impl Row {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Claim,
        Self::Outcome,
        Self::Ledger,
        Self::Mark,
        Self::User,
        Self::Number,
        Self::Holds,
        Self::RecipientKey,
        Self::Instances,
    ];

    /// For how long rows of this kind are kept, where claims and outcomes are kept for so long: ledgers for a year at least, holds and the recipient key
    /// for ever. `None` for those that say themselves until when.
    pub fn kept_for_ms(self, remember_ms: i64) -> Option<i64> {
        match self {
            Self::Claim | Self::Outcome | Self::Mark | Self::Number => Some(remember_ms),
            Self::Ledger => Some(remember_ms.max(LEDGERS_FOR_MS)),
            Self::Holds | Self::RecipientKey | Self::Instances => Some(FOR_EVER_MS),
            Self::User => None,
        }
    }

    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Outcome => "outcome",
            Self::Ledger => "ledger",
            Self::Mark => "mark",
            Self::User => "user",
            Self::Number => "number",
            Self::Holds => "holds",
            Self::RecipientKey => "recipient_key",
            Self::Instances => "instances",
        }
    }
}

/// A claim of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnClaim {
    /// As which holder.
    pub holder: Holder,
    /// What was reserved with it.
    pub reservation: Reservation,
}

/// A claim with which a call may be begun, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    claim: OwnClaim,
    asked_at: Moment,
}

/// A call is begun only this soon after its claim was asked for: later, another process may take the claim for one in doubt. A process that
/// was stopped for a while, or that waited for the store, asks again first.
pub const FRESH: Duration = Duration::from_secs(2);

impl Permit {
    /// The permit that [`ClaimAnswer::Claimed`] gives, where the claim was asked for at this time.
    pub fn new(claim: OwnClaim, asked_at: Moment) -> Self {
        Self { claim, asked_at }
    }

    /// Whether a call may be begun with it. Both clocks are looked at: the first one stands still while the machine sleeps.
    pub fn is_fresh(self, now: Moment) -> bool {
        let age_ms = now.unix_ms.saturating_sub(self.asked_at.unix_ms).max(0);
        let waited = now.elapsed.saturating_sub(self.asked_at.elapsed);
        waited.max(Duration::from_millis(age_ms.unsigned_abs())) <= FRESH
    }

    /// No call may be begun with it any more.
    pub fn spoil(&mut self) {
        self.asked_at = Moment::LONG_AGO;
    }

    /// The claim.
    pub fn claim(self) -> OwnClaim {
        self.claim
    }
}

/// Whether a message that ended like this reached its user, or may have: then no other record may send it again. All other endings let
/// the same message be tried again.
pub fn counts_as_sent(status: Status) -> bool {
    match status {
        // A later version's word may mean that; it is read, and never settled with.
        Status::Sent | Status::Unknown | Status::Unlisted(_) => true,
        Status::Rejected
        | Status::Invalid
        | Status::Skipped
        | Status::Expired
        | Status::Failed
        | Status::Unmatched => false,
    }
}
