//! Trials: one message now and then finds out whether what was paused works again.

use super::{Cause, Change, End, Pause, Pauses, Subject, subjects_of};
use crate::model::Moment;
use crate::rules::Rule;

impl Pauses {
    /// A message of this rule had its turn: if a trial was due, this is it, and the next one is later.
    pub fn took_turn(&mut self, now: Moment, rule: &Rule) {
        if self.in_force.is_empty() {
            return;
        }
        for subject in subjects_of(rule) {
            if let Some(Pause {
                end:
                    End::Trial {
                        at,
                        interval,
                        is_under_way,
                    },
                ..
            }) = self.in_force.get_mut(&subject)
            {
                *at = now.elapsed + *interval;
                *is_under_way = true;
            }
        }
    }

    /// The message of this rule that had its turn ended without a call. If it was a trial, another one may be made at once; says whether it
    /// was.
    pub fn tried_nothing(&mut self, now: Moment, rule: &Rule) -> bool {
        let mut was_trial = false;
        for subject in subjects_of(rule) {
            if let Some(Pause {
                end:
                    End::Trial {
                        at,
                        is_under_way: is_under_way @ true,
                        ..
                    },
                ..
            }) = self.in_force.get_mut(&subject)
            {
                *at = now.elapsed;
                *is_under_way = false;
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

    /// `WeChat` answered a message of this rule in a way that blames neither account nor template: a trial of either has succeeded.
    pub fn went_well(&mut self, rule: &Rule) -> Vec<Change> {
        if self.in_force.is_empty() {
            return Vec::new();
        }
        let on_trial = |pause: &Pause| {
            matches!(
                pause.end,
                End::Trial {
                    is_under_way: true,
                    ..
                }
            )
        };
        let subjects: Vec<Subject> = subjects_of(rule).collect();
        self.end_if(|pause| subjects.contains(&pause.subject) && on_trial(pause))
    }
}
