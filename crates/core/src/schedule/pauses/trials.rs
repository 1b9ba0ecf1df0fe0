//! Trials: one message now and then finds out whether what was paused works again.

use std::sync::Arc;
use std::time::Duration;

use super::{Cause, Change, End, Pause, Pauses, Subject, subjects_of};
use crate::model::{Moment, Ticket};
use crate::rules::Rule;

impl Pauses {
    /// A message of this rule had its turn: if a trial was due, this is it, and the next one is later.
    pub fn took_turn(&mut self, now: Moment, ticket: Ticket, rule: &Rule) {
        if self.in_force.is_empty() {
            return;
        }
        for subject in subjects_of(rule) {
            self.began_trial(now, ticket, &subject);
        }
    }

    /// The exchange of a login code begins: if a trial was due, this is it, and the next one is later.
    pub fn began_exchange(&mut self, now: Moment, ticket: Ticket, app: &Arc<str>) {
        if !self.in_force.is_empty() {
            self.began_trial(now, ticket, &Subject::Logins(Arc::clone(app)));
        }
    }

    fn began_trial(&mut self, now: Moment, ticket: Ticket, subject: &Subject) {
        if let Some(Pause {
            end:
                End::Trial {
                    at,
                    interval,
                    under_way,
                },
            ..
        }) = self.in_force.get_mut(subject)
        {
            *at = now.elapsed + *interval;
            *under_way = Some(ticket);
        }
    }

    /// A message that had its turn is not on its way any more, and its call was not made. If it was a trial, another one may be made at once; the
    /// answer is whether it was.
    pub fn tried_nothing(&mut self, ticket: Ticket) -> bool {
        let mut was_trial = false;
        for pause in self.in_force.values_mut() {
            if let End::Trial { at, under_way, .. } = &mut pause.end
                && *under_way == Some(ticket)
            {
                // That is long past.
                *at = Duration::ZERO;
                *under_way = None;
                was_trial = true;
            }
        }
        was_trial
    }

    /// `WeChat` answered a message of this rule, whatever it said: there is no outage, trial or not.
    pub fn was_answered(&mut self, rule: &Rule) -> Vec<Change> {
        let subject = Subject::of(Cause::Outage, rule);
        let outage = self.in_force.get(&subject);
        if outage.is_none_or(|pause| pause.cause != Cause::Outage) {
            return Vec::new();
        }
        self.end_if(|pause| pause.subject == subject)
    }

    /// `WeChat` answered this message in a way that blames neither account nor template: what it was a trial of works again. A message
    /// whose call began before the pause says nothing of it.
    pub fn went_well(&mut self, ticket: Ticket) -> Vec<Change> {
        if self.in_force.is_empty() {
            return Vec::new();
        }
        self.end_if(
            |pause| matches!(pause.end, End::Trial { under_way, .. } if under_way == Some(ticket)),
        )
    }
}
