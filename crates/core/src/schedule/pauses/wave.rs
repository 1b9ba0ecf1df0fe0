//! Notices a wave of 43101 among users who have allowed a message, by our own count.
//!
//! Of one user `WeChat` is believed: its word on what is allowed stands above the ledger. If many users are refused at once who, by the
//! ledger, have a grant left, it is more likely that `WeChat` is in trouble: users have reported to be refused and taken hours later. A
//! believed wave would empty the ledgers of all of them, and nothing would ever be sent to them again without a new accept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::answers::{LatestAnswers, LookBack, MOST_PARTIES, Threshold};
use super::party::Party;
use crate::model::Moment;

/// A wave that has just been noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wave {
    /// How many parties were refused.
    pub refused: usize,
    /// Of how many.
    pub answered: usize,
}

/// `WeChat` is believed after so long all the same. Ledgers that count too much, as after a wrong import, are put right only by 43101.
pub(super) const BELIEVED_AFTER: Duration = Duration::from_hours(1);

/// The latest answers that count: of so many parties `count` are the share `ratio`. In a busy rule that is a moment, so a wave is noticed
/// before it has emptied many ledgers; and about as many accepted messages as there were refusals end it.
fn most_answers(threshold: Threshold) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the settings allow counts up to 500 and ratios above 0: what is too much is cut off"
    )]
    let most = (threshold.count as f64 / threshold.ratio).ceil() as usize;
    most.min(MOST_PARTIES)
}

/// The latest answers to messages with a grant, for each rule.
pub struct Waves {
    threshold: Threshold,
    rules: BTreeMap<Arc<str>, Course>,
}

#[derive(Default)]
struct Course {
    answers: LatestAnswers<()>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A refusal is believed.
    #[default]
    Calm,
    /// It is not, until then.
    Doubted { until: Duration },
    /// It is again, though as many are refused as before. Another wave begins only after a calm.
    Believed,
}

impl Waves {
    /// No answers yet.
    pub fn new(threshold: Threshold) -> Self {
        Self {
            threshold,
            rules: BTreeMap::new(),
        }
    }

    /// Whether a 43101 to a message of this rule says nothing of its user.
    pub fn is_doubted(&self, now: Moment, rule: &str) -> bool {
        let course = self.rules.get(rule);
        course.is_some_and(|course| course.is_doubted(now))
    }

    /// Notes that `WeChat` has taken a message with a grant. The answer is whether a wave is over.
    pub fn note_accepted(&mut self, now: Moment, rule: &Arc<str>, party: Party) -> bool {
        let course = self.rules.entry(Arc::clone(rule)).or_default();
        let was_doubted = course.is_doubted(now);
        course.note(now, self.threshold, party, None);
        let is_over =
            course.state != State::Calm && course.answers.share_refused() < self.threshold.ratio;
        if is_over {
            *course = Course::default();
        }
        is_over && was_doubted
    }

    /// Notes a 43101 to a message with a grant. The answer is the wave that begins with it.
    pub fn note_refused(&mut self, now: Moment, rule: &Arc<str>, party: Party) -> Option<Wave> {
        let threshold = self.threshold;
        let course = self.rules.entry(Arc::clone(rule)).or_default();
        course.note(now, threshold, party, Some(()));
        let answers = &course.answers;
        let is_much = answers.reach(threshold);
        match course.state {
            State::Calm if is_much => {
                let wave = Wave {
                    refused: answers.n_refused(),
                    answered: answers.n_answered(),
                };
                let until = now.elapsed + BELIEVED_AFTER;
                course.state = State::Doubted { until };
                Some(wave)
            }
            State::Believed if answers.share_refused() < threshold.ratio => {
                course.state = State::Calm;
                None
            }
            State::Calm | State::Doubted { .. } | State::Believed => None,
        }
    }

    /// Forgets a rule's past: it has changed, or a person says that it is well.
    pub fn forget(&mut self, rule: &str) {
        self.rules.remove(rule);
    }
}

impl Course {
    fn is_doubted(&self, now: Moment) -> bool {
        matches!(self.state, State::Doubted { until } if until > now.elapsed)
    }

    fn note(&mut self, now: Moment, threshold: Threshold, party: Party, refusal: Option<()>) {
        if matches!(self.state, State::Doubted { .. }) && !self.is_doubted(now) {
            self.state = State::Believed;
        }
        if self.state == State::Believed {
            self.answers.keep(LookBack::lately(now));
            if self.answers.n_answered() == 0 {
                self.state = State::Calm;
            }
        }
        let look_back = match self.state {
            State::Calm | State::Believed => LookBack {
                most: most_answers(threshold),
                ..LookBack::lately(now)
            },
            // One message at a time is sent, so answers are rare: they count however old they are.
            State::Doubted { .. } => LookBack {
                since: Duration::ZERO,
                most: most_answers(threshold),
            },
        };
        self.answers.note(now, party, refusal, look_back);
    }
}

#[cfg(test)]
mod tests;
