//! What leads a message from one state to the next: the picture in `ARCHITECTURE.md` as one match.
//!
//! A message is lent to a handler, which moves its state on by value and says what comes next; the indexes follow from that in
//! [`super::in_flight`]. A pair that cannot be is a fault of ours: it is said, and costs this one message.

use std::sync::Arc;

use super::addressing::recall;
use super::claiming::{ASK_AGAIN, release_claim};
use super::granting::ask_to_note;
use super::in_flight::Lent;
use super::message::State;
use super::settling::ask_to_settle;
use super::unreadable::settlement_unreadable;
use super::{Effect, Engine};
use crate::flow::attempt::SendAnswer;
use crate::model::{Moment, Ticket};
use crate::schedule::admission::Departure;
use crate::state::{Answer, Reply};
use crate::wechat::logins::ExchangeAnswer;

/// What happens to one message.
pub(super) enum Happened<'a> {
    /// It has its turn.
    Turn,
    /// Its turn has come too late.
    TurnTooLate,
    /// It is first at the gate.
    Departs(Departure),
    /// It stands at the gate, and its partition is gone.
    PartitionGone,
    /// It stands at the gate, and a pause has begun that stops it.
    Stopped,
    /// There is room for the exchange of its login code.
    ExchangeRoom,
    /// The store has answered.
    StoreAnswered(&'a Reply),
    /// Its call has come back, after so many milliseconds.
    SendFinished(&'a SendAnswer, u64),
    /// The exchange of its login code has come back.
    ExchangeFinished(&'a ExchangeAnswer),
    /// The broker has acknowledged its outcome.
    Published,
    /// The broker, or the client, has refused its outcome.
    PublishFailed(Arc<str>),
    /// Its rule was changed while it waits behind a pause, and it was taken out of its lane.
    RuleChanged,
    /// What it waits for is due.
    Due,
}

impl Happened<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Turn => "Turn",
            Self::TurnTooLate => "TurnTooLate",
            Self::Departs(_) => "Departs",
            Self::PartitionGone => "PartitionGone",
            Self::Stopped => "Stopped",
            Self::ExchangeRoom => "ExchangeRoom",
            Self::StoreAnswered(_) => "StoreAnswered",
            Self::SendFinished(..) => "SendFinished",
            Self::ExchangeFinished(_) => "ExchangeFinished",
            Self::Published => "Published",
            Self::PublishFailed(_) => "PublishFailed",
            Self::RuleChanged => "RuleChanged",
            Self::Due => "Due",
        }
    }
}

/// What becomes of a message.
pub(super) enum Next {
    /// It goes on.
    Become(State),
    /// It goes on, where its partition is still ours; else its next owner begins with it anew.
    Rest(State),
    /// It has ended here: its outcome is acknowledged, or another owner has it.
    End,
}

impl Engine {
    /// Something has happened to a message. Only after a fault is a message with an open question not in hand; its late answer moves nothing.
    pub(super) fn transition(
        &mut self,
        now: Moment,
        ticket: Ticket,
        happened: Happened<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((mut lent, state)) = self.in_flight.lend(ticket) else {
            self.not_in_hand(ticket, happened.name(), effects);
            return;
        };
        let next = self.next(now, &mut lent, state, happened, effects);
        let next = self.not_in_a_former_place(now, &mut lent, next, effects);
        match next {
            Next::Become(state) => self.in_flight.enter(lent, state, &mut self.pauses),
            Next::Rest(state) => {
                let origin = Arc::clone(&lent.origin);
                self.in_flight.enter(lent, state, &mut self.pauses);
                self.drop_if_revoked(ticket, &origin);
            }
            Next::End => self.in_flight.end(lent, &mut self.pauses),
        }
    }

