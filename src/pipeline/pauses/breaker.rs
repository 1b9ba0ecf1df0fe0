//! Notices that a rule has gone bad: many of its messages in a short time are refused for what the rule made of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::pipeline::moment::Moment;

/// What counts as a burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerPlan {
    /// At least so many refusals …
    pub count: usize,
    /// … and at least this share of what `WeChat` answered lately, from 0 to 1.
    pub ratio: f64,
}

impl Default for BreakerPlan {
    fn default() -> Self {
        Self {
            count: 20,
            ratio: 0.5,
        }
    }
}

/// A burst of refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// How many were refused.
    pub refused: usize,
    /// Of how many.
    pub answered: usize,
    /// The version of the rules that made the first of them.
    pub began_in: Arc<str>,
}

/// Answers that are older than this say nothing about the present.
const LATELY: Duration = Duration::from_mins(5);

/// So many answers are looked back upon; in a busy rule that is less than five minutes.
const LOOK_BACK: usize = 1_000;

/// The latest answers for each rule that was refused lately.
pub struct Breakers {
    plan: BreakerPlan,
    rules: BTreeMap<Arc<str>, Answers>,
}

#[derive(Default)]
struct Answers {
    latest: VecDeque<Noted>,
    n_refused: usize,
}

struct Noted {
    at: Duration,
    /// The version of the rules that made the message, if it was refused for it.
    refused_in: Option<Arc<str>>,
}

impl Breakers {
    /// No answers yet.
    pub fn new(plan: BreakerPlan) -> Self {
        Self {
            plan,
            rules: BTreeMap::new(),
        }
    }

    /// Notes that a message of the rule was answered well.
    pub fn note_good(&mut self, now: Moment, rule: &str) {
        if let Some(answers) = self.rules.get_mut(rule) {
            answers.note(now, None);
            if answers.n_refused == 0 {
                self.rules.remove(rule);
            }
        }
    }

    /// Notes that a message was refused for what this version of the rules made of it. The answer is whether that is a burst; then
    /// counting begins anew.
    pub fn note_refused(
        &mut self,
        now: Moment,
        rule: &Arc<str>,
        version: &Arc<str>,
    ) -> Option<Burst> {
        let answers = self.rules.entry(Arc::clone(rule)).or_default();
        answers.note(now, Some(Arc::clone(version)));
        let answered = answers.latest.len();
        #[expect(
            clippy::cast_precision_loss,
            reason = "no more than a thousand answers"
        )]
        let ratio = answers.n_refused as f64 / answered as f64;
        if answers.n_refused < self.plan.count || ratio < self.plan.ratio {
            return None;
        }
        let answers = self.rules.remove(rule)?;
        let began_in = answers
            .latest
            .into_iter()
            .find_map(|noted| noted.refused_in)?;
        Some(Burst {
            refused: answers.n_refused,
            answered,
            began_in,
        })
    }

    /// Forgets a rule's past: it has changed.
    pub fn forget(&mut self, rule: &str) {
        self.rules.remove(rule);
    }
}

impl Answers {
    fn note(&mut self, now: Moment, refused_in: Option<Arc<str>>) {
        let is_old = |noted: &Noted| noted.at + LATELY < now.elapsed;
        while self.latest.len() >= LOOK_BACK || self.latest.front().is_some_and(is_old) {
            if let Some(Noted {
                refused_in: Some(_),
                ..
            }) = self.latest.pop_front()
            {
                self.n_refused -= 1;
            }
        }
        self.n_refused += usize::from(refused_in.is_some());
        self.latest.push_back(Noted {
            at: now.elapsed,
            refused_in,
        });
    }
}

#[cfg(test)]
mod tests;
