//! From an answer to an acknowledged outcome.

use std::sync::Arc;
use std::time::Duration;

use super::{Delivery, Duty, Effect, Engine, Origin, Stage, ledger_of};
use crate::pipeline::admission::Ticket;
use crate::pipeline::delivery::{Answer, Class, Refusal, Verdict, decide};
use crate::pipeline::event::rfc3339_ms;
use crate::pipeline::message::{Rejection, message_id};
use crate::pipeline::moment::Moment;
use crate::pipeline::outcome::{Outcome, Reason, Status};
use crate::pipeline::rules::Rule;

/// The wait before an outcome is published again. Publishing has its own patience inside the client, so this is only the pause
/// between two of its refusals; an outcome is never given up.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn send_finished(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: Answer,
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
        if let Answer::Refused(Refusal {
            class: Class::Token,
            ..
        }) = answer
        {
            delivery.tries.token_refusals += 1;
        }
        self.admission.call_ended(&delivery.rule.app);
        let jitter = self.jitter.f64();
        let in_doubt = delivery.rule.in_doubt;
        match decide(&self.setup.retry, in_doubt, delivery.tries, &answer, jitter) {
            Verdict::Retry(wait) => {
                self.totals.retries += 1;
                let ledger = ledger_of(&mut self.ledgers, &duty.origin);
                let is_closing = match ledger {
                    None => true,
                    Some(ledger) => {
                        if !matches!(answer, Answer::InDoubt { .. }) {
                            ledger.send_undone(duty.origin.record.offset);
                        }
                        ledger.is_closing()
                    }
                };
                duty.stage = Stage::BackingOff(delivery);
                self.timers.insert((now.elapsed + wait, ticket));
                if is_closing {
                    // What reached nobody need not be waited for: the next owner sends it.
                    self.drop_unbegun();
                }
            }
            Verdict::Settle(status, reason) => {
                self.settle(
                    now,
                    ticket,
                    &delivery,
                    (status, reason),
                    Some(&answer),
                    effects,
                );
            }
        }
    }

    pub(super) fn expired(&mut self, now: Moment, ticket: Ticket, effects: &mut Vec<Effect>) {
        let stage = self.duties.get(&ticket).map(|duty| &duty.stage);
        if let Some(Stage::Waiting(delivery)) = stage {
            let delivery = delivery.clone();
            let end = (Status::Expired, Reason::Expired);
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
        let mut outcome = self.outcome(now, &duty.origin, status, reason);
        self.name_rule(&mut outcome, &duty.origin, &delivery.rule);
        let message = &delivery.message;
        outcome.message_id.clone_from(&message.message_id);
        outcome.recipient = Some(self.setup.recipient_style.show(&message.recipient));
        outcome.attempts = delivery.tries.attempts;
        outcome.api_ms = delivery.api_ms;
        outcome.waited_ms = outcome.waited_ms.saturating_sub(delivery.api_ms);
        outcome.detail = explain(delivery, reason, answer);
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
            duty.stage = Stage::Publishing {
                outcome: Arc::clone(&outcome),
                failures: 0,
            };
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
        if let Some(duty) = self.duties.get_mut(&ticket)
            && let Stage::Publishing { failures, .. } = &mut duty.stage
        {
            *failures += 1;
            self.timers.insert((now.elapsed + PUBLISH_AGAIN, ticket));
        }
    }

    pub(super) fn published(&mut self, now: Moment, ticket: Ticket) {
        let Some(duty) = self.duties.get(&ticket) else {
            return;
        };
        if !matches!(duty.stage, Stage::Publishing { .. }) {
            return;
        }
        let offset = duty.origin.record.offset;
        if let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin) {
            ledger.acknowledge(offset);
        }
        self.drop_duty(ticket);
        self.positions_may_have_moved(now);
    }

    pub(super) fn drop_duty(&mut self, ticket: Ticket) -> Option<Duty> {
        let duty = self.duties.remove(&ticket)?;
        self.bytes = self.bytes.saturating_sub(duty.bytes);
        Some(duty)
    }

    /// The outcome of a message that a rule could not make.
    pub(super) fn rejected_outcome(
        &self,
        now: Moment,
        origin: &Origin,
        rule: &Rule,
        rejection: Rejection,
    ) -> Outcome {
        let mut outcome = self.outcome(now, origin, Status::Invalid, rejection.reason);
        self.name_rule(&mut outcome, origin, rule);
        outcome.detail = rejection.detail;
        outcome.param = rejection.param.map(|param| param.to_string());
        outcome
    }

    fn name_rule(&self, outcome: &mut Outcome, origin: &Origin, rule: &Rule) {
        outcome.id = format!("{}/{}", origin.record.position(), rule.name);
        if let Some(event) = &origin.event {
            outcome.message_id = message_id(&rule.name, &event.source, &event.id);
        }
        outcome.rule = Some(Arc::clone(&rule.name));
        outcome.app = Some(Arc::clone(&rule.app));
        outcome.template = Some(Arc::clone(&rule.template.name));
        outcome.template_id = Some(Arc::from(rule.template.id.as_str()));
    }

    /// What every outcome says. Without a rule the record itself is what ended.
    pub(super) fn outcome(
        &self,
        now: Moment,
        origin: &Origin,
        status: Status,
        reason: Reason,
    ) -> Outcome {
        let event = origin.event.as_deref();
        let position = origin.record.position();
        let waited = now.elapsed.saturating_sub(origin.received.elapsed);
        Outcome {
            id: position.clone(),
            message_id: position,
            duplicate_of: None,
            status,
            reason,
            detail: String::new(),
            rule: None,
            rules_version: Arc::clone(&origin.rules_version),
            app: None,
            template: None,
            template_id: None,
            recipient: None,
            event_id: event.map(|event| event.id.clone()),
            event_type: event.map(|event| event.kind.clone()),
            event_source: event.map(|event| event.source.clone()),
            event_time: event.map(|event| rfc3339_ms(event.time_ms)),
            topic: Arc::clone(&origin.record.topic),
            partition: origin.record.partition,
            offset: origin.record.offset,
            errcode: None,
            errmsg: None,
            rid: None,
            msgid: None,
            param: None,
            attempts: 0,
            received_at: rfc3339_ms(origin.received.unix_ms),
            settled_at: rfc3339_ms(now.unix_ms),
            waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            api_ms: 0,
            traceparent: event.and_then(|event| event.traceparent.clone()),
        }
    }
}

