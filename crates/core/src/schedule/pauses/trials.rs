//! Trials: one message now and then finds out whether what was paused works again.

use std::sync::Arc;
use std::time::Duration;

use super::{Cause, Change, End, Pauses, Subject, quota};
use crate::model::{Moment, Ticket};
use crate::rules::Rule;

/// The first trial of what a person may have mended, and the longest wait between two: an address is put on the list within minutes, a
/// frozen secret takes ten, a ban days.
pub(super) const FIRST_TRIAL: Duration = Duration::from_mins(1);
const RAREST_TRIAL: Duration = Duration::from_mins(15);

/// The same of an outage, which cannot be mended here and may be over at any moment.
const FIRST_TRIAL_OF_OUTAGE: Duration = Duration::from_secs(1);
const RAREST_TRIAL_OF_OUTAGE: Duration = Duration::from_secs(5);

/// The same of a wave of refusals. Most of the time its messages are sent at the first pace: that is what slows the rule down.
const FIRST_TRIAL_OF_WAVE: Duration = Duration::from_secs(1);
const RAREST_TRIAL_OF_WAVE: Duration = Duration::from_secs(15);

/// The trials of one pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trials {
    /// When the next message is let through.
    pub(super) at: Duration,
    /// The wait after it, until another message is tried.
    pub(super) interval: Duration,
    /// The message that is the trial now.
    under_way: Option<Ticket>,
    /// Its call is not made yet, and so long no other message takes its place: one that waits for its claim or at the gate longer than the wait
    /// between two trials would be stopped there for the next one, which would fare no better.
    uncalled_until: Option<Duration>,
}

/// A message that has its turn is called, or gives the turn back, long before.
const CALLED_WITHIN: Duration = Duration::from_secs(30);

impl Trials {
    /// The first trial of a pause that begins now.
    pub(super) fn of(now: Moment, cause: Cause) -> Self {
        Self::every(now, cause, pace_of(cause).0)
    }

    /// The same, where the first wait is known.
    pub(super) fn every(now: Moment, cause: Cause, interval: Duration) -> Self {
        Self {
            at: due(now, cause, interval),
            interval,
            under_way: None,
            uncalled_until: None,
        }
    }

    /// When the next message is let through.
    pub(super) fn due_at(&self) -> Duration {
        let until = self.uncalled_until.unwrap_or_default();
        self.at.max(until)
    }

    fn began(&mut self, now: Moment, cause: Cause, ticket: Ticket) {
        self.at = due(now, cause, self.interval);
        self.under_way = Some(ticket);
        self.uncalled_until = Some(now.elapsed + CALLED_WITHIN);
    }

    /// The call of this message is made.
    fn called(&mut self, ticket: Ticket) -> bool {
        let is_its = self.is(ticket);
        if is_its {
            self.uncalled_until = None;
        }
        is_its
    }

    fn nothing_is_under_way(&mut self) {
        self.under_way = None;
        self.uncalled_until = None;
    }

    /// What became of this message says nothing of what the pause is for.
    pub(super) fn said_nothing(&mut self, ticket: Ticket) {
        if self.is(ticket) {
            self.nothing_is_under_way();
        }
    }

    /// This message has met what the pause is for. If it was the trial, the next one is later.
    pub(super) fn failed(&mut self, now: Moment, cause: Cause, ticket: Ticket) {
        if !self.is(ticket) {
            return;
        }
        let (first, rarest) = pace_of(cause);
        self.interval = if cause == Cause::DailyQuota && quota::is_new_day(now) {
            first
        } else {
            self.interval.saturating_mul(2).min(rarest)
        };
        self.at = due(now, cause, self.interval);
        self.nothing_is_under_way();
    }

    /// This message was answered well, where one alone does not end the pause.
    fn went_well(&mut self, cause: Cause, ticket: Ticket) {
        if self.is(ticket) {
            self.interval = pace_of(cause).0;
            self.nothing_is_under_way();
        }
    }

    fn tried_nothing(&mut self) {
        // That is long past.
        self.at = Duration::ZERO;
        self.nothing_is_under_way();
    }

