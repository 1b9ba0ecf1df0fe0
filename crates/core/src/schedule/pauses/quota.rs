//! A quota for the day that is used up: `WeChat` is asked now and then whether there is some again.

use std::sync::Arc;
use std::time::Duration;

use super::{Change, End, Pause, Pauses, Subject};
use crate::message::Api;
use crate::model::Moment;

/// The first question, and the longest wait between two; it is not known when a day ends for `WeChat`.
const FIRST_QUESTION: Duration = Duration::from_mins(1);
pub(super) const RAREST_QUESTION: Duration = Duration::from_mins(10);

/// A quota that is used up again so soon was not really back: the next question waits longer than the last.
const QUOTA_RELAPSE: Duration = Duration::from_hours(1);

impl Pauses {
    pub(super) fn end_of_daily_quota(&self, now: Moment, subject: &Subject) -> End {
        let before = self.quota_before.get(subject);
        let relapse =
            before.filter(|(ended, _)| now.elapsed.saturating_sub(*ended) < QUOTA_RELAPSE);
        let interval = relapse.map_or(FIRST_QUESTION, |(_, interval)| {
            interval.saturating_mul(2).min(RAREST_QUESTION)
        });
        End::Quota {
            ask_at: now.elapsed + interval,
            interval,
        }
    }

    /// Apps, and their APIs, whose quota is to be asked for now.
    pub fn quota_questions(&mut self, now: Moment) -> Vec<(Arc<str>, Api)> {
        let mut questions = Vec::new();
        for pause in self.in_force.values_mut() {
            if let (Subject::Api(app, api), End::Quota { ask_at, .. }) =
                (&pause.subject, &mut pause.end)
                && *ask_at <= now.elapsed
            {
                // The answer says when to ask again; should there be none, this does.
                *ask_at = now.elapsed + RAREST_QUESTION;
                questions.push((Arc::clone(app), *api));
            }
        }
        questions
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
            end: End::Quota { ask_at, interval },
            ..
        }) = self.in_force.get_mut(&subject)
        else {
            return Vec::new();
        };
        if left.is_some_and(|left| left > 0) {
            let before = (now.elapsed, *interval);
            self.quota_before.insert(subject.clone(), before);
            return self.end_if(|pause| pause.subject == subject);
        }
        *interval = interval.saturating_mul(2).min(RAREST_QUESTION);
        *ask_at = now.elapsed + *interval;
        Vec::new()
    }
}
