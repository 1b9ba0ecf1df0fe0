//! What apps were warned of and punished with, for as long as a person should see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::pauses::Subject;
use crate::message::Api;
use crate::model::Moment;
use crate::wechat::callback::{Function, Measure, Punishment, Threat};

/// What is in force.
#[derive(Default)]
pub struct Punishments {
    in_force: BTreeMap<Name, InForce>,
}

/// `WeChat` names a punishment for one app. A warning that comes true may keep its name.
type Name = (Arc<str>, &'static str, String);

/// A punishment, or a warning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The app, by its name in the settings.
    pub app: Arc<str>,
    /// What was told.
    pub punishment: Punishment,
    /// When we were told, in Unix milliseconds.
    pub told_ms: i64,
    /// When it is over, or for a warning the deadline, in Unix milliseconds, where that was told.
    pub until_ms: Option<i64>,
    shown_until: Duration,
}

/// How long it is shown where no end was told. Then the log is the place to look.
const SHOWN_WITHOUT_END: Duration = Duration::from_hours(30 * 24);

/// `WeChat` pushes again for a while, and what was over when it was told is not told again.
const REPEATED_FOR: Duration = Duration::from_mins(10);

/// Each takes some hundred bytes. `WeChat` alone can fill the list, and has never been seen to punish one app twice a day.
const MOST: usize = 100;

impl Punishments {
    /// Takes notice. `None` if it is known, or over.
    pub fn tell(
        &mut self,
        now: Moment,
        app: &Arc<str>,
        punishment: &Punishment,
    ) -> Option<&InForce> {
        let until_ms = until_ms(&punishment.measure);
        let left = match until_ms.map(|until_ms| until_ms.saturating_sub(now.unix_ms)) {
            None => SHOWN_WITHOUT_END,
            // What is over is told once all the same: it may have to be looked into.
            Some(left_ms) => Duration::from_millis(left_ms.max(0).unsigned_abs()),
        };
        let word = punishment.measure.as_str();
        let name = (Arc::clone(app), word, punishment.id.clone());
        let is_known = |known: &InForce| known.punishment == *punishment;
        if self.in_force.get(&name).is_some_and(is_known) {
            return None;
        }
        if self.in_force.len() >= MOST {
            let first = self
                .in_force
                .iter()
                .min_by_key(|(_, in_force)| in_force.shown_until);
            if let Some(first) = first.map(|(name, _)| name.clone()) {
                self.in_force.remove(&first);
            }
        }
        let in_force = InForce {
            app: Arc::clone(app),
            punishment: punishment.clone(),
            told_ms: now.unix_ms,
            until_ms,
            shown_until: now.elapsed + left.max(REPEATED_FOR),
        };
        self.in_force.insert(name.clone(), in_force);
        self.in_force.get(&name)
    }

    /// Lets go of what is over.
    pub fn end_due(&mut self, now: Moment) {
        self.in_force
            .retain(|_, in_force| in_force.shown_until > now.elapsed);
    }

    /// When something is over.
    pub fn wake_at(&self) -> Option<Duration> {
        let ends = self.in_force.values().map(|in_force| in_force.shown_until);
        ends.min()
    }

    /// What is in force.
    pub fn iter(&self) -> impl Iterator<Item = &InForce> {
        self.in_force.values()
    }
}

impl InForce {
    /// What must not be sent, and until when, in Unix milliseconds. Only what `WeChat` names: what else it refuses pauses itself when it is
    /// met, and that costs no message anything.
    pub fn bans(&self) -> Vec<(Subject, Option<i64>)> {
        let api = |api| Subject::Api(Arc::clone(&self.app), api);
        match &self.punishment.measure {
            Measure::Account(term) => vec![(Subject::App(Arc::clone(&self.app)), term.until_ms())],
            Measure::Functions(functions) => functions
                .iter()
                .filter_map(|banned| {
                    let api = match banned.function {
                        Function::SubscribeMessages => api(Api::Subscribe),
                        Function::CustomerMessages => api(Api::Customer),
                        Function::Other => return None,
                    };
                    Some((api, banned.term.until_ms()))
                })
                .collect(),
            // Users cannot open the app; whether it may send no page says.
            Measure::TakenDown(_) | Measure::Warning(_) | Measure::Page | Measure::Unlisted => {
                Vec::new()
            }
        }
    }

    /// The names of the functions that it is about.
    pub fn functions(&self) -> Vec<&str> {
        match &self.punishment.measure {
            Measure::Functions(functions) => functions
                .iter()
                .map(|banned| banned.name.as_str())
                .collect(),
            Measure::Warning(warning) => match &warning.threat {
                Threat::Functions(names) => names.iter().map(String::as_str).collect(),
                Threat::Account | Threat::TakenDown | Threat::Unlisted => Vec::new(),
            },
            Measure::TakenDown(_) | Measure::Account(_) | Measure::Page | Measure::Unlisted => {
                Vec::new()
            }
        }
    }
}

/// When a measure is over: of several functions, when the last of them is free. For a warning, its deadline.
fn until_ms(measure: &Measure) -> Option<i64> {
    match measure {
        Measure::Warning(warning) => warning.deadline_ms,
        Measure::Functions(functions) => {
            let ends = functions.iter().map(|banned| banned.term.until_ms());
            ends.collect::<Option<Vec<i64>>>()?.into_iter().max()
        }
        Measure::TakenDown(term) | Measure::Account(term) => term.until_ms(),
        Measure::Page | Measure::Unlisted => None,
    }
}

#[cfg(test)]
mod tests;