    pub(super) fn is(&self, ticket: Ticket) -> bool {
        self.under_way == Some(ticket)
    }
}

/// The first trial of a pause, and the longest wait between two.
pub(super) fn pace_of(cause: Cause) -> (Duration, Duration) {
    match cause {
        Cause::Outage => (FIRST_TRIAL_OF_OUTAGE, RAREST_TRIAL_OF_OUTAGE),
        Cause::DailyQuota => (quota::FIRST_TRIAL, quota::RAREST_TRIAL),
        Cause::RefusalWave => (FIRST_TRIAL_OF_WAVE, RAREST_TRIAL_OF_WAVE),
        Cause::MinuteQuota
        | Cause::Api
        | Cause::TemplateChanged
        | Cause::Template
        | Cause::Account
        | Cause::Ban
        | Cause::Breaker
        | Cause::Person => (FIRST_TRIAL, RAREST_TRIAL),
    }
}

/// When the trial after this wait is due. A new day does not wait for it.
fn due(now: Moment, cause: Cause, interval: Duration) -> Duration {
    let wait = match cause {
        Cause::DailyQuota => interval.min(quota::until_new_day(now)),
        Cause::Outage
        | Cause::MinuteQuota
        | Cause::Api
        | Cause::TemplateChanged
        | Cause::Template
        | Cause::Account
        | Cause::Ban
        | Cause::RefusalWave
        | Cause::Breaker
        | Cause::Person => interval,
    };
    now.elapsed + wait
}

impl Pauses {
    /// A message of this rule had its turn: if a trial was due, this is it, and the next one is later.
    pub fn took_turn(&mut self, now: Moment, ticket: Ticket, rule: &Rule) {
        if self.in_force.is_empty() {
            return;
        }
        for subject in Subject::covering(rule) {
            self.began_trial(now, ticket, &subject);
        }
    }

    /// The exchange of a login code begins: if a trial was due, this is it, and the next one is later.
    pub fn began_exchange(&mut self, now: Moment, ticket: Ticket, app: &Arc<str>) {
        if !self.in_force.is_empty() {
            self.began_trial(now, ticket, &Subject::Logins(Arc::clone(app)));
            self.called(ticket);
        }
    }

    /// The call of a message is made. The answer is whether it was a trial: then what waits for the next one has to look when that is.
    pub fn called(&mut self, ticket: Ticket) -> bool {
        let mut was_trial = false;
        for pause in self.in_force.values_mut() {
            if let Some(trials) = pause.end.trials_mut() {
                was_trial |= trials.called(ticket);
            }
        }
        was_trial
    }

    fn began_trial(&mut self, now: Moment, ticket: Ticket, subject: &Subject) {
        if let Some(pause) = self.in_force.get_mut(subject)
            && let Some(trials) = pause.end.trials_mut()
        {
            trials.began(now, pause.cause, ticket);
        }
    }

    /// A message that had its turn is not on its way any more, and its call was not made. If it was a trial, another one may be made at once; the
    /// answer is whether it was.
    pub fn tried_nothing(&mut self, ticket: Ticket) -> bool {
        let mut was_trial = false;
        for pause in self.in_force.values_mut() {
            if let Some(trials) = pause.end.trials_mut()
                && trials.is(ticket)
            {
                trials.tried_nothing();
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
    pub fn went_well(&mut self, now: Moment, ticket: Ticket) -> Vec<Change> {
        if self.in_force.is_empty() {
            return Vec::new();
        }
        for pause in self.in_force.values_mut() {
            if let End::Wave { trials, .. } = &mut pause.end {
                trials.went_well(pause.cause, ticket);
            }
        }
        let ended = self.end_if(|pause| match pause.end {
            End::Trial(trials) | End::Quota { trials, .. } | End::Ban { trials, .. } => {
                trials.is(ticket)
            }
            End::At(_) | End::Wave { .. } | End::PersonOrChange | End::Person => false,
        });
        self.remember_quotas(now, &ended);
        ended
    }
}
