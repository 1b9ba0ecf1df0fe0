//! Between a message's turn and its call: the claim, and the gate. And what the store says of messages that ended.

use std::sync::Arc;
use std::time::Duration;

use super::{Delivery, Effect, Engine, Rejoins, Stage, Store, expires_at_ms, ledger_of, report};
use crate::model::outcome::{Outcome, Reason, Status};
use crate::model::{Holder, Moment, Ticket};
use crate::schedule::admission::{Departure, Turn};
use crate::state::{self, Claim, Permit, Request, Settlement};

/// The wait before the store is asked again for a message that another record or another process is sending. The answer may take as long
/// as a call, or come at once.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    /// Nobody gets a turn while the store is down: it would only use up what the limits allow.
    pub(super) fn give_turns(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while self.store == Store::Up
            && let Some(turn) = self.admission.next_turn(now, &mut self.pauses)
        {
            match turn {
                Turn::Expired(ticket) => self.expired(now, ticket, effects),
                Turn::Claim(ticket) => self.begin(now, ticket, effects),
            }
        }
    }

    fn begin(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(duty) = self.duties.get_mut(&ticket) else {
            return;
        };
        let Stage::Waiting(delivery) = &duty.stage else {
            return;
        };
        let delivery = delivery.clone();
        if let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin) {
            ledger.send_began(duty.origin.record.offset);
        }
        self.ask_for_own_claim(now, ticket, delivery, effects);
    }

    /// Asks for a claim that nobody has, or for the one that is already ours.
    pub(super) fn ask_for_own_claim(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: Delivery,
        effects: &mut Vec<Effect>,
    ) {
        let ours = delivery.permit.map(Permit::holder);
        self.ask_for_claim(now, ticket, delivery, ours, effects);
    }

    /// Every question has a holder of its own: whoever has seen an older claim of ours and takes it for one in doubt finds another one.
    pub(super) fn ask_for_claim(
        &mut self,
        now: Moment,
        ticket: Ticket,
        mut delivery: Delivery,
        over: Option<Holder>,
        effects: &mut Vec<Effect>,
    ) {
        let holder = self.new_holder();
        delivery.asked = Some((holder, now));
        delivery.rejoins = Rejoins::First;
        let claim = Claim {
            message_id: Arc::clone(&delivery.message_id),
            outcome_id: Arc::clone(&delivery.outcome_id),
            holder,
            over,
            grant: delivery.wish.clone(),
            unreadable: delivery.unreadable,
            now_ms: now.unix_ms,
        };
        let request = Request::Claim(claim);
        effects.push(Effect::Store { ticket, request });
        self.enter(ticket, Stage::Claiming(delivery));
    }

    fn come_to_gate(&mut self, ticket: Ticket, delivery: Delivery, permit: Permit) {
        self.admission
            .come_to_gate(ticket, &delivery.rule, &delivery.message, permit);
        self.enter(ticket, Stage::AtGate(delivery));
    }

    /// The partition of a message on its way has another owner, who reads the record again.
    pub(super) fn turn_back(
        &mut self,
        ticket: Ticket,
        mut delivery: Delivery,
        effects: &mut Vec<Effect>,
    ) {
        self.admission.way_ended(&delivery.rule.app);
        release(ticket, &mut delivery, effects);
        self.enter(ticket, Stage::Waiting(delivery));
        self.abandon(ticket);
    }

    pub(super) fn let_depart(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while let Some((ticket, departure)) = self.admission.next_departure(now) {
            let Some(duty) = self.duties.get_mut(&ticket) else {
                continue;
            };
            let Stage::AtGate(delivery) = &duty.stage else {
                continue;
            };
            let mut delivery = delivery.clone();
            if ledger_of(&mut self.ledgers, &duty.origin).is_none() {
                self.turn_back(ticket, delivery, effects);
                continue;
            }
            if expires_at_ms(&duty.origin, &delivery.rule) < now.unix_ms {
                self.admission.way_ended(&delivery.rule.app);
                self.enter(ticket, Stage::Waiting(delivery));
                self.expired(now, ticket, effects);
                continue;
            }
            match departure {
                Departure::Stale => self.ask_for_own_claim(now, ticket, delivery, effects),
                Departure::Call(cleared) => {
                    delivery.tries.attempts += 1;
                    delivery.called_ms = Some(now.unix_ms);
                    duty.stage = Stage::Sending(delivery);
                    effects.push(Effect::Send { ticket, cleared });
                }
            }
        }
    }

    pub(super) fn stored(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: &state::Answer,
        effects: &mut Vec<Effect>,
    ) {
        self.note_claim(now, ticket, answer);
        match self.duties.get(&ticket).map(|duty| &duty.stage) {
            Some(Stage::Claiming(delivery)) => {
                let delivery = delivery.clone();
                self.claim_answered(now, ticket, delivery, answer, effects);
            }
            Some(Stage::Recalling(letter)) => {
                let letter = letter.clone();
                self.recalled(now, ticket, letter, answer, effects);
            }
            Some(Stage::Keeping(letter, openid)) => {
                let (letter, openid) = (letter.clone(), Arc::clone(openid));
                self.kept(now, ticket, (letter, &openid), answer, effects);
            }
            Some(Stage::Reporting) => self.report_answered(now, ticket, answer),
            Some(Stage::Settling(settlement)) => {
                let settlement = settlement.clone();
                self.settlement_answered(now, ticket, settlement, answer, effects);
            }
            _ => {}
        }
    }

    fn claim_answered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        mut delivery: Delivery,
        answer: &state::Answer,
        effects: &mut Vec<Effect>,
    ) {
        let asked = delivery.asked;
        let granted =
            asked.and_then(|(holder, asked_at)| Permit::in_answer(answer, holder, asked_at));
        if let Some(permit) = granted {
            delivery.permit = Some(permit);
            let duty = self.duties.get(&ticket);
            if duty.is_some_and(|duty| ledger_of(&mut self.ledgers, &duty.origin).is_none()) {
                self.turn_back(ticket, delivery, effects);
            } else {
                self.come_to_gate(ticket, delivery, permit);
            }
            return;
        }
        match answer {
            state::Answer::Held(held)
                if self
                    .left_to_answer(now, ticket, &delivery.outcome_id, held)
                    .is_zero() =>
            {
                self.in_doubt_since_before(now, ticket, delivery, held.holder, effects);
            }
            state::Answer::Held(held) => {
                // Whoever was only slow may have settled it long before.
                let wait = self.left_to_answer(now, ticket, &delivery.outcome_id, held);
                let wait = wait.min(ASK_AGAIN);
                if held.outcome_id != delivery.outcome_id {
                    // The record that has the claim may be in line behind this one.
                    self.let_go(ticket, &delivery);
                    delivery.rejoins = Rejoins::Last;
                }
                self.admission.way_ended(&delivery.rule.app);
                self.undo(ticket);
                self.back_off(now, ticket, delivery, wait);
            }
            state::Answer::Duplicate { of } => {
                self.ended_before_call(now, &delivery);
                let end = (Status::Skipped, Reason::Duplicate);
                let mut outcome = self.outcome_of(now, ticket, &delivery, end, None);
                if let Some(outcome) = &mut outcome {
                    outcome.duplicate_of = Some(of.to_string());
                }
                self.settle(now, ticket, &delivery, outcome, effects);
            }
            state::Answer::NoGrant => {
                self.ended_before_call(now, &delivery);
                let end = delivery.tries.end(Status::Skipped, Reason::NoGrant);
                let outcome = self.outcome_of(now, ticket, &delivery, end, None);
                self.settle(now, ticket, &delivery, outcome, effects);
            }
            state::Answer::Settled(outcome) => {
                self.ended_before_call(now, &delivery);
                self.let_go(ticket, &delivery);
                self.publish_stored(now, ticket, outcome, effects);
            }
            state::Answer::Unreadable(row) => {
                self.claim_unreadable(now, ticket, delivery, *row, effects);
            }
            state::Answer::Claimed(_)
            | state::Answer::TakenOver
            | state::Answer::Released
            | state::Answer::Grant(_)
            | state::Answer::Login(_)
            | state::Answer::Receipt(_) => {
                self.ask_for_own_claim(now, ticket, delivery, effects);
            }
        }
    }

    /// A message that had its turn is over without a call of ours.
    pub(super) fn ended_before_call(&mut self, now: Moment, delivery: &Delivery) {
        self.admission.way_ended(&delivery.rule.app);
        if self.pauses.tried_nothing(now, &delivery.rule) {
            self.admission.look_again();
        }
    }

    /// Tells the store how a message ended; nothing is published before it knows.
    pub(super) fn ask_to_settle(
        &mut self,
        now: Moment,
        ticket: Ticket,
        mut settlement: Settlement,
        effects: &mut Vec<Effect>,
    ) {
        settlement.now_ms = now.unix_ms;
        let request = Request::Settle(settlement.clone());
        effects.push(Effect::Store { ticket, request });
        self.enter(ticket, Stage::Settling(settlement));
    }

    fn settlement_answered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        mut settlement: Settlement,
        answer: &state::Answer,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            state::Answer::Settled(outcome) => self.publish_stored(now, ticket, outcome, effects),
            state::Answer::Held(held) => {
                let is_same_record = *held.outcome_id == *settlement.outcome.id;
                let wait = self.left_to_answer(now, ticket, &settlement.outcome.id, held);
                if !wait.is_zero() {
                    // Another record's message may end at any moment.
                    let most = if is_same_record { wait } else { ASK_AGAIN };
                    self.ask_to_settle_later(now, ticket, settlement, wait.min(most));
                    return;
                }
                if is_same_record {
                    report::put_in_doubt(Arc::make_mut(&mut settlement.outcome), Reason::InDoubt);
                }
                settlement.holder = Some(held.holder);
                self.ask_to_settle(now, ticket, settlement, effects);
            }
            state::Answer::Duplicate { of } => {
                // While this process stood still, another record took the claim over.
                report::put_behind(Arc::make_mut(&mut settlement.outcome), of);
                settlement.holder = None;
                self.ask_to_settle(now, ticket, settlement, effects);
            }
            state::Answer::TakenOver => {
                let Some(duty) = self.duties.get(&ticket) else {
                    return;
                };
                if ledger_of(&mut self.ledgers, &duty.origin).is_none() {
                    self.drop_duty(ticket);
                    return;
                }
                // The partition is not ours any more, and we have not heard of it.
                settlement.holder = None;
                let wait = self.in_doubt_after();
                self.ask_to_settle_later(now, ticket, settlement, wait);
            }
            state::Answer::Unreadable(row) => {
                self.settlement_unreadable(now, ticket, settlement, *row, effects);
            }
            state::Answer::Claimed(_)
            | state::Answer::NoGrant
            | state::Answer::Released
            | state::Answer::Grant(_)
            | state::Answer::Login(_)
            | state::Answer::Receipt(_) => {
                self.ask_to_settle(now, ticket, settlement, effects);
            }
        }
    }

    fn ask_to_settle_later(
        &mut self,
        now: Moment,
        ticket: Ticket,
        settlement: Settlement,
        wait: Duration,
    ) {
        self.timers.insert((now.elapsed + wait, ticket));
        self.enter(ticket, Stage::Unsettled(settlement));
    }

    /// Publishes what the store has: the first outcome that a record's message was given, by whomever.
    pub(super) fn publish_stored(
        &mut self,
        now: Moment,
        ticket: Ticket,
        outcome: &Arc<Outcome>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        let mut outcome = Arc::clone(outcome);
        if !outcome.is_bounded() {
            // An earlier version has kept it.
            Arc::make_mut(&mut outcome).bound();
        }
        let event = duty.origin.event.as_ref();
        let traceparent = event.and_then(|event| event.traceparent.as_ref());
        if outcome.traceparent.as_ref() != traceparent {
            // A header of the record, and the store keeps only the value.
            Arc::make_mut(&mut outcome).traceparent = traceparent.cloned();
        }
        self.publish_first(now, ticket, outcome, effects);
    }

    pub(super) fn enter(&mut self, ticket: Ticket, stage: Stage) {
        if let Some(duty) = self.duties.get_mut(&ticket) {
            duty.stage = stage;
        }
    }
}

/// Gives the claim up, if nothing of the message can be with `WeChat`.
pub(super) fn release(ticket: Ticket, delivery: &mut Delivery, effects: &mut Vec<Effect>) {
    if delivery.tries.in_doubt > 0 {
        return;
    }
    if let Some(permit) = delivery.permit.take() {
        let request = Request::Release {
            message_id: Arc::clone(&delivery.message_id),
            holder: permit.holder(),
            grant: delivery.wish.as_ref().map(|wish| wish.key.clone()),
        };
        effects.push(Effect::Store { ticket, request });
    }
}
