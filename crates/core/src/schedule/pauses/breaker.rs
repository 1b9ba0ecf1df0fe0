//! Notices that a rule has gone bad: the messages of many users in a short time are refused for what the rule made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::party::Party;
use crate::model::Moment;

/// What counts as a burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerPlan {
    /// Refusals of at least so many parties …
    pub count: usize,
    /// … and at least this share of the parties with an answer within `LATELY`, from 0 to 1.
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
    /// How many parties were refused.
    pub refused: usize,
    /// Of how many.
    pub answered: usize,
    /// The version of the rules that made the first of them.
    pub began_in: Arc<str>,
}

/// Answers that are older than this say nothing about the present.
const LATELY: Duration = Duration::from_mins(5);

/// So many parties are looked back upon; in a busy rule that is less than five minutes.
const LOOK_BACK: usize = 1_000;

/// The latest answers for each rule that was refused lately.
pub struct Breakers {
    plan: BreakerPlan,
    rules: BTreeMap<Arc<str>, Answers>,
}

/// The latest answer of each party: a user whose messages are refused without end counts once, and so does one whose messages are always
/// accepted.
#[derive(Default)]
struct Answers {
    latest: BTreeMap<Party, LatestAnswer>,
    by_age: BTreeSet<(Duration, Party)>,
    n_refused: usize,
}

struct LatestAnswer {
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

    /// Notes that a message of the rule was answered well. Whose it was is asked only where that matters.
    pub fn note_good(&mut self, now: Moment, rule: &str, party: impl FnOnce() -> Party) {
        if let Some(answers) = self.rules.get_mut(rule) {
            answers.note(now, party(), None);
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
        party: Party,
        version: &Arc<str>,
    ) -> Option<Burst> {
        let answers = self.rules.entry(Arc::clone(rule)).or_default();
        answers.note(now, party, Some(Arc::clone(version)));
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
        let mut by_age = answers.by_age.iter();
        let began_in = by_age.find_map(|(_, party)| {
            let noted = answers.latest.get(party)?;
            noted.refused_in.clone()
        })?;
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
    fn note(&mut self, now: Moment, party: Party, refused_in: Option<Arc<str>>) {
        self.forget(party);
        let is_old = |at: Duration| at + LATELY < now.elapsed;
        while let Some((at, oldest)) = self.by_age.first()
            && (self.latest.len() >= LOOK_BACK || is_old(*at))
        {
            self.forget(*oldest);
        }
        self.n_refused += usize::from(refused_in.is_some());
        self.by_age.insert((now.elapsed, party));
        self.latest.insert(
            party,
            LatestAnswer {
                at: now.elapsed,
                refused_in,
            },
        );
    }

    fn forget(&mut self, party: Party) {
        if let Some(noted) = self.latest.remove(&party) {
            self.by_age.remove(&(noted.at, party));
            self.n_refused -= usize::from(noted.refused_in.is_some());
        }
    }
}

#[cfg(test)]
mod tests;
