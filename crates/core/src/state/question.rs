//! What the store is asked, and of which type the answer to each question is.

use std::sync::Arc;

use super::{
    Answer, Claim, ClaimAnswer, JoinAnswer, KeepAnswer, Look, Looked, MarkSet, Proposal,
    RecallAnswer, Row, Settlement, SettlementAnswer,
};
use crate::grants::{self, Balance, Cleared, Counted};
use crate::holds::{self, Holds};
use crate::instances::{Instances, Note};
use crate::model::Holder;
use crate::model::outcome::RecipientKey;
use crate::wechat::{logins, receipts};

/// What is asked of the store. Requests of one process are carried out in the order in which they were made. Each may be carried out
/// again after an answer that was lost on the way: the second answer is as good as the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// May this message be sent?
    Claim(Claim),
    /// The message certainly reached no user and waits for another attempt: any process may claim it. It is no [`Question`]: no asker
    /// waits for what the store knew.
    Release {
        /// What is sent once.
        message_id: Arc<str>,
        /// The holder whose claim it was. Another holder's claim stays.
        holder: Holder,
        /// Where a grant was reserved for it, which is given back.
        grant: Option<grants::Key>,
    },
    /// This is how a record's message ended.
    Settle(Settlement),
    /// A user has answered.
    Report(grants::Report),
    /// A user has left an app, or takes something back.
    Withdraw(grants::Withdrawal),
    /// What has a user allowed?
    Balance(grants::Query),
    /// Keep the user behind a code or a session.
    Keep(logins::Keep),
    /// Which user was kept?
    Recall(logins::Recall),
    /// Which outcome does a receipt belong to?
    Join(receipts::Join),
    /// A receipt was published.
    Done(receipts::Done),
    /// What is stopped, after this change?
    Holds(holds::Ask),
    /// By which key are recipients hashed?
    Propose(Proposal),
    /// Which instances are there, with this one?
    Note(Note),
    /// What is known of a message?
    Look(Look),
}

impl Request {
    /// The time that it names, in Unix milliseconds.
    pub fn now_ms(&self) -> Option<i64> {
        match self {
            Self::Claim(claim) => Some(claim.now_ms),
            Self::Release { .. } | Self::Propose(_) => None,
            Self::Settle(settlement) => Some(settlement.now_ms),
            Self::Report(report) => Some(report.now_ms),
            Self::Withdraw(withdrawal) => Some(withdrawal.now_ms),
            Self::Balance(query) => Some(query.now_ms()),
            Self::Keep(keep) => Some(keep.now_ms),
            Self::Recall(recall) => Some(recall.now_ms),
            Self::Join(join) => Some(join.now_ms),
            Self::Done(done) => Some(done.now_ms),
            Self::Holds(ask) => Some(ask.now_ms),
            Self::Note(note) => Some(note.now_ms),
            Self::Look(look) => Some(look.now_ms),
        }
    }

    /// The row that it is about before all others.
    pub fn main_row(&self) -> Row {
        match self {
            Self::Claim(_) | Self::Release { .. } => Row::Claim,
            Self::Settle(_) | Self::Look(_) => Row::Outcome,
            Self::Report(_) | Self::Withdraw(_) | Self::Balance(_) => Row::Ledger,
            Self::Keep(_) | Self::Recall(_) => Row::User,
            Self::Join(_) | Self::Done(_) => Row::Number,
            Self::Holds(_) => Row::Holds,
            Self::Propose(_) => Row::RecipientKey,
            Self::Note(_) => Row::Instances,
        }
    }
}

/// A question that knows of which type its answer is.
pub trait Question {
    /// What comes back, where all rows can be read.
    type Answer;

    /// As it travels to the store.
    fn into_request(self) -> Request;

    /// The answer, out of the form in which it travels back; `None` if it is the answer to another question.
    fn answer_in(answer: Answer) -> Option<Self::Answer>;
}

/// Each question, the variant of [`Request`] and [`Answer`] in which it travels, and the type of its answer.
macro_rules! questions {
    ($($question:ty: $variant:ident => $answer:ty;)*) => {
        $(impl Question for $question {
            type Answer = $answer;

            fn into_request(self) -> Request {
                Request::$variant(self)
            }

            fn answer_in(answer: Answer) -> Option<Self::Answer> {
                if let Answer::$variant(answer) = answer {
                    Some(answer)
                } else {
                    None
                }
            }
        })*
    };
}

questions! {
    Claim: Claim => ClaimAnswer;
    Settlement: Settle => SettlementAnswer;
    grants::Report: Report => Counted;
    grants::Withdrawal: Withdraw => Cleared;
    grants::Query: Balance => Balance;
    logins::Keep: Keep => KeepAnswer;
    logins::Recall: Recall => RecallAnswer;
    receipts::Join: Join => JoinAnswer;
    receipts::Done: Done => MarkSet;
    Look: Look => Box<Looked>;
    holds::Ask: Holds => Holds;
    Proposal: Propose => RecipientKey;
    Note: Note => Instances;
}