    fn next(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        state: State,
        happened: Happened<'_>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match (state, happened) {
            (State::Waiting(delivery), Happened::Turn) => {
                self.turn_came(now, lent, delivery, effects)
            }
            (State::Waiting(delivery), Happened::TurnTooLate) => {
                self.too_late(now, lent, *delivery, effects)
            }
            (State::Waiting(delivery), Happened::RuleChanged) => {
                self.replan(now, lent, *delivery, effects)
            }
            (State::AtGate { delivery, .. }, Happened::Departs(departure)) => {
                self.departs(now, lent, delivery, departure, effects)
            }
            (State::AtGate { mut delivery, .. }, Happened::PartitionGone) => {
                release_claim(lent.ticket, &mut delivery, effects);
                Next::End
            }
            (State::AtGate { delivery, .. }, Happened::Stopped) => {
                self.leave_gate(lent, delivery, effects)
            }
            (State::Sending(delivery), Happened::SendFinished(answer, api_ms)) => {
                self.send_finished(now, lent, delivery, (answer, api_ms), effects)
            }
            (State::Backoff { delivery, .. }, Happened::Due) => {
                Next::Become(State::Waiting(delivery))
            }

            (State::AwaitingExchange { pending, .. }, Happened::ExchangeRoom) => {
                self.begin_exchange(now, lent, pending, effects)
            }
            (State::Exchanging(pending), Happened::ExchangeFinished(answer)) => {
                self.exchanged(now, lent, pending, answer, effects)
            }
            (
                State::AwaitingExchange { pending, .. } | State::ExchangeBackoff { pending, .. },
                Happened::Due,
            ) => Next::Become(recall(now, (lent.ticket, &lent.origin), pending, effects)),

            (State::Reporting { report, .. }, Happened::Due) => {
                Next::Become(ask_to_note(now, lent.ticket, report, effects))
            }
            (State::Unsettled { settlement, .. }, Happened::Due) => {
                Next::Become(ask_to_settle(now, lent.ticket, settlement, effects))
            }
            (State::Publishing(publishing), Happened::Published) => {
                self.published(now, lent, publishing, effects)
            }
            (State::Publishing(publishing), Happened::PublishFailed(why)) => {
                Next::Become(State::Publishing(publishing.refused(now, why)))
            }
            (State::Publishing(publishing), Happened::Due) => {
                Next::Become(State::Publishing(publishing.again(lent, effects)))
            }

            (state, Happened::StoreAnswered(reply)) => {
                self.answered(now, lent, state, reply, effects)
            }

            (state, happened) => self.cannot_be(now, lent, state, happened.name(), effects),
        }
    }

    /// The store has answered, or cannot read a row that its answer needs.
    fn answered(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        state: State,
        reply: &Reply,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match (state, reply) {
            (
                State::Claiming {
                    delivery,
                    holder,
                    asked_at,
                },
                Ok(Answer::Claim(answer)),
            ) => self.claim_answered(now, lent, delivery, (holder, asked_at), answer, effects),
            (State::Claiming { delivery, .. }, Err(row)) => {
                self.claim_unreadable(now, lent, delivery, *row, effects)
            }
            (State::Recalling(pending), Ok(Answer::Recall(answer))) => {
                self.recalled(now, lent, pending, answer, effects)
            }
            (State::Recalling(pending), Err(row)) => {
                self.recall_unreadable(now, lent, pending, *row, effects)
            }
            (State::Keeping { pending, openid }, Ok(Answer::Keep(answer))) => {
                self.kept(now, lent, (pending, &openid), answer, effects)
            }
            (State::Keeping { pending, openid }, Err(row)) => {
                self.keep_unreadable(now, lent, (pending, &openid), *row, effects)
            }
            (State::Reporting { .. }, Ok(Answer::Report(_))) => {
                self.report_noted(now, lent, effects)
            }
            (State::Reporting { .. }, Err(_)) => self.report_unreadable(now, lent, effects),
            (State::Settling(settlement), Ok(Answer::Settle(answer))) => {
                self.settlement_answered(now, lent, settlement, answer, effects)
            }
            (State::Settling(settlement), Err(row)) => {
                settlement_unreadable(now, lent, settlement, *row, effects)
            }

            (state, _) => {
                let state = state.unanswered(now.elapsed + ASK_AGAIN);
                let what = "an answer to another question";
                self.cannot_be(now, lent, state, what, effects)
            }
        }
    }
}
