//! From an answer to the outcome that the store is told.

use std::sync::Arc;
use std::time::Duration;

use super::claiming::release;
use super::pausing::{party_of, refusal_in};
use super::{Delivery, Duty, Effect, Engine, Origin, Rejoins, Stage, ledger_of, report};
use crate::flow::delivery::{Answer, Refusal, Verdict, decide};
use crate::flow::offsets::Closed;
use crate::model::outcome::{Outcome, Reason, Status};
use crate::model::{Holder, Moment, Ticket};
use crate::schedule::pauses::{Cause, Silence};
use crate::state::{Permit, Settlement, Unreadable};
use crate::wechat::Class;
use crate::wechat::receipts::Receipts;

impl Engine {
    pub(super) fn send_finished(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: &Answer,
        api_ms: u64,
        effects: &mut Vec<Effect>,
    ) {
        let Some(duty) = self.duties.get_mut(&ticket) else {
            return;
        };
        let Stage::Sending(delivery) = &duty.stage else {
            return;
        };
        let mut delivery = delivery.clone();
        let origin = duty.origin.clone();
        delivery.api_ms += api_ms;
        if !matches!(answer, Answer::NoToken(_)) {
            delivery.calls += 1;
        }
        if let Answer::Refused(Refusal {
            class: Class::Token,
            ..
        }) = answer
        {
            delivery.tries.token_refusals += 1;
        }
        if let Answer::InDoubt { .. } = answer {
            delivery.tries.in_doubt += 1;
        }
        self.admission.way_ended(&delivery.rule.app);
        let jitter = self.jitter.f64();
        let in_doubt = delivery.rule.in_doubt;
        let verdict = decide(&self.setup.retry, in_doubt, delivery.tries, answer, jitter);
        let verdict = self.weigh_outage(&delivery, &origin, answer, verdict, effects);
        self.note_ledger(delivery.permit, answer);
        self.note_answer(now, &delivery, &origin, answer, effects);
        match verdict {
            Verdict::Retry(wait) => {
                self.totals.retries += 1;
                self.end_attempt(ticket, &mut delivery, answer, effects);
                self.back_off(now, ticket, delivery, wait);
            }
            Verdict::Hold(cause) => {
                // It was not this message's fault, so it costs no attempt, unless it may have arrived: that must not be repeated without end.
                if !matches!(answer, Answer::InDoubt { .. }) {
                    delivery.tries.attempts = delivery.tries.attempts.saturating_sub(1);
                }
                if cause == Cause::Outage {
                    // The next trial is another message's: should only this one get no answer, the API is found well again.
                    delivery.rejoins = Rejoins::Last;
                }
                delivery.held_by = refusal_in(answer).map(Arc::new);
                self.end_attempt(ticket, &mut delivery, answer, effects);
                if cause == Cause::Template
                    && delivery.permit.is_none()
                    && self.has_another_template(&delivery.rule)
                {
                    // What would hold this message is mended already.
                    self.make_one_anew(now, ticket, delivery, effects);
                } else {
                    self.begin_pause(now, &delivery, cause, effects);
                    self.enter(ticket, Stage::Waiting(delivery.clone()));
                    self.come_back(ticket, &delivery);
                }
                self.leave_to_next_owner(ticket);
            }
            Verdict::Settle(status, reason) => {
                let end = (status, reason);
                let outcome = self.outcome_of(now, ticket, &delivery, end, Some(answer));
                self.settle(now, ticket, &delivery, outcome, effects);
            }
        }
    }

    /// Where nothing comes back for anybody, a failed attempt says nothing of its message: it waits for the end of the outage.
    fn weigh_outage(
        &mut self,
        delivery: &Delivery,
        origin: &Origin,
        answer: &Answer,
        verdict: Verdict,
        effects: &mut Vec<Effect>,
    ) -> Verdict {
        let rule = &delivery.rule;
        let silence = match answer {
            Answer::Accepted { .. } | Answer::Refused(_) => {
                self.outages.answered(&rule.app, rule.api());
                let changes = self.pauses.was_answered(rule);
                self.announce(changes, effects);
                None
            }
            Answer::Garbled { .. } | Answer::InDoubt { .. } => {
                Some(Silence::AfterMessage(party_of(delivery, origin)))
            }
            Answer::Unreachable { .. } => Some(Silence::BeforeMessage),
            Answer::NoToken(trouble) => trouble.errcode.is_none().then_some(Silence::BeforeMessage),
        };
        let is_outage =
            silence.is_some_and(|silence| self.outages.unanswered(&rule.app, rule.api(), silence));
        let may_have_arrived = matches!(answer, Answer::InDoubt { .. });
        match verdict {
            Verdict::Retry(_) if is_outage => Verdict::Hold(Cause::Outage),
            Verdict::Settle(..) if is_outage && !may_have_arrived => Verdict::Hold(Cause::Outage),
            Verdict::Retry(_) | Verdict::Settle(..) | Verdict::Hold(_) => verdict,
        }
    }

    /// An attempt that certainly reached nobody leaves nothing behind: no claim, and no mark in the ledger.
    fn end_attempt(
        &mut self,
        ticket: Ticket,
        delivery: &mut Delivery,
        answer: &Answer,
        effects: &mut Vec<Effect>,
    ) {
        if !matches!(answer, Answer::InDoubt { .. }) {
            release(ticket, delivery, effects);
            self.undo(ticket);
        }
    }

