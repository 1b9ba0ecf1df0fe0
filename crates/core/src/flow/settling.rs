//! From the end of a message to what the store knows of it. Nothing is published that the store does not know.

use std::sync::Arc;
use std::time::Duration;

use super::claiming::ASK_AGAIN;
use super::engine::tracker_of;
use super::in_flight::Lent;
use super::message::{Delivery, State};
use super::naming::Name;
use super::publishing::publish_first;
use super::repeated::{OTHER_AGAIN, complete, take_own_ids_of_outcome};
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::model::outcome::{EventFields, Outcome, Reason};
use crate::model::{Holder, Moment, Ticket};
use crate::state::{OnUnreadable, Request, Settlement, SettlementAnswer};
use crate::wechat::receipts::Receipts;

impl Engine {
    /// Asks the store to settle: with our claim, if there is one.
    pub(super) fn settle(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        outcome: Outcome,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let holder = delivery.claim.map(|claim| claim.holder);
        self.settle_for(now, ticket, delivery, (holder, outcome), effects)
    }

    /// Asks the store to settle: with this holder's claim.
    pub(super) fn settle_for(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        (holder, outcome): (Option<Holder>, Outcome),
        effects: &mut Vec<Effect>,
    ) -> Next {
        let mut settlement = self.settlement(now, outcome, holder);
        settlement.grant = delivery.wish.as_ref().map(|wish| wish.key.clone());
        settlement.refused_ms = self.refused_ms(now, delivery, &settlement.outcome);
        settlement.on_unreadable = delivery.on_unreadable;
        Next::Become(ask_to_settle(now, ticket, settlement, effects))
    }

    /// Asks the store to settle: without a claim.
    pub(super) fn settle_unsent(
        &mut self,
        now: Moment,
        ticket: Ticket,
        outcome: Outcome,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let settlement = self.settlement(now, outcome, None);
        Next::Become(ask_to_settle(now, ticket, settlement, effects))
    }

    /// What the store is told of an end.
    pub(super) fn settlement(
        &self,
        now: Moment,
        mut outcome: Outcome,
        holder: Option<Holder>,
    ) -> Settlement {
        outcome.bound();
        let has_receipts = outcome
            .app
            .as_ref()
            .map(|app| self.setup.receipts.contains(app));
        let receipts = match has_receipts {
            Some(true) => Receipts::Expected,
            Some(false) | None => Receipts::None,
        };
        if let (Receipts::Expected, Some(_), Some(of)) =
            (receipts, &outcome.msgid, &mut outcome.record)
        {
            // The receipt names the event, and comes without the record.
            of.event = EventFields::Kept;
        }
        Settlement {
            outcome: Arc::new(outcome),
            holder,
            grant: None,
            refused_ms: None,
            on_unreadable: OnUnreadable::Fail,
            receipts,
            now_ms: now.unix_ms,
        }
    }

    pub(super) fn settlement_answered(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        mut settlement: Settlement,
        answer: &SettlementAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            SettlementAnswer::Settled(outcome) => {
                // What any other process has settled before is without its hash.
                let is_ours = Arc::ptr_eq(outcome, &settlement.outcome);
                let name = (!is_ours).then(|| Name::of(&settlement.outcome));
                publish_stored(now, lent, (outcome, name.flatten()), effects)
            }
            SettlementAnswer::Held(held) => {
                lent.meet(now, held);
                let is_same_record = *held.outcome_id == *settlement.outcome.id;
                let wait = self.left_to_answer(now, lent.met, &settlement.outcome.id, held);
                if !wait.is_zero() {
                    // Another record's message may end at any moment.
                    let most = if is_same_record { wait } else { ASK_AGAIN };
                    return ask_to_settle_later(now, settlement, wait.min(most));
                }
                if is_same_record {
                    report::put_in_doubt(Arc::make_mut(&mut settlement.outcome), Reason::InDoubt);
                }
                settlement.holder = Some(held.holder);
                Next::Become(ask_to_settle(now, lent.ticket, settlement, effects))
            }
            SettlementAnswer::Duplicate { of } => {
                // While this process stood still, another record took the claim over.
                report::put_behind(Arc::make_mut(&mut settlement.outcome), of);
                settlement.holder = None;
                Next::Become(ask_to_settle(now, lent.ticket, settlement, effects))
            }
            SettlementAnswer::OfOtherRecord => {
                let outcome = Arc::make_mut(&mut settlement.outcome);
                if !take_own_ids_of_outcome(&lent.origin, outcome) {
                    let state = State::Unsettled {
                        settlement,
                        until: now.elapsed + ASK_AGAIN,
                    };
                    return self.cannot_be(now, lent, state, OTHER_AGAIN, effects);
                }
                Next::Become(ask_to_settle(now, lent.ticket, settlement, effects))
            }
            SettlementAnswer::TakenOver => {
                if tracker_of(&mut self.partitions, &lent.origin).is_none() {
                    return Next::End;
                }
                // The partition is not ours any more, and we have not heard of it.
                settlement.holder = None;
                ask_to_settle_later(now, settlement, self.in_doubt_after())
            }
        }
    }
}

/// Tells the store how a message ended.
pub(super) fn ask_to_settle(
    now: Moment,
    ticket: Ticket,
    mut settlement: Settlement,
    effects: &mut Vec<Effect>,
) -> State {
    settlement.now_ms = now.unix_ms;
    let request = Request::Settle(settlement.clone());
    effects.push(Effect::AskStore { ticket, request });
    State::Settling(settlement)
}

/// Where the partition is gone meanwhile, its next owner asks.
fn ask_to_settle_later(now: Moment, settlement: Settlement, wait: Duration) -> Next {
    let until = now.elapsed + wait;
    Next::Rest(State::Unsettled { settlement, until })
}

/// Publishes what the store has: the first outcome that any process gave to the record's message. The name is that of the message's user,
/// where that is known.
pub(super) fn publish_stored(
    now: Moment,
    lent: &Lent,
    (outcome, name): (&Arc<Outcome>, Option<Name>),
    effects: &mut Vec<Effect>,
) -> Next {
    let mut outcome = Arc::clone(outcome);
    complete(&mut outcome, &lent.origin);
    if let Some(name) = name {
        name.put_again_in(&mut outcome, &lent.origin.rules_version);
    }
    if !outcome.is_bounded() {
        // It was cut when it was settled, to the bounds of the version that did so. An earlier version had none; a later one may have wider ones,
        // and fields that are not known here. Larger than its topic takes, the outcome would hold its partition up for ever.
        Arc::make_mut(&mut outcome).bound();
    }
    let event = lent.origin.event.as_ref();
    let traceparent = event.and_then(|event| event.traceparent.as_ref());
    if outcome.traceparent.as_ref() != traceparent {
        // A header of the record, and the store keeps only the value.
        Arc::make_mut(&mut outcome).traceparent = traceparent.cloned();
    }
    publish_first(now, lent, outcome, effects)
}
