//! Notices that a rule has gone bad: the messages of many users in a short time are refused for what the rule made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answers::{LatestAnswers, LookBack, Threshold};
use super::party::Party;
use crate::model::Moment;

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

/// The latest answers for each rule that was refused lately. Of a refusal the version of the rules is kept that made the message.
pub struct Breakers {
    threshold: Threshold,
    rules: BTreeMap<Arc<str>, LatestAnswers<Arc<str>>>,
}

impl Breakers {
    /// No answers yet.
    pub fn new(threshold: Threshold) -> Self {
        Self {
            threshold,
            rules: BTreeMap::new(),
        }
    }

    /// Notes that a message of the rule was answered well. Whose it was is asked only where that matters.
    pub fn note_good(&mut self, now: Moment, rule: &str, party: impl FnOnce() -> Party) {
        if let Some(answers) = self.rules.get_mut(rule) {
            answers.note(now, party(), None, LookBack::lately(now));
            if answers.n_refused() == 0 {
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
        answers.note(now, party, Some(Arc::clone(version)), LookBack::lately(now));
        if !answers.reach(self.threshold) {
            return None;
        }
        let answers = self.rules.remove(rule)?;
        let began_in = answers.first_refusal()?;
        Some(Burst {
            refused: answers.n_refused(),
            answered: answers.n_answered(),
            began_in: Arc::clone(began_in),
        })
    }

    /// Forgets a rule's past: it has changed.
    pub fn forget(&mut self, rule: &str) {
        self.rules.remove(rule);
    }
}

#[cfg(test)]
mod tests;