    /// What was begun with a message's turn has reached nobody.
    pub(super) fn undo(&mut self, ticket: Ticket) {
        if let Some(duty) = self.duties.get(&ticket)
            && let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin)
        {
            ledger.send_undone(duty.origin.record.offset);
        }
    }

    /// A message that had its turn waits before the next one.
    pub(super) fn back_off(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: Delivery,
        wait: Duration,
    ) {
        self.enter(ticket, Stage::BackingOff(delivery));
        self.timers.insert((now.elapsed + wait, ticket));
        self.leave_to_next_owner(ticket);
    }

    /// What reached nobody need not be waited for where its partition is given back, nor be kept where it is gone: the next owner reads it
    /// again.
    pub(super) fn leave_to_next_owner(&mut self, ticket: Ticket) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        match ledger_of(&mut self.ledgers, &duty.origin) {
            None => {
                self.admission.forget(&|waiting| waiting == ticket);
                self.abandon(ticket);
            }
            Some(ledger) => {
                // It may have been forgotten while the store was asked for it, when nothing of it had begun.
                let is_forgotten = ledger.is_closing()
                    && (ledger.close() == Closed::Shorter
                        || !ledger.keeps(duty.origin.record.offset));
                if is_forgotten {
                    self.drop_forgotten();
                }
            }
        }
    }

    pub(super) fn expired(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        let stage = self.duties.get(&ticket).map(|duty| &duty.stage);
        if let Some(Stage::Waiting(delivery)) = stage {
            let delivery = delivery.clone();
            let end = delivery.tries.end(Status::Expired, Reason::Expired);
            let mut outcome = self.outcome_of(now, ticket, &delivery, end, None);
            // Most of what a pause holds is never called, and has no code of its own to tell why it waited.
            if let (Some(outcome), Some(pause)) = (&mut outcome, self.pauses.over(&delivery.rule)) {
                outcome.detail += &report::held_by(pause);
            }
            self.settle(now, ticket, &delivery, outcome, effects);
        }
    }

    /// The outcome of a message on its way.
    pub(super) fn outcome_of(
        &self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        (status, reason): (Status, Reason),
        answer: Option<&Answer>,
    ) -> Option<Outcome> {
        let duty = self.duties.get(&ticket)?;
        let mut outcome = report::outcome(now, &duty.origin, status, reason);
        report::name_rule(&mut outcome, &duty.origin, &delivery.rule);
        let message = &delivery.message;
        outcome.message_id.clone_from(&message.message_id);
        outcome.recipient = Some(self.setup.recipient_style.show(&message.recipient));
        outcome.attempts = delivery.calls;
        outcome.api_ms = delivery.api_ms;
        outcome.waited_ms = outcome.waited_ms.saturating_sub(delivery.api_ms);
        outcome.detail = report::explain(delivery, reason, answer);
        match answer {
            Some(Answer::Accepted { msgid }) => outcome.msgid.clone_from(msgid),
            Some(Answer::Refused(refusal)) => report::name_refusal(&mut outcome, refusal),
            Some(Answer::NoToken(trouble)) => outcome.errcode = trouble.errcode,
            Some(Answer::Garbled { .. } | Answer::Unreachable { .. } | Answer::InDoubt { .. }) => {}
            // What it waited for when it ended.
            None => {
                if let Some(refusal) = &delivery.held_by {
                    report::name_refusal(&mut outcome, refusal);
                }
            }
        }
        Some(outcome)
    }

    /// Ends a message: its recipient is free, and the store is told.
    pub(super) fn settle(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        outcome: Option<Outcome>,
        effects: &mut Vec<Effect>,
    ) {
        let holder = delivery.permit.map(Permit::holder);
        self.settle_for(now, ticket, delivery, holder, outcome, effects);
    }

    /// The same for whoever holds the claim.
    pub(super) fn settle_for(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        holder: Option<Holder>,
        outcome: Option<Outcome>,
        effects: &mut Vec<Effect>,
    ) {
        self.let_go(ticket, delivery);
        if let Some(outcome) = outcome {
            let mut settlement = self.settlement(now, outcome, holder);
            settlement.grant = delivery.wish.as_ref().map(|wish| wish.key.clone());
            settlement.called_ms = delivery.called_ms;
            settlement.unreadable = delivery.unreadable;
            self.ask_to_settle(now, ticket, settlement, effects);
        }
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
        Settlement {
            outcome: Arc::new(outcome),
            holder,
            grant: None,
            called_ms: None,
            unreadable: Unreadable::Tell,
            receipts: match has_receipts {
                Some(true) => Receipts::Expected,
                Some(false) | None => Receipts::None,
            },
            now_ms: now.unix_ms,
        }
    }

    pub(super) fn drop_duty(&mut self, ticket: Ticket) -> Option<Duty> {
        let duty = self.duties.remove(&ticket)?;
        self.ages.forget(ticket);
        self.bytes = self.bytes.saturating_sub(duty.bytes);
        if let Some(rule) = &duty.share_of {
            self.shares.give_back(rule, duty.bytes);
        }
        Some(duty)
    }
}
