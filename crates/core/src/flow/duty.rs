//! What the engine has in hand: a duty for each message and each report, and how far it has come.

use std::sync::Arc;

use super::addressing::Letter;
use super::publishing::Publishing;
use crate::event::Event;
use crate::flow::delivery::{Refusal, Tries};
use crate::grants::Wish;
use crate::message::Message;
use crate::model::{Epoch, Holder, Moment, Partition, Record};
use crate::rules::Rule;
use crate::state::{Permit, Settlement, Unreadable};

/// What a record owes: one outcome, and before it perhaps a message; or that the store notes what it tells of a user.
pub(super) struct Duty {
    pub(super) origin: Origin,
    pub(super) bytes: usize,
    /// The rule in whose share of the window it counts.
    pub(super) share_of: Option<Arc<Rule>>,
    pub(super) stage: Stage,
}

/// Where a duty comes from.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) record: Arc<Record>,
    /// `None` where no event could be made of the record.
    pub(super) event: Option<Arc<Event>>,
    pub(super) rules_version: Arc<str>,
    pub(super) received: Moment,
}

impl Origin {
    /// What record and event take in memory, in bytes.
    pub(super) fn size_bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, |event| event.size_bytes());
        self.record.size_bytes() + event
    }
}

pub(super) enum Stage {
    /// The store is told what a user has answered; no outcome comes of it.
    Reporting,
    /// The store is asked whether the login code that the message is addressed by was exchanged before.
    Recalling(Letter),
    /// The message waits for the exchange of its code, or before another one.
    Unaddressed(Letter),
    /// The exchange is under way.
    Exchanging(Letter),
    /// The store is told who the user is.
    Keeping(Letter, Arc<str>),
    /// The message waits for its turn.
    Waiting(Delivery),
    /// The store is asked for the claim.
    Claiming(Delivery),
    /// The message has its claim and waits until the limits let it go.
    AtGate(Delivery),
    /// A call is under way.
    Sending(Delivery),
    /// The message waits before its next turn; it keeps its recipient, so that nothing overtakes it.
    BackingOff(Delivery),
    /// The store is told how the message ended.
    Settling(Settlement),
    /// The store's answer has to be waited for: somebody else may still end this message.
    Unsettled(Settlement),
    /// The outcome waits for its acknowledgement.
    Publishing(Publishing),
}

/// Where in its lane a message waits that had its turn.
#[derive(Clone, Copy)]
pub(super) enum Rejoins {
    /// It was its turn, and still is.
    First,
    /// It waits for another record's message, which may stand behind it: it must not use up every turn, or every trial of a pause.
    Last,
}

/// A message on its way.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) rule: Arc<Rule>,
    pub(super) message: Arc<Message>,
    pub(super) message_id: Arc<str>,
    pub(super) outcome_id: Arc<str>,
    /// The user's grant that it needs.
    pub(super) wish: Option<Wish>,
    pub(super) tries: Tries,
    /// The claim that it holds.
    pub(super) permit: Option<Permit>,
    /// What the store does with rows of it that cannot be read.
    pub(super) unreadable: Unreadable,
    /// As whom, and when, the store was last asked for it.
    pub(super) asked: Option<(Holder, Moment)>,
    /// Calls of `message/subscribe/send`; a turn without a token made none.
    pub(super) calls: u32,
    pub(super) api_ms: u64,
    /// When the last call began, in Unix milliseconds.
    pub(super) called_ms: Option<i64>,
    pub(super) rejoins: Rejoins,
    /// The refusal that was the app's or the template's matter, and after which it waits.
    pub(super) held_by: Option<Arc<Refusal>>,
}

/// After this moment (Unix milliseconds) a message of this rule is not sent any more.
pub(super) fn expires_at_ms(origin: &Origin, rule: &Rule) -> i64 {
    let event_time_ms = origin
        .event
        .as_ref()
        .map_or(origin.received.unix_ms, |event| event.time_ms);
    let lives_ms = i64::try_from(rule.expires_after.as_millis()).unwrap_or(i64::MAX);
    event_time_ms.saturating_add(lives_ms)
}
