//! One message in the engine's hands, and how far it has come.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::publishing::Publishing;
use crate::event::Event;
use crate::flow::attempt::{Refusal, Tries};
use crate::grants::{Report, Wish};
use crate::message::{Message, Unaddressed};
use crate::model::outcome::Identity;
use crate::model::{Epoch, Holder, Moment, Partition, Record};
use crate::rules::Rule;
use crate::state::{OnUnreadable, OwnClaim, Permit, Settlement};

/// Where a message comes from.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) record: Arc<Record>,
    /// `None` where no event could be made of the record.
    pub(super) event: Option<Arc<Event>>,
    pub(super) rules_version: Arc<str>,
    pub(super) received: Moment,
    /// Which record it is, once that was asked for.
    pub(super) identity: OnceLock<Option<Identity>>,
}

impl Origin {
    /// Where the record lies, in which assignment.
    pub(super) fn place(&self) -> (&Partition, Epoch, i64) {
        (&self.partition, self.epoch, self.record.offset)
    }

    /// What tells the record from another one in its place; `None` of one that is gone.
    pub(super) fn identity(&self) -> Option<Identity> {
        *self.identity.get_or_init(|| Identity::of(&self.record))
    }

    /// What record and event take in memory, in bytes.
    pub(super) fn size_bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, |event| event.size_bytes());
        self.record.size_bytes() + event
    }
}

/// How far a message has come, or an answer of a user that the store has to note. Each variant owns all that it needs: what is due, and
/// when, is a part of it. `ARCHITECTURE.md` has the picture, [`super::transition`] says what leads from one to the other.
pub(super) enum State {
    /// The store is told what a user has answered; no outcome comes of it.
    Reporting {
        report: Report,
        /// When the store is told again: only after an answer to another question.
        again_at: Option<Duration>,
    },
    /// The store is asked whether the login code that the message is addressed by was exchanged before.
    Recalling(Box<PendingRecipient>),
    /// The message waits for the exchange of its code.
    AwaitingExchange {
        pending: Box<PendingRecipient>,
        /// In the line for exchanges.
        place: u64,
        /// Until then its code may live, and the message is not too old.
        until: Duration,
    },
    /// The exchange is under way.
    Exchanging(Box<PendingRecipient>),
    /// An exchange gave no user; the store is asked again at this time.
    ExchangeBackoff {
        pending: Box<PendingRecipient>,
        until: Duration,
    },
    /// The store is told who the user is.
    Keeping {
        pending: Box<PendingRecipient>,
        openid: Arc<str>,
    },
    /// The message waits for its turn.
    Waiting(Box<Delivery>),
    /// The store is asked for the claim.
    Claiming {
        delivery: Box<Delivery>,
        /// As which holder it is asked.
        holder: Holder,
        asked_at: Moment,
    },
    /// The message has its claim and waits until the limits let it go.
    AtGate {
        delivery: Box<Delivery>,
        /// As it was given. The gate judges how old it is.
        permit: Permit,
    },
    /// A call is under way.
    Sending(Box<Delivery>),
    /// The message waits before its next turn; it keeps its recipient, so that nothing overtakes it.
    Backoff {
        delivery: Box<Delivery>,
        until: Duration,
    },
    /// The store is told how the message ended.
    Settling(Settlement),
    /// Another process or record may still end this message; the store is asked again at this time.
    Unsettled {
        settlement: Settlement,
        until: Duration,
    },
    /// The outcome waits for its acknowledgement.
    Publishing(Publishing),
}