/// A sentence for the person who reads the outcome.
fn explain(delivery: &Delivery, reason: Reason, answer: Option<&Answer>) -> String {
    let rule = &delivery.rule;
    let template = &rule.template.name;
    match (reason, answer) {
        (Reason::Ok, _) => "WeChat took the message".to_owned(),
        (Reason::UserRefused, _) => {
            "the user has not subscribed to this template, has cancelled, or has used up what was granted".to_owned()
        }
        (Reason::RecipientUnknown, _) => format!("WeChat knows no such user in the app {}", rule.app),
        (Reason::ParamRefused, Some(Answer::Refused(Refusal { param: Some(param), .. }))) => {
            format!("WeChat refuses the value of {param} for the template {template}")
        }
        (Reason::ParamRefused, _) => format!("WeChat refuses a value for the template {template}"),
        (Reason::ContentRefused, _) => "WeChat refuses the content: it holds a word or leads to a page that is not allowed".to_owned(),
        (Reason::TemplateUnknown, _) => {
            format!("WeChat knows no template {} in the app {}: check its id in templates.toml", rule.template.id, rule.app)
        }
        (Reason::PageUnknown, _) => "the page is not in the released version of the mini program".to_owned(),
        (Reason::TemplateBanned, _) => format!("the template {template}, or the app's ability to send, is banned"),
        (Reason::AccountFault, Some(Answer::NoToken(trouble))) => format!("no access token for the app {}: {}", rule.app, trouble.detail),
        (Reason::AccountFault, _) => format!("the account of the app {} may not send: see errcode and errmsg", rule.app),
        (Reason::RequestRefused, _) => "WeChat says that the request itself is wrong; please report this".to_owned(),
        (Reason::Expired, _) => format!(
            "its turn came after the {} s that the rule's expires_after allows",
            rule.expires_after.as_secs()
        ),
        (Reason::InDoubt, Some(Answer::InDoubt { detail })) => {
            format!("WeChat may have delivered it: {detail}; the rule says to leave it")
        }
        (Reason::AttemptsUsed, answer) => {
            format!("given up after {} attempts; the last one: {}", delivery.tries.attempts, last_word(answer))
        }
        (reason, _) => reason.as_str().replace('_', " "),
    }
}

fn last_word(answer: Option<&Answer>) -> String {
    match answer {
        Some(Answer::Refused(refusal)) => format!("errcode {}", refusal.errcode),
        Some(
            Answer::Garbled { detail }
            | Answer::Unreachable { detail }
            | Answer::InDoubt { detail },
        ) => detail.clone(),
        Some(Answer::NoToken(trouble)) => trouble.detail.clone(),
        Some(Answer::Accepted { .. }) | None => "no answer".to_owned(),
    }
}
