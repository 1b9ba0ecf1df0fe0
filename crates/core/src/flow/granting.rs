//! Users' grants: what events tell of them goes to the store, and messages wish for one.

use std::sync::Arc;

use super::in_flight::Lent;
use super::message::{Origin, State};
use super::repeated::is_named_by_place;
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::catalog::Policy;
use crate::flow::attempt::{Refusal, SendAnswer};
use crate::grants::{self, Need, Reservation, Turn, Wish, Without};
use crate::message::{Message, Rejection};
use crate::model::outcome::Status;
use crate::model::{Moment, Ticket};
use crate::rules::Rule;
use crate::state::{OwnClaim, Request};
use crate::wechat::Class;

impl Engine {
    /// What a message needs of the ledger; one without a template needs nothing.
    pub(super) fn wish(&self, rule: &Rule, message: &Message) -> Option<Wish> {
        let template = rule.template()?;
        let need = match &template.frequency {
            Some(frequency) => match self.setup.grants.of_frequency(template) {
                Policy::Off => return None,
                Policy::Advise | Policy::Enforce => {
                    Need::Turn(Turn::of(frequency, message.content.value(&frequency.key)?))
                }
            },
            None => Need::Grant(match self.setup.grants.of(template) {
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
                let mut outcome = report::outcome(now, origin, Status::Invalid, rejection.reason);
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
    pub(super) fn note_ledger(&mut self, claim: Option<OwnClaim>, answer: &SendAnswer) {
        let was_refused = match answer {
            SendAnswer::Accepted { .. } => false,
            SendAnswer::Refused(Refusal {
                class: Class::NotSubscribed,
                ..
            }) => true,
            SendAnswer::Refused(_)
            | SendAnswer::Garbled { .. }
            | SendAnswer::Unreachable { .. }
            | SendAnswer::InDoubt { .. }
            | SendAnswer::NoToken(_) => return,
        };
        match claim.map(|claim| claim.reservation) {
            Some(Reservation::Made) if was_refused => self.totals.grants_overcounted += 1,
            Some(Reservation::Missing) if !was_refused => self.totals.grants_undercounted += 1,
            Some(Reservation::Made | Reservation::Missing | Reservation::NotAsked) | None => {}
        }
    }
}

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
