//! What must not be sent for now, why, and what ends it.
//!
//! A pause covers an app, one of its APIs, a template or a rule. Its messages wait in their lanes, no longer than their `expires_after`; all other
//! messages go on. Some pauses end at a time, some when a single message that was let through on trial comes back well, one also when `WeChat`
//! says that there is quota again, and one only by a person.

mod answers;
mod bans;
mod breaker;
mod changed;
mod end;
mod held;
mod outages;
mod party;
mod quota;
mod subject;
mod trials;
mod wave;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use answers::Threshold;
pub use breaker::{Breakers, Burst};
pub use changed::may_mean_a_change;
use end::End;
use held::KnownHolds;
pub use held::Unheard;
pub use outages::{Outages, Silence};
pub use party::{Party, SOURCE_OF_MINI_PROGRAMS};
use quota::Before;
pub use subject::Subject;
use trials::Trials;
pub use wave::{Wave, Waves};

use crate::model::{Moment, Ticket};
use crate::rules::Rule;

/// Why something is paused. For one subject a later one replaces an earlier one, never the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing comes back from this API, neither from it nor from what stands in front of it: tried again every few seconds.
    Outage,
    /// The app sent too much through this API in this minute (45011): until the next one.
    MinuteQuota,
    /// The app has no sends through this API left today (45009): until `WeChat` says that it has, or takes a message that is tried.
    DailyQuota,
    /// The app's account may not use this API (48001, 48004): tried again now and then.
    Api,
    /// `WeChat` lists the template with other params, or not at all, and has refused a message of it: tried again now and then.
    TemplateChanged,
    /// The template is unknown or banned (40037, 43107, 43116): tried again now and then.
    Template,
    /// The app's account may not send at all (40164, 50002 …): tried again now and then.
    Account,
    /// Too many users of the rule were refused by 43101 though their ledgers have a grant: one message at a time, until most are accepted, or
    /// for an hour.
    RefusalWave,
    /// `WeChat` has said that it bans the API, or the account (`wxa_punish_event`): until that ends, and tried now and then all the same.
    Ban,
    /// Messages of too many users of the rule were refused for what the rule made of them: until a person or another version of the rule.
    Breaker,
    /// A person has stopped it: until a person lets it go on.
    Person,
}

impl Cause {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::MinuteQuota => "minute_quota",
            Self::DailyQuota => "daily_quota",
            Self::Api => "api",
            Self::TemplateChanged => "template_changed",
            Self::Template => "template",
            Self::Account => "account",
            Self::RefusalWave => "refusal_wave",
            Self::Ban => "ban",
            Self::Breaker => "breaker",
            Self::Person => "person",
        }
    }

    /// Whether a person is needed.
    pub fn wants_person(self) -> bool {
        match self {
            // A person has looked already.
            Self::Outage | Self::MinuteQuota | Self::Person => false,
            Self::DailyQuota
            | Self::Api
            | Self::TemplateChanged
            | Self::Template
            | Self::Account
            | Self::RefusalWave
            | Self::Ban
            | Self::Breaker => true,
        }
    }
}

/// A pause in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What it covers.
    pub subject: Subject,
    /// Why.
    pub cause: Cause,
    /// What `WeChat` answered.
    pub errcode: Option<i64>,
    /// The same for a person.
    pub detail: String,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
    end: End,
}

/// Whether a message may have its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing is in its way.
    Free,
    /// Not before this time.
    Until(Duration),
    /// Not before a person says so.
    Closed,
}

/// What has happened to pauses, for log and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// One has begun.
    Begun(Pause),
    /// One is over.
    Ended(Pause),
}

/// All pauses.
#[derive(Default)]
pub struct Pauses {
    in_force: BTreeMap<Subject, Pause>,
    /// The last pause of this for quota.
    quota_before: BTreeMap<Subject, Before>,
    held: KnownHolds,
}

/// 45011 counts by the calendar's minute; clocks differ a little.
const MINUTE_MS: i64 = 60_000;
const MINUTE_SLACK_MS: i64 = 500;

