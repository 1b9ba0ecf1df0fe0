//! Between a message's turn and its call: the claim, and the gate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::engine::{Gate, StoreHealth, tracker_of};
use super::in_flight::Lent;
use super::message::{Begun, Delivery, EarlierRun, Rejoins, State, expires_at_ms};
use super::repeated::{OTHER_AGAIN, take_own_ids};
use super::settling::publish_stored;
use super::transition::{Happened, Next};
use super::{Effect, Engine};
use crate::model::outcome::Reason;
use crate::model::{Holder, Moment, Ticket};
use crate::schedule::admission::{Departure, Turn};
use crate::state::{Claim, ClaimAnswer, Held, OwnClaim, Permit, Request};

/// The wait before the store is asked again for a message that another record or another process is sending. The answer may take as long
/// as a call, or come at once.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    /// No message gets a turn while the store is down: it would only use up what the limits allow.
    pub(super) fn give_turns(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while self.store == StoreHealth::Up
            && let Some(turn) = self.in_flight.admission.next_turn(now, &mut self.pauses)
        {
            match turn {
                Turn::Expired(ticket) => {
                    self.transition(now, ticket, Happened::TurnTooLate, effects);
                }
                Turn::Claim(ticket) => self.transition(now, ticket, Happened::Turn, effects),
            }
        }
    }

    pub(super) fn turn_came(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        delivery: Box<Delivery>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        lent.takes_slot(&delivery.rule.app);
        if delivery.is_untold() && self.is_outdated(&lent.origin, &delivery) {
            return self.remake_at_turn(now, lent, *delivery, effects);
        }
        self.begin(now, lent, delivery, effects)
    }

    /// Begins with what may end in a call.
    pub(super) fn begin(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: Box<Delivery>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.mark_irrevocable(&lent.origin, effects);
        self.ask_for_own_claim(now, lent, delivery, effects)
    }

    /// Asks for a claim that is free, or for the one that is already ours.
    pub(super) fn ask_for_own_claim(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: Box<Delivery>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let ours = delivery.claim.map(|claim| claim.holder);
        self.ask_for_claim(now, lent, delivery, ours, effects)
    }

    /// Every question has a holder of its own: a process that has seen an older claim of ours, and takes it for one in doubt, finds another one.
    pub(super) fn ask_for_claim(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut delivery: Box<Delivery>,
        over: Option<Holder>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let holder = self.new_holder();
        delivery.begun = Begun::Yes;
        delivery.rejoins = Rejoins::First;
        let claim = Claim {
            message_id: Arc::clone(&delivery.message_id),
            outcome_id: Arc::clone(&delivery.outcome_id),
            record: lent.origin.identity(),
            holder,
            takes_over: over,
            grant: delivery.wish.clone(),
            on_unreadable: delivery.on_unreadable,
            since_ms: now
                .unix_ms
                .saturating_add(self.calendar.system_ahead_ms.max(0)),
            now_ms: now.unix_ms,
        };
        let request = Request::Claim(claim);
        let ticket = lent.ticket;
        effects.push(Effect::AskStore { ticket, request });
        Next::Become(State::Claiming {
            delivery,
            holder,
            asked_at: now,
        })
    }

    /// What a pause that has begun stops at the gate leaves it at once: in its turn it would use up what the limits allow, and keep those
    /// behind it waiting for nothing.
    pub(super) fn clear_gate_of_stopped(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if std::mem::replace(&mut self.gate, Gate::Sound) == Gate::Sound {
            return;
        }
        let mut stopped = BTreeSet::new();
        for (ticket, _, state) in self.in_flight.iter() {
            if let State::AtGate { delivery, .. } = state
                && self.pauses.stop(ticket, &delivery.rule)
            {
                stopped.insert(ticket);
            }
        }
        if stopped.is_empty() {
            return;
        }
        let is_stopped = |ticket| stopped.contains(&ticket);
        for ticket in self.in_flight.admission.leave_gate(&is_stopped) {
            self.transition(now, ticket, Happened::Stopped, effects);
        }
    }

    pub(super) fn let_depart(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some((ticket, departure)) = self.in_flight.admission.next_departure(now) {
            self.transition(now, ticket, Happened::Departs(departure), effects);
        }
    }

    pub(super) fn departs(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut delivery: Box<Delivery>,
        departure: Departure,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if tracker_of(&mut self.partitions, &lent.origin).is_none() {
            release_claim(lent.ticket, &mut delivery, effects);
            return Next::End;
        }
        // Its claim is of this run.
        if !delivery.may_be_told() && self.is_outdated(&lent.origin, &delivery) {
            // It is made anew at its next turn.
            return self.leave_gate(lent, delivery, effects);
        }
        if self.pauses.stop(lent.ticket, &delivery.rule) {
            return self.leave_gate(lent, delivery, effects);
        }
        if expires_at_ms(&lent.origin, &delivery.rule) < now.unix_ms {
            return self.expire(now, lent, &delivery, effects);
        }
        match departure {
            Departure::Stale => self.ask_for_own_claim(now, lent, delivery, effects),
            Departure::Call(cleared) => {
                delivery.tries.attempts += 1;
                delivery.called_ms = Some(now.unix_ms);
                if self.pauses.called(lent.ticket) {
                    self.in_flight.admission.look_again();
                }
                let ticket = lent.ticket;
                effects.push(Effect::Send { ticket, cleared });
                Next::Become(State::Sending(delivery))
            }
        }
    }

    /// A message at the gate is not to be sent now: it gives its claim back, unless an earlier call of it may have arrived, and waits.
    pub(super) fn leave_gate(
        &mut self,
        lent: &Lent,
        mut delivery: Box<Delivery>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        release_claim(lent.ticket, &mut delivery, effects);
        if delivery.claim.is_none() {
            self.clear_irrevocable(&lent.origin);
        }
        Next::Rest(State::Waiting(delivery))
    }

    pub(super) fn claim_answered(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        mut delivery: Box<Delivery>,
        (holder, asked_at): (Holder, Moment),
        answer: &ClaimAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            ClaimAnswer::Claimed(reservation) => {
                let reservation = *reservation;
                let claim = OwnClaim {
                    holder,
                    reservation,
                };
                delivery.claim = Some(claim);
                if tracker_of(&mut self.partitions, &lent.origin).is_none() {
                    // The partition has another owner, which reads the record again.
                    release_claim(lent.ticket, &mut delivery, effects);
                    return Next::End;
                }
                let permit = Permit::new(claim, asked_at);
                Next::Become(State::AtGate { delivery, permit })
            }
            ClaimAnswer::Held(held) => self.claim_held(now, lent, delivery, held, effects),
            ClaimAnswer::Duplicate { of } => {
                let mut outcome =
                    self.outcome_of(now, &lent.origin, &delivery, Reason::Duplicate, None);
                outcome.duplicate_of = Some(of.to_string());
                self.settle(now, lent.ticket, &delivery, outcome, effects)
            }
            ClaimAnswer::NoGrant | ClaimAnswer::TooSoon => {
                let reason = if *answer == ClaimAnswer::TooSoon {
                    Reason::TooSoon
                } else {
                    Reason::NoGrant
                };
                let end = delivery.tries.end(reason);
                let outcome = self.outcome_of(now, &lent.origin, &delivery, end, None);
                self.settle(now, lent.ticket, &delivery, outcome, effects)
            }
            ClaimAnswer::Settled(outcome) => {
                let name = self.name(&delivery.rule, &delivery.message.recipient);
                publish_stored(now, lent, (outcome, Some(name)), effects)
            }
            ClaimAnswer::OfOtherRecord => {
                let ids = (&mut delivery.outcome_id, &mut delivery.message_id);
                if !take_own_ids(&lent.origin, ids) {
                    let state = State::Waiting(delivery);
                    return self.cannot_be(now, lent, state, OTHER_AGAIN, effects);
                }
                self.ask_for_own_claim(now, lent, delivery, effects)
            }
        }
    }

    /// Another holder has a claim of the message.
    fn claim_held(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        mut delivery: Box<Delivery>,
        held: &Held,
        effects: &mut Vec<Effect>,
    ) -> Next {
        lent.meet(now, held);
        if held.outcome_id == delivery.outcome_id {
            delivery.earlier_run = EarlierRun::Met;
        }
        let wait = self.left_to_answer(now, lent.met, &delivery.outcome_id, held);
        if wait.is_zero() {
            return self.in_doubt_since_before(now, lent, delivery, held.holder, effects);
        }
        if held.outcome_id != delivery.outcome_id {
            // The record that has the claim may be in line behind this one.
            self.in_flight.release_recipient(lent, &self.pauses);
            delivery.rejoins = Rejoins::Last;
        }
        self.clear_irrevocable(&lent.origin);
        // A process that was only slow may settle it long before.
        back_off(now, delivery, wait.min(ASK_AGAIN))
    }
}

/// A message that had its turn waits before the next one.
pub(super) fn back_off(now: Moment, delivery: Box<Delivery>, wait: Duration) -> Next {
    let until = now.elapsed + wait;
    Next::Rest(State::Backoff { delivery, until })
}

/// Gives the claim up, if nothing of the message can be with `WeChat`.
pub(super) fn release_claim(ticket: Ticket, delivery: &mut Delivery, effects: &mut Vec<Effect>) {
    if delivery.tries.in_doubt > 0 {
        return;
    }
    if let Some(claim) = delivery.claim.take() {
        let request = Request::Release {
            message_id: Arc::clone(&delivery.message_id),
            holder: claim.holder,
            grant: delivery.wish.as_ref().map(|wish| wish.key.clone()),
        };
        effects.push(Effect::AskStore { ticket, request });
    }
}
