//! From the answer of a call to what follows from it.

use std::sync::Arc;

use super::claiming::{back_off, release_claim};
use super::in_flight::Lent;
use super::message::{Delivery, Origin, Rejoins, State};
use super::pausing::{party_of, refusal_in};
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::flow::attempt::{SendAnswer, Treatment, Verdict, decide};
use crate::model::Moment;
use crate::model::outcome::{Outcome, Reason};
use crate::schedule::pauses::{Cause, Silence};

impl Engine {
    pub(super) fn send_finished(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        mut delivery: Box<Delivery>,
        (answer, api_ms): (&SendAnswer, u64),
        effects: &mut Vec<Effect>,
    ) -> Next {
        delivery.api_ms += api_ms;
        if !matches!(answer, SendAnswer::NoToken(_)) {
            delivery.calls += 1;
        }
        if let SendAnswer::Refused(refusal) = answer
            && refusal.class.treatment() == Treatment::RenewToken
        {
            delivery.tries.token_refusals += 1;
        }
        if let SendAnswer::InDoubt { .. } = answer {
            delivery.tries.in_doubt += 1;
        }
        let jitter = self.jitter.f64();
        let in_doubt = delivery.rule.in_doubt;
        let verdict = decide(&self.setup.retry, in_doubt, delivery.tries, answer, jitter);
        let verdict = self.weigh_outage(&delivery, &lent.origin, answer, verdict, effects);
        self.note_ledger(now, lent, &delivery, answer, effects);
        self.note_answer(now, lent, &delivery, answer, effects);
        match verdict {
            Verdict::Retry(wait) => {
                self.totals.retries += 1;
                self.end_attempt(lent, &mut delivery, answer, effects);
                back_off(now, delivery, wait)
            }
            Verdict::Pause(cause) => {
                self.wait_for_pause(now, lent, delivery, (answer, cause), effects)
            }
            Verdict::Settle(reason) => {
                let mut outcome =
                    self.outcome_of(now, &lent.origin, &delivery, reason, Some(answer));
                if reason == Reason::UserRefused && self.waves.is_doubted(now, &delivery.rule.name)
                {
                    outcome.detail += report::IN_A_WAVE;
                }
                self.settle(now, lent.ticket, &delivery, outcome, effects)
            }
        }
    }

    /// More than this message is in trouble: it waits for the end of a pause.
    fn wait_for_pause(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        mut delivery: Box<Delivery>,
        (answer, cause): (&SendAnswer, Cause),
        effects: &mut Vec<Effect>,
    ) -> Next {
        // It was not this message's fault, so it costs no attempt, unless it may have arrived: that must not be repeated without end.
        if !matches!(answer, SendAnswer::InDoubt { .. }) {
            delivery.tries.attempts = delivery.tries.attempts.saturating_sub(1);
        }
        if cause == Cause::Outage {
            // The next trial is another message's: should only this one get no answer, the API is found well again.
            delivery.rejoins = Rejoins::Last;
        }
        delivery.paused_by = refusal_in(answer).map(Arc::new);
        self.end_attempt(lent, &mut delivery, answer, effects);
        if cause == Cause::Template
            && delivery.claim.is_none()
            && self.has_another_template(&delivery.rule)
        {
            // What would hold this message is mended already.
            return self.replan(now, lent, *delivery, effects);
        }
        self.begin_pause(now, lent.ticket, &delivery, cause, effects);
        Next::Rest(State::Waiting(delivery))
    }

    /// Where nothing comes back for any message, a failed attempt says nothing of its message: it waits for the end of the outage.
    fn weigh_outage(
        &mut self,
        delivery: &Delivery,
        origin: &Origin,
        answer: &SendAnswer,
        verdict: Verdict,
        effects: &mut Vec<Effect>,
    ) -> Verdict {
        let rule = &delivery.rule;
        let silence = match answer {
            SendAnswer::Accepted { .. } | SendAnswer::Refused(_) => {
                self.outages.answered(&rule.app, rule.api());
                let changes = self.pauses.was_answered(rule);
                self.announce(changes, effects);
                None
            }
            SendAnswer::Garbled { .. } | SendAnswer::InDoubt { .. } => {
                Some(Silence::AfterMessage(party_of(delivery, origin)))
            }
            SendAnswer::Unreachable { .. } => Some(Silence::BeforeMessage),
            SendAnswer::NoToken(trouble) => {
                trouble.errcode.is_none().then_some(Silence::BeforeMessage)
            }
        };
        let is_outage =
            silence.is_some_and(|silence| self.outages.unanswered(&rule.app, rule.api(), silence));
        let may_have_arrived = matches!(answer, SendAnswer::InDoubt { .. });
        match verdict {
            Verdict::Retry(_) if is_outage => Verdict::Pause(Cause::Outage),
            Verdict::Settle(_) if is_outage && !may_have_arrived => Verdict::Pause(Cause::Outage),
            Verdict::Retry(_) | Verdict::Settle(_) | Verdict::Pause(_) => verdict,
        }
    }

    /// An attempt that certainly reached no user leaves nothing behind: no claim, and no mark in the tracker.
    fn end_attempt(
        &mut self,
        lent: &Lent,
        delivery: &mut Delivery,
        answer: &SendAnswer,
        effects: &mut Vec<Effect>,
    ) {
        if !matches!(answer, SendAnswer::InDoubt { .. }) {
            release_claim(lent.ticket, delivery, effects);
            self.clear_irrevocable(&lent.origin);
        }
    }

    /// Older than `expires_after`, at its turn or at the gate.
    pub(super) fn expire(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let end = delivery.tries.end(Reason::Expired);
        let mut outcome = self.outcome_of(now, &lent.origin, delivery, end, None);
        // For most messages that a pause holds no call is ever made: they have no code of their own that tells why they waited.
        if let Some(pause) = self.pauses.pause_of(&delivery.rule) {
            outcome.detail += &report::paused_by(pause);
        }
        self.settle(now, lent.ticket, delivery, outcome, effects)
    }

    /// The outcome of a message on its way.
    pub(super) fn outcome_of(
        &self,
        now: Moment,
        origin: &Origin,
        delivery: &Delivery,
        reason: Reason,
        answer: Option<&SendAnswer>,
    ) -> Outcome {
        let ids = (
            delivery.outcome_id.to_string(),
            delivery.message_id.to_string(),
        );
        let mut outcome = report::of_rule(now, origin, &delivery.rule, ids, reason);
        let message = &delivery.message;
        self.name(&delivery.rule, &message.recipient)
            .put_in(&mut outcome);
        outcome.attempts = delivery.calls;
        outcome.api_ms = delivery.api_ms;
        outcome.waited_ms = outcome.waited_ms.saturating_sub(delivery.api_ms);
        outcome.detail = report::explain(delivery, reason, answer);
        match answer {
            Some(SendAnswer::Accepted { msgid }) => outcome.msgid.clone_from(msgid),
            Some(SendAnswer::Refused(refusal)) => report::name_refusal(&mut outcome, refusal),
            Some(SendAnswer::NoToken(trouble)) => outcome.errcode = trouble.errcode,
            Some(
                SendAnswer::Garbled { .. }
                | SendAnswer::Unreachable { .. }
                | SendAnswer::InDoubt { .. },
            ) => {}
            // What it waited for when it ended.
            None => {
                if let Some(refusal) = &delivery.paused_by {
                    report::name_refusal(&mut outcome, refusal);
                }
            }
        }
        outcome
    }
}