impl State {
    /// When it wants [`super::transition::Happened::Due`].
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::AwaitingExchange { until, .. }
            | Self::ExchangeBackoff { until, .. }
            | Self::Backoff { until, .. }
            | Self::Unsettled { until, .. } => Some(*until),
            Self::Reporting { again_at, .. } => *again_at,
            Self::Publishing(publishing) => publishing.again_at,
            Self::Recalling(_)
            | Self::Exchanging(_)
            | Self::Keeping { .. }
            | Self::Waiting(_)
            | Self::Claiming { .. }
            | Self::AtGate { .. }
            | Self::Sending(_)
            | Self::Settling(_) => None,
        }
    }

    /// The message, where it has a recipient and has not ended: it may hold that recipient.
    pub(super) fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Waiting(delivery)
            | Self::Claiming { delivery, .. }
            | Self::AtGate { delivery, .. }
            | Self::Sending(delivery)
            | Self::Backoff { delivery, .. } => Some(delivery),
            Self::Reporting { .. }
            | Self::Recalling(_)
            | Self::AwaitingExchange { .. }
            | Self::Exchanging(_)
            | Self::ExchangeBackoff { .. }
            | Self::Keeping { .. }
            | Self::Settling(_)
            | Self::Unsettled { .. }
            | Self::Publishing(_) => None,
        }
    }

    /// Its slot, if it is one of the `max_in_flight` of its app: from its turn to the end of its call.
    pub(super) fn slot(&self) -> Option<Slot> {
        match self {
            Self::Claiming { .. } | Self::AtGate { .. } => Some(Slot::BeforeCall),
            Self::Sending(_) => Some(Slot::Called),
            Self::Reporting { .. }
            | Self::Recalling(_)
            | Self::AwaitingExchange { .. }
            | Self::Exchanging(_)
            | Self::ExchangeBackoff { .. }
            | Self::Keeping { .. }
            | Self::Waiting(_)
            | Self::Backoff { .. }
            | Self::Settling(_)
            | Self::Unsettled { .. }
            | Self::Publishing(_) => None,
        }
    }

    /// Whether nothing that is under way would be lost if the message were dropped here, for the next owner of its partition to begin anew.
    pub(super) fn rests(&self) -> bool {
        match self {
            Self::AwaitingExchange { .. }
            | Self::ExchangeBackoff { .. }
            | Self::Waiting(_)
            | Self::Backoff { .. }
            | Self::Unsettled { .. } => true,
            Self::Reporting { .. }
            | Self::Recalling(_)
            | Self::Exchanging(_)
            | Self::Keeping { .. }
            | Self::Claiming { .. }
            | Self::AtGate { .. }
            | Self::Sending(_)
            | Self::Settling(_)
            | Self::Publishing(_) => false,
        }
    }

    /// The machine may have stood still without either clock telling: no call is begun with what was asked or given before.
    pub(super) fn spoil(&mut self) {
        match self {
            Self::Claiming { asked_at, .. } => *asked_at = Moment::LONG_AGO,
            Self::AtGate { permit, .. } => permit.spoil(),
            // These ask for a claim before their call, or have begun or ended it. An exchange of a login code needs no claim: a code works once.
            Self::Reporting { .. }
            | Self::Recalling(_)
            | Self::AwaitingExchange { .. }
            | Self::Exchanging(_)
            | Self::ExchangeBackoff { .. }
            | Self::Keeping { .. }
            | Self::Waiting(_)
            | Self::Sending(_)
            | Self::Backoff { .. }
            | Self::Settling(_)
            | Self::Unsettled { .. }
            | Self::Publishing(_) => {}
        }
    }

    /// The store has answered another question, and the answer to its own one may be lost. What the store has to know is told again at this
    /// time.
    pub(super) fn unanswered(self, until: Duration) -> Self {
        match self {
            Self::Settling(settlement) => Self::Unsettled { settlement, until },
            Self::Reporting { report, .. } => {
                let again_at = Some(until);
                Self::Reporting { report, again_at }
            }
            Self::Recalling(_)
            | Self::AwaitingExchange { .. }
            | Self::Exchanging(_)
            | Self::ExchangeBackoff { .. }
            | Self::Keeping { .. }
            | Self::Waiting(_)
            | Self::Claiming { .. }
            | Self::AtGate { .. }
            | Self::Sending(_)
            | Self::Backoff { .. }
            | Self::Unsettled { .. }
            | Self::Publishing(_) => self,
        }
    }

    /// Its name in the picture, for logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Reporting { .. } => "Reporting",
            Self::Recalling(_) => "Recalling",
            Self::AwaitingExchange { .. } => "AwaitingExchange",
            Self::Exchanging(_) => "Exchanging",
            Self::ExchangeBackoff { .. } => "ExchangeBackoff",
            Self::Keeping { .. } => "Keeping",
            Self::Waiting(_) => "Waiting",
            Self::Claiming { .. } => "Claiming",
            Self::AtGate { .. } => "AtGate",
            Self::Sending(_) => "Sending",
            Self::Backoff { .. } => "Backoff",
            Self::Settling(_) => "Settling",
            Self::Unsettled { .. } => "Unsettled",
            Self::Publishing(_) => "Publishing",
        }
    }
}

