//! From an answer to an acknowledged outcome.

use std::sync::Arc;
use std::time::Duration;

use super::{Delivery, Duty, Effect, Engine, Stage, ledger_of, report};
use crate::pipeline::admission::Ticket;
use crate::pipeline::delivery::{Answer, Class, Refusal, Verdict, decide};
use crate::pipeline::moment::Moment;
use crate::pipeline::offsets::Closed;
use crate::pipeline::outcome::{Outcome, Reason, Status};

/// The wait before an outcome is published again. Publishing has its own patience inside the client, so this is only the pause
/// between two of its refusals; an outcome is never given up.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);

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
        self.admission.call_ended(&delivery.rule.app);
        let jitter = self.jitter.f64();
        let in_doubt = delivery.rule.in_doubt;
        match decide(&self.setup.retry, in_doubt, delivery.tries, answer, jitter) {
            Verdict::Retry(wait) => {
                self.totals.retries += 1;
                duty.stage = Stage::BackingOff(delivery);
                self.timers.insert((now.elapsed + wait, ticket));
                let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin) else {
                    // The partition has another owner, who reads the record again.
                    self.abandon(ticket);
                    return;
                };
                if !matches!(answer, Answer::InDoubt { .. }) {
                    ledger.send_undone(duty.origin.record.offset);
                    if ledger.is_closing() && ledger.close() == Closed::Shorter {
                        // What reached nobody need not be waited for: the next owner sends it.
                        self.drop_forgotten();
                    }
                }
            }
            Verdict::Settle(status, reason) => {
                self.settle(
                    now,
                    ticket,
                    &delivery,
                    (status, reason),
                    Some(answer),
                    effects,
                );
            }
        }
    }

    pub(super) fn expired(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        let stage = self.duties.get(&ticket).map(|duty| &duty.stage);
        if let Some(Stage::Waiting(delivery)) = stage {
            let delivery = delivery.clone();
            let end = delivery.tries.end(Status::Expired, Reason::Expired);
            self.settle(now, ticket, &delivery, end, None, effects);
        }
    }

    fn settle(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        (status, reason): (Status, Reason),
        answer: Option<&Answer>,
        effects: &mut Vec<Effect>,
    ) {
        self.admission
            .let_go(ticket, &delivery.rule, &delivery.message);
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
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
            Some(Answer::Refused(refusal)) => {
                outcome.errcode = Some(refusal.errcode);
                outcome.errmsg = Some(refusal.errmsg.clone());
                outcome.rid.clone_from(&refusal.rid);
                outcome.param.clone_from(&refusal.param);
            }
            Some(Answer::NoToken(trouble)) => outcome.errcode = trouble.errcode,
            Some(Answer::Garbled { .. } | Answer::Unreachable { .. } | Answer::InDoubt { .. })
            | None => {}
        }
        let outcome = Arc::new(outcome);
        if let Some(duty) = self.duties.get_mut(&ticket) {
            duty.stage = Stage::Publishing(Arc::clone(&outcome));
        }
        self.publish(ticket, outcome, effects);
    }

    pub(super) fn publish(&self, ticket: Ticket, outcome: Arc<Outcome>, effects: &mut Vec<Effect>) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        let dead_letter = outcome
            .wants_dead_letter()
            .then(|| Arc::clone(&duty.origin.record));
        effects.push(Effect::Publish {
            ticket,
            outcome,
            dead_letter,
        });
    }

    pub(super) fn publish_failed(&mut self, now: Moment, ticket: Ticket) {
        let stage = self.duties.get(&ticket).map(|duty| &duty.stage);
        if let Some(Stage::Publishing(_)) = stage {
            self.timers.insert((now.elapsed + PUBLISH_AGAIN, ticket));
        }
    }

    pub(super) fn published(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        let Stage::Publishing(outcome) = &duty.stage else {
            return;
        };
        effects.push(Effect::Settled {
            outcome: Arc::clone(outcome),
        });
        if let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin) {
            ledger.acknowledge(duty.origin.record.offset);
        }
        self.drop_duty(ticket);
        self.positions_may_have_moved(now);
    }

    pub(super) fn drop_duty(&mut self, ticket: Ticket) -> Option<Duty> {
        let duty = self.duties.remove(&ticket)?;
        self.bytes = self.bytes.saturating_sub(duty.bytes);
        Some(duty)
    }
}
