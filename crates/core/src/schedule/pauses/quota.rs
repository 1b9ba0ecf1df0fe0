//! A quota for the day that is used up. `WeChat` is asked now and then whether there is some again, and a message is tried now and then: the
//! question may be refused (76022) or get no answer for as long as the quota lasts.

use std::sync::Arc;
use std::time::Duration;

use super::trials::{Trials, pace_of};
use super::{Cause, Change, End, Pause, Pauses, Subject};
use crate::message::Api;
use crate::model::Moment;

/// The first question, and the longest wait between two; it is not known when a day ends for `WeChat`.
const FIRST_QUESTION: Duration = Duration::from_mins(1);
pub(super) const RAREST_QUESTION: Duration = Duration::from_mins(10);

/// The first trial, and the longest wait between two. They are rarer than questions: `WeChat` does not say whether calls that fail count
/// towards the quota.
pub(super) const FIRST_TRIAL: Duration = Duration::from_mins(5);
pub(super) const RAREST_TRIAL: Duration = Duration::from_hours(1);

/// A quota that is used up again so soon was not really back: the next question and the next trial wait longer than the last.
const QUOTA_RELAPSE: Duration = Duration::from_hours(1);

/// `WeChat` does not document when the day's quota begins anew; people have seen it after midnight. Its clocks are China's, which knows no
/// summer time.
const CHINA_IS_AHEAD_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// So long after midnight a message is tried: clocks differ a little.
const NEW_DAY_SLACK_MS: i64 = 10_000;
/// A trial that is refused in the first minutes of a day may have come too early: then the waits begin anew.
const FIRST_OF_DAY_MS: i64 = 600_000;

/// The questions of one pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Questions {
    /// When the next one is asked.
    pub(super) ask_at: Duration,
    interval: Duration,
    pub(super) state: QuestionState,
}

/// What has come of the questions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuestionState {
    /// None was asked yet, or the last one was answered.
    Open,
    /// The first one since then waits for its answer.
    Asked,
    /// The last one was refused or not answered.
    Unanswered,
}

/// A pause for quota that has ended.
pub(super) struct Before {
    ended: Duration,
    question_interval: Duration,
    trial_interval: Duration,
}

impl Pauses {
    pub(super) fn end_of_daily_quota(&self, now: Moment, subject: &Subject) -> End {
        let before = self.quota_before.get(subject);
        let relapse =
            before.filter(|before| now.elapsed.saturating_sub(before.ended) < QUOTA_RELAPSE);
        let longer = |before: Duration, rarest| before.saturating_mul(2).min(rarest);
        let (first_trial, rarest_trial) = pace_of(Cause::DailyQuota);
        let interval = relapse.map_or(FIRST_QUESTION, |before| {
            longer(before.question_interval, RAREST_QUESTION)
        });
        let trial_interval = relapse.map_or(first_trial, |before| {
            longer(before.trial_interval, rarest_trial)
        });
        End::Quota {
            questions: Questions {
                ask_at: now.elapsed + interval,
                interval,
                state: QuestionState::Open,
            },
            trials: Trials::every(now, Cause::DailyQuota, trial_interval),
        }
    }

    /// Apps, and their APIs, whose quota is to be asked for now.
    pub fn quota_questions(&mut self, now: Moment) -> Vec<(Arc<str>, Api)> {
        let mut due = Vec::new();
        for pause in self.in_force.values_mut() {
            if let (Subject::Api(app, api), End::Quota { questions, .. }) =
                (&pause.subject, &mut pause.end)
                && questions.ask_at <= now.elapsed
            {
                questions.asked(now);
                due.push((Arc::clone(app), *api));
            }
        }
        due
    }

    /// `WeChat` said how many sends through an API an app has left; `None` if it did not say.
    pub fn quota_answered(
        &mut self,
        now: Moment,
        (app, api): (&Arc<str>, Api),
        left: Option<i64>,
    ) -> Vec<Change> {
        let subject = Subject::Api(Arc::clone(app), api);
        let Some(Pause {
            end: End::Quota { questions, .. },
            ..
        }) = self.in_force.get_mut(&subject)
        else {
            return Vec::new();
        };
        if left.is_some_and(|left| left > 0) {
            let ended = self.end_if(|pause| pause.subject == subject);
            self.remember_quotas(now, &ended);
            return ended;
        }
        questions.answered(now, left);
        Vec::new()
    }

    /// Remembers how rare questions and trials had become.
    pub(super) fn remember_quotas(&mut self, now: Moment, ended: &[Change]) {
        for change in ended {
            if let Change::Ended(pause) = change
                && let End::Quota { questions, trials } = pause.end
            {
                let before = Before {
                    ended: now.elapsed,
                    question_interval: questions.interval,
                    trial_interval: trials.interval,
                };
                self.quota_before.insert(pause.subject.clone(), before);
            }
        }
    }
}

impl Questions {
    fn asked(&mut self, now: Moment) {
        // The answer says when to ask again; should there be none, this does.
        self.ask_at = now.elapsed + RAREST_QUESTION;
        self.state = match self.state {
            QuestionState::Open => QuestionState::Asked,
            QuestionState::Asked | QuestionState::Unanswered => QuestionState::Unanswered,
        };
    }

    /// There is no quota, or `WeChat` did not say.
    fn answered(&mut self, now: Moment, left: Option<i64>) {
        self.interval = self.interval.saturating_mul(2).min(RAREST_QUESTION);
        self.ask_at = now.elapsed + self.interval;
        self.state = match left {
            Some(_) => QuestionState::Open,
            None => QuestionState::Unanswered,
        };
    }
}

/// How long it is until a little after the next midnight in China.
pub(super) fn until_new_day(now: Moment) -> Duration {
    let into_day_ms = into_day_ms(now.unix_ms.saturating_sub(NEW_DAY_SLACK_MS));
    Duration::from_millis((DAY_MS - into_day_ms).unsigned_abs())
}

/// Whether the day in China has just begun.
pub(super) fn is_new_day(now: Moment) -> bool {
    into_day_ms(now.unix_ms) < FIRST_OF_DAY_MS
}

fn into_day_ms(unix_ms: i64) -> i64 {
    unix_ms.saturating_add(CHINA_IS_AHEAD_MS).rem_euclid(DAY_MS)
}
