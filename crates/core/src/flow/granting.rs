//! Users' grants: what events tell of them goes to the store, and messages wish for one.

use std::sync::Arc;

use super::in_flight::Lent;
use super::message::{Delivery, Origin, State};
use super::pausing::party_of;
use super::repeated::is_named_by_place;
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::catalog::Policy;
use crate::flow::attempt::{Refusal, SendAnswer, Treatment};
use crate::grants::{self, Need, Reservation, Turn, Wish, Without};
use crate::message::{Message, Rejection};
use crate::model::outcome::{Outcome, Reason};
use crate::model::{Moment, Ticket};
use crate::rules::Rule;
use crate::schedule::pauses::{Cause, Subject};
use crate::state::Request;

impl Engine {
    /// What a message needs of the ledger; one without a template needs nothing.
    pub(super) fn wish(&self, rule: &Rule, message: &Message) -> Option<Wish> {
        let template = rule.template()?;
        let policies = self.rules.policies();
        let need = match &template.frequency {
            Some(frequency) => match policies.of_frequency(template) {
                Policy::Off => return None,
                Policy::Advise | Policy::Enforce => {
                    Need::Turn(Turn::of(frequency, message.content.value(&frequency.key)?))
                }
            },
            None => Need::Grant(match policies.of(template) {
                Policy::Off => return None,
                Policy::Advise => Without::Send,
                Policy::Enforce => Without::Skip,
            }),
        };
        let key = grants::Key {
            app: Arc::clone(&rule.app),
            openid: Arc::from(message.recipient.as_str()),
            template_id: Arc::from(template.id.as_str()),
        };
        Some(Wish { key, need })
    }

    /// Takes what an event tells of a user's answers, or the outcome of one that does not tell it.
    pub(super) fn take_reports(
        &mut self,
        now: Moment,
        origin: &Arc<Origin>,
        shared_by: usize,
        reports: Result<Vec<grants::Report>, Rejection>,
        effects: &mut Vec<Effect>,
    ) {
        let reports = match reports {
            Ok(reports) => reports,
            Err(rejection) => {
                let mut outcome = report::outcome(now, origin, rejection.reason);
                outcome.detail = rejection.detail;
                self.owe_outcome(now, origin, shared_by, outcome, effects);
                return;
            }
        };
        for mut report in reports {
            if let Some(identity) = origin.identity().filter(|_| is_named_by_place(origin)) {
                // The store remembers what was told by the event's id, and another record may have lain in this place.
                report.id = Arc::from(format!("{}~{}", report.id, identity.as_text()));
            }
            let ticket = self.new_ticket();
            let state = ask_to_note(now, ticket, report, effects);
            self.take_in_hand(ticket, origin, (shared_by, None), state);
        }
    }

    /// The store has noted what an event told: nothing more is owed for it.
    pub(super) fn report_noted(
        &mut self,
        now: Moment,
        lent: &Lent,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.totals.grant_reports += 1;
        self.acknowledge(now, &lent.origin, effects);
        Next::End
    }

    /// The ledger cannot be read, and the store has said so. Nothing that is tried again would make it readable.
    pub(super) fn report_unreadable(
        &mut self,
        now: Moment,
        lent: &Lent,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.acknowledge(now, &lent.origin, effects);
        Next::End
    }

    /// Compares what the ledger said with what `WeChat` says.
    pub(super) fn note_ledger(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        answer: &SendAnswer,
        effects: &mut Vec<Effect>,
    ) {
        let reservation = delivery.claim.map(|claim| claim.reservation);
        let had_grant = matches!(reservation, Some(Reservation::Made));
        match answer {
            SendAnswer::Accepted { .. } => {
                if matches!(reservation, Some(Reservation::Missing)) {
                    self.totals.grants_undercounted += 1;
                }
                if had_grant {
                    self.note_taken_with_grant(now, lent, delivery, effects);
                }
            }
            SendAnswer::Refused(refusal) => match refusal.class.treatment() {
                Treatment::End(Reason::UserRefused) => {
                    if had_grant {
                        self.totals.grants_overcounted += 1;
                        self.note_refused_with_grant(now, lent, delivery, refusal, effects);
                    }
                }
                Treatment::End(_)
                | Treatment::Retry(_)
                | Treatment::RenewToken
                | Treatment::Pause(_) => {}
            },
            SendAnswer::Garbled { .. }
            | SendAnswer::Unreachable { .. }
            | SendAnswer::InDoubt { .. }
            | SendAnswer::NoToken(_) => {}
        }
    }

    fn note_taken_with_grant(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        effects: &mut Vec<Effect>,
    ) {
        let rule = &delivery.rule.name;
        let party = party_of(delivery, &lent.origin);
        if self.is_in_force(&delivery.rule) && self.waves.note_accepted(now, rule, party) {
            let ended = self.pauses.end_wave(rule);
            self.announce(ended, effects);
        }
    }

    fn note_refused_with_grant(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        refusal: &Refusal,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_in_force(&delivery.rule) {
            // It has changed while the call was under way, and what was counted of it is forgotten.
            return;
        }
        let rule = &delivery.rule.name;
        let party = party_of(delivery, &lent.origin);
        let wave = self.waves.note_refused(now, rule, party);
        if !self.waves.is_doubted(now, rule) {
            return;
        }
        // Of a wave that goes on, this tells the pause that its trial was refused, if the message is one.
        let detail = wave.map(report::wave_of_refusals).unwrap_or_default();
        let what = (Subject::Rule(Arc::clone(rule)), Cause::RefusalWave);
        let why = (Some(refusal.errcode), detail);
        let begun = self.pauses.begin(now, lent.ticket, what, why);
        self.announce(begun, effects);
    }

    /// For which moment `WeChat` has said that the user allows nothing more: when the call began. In a wave of refusals that is not believed.
    pub(super) fn refused_ms(
        &self,
        now: Moment,
        delivery: &Delivery,
        outcome: &Outcome,
    ) -> Option<i64> {
        let is_believed = outcome.errcode == Some(NOT_SUBSCRIBED)
            && !self.waves.is_doubted(now, &delivery.rule.name);
        is_believed.then(|| delivery.called_ms.unwrap_or(now.unix_ms))
    }
}

/// `WeChat`: subscribe/send, the user has not subscribed, has cancelled, or has used up every permission.
const NOT_SUBSCRIBED: i64 = 43101;

/// Tells the store what a user has answered.
pub(super) fn ask_to_note(
    now: Moment,
    ticket: Ticket,
    mut report: grants::Report,
    effects: &mut Vec<Effect>,
) -> State {
    report.now_ms = now.unix_ms;
    let request = Request::Report(report.clone());
    effects.push(Effect::AskStore { ticket, request });
    let again_at = None;
    State::Reporting { report, again_at }
}