impl Pauses {
    /// Begins a pause for what this message has met, or takes notice that it was a trial, which has failed.
    pub fn begin(
        &mut self,
        now: Moment,
        ticket: Ticket,
        (subject, cause): (Subject, Cause),
        (errcode, detail): (Option<i64>, String),
    ) -> Option<Change> {
        for pause in self.in_force.values_mut() {
            // Under a ban of the API or the app, its template may be refused: that is the answer to the trial of the ban, too.
            if let End::Ban { trials, .. } = &mut pause.end {
                trials.failed(now, pause.cause, ticket);
            }
        }
        if let Some(present) = self.in_force.get_mut(&subject) {
            if let Some(trials) = present.end.trials_mut() {
                trials.failed(now, present.cause, ticket);
            }
            if present.cause >= cause {
                return None;
            }
        }
        let end = self.end_of(now, &subject, cause);
        Some(self.put(now, (subject, cause, end), (errcode, detail)))
    }

    /// In place of any other of the subject.
    fn put(
        &mut self,
        now: Moment,
        (subject, cause, end): (Subject, Cause, End),
        (errcode, detail): (Option<i64>, String),
    ) -> Change {
        let pause = Pause {
            subject: subject.clone(),
            cause,
            errcode,
            detail,
            since_ms: now.unix_ms,
            end,
        };
        self.in_force.insert(subject, pause.clone());
        Change::Begun(pause)
    }

    fn end_of(&self, now: Moment, subject: &Subject, cause: Cause) -> End {
        match cause {
            Cause::MinuteQuota => {
                let into_minute_ms = now.unix_ms.rem_euclid(MINUTE_MS);
                let left_ms = MINUTE_MS - into_minute_ms + MINUTE_SLACK_MS;
                End::At(now.elapsed + Duration::from_millis(left_ms.unsigned_abs()))
            }
            Cause::DailyQuota => self.end_of_daily_quota(now, subject),
            Cause::Outage
            | Cause::Api
            | Cause::TemplateChanged
            | Cause::Template
            | Cause::Account => End::Trial(Trials::of(now, cause)),
            Cause::Ban => End::Ban {
                until: None,
                trials: Trials::of(now, cause),
            },
            Cause::RefusalWave => End::Wave {
                trials: Trials::of(now, cause),
                until: now.elapsed + wave::BELIEVED_AFTER,
            },
            Cause::Breaker => End::PersonOrChange,
            Cause::Person => End::Person,
        }
    }

    /// Whether a message of this rule may have its turn.
    pub fn way(&self, now: Moment, rule: &Rule) -> Way {
        if self.is_silent() {
            return Way::Free;
        }
        self.way_past(now, Subject::covering(rule))
    }

    /// Whether a login code of this app may be exchanged.
    pub fn way_of_logins(&self, now: Moment, app: &Arc<str>) -> Way {
        if self.is_silent() {
            return Way::Free;
        }
        self.way_past(now, [Subject::Logins(Arc::clone(app))])
    }

    /// Whether a message that had its turn must not be sent all the same: a pause has begun meanwhile, and it is not the trial of that.
    pub fn stop(&self, ticket: Ticket, rule: &Rule) -> bool {
        if self.in_force.is_empty() {
            return false;
        }
        Subject::covering(rule).any(|subject| {
            let pause = self.in_force.get(&subject);
            pause.is_some_and(|pause| !pause.end.is_trial(ticket))
        })
    }

    /// Whether nothing at all is in the way of any message.
    fn is_silent(&self) -> bool {
        self.in_force.is_empty() && self.held.is_known()
    }

    fn way_past(&self, now: Moment, subjects: impl IntoIterator<Item = Subject>) -> Way {
        if !self.held.is_known() {
            return Way::Closed;
        }
        let mut way = Way::Free;
        for subject in subjects {
            let Some(pause) = self.in_force.get(&subject) else {
                continue;
            };
            let at = match pause.end {
                End::At(at) => at,
                End::Trial(trials)
                | End::Quota { trials, .. }
                | End::Ban { trials, .. }
                | End::Wave { trials, .. } => trials.due_at(),
                End::PersonOrChange | End::Person => return Way::Closed,
            };
            if at > now.elapsed {
                let later = match way {
                    Way::Until(other) => other.max(at),
                    Way::Free | Way::Closed => at,
                };
                way = Way::Until(later);
            }
        }
        way
    }

