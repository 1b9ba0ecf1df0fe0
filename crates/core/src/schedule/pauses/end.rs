//! What ends a pause.

use std::time::Duration;

use super::Subject;
use super::quota::{QuestionState, Questions};
use super::trials::Trials;
use crate::model::Ticket;

/// What ends a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    At(Duration),
    /// One message is let through now and then.
    Trial(Trials),
    /// The same, and `WeChat` is asked, too.
    Quota {
        questions: Questions,
        trials: Trials,
    },
    /// Then, or as with a trial: the ban may have been taken back, or never have held for us. `None` where no end was told.
    Ban {
        until: Option<Duration>,
        trials: Trials,
    },
    /// One message is let through now and then, and what is made of their answers ends it; or the time.
    Wave {
        trials: Trials,
        until: Duration,
    },
    /// A person lets the rule go on, or changes it.
    PersonOrChange,
    /// A person lets it go on.
    Person,
}

impl End {
    pub(super) fn trials_mut(&mut self) -> Option<&mut Trials> {
        match self {
            Self::Trial(trials)
            | Self::Quota { trials, .. }
            | Self::Ban { trials, .. }
            | Self::Wave { trials, .. } => Some(trials),
            Self::At(_) | Self::PersonOrChange | Self::Person => None,
        }
    }

    /// Whether this message is its trial.
    pub(super) fn is_trial(&self, ticket: Ticket) -> bool {
        match self {
            Self::Trial(trials)
            | Self::Quota { trials, .. }
            | Self::Ban { trials, .. }
            | Self::Wave { trials, .. } => trials.is(ticket),
            Self::At(_) | Self::PersonOrChange | Self::Person => false,
        }
    }

    /// When it is over by itself.
    pub(super) fn at(&self) -> Option<Duration> {
        match self {
            Self::At(at) => Some(*at),
            Self::Ban { until, .. } => *until,
            Self::Wave { until, .. } => Some(*until),
            Self::Trial(_) | Self::Quota { .. } | Self::PersonOrChange | Self::Person => None,
        }
    }

    /// What it is, for people, where the pause covers this.
    pub(super) fn in_words(&self, subject: &Subject) -> &'static str {
        match self {
            Self::At(_) => "by itself",
            Self::Trial(_) => match subject {
                Subject::Logins(_) => {
                    "when a login code that is tried now and then can be exchanged"
                }
                Subject::App(_) | Subject::Api(..) | Subject::Template(..) | Subject::Rule(_) => {
                    "when a message that is let through on trial goes well"
                }
            },
            Self::Quota { questions, .. } => match questions.state {
                QuestionState::Open | QuestionState::Asked => {
                    "when WeChat says that there is quota again, or when a message that is let through on trial goes well"
                }
                QuestionState::Unanswered => {
                    "when a message that is let through on trial goes well, each hour and after midnight in China; the quota cannot be read"
                }
            },
            Self::Wave { .. } => {
                "when most messages that are let through one at a time are accepted, or after an hour"
            }
            Self::Ban { until: Some(_), .. } => {
                "when WeChat's ban is over, or when a message that is let through on trial goes well"
            }
            Self::Ban { until: None, .. } => {
                "when a message that is let through on trial goes well; WeChat has told no end of the ban"
            }
            Self::PersonOrChange => "by `wx-courier rules resume`, or when the rule is changed",
            Self::Person => "by `wx-courier rules resume`",
        }
    }
}