/// One of the `max_in_flight` of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Its call is not made yet.
    BeforeCall,
    /// Its call was made.
    Called,
}

/// A message whose recipient is still a login code.
pub(super) struct PendingRecipient {
    pub(super) rule: Arc<Rule>,
    pub(super) unaddressed: Unaddressed,
    pub(super) message_id: Arc<str>,
    pub(super) outcome_id: Arc<str>,
    /// Exchanges so far.
    pub(super) tries: u32,
    /// Whether the store was asked once more after a refusal that another process may have caused.
    pub(super) asked_again: AskedAgain,
}

/// Whether the store was asked once more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedAgain {
    No,
    /// After a code that was used.
    Yes,
}

impl PendingRecipient {
    pub(super) fn new(
        rule: Arc<Rule>,
        unaddressed: Unaddressed,
        message_id: Arc<str>,
        outcome_id: Arc<str>,
    ) -> Self {
        Self {
            rule,
            unaddressed,
            message_id,
            outcome_id,
            tries: 0,
            asked_again: AskedAgain::No,
        }
    }
}

/// At which end of its lane a message waits.
#[derive(Clone, Copy)]
pub(super) enum Rejoins {
    /// It had its turn, and still has it.
    First,
    /// It has had no turn yet; or it waits for another record's message, which may stand behind it, and must not use up every turn, or every
    /// trial of a pause.
    Last,
}

/// Whether a message has had a turn: then the store was asked for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    Yes,
    No,
}

/// Whether the store has told of a claim that an earlier run made for the same record: its call may have been made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlierRun {
    NotMet,
    Met,
}

/// A message on its way.
pub(super) struct Delivery {
    pub(super) rule: Arc<Rule>,
    pub(super) message: Arc<Message>,
    pub(super) message_id: Arc<str>,
    pub(super) outcome_id: Arc<str>,
    /// The user's grant that it needs.
    pub(super) wish: Option<Wish>,
    pub(super) tries: Tries,
    /// The claim that it holds.
    pub(super) claim: Option<OwnClaim>,
    /// What the store does with rows of it that cannot be read.
    pub(super) on_unreadable: OnUnreadable,
    pub(super) begun: Begun,
    /// Calls of `WeChat`'s API; a turn without a token made none.
    pub(super) calls: u32,
    pub(super) api_ms: u64,
    /// When the last call began, in Unix milliseconds.
    pub(super) called_ms: Option<i64>,
    pub(super) rejoins: Rejoins,
    pub(super) earlier_run: EarlierRun,
    /// The refusal that was the app's or the template's matter, and after which it waits.
    pub(super) paused_by: Option<Arc<Refusal>>,
}

impl Delivery {
    /// Whether a call of it, of this run or an earlier one, may have reached `WeChat` without an answer.
    pub(super) fn may_be_told(&self) -> bool {
        self.tries.in_doubt > 0 || self.earlier_run == EarlierRun::Met
    }

    /// Whether nothing of it can be with `WeChat`, and no claim goes by what it is: only then it may become another message.
    pub(super) fn is_untold(&self) -> bool {
        self.claim.is_none() && !self.may_be_told()
    }
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
