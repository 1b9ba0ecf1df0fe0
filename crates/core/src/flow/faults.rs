//! What cannot be is a fault of ours: it is said, counted, and costs at most the one message.

use super::in_flight::Lent;
use super::message::{Delivery, Origin, PendingRecipient, State};
use super::transition::Next;
use super::{Effect, Engine};
use crate::model::outcome::Reason;
use crate::model::{Moment, Ticket};

impl Engine {
    /// A fault of ours. It is said, and costs this one message: what cannot go on ends, and what has ended already goes on as it was.
    pub(super) fn cannot_be(
        &mut self,
        now: Moment,
        lent: &Lent,
        state: State,
        happened: &str,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.say_fault(lent, &state, happened, effects);
        match state {
            State::Sending(mut delivery) => {
                // Its call is under way.
                delivery.tries.in_doubt += 1;
                self.end_by_fault(now, lent, &delivery, effects)
            }
            State::Waiting(delivery)
            | State::Claiming { delivery, .. }
            | State::AtGate { delivery, .. }
            | State::Backoff { delivery, .. } => self.end_by_fault(now, lent, &delivery, effects),
            State::Recalling(pending)
            | State::AwaitingExchange { pending, .. }
            | State::Exchanging(pending)
            | State::ExchangeBackoff { pending, .. } => {
                self.end_unaddressed_by_fault(now, lent, (&pending, None), effects)
            }
            State::Keeping { pending, openid } => {
                self.end_unaddressed_by_fault(now, lent, (&pending, Some(&openid)), effects)
            }
            State::Unsettled { .. } => Next::Rest(state),
            State::Reporting { .. } | State::Settling(_) | State::Publishing(_) => {
                Next::Become(state)
            }
        }
    }

    fn say_fault(&mut self, lent: &Lent, state: &State, happened: &str, effects: &mut Vec<Effect>) {
        // Where its state has a line, it stands there still.
        let is_it = |ticket| ticket == lent.ticket;
        self.in_flight.admission.forget(&is_it);
        self.in_flight.admission.leave_gate(&is_it);
        let state = state.name();
        let what = format!("{happened} cannot happen to a message in the state {state}");
        self.fault(&lent.origin, &what, effects);
    }

    fn end_by_fault(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let end = delivery.tries.end(Reason::Internal);
        let outcome = self.outcome_of(now, &lent.origin, delivery, end, None);
        self.settle(now, lent.ticket, delivery, outcome, effects)
    }

    fn end_unaddressed_by_fault(
        &mut self,
        now: Moment,
        lent: &Lent,
        recipient: (&PendingRecipient, Option<&str>),
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.exchanges.forget(lent.ticket);
        let outcome = self.unsent_to(now, &lent.origin, recipient, Reason::Internal);
        self.settle_unsent(now, lent.ticket, outcome, effects)
    }

    /// Nothing leaves the hand with a question or a call under way, and no index names what has left.
    pub(super) fn not_in_hand(
        &mut self,
        ticket: Ticket,
        happened: &str,
        effects: &mut Vec<Effect>,
    ) {
        let what = format!("{happened} has come for {ticket:?}, which is not in hand");
        self.say("unknown".to_owned(), what, effects);
    }

    /// Says what cannot be, of a message that goes on.
    pub(super) fn fault(&mut self, origin: &Origin, what: &str, effects: &mut Vec<Effect>) {
        self.say(origin.record.position(), what.to_owned(), effects);
    }

    fn say(&mut self, position: String, what: String, effects: &mut Vec<Effect>) {
        self.totals.internal_errors += 1;
        effects.push(Effect::InternalError { position, what });
    }
}