    /// Ends what ends by itself.
    pub fn end_due(&mut self, now: Moment) -> Vec<Change> {
        let is_due = |pause: &Pause| pause.end.at().is_some_and(|at| at <= now.elapsed);
        if !self.in_force.values().any(is_due) {
            return Vec::new();
        }
        self.end_if(is_due)
    }

    /// A rule was changed. What a person has stopped stays stopped, and so do its app and its template.
    pub fn rule_changed(&mut self, rule: &str) -> Vec<Change> {
        self.end_if(|pause| {
            let is_its = matches!(&pause.subject, Subject::Rule(name) if name.as_ref() == rule);
            is_its && pause.cause != Cause::Person
        })
    }

    /// A person wants this to go on. What covers more than this stays; what the store holds ends when that was heard.
    pub fn resume(&mut self, subject: &Subject) -> Vec<Change> {
        let held = self.in_force.get(subject);
        if held.is_some_and(|pause| self.is_held(pause)) {
            return Vec::new();
        }
        self.end_if(|pause| pause.subject == *subject)
    }

    /// Most messages of the rule are accepted again.
    pub fn end_wave(&mut self, rule: &str) -> Vec<Change> {
        self.end_if(|pause| {
            let is_its = matches!(&pause.subject, Subject::Rule(name) if name.as_ref() == rule);
            is_its && pause.cause == Cause::RefusalWave
        })
    }

    /// The rules have changed: pauses of templates that no rule uses any more have nothing to hold.
    pub fn keep_templates(&mut self, is_used: impl Fn(&str, &str) -> bool) -> Vec<Change> {
        self.end_if(
            |pause| matches!(&pause.subject, Subject::Template(app, id) if !is_used(app, id) && pause.cause != Cause::Person),
        )
    }

    /// Whether messages of this rule wait for the end of any pause.
    pub fn is_paused(&self, rule: &Rule) -> bool {
        self.pause_of(rule).is_some()
    }

    /// A pause for whose end messages of this rule wait.
    pub fn pause_of(&self, rule: &Rule) -> Option<&Pause> {
        if self.in_force.is_empty() {
            return None;
        }
        Subject::covering(rule).find_map(|subject| self.in_force.get(&subject))
    }

    /// The pause for whose end the exchanges of an app's login codes wait.
    pub fn pause_of_logins(&self, app: &Arc<str>) -> Option<&Pause> {
        if self.in_force.is_empty() {
            return None;
        }
        self.in_force.get(&Subject::Logins(Arc::clone(app)))
    }

    /// Whether this rule itself, or its template, is paused.
    pub fn is_rule_or_template_paused(&self, rule: &Rule) -> bool {
        let mut own = Subject::covering(rule)
            .filter(|subject| matches!(subject, Subject::Template(..) | Subject::Rule(_)));
        own.any(|subject| self.in_force.contains_key(&subject))
    }

    /// Every pause in force.
    pub fn iter(&self) -> impl Iterator<Item = &Pause> {
        self.in_force.values()
    }

    /// When something about a pause is due.
    pub fn wake_at(&self) -> Option<Duration> {
        let due = self.in_force.values().filter_map(|pause| match pause.end {
            // The lanes look again by themselves when a trial is due.
            End::Quota { questions, .. } => Some(questions.ask_at),
            End::At(_)
            | End::Ban { .. }
            | End::Wave { .. }
            | End::Trial(_)
            | End::PersonOrChange
            | End::Person => pause.end.at(),
        });
        due.min()
    }

    fn end_if(&mut self, ends: impl Fn(&Pause) -> bool) -> Vec<Change> {
        let ended = self.in_force.extract_if(.., |_, pause| ends(pause));
        ended.map(|(_, pause)| Change::Ended(pause)).collect()
    }
}

impl Pause {
    /// What ends it, for people.
    pub fn ends_by(&self) -> &'static str {
        self.end.in_words(&self.subject)
    }
}

#[cfg(test)]
mod tests;
