//! Rules, templates and settings are read again: when they were saved, at SIGHUP, and when an operator asks for it.
//!
//! The rules are swapped whole, if they pass everything that `check` asks, and with them what they are made with: templates, time zone, and the apps.
//! All other settings stay as they are until a restart; those that say something else on disk are named.

mod audit;
mod in_force;
mod looking;
mod reading;
mod watching;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use crate::config::{RuleReload, waiting_for_restart};
use crate::edges::clock::Clock;
use crate::edges::descriptors::Descriptors;
use crate::edges::http::Report;
use crate::edges::http::reload::{Asked, MOST_TOLD, Refused, ReloadStatus, Reloaded, Taken};
use crate::edges::wechat::Adopted;
use crate::telemetry::Metrics;
pub(super) use audit::ReloadAudit;
pub(super) use in_force::{Beginning, InForce};
use looking::Looking;
pub(super) use reading::first_look;
use reading::secret_files;
use reading::{Found, Fresh, read};
use watching::{LOOK_EVERY, Look, Standing, Watching};
use wx_courier_core::document::{Origin, Problem, Problems, Severity};
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::schedule::admission::AppBounds;

/// Reads again, and says what came of it.
pub(super) struct Reloader {
    pub(super) beginning: Beginning,
    pub(super) in_force: InForce,
    pub(super) reports: watch::Sender<Report>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) descriptors: Descriptors,
    pub(super) audit: ReloadAudit,
}

/// Why it is read.
enum Occasion {
    /// It was saved, and rests.
    Saved,
    /// SIGHUP.
    Signal,
    /// People wait for an answer.
    Asked(Vec<Asked>),
}

impl Occasion {
    /// Who asks now, and all others who wait already: one reading answers them.
    fn asked(first: Asked, requests: &mut mpsc::Receiver<Asked>) -> Self {
        let mut all = vec![first];
        while let Ok(asked) = requests.try_recv() {
            all.push(asked);
        }
        Self::Asked(all)
    }

    fn is_save(&self) -> bool {
        match self {
            Self::Saved => true,
            Self::Signal | Self::Asked(_) => false,
        }
    }
}

/// So often what changes while it is read is read once more, for who does not wait until it rests.
const READINGS: usize = 3;

/// Whether what was read is new.
enum Swapped {
    Yes,
    Same,
}

impl Reloader {
    /// Reads again at every occasion, for as long as the process lives.
    pub(super) async fn serve(self, mut hangups: Signal, mut requests: mpsc::Receiver<Asked>) {
        let mut secrets = secret_files(&self.beginning.effective);
        // What the secrets looked like when they were read is not known: all is read once more, and is the same.
        let mut watching = Watching::new(self.beginning.looked);
        self.tell(
            None,
            None,
            Some(Arc::clone(self.in_force.rules.borrow().version())),
        );
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looking = Looking::default();
        let folder = &self.beginning.sources.folder;
        let is_watched = self.beginning.settings.rule_reload == RuleReload::OnSave;
        loop {
            let occasion = tokio::select! {
                Some(()) = hangups.recv() => Occasion::Signal,
                Some(first) = requests.recv() => Occasion::asked(first, &mut requests),
                _ = looks.tick(), if is_watched => {
                    looking.begin(folder.clone(), secrets.clone());
                    continue;
                }
                seen = looking.come_back() => match seen.map(|now| watching.look(now)) {
                    Some(Look::Read) => Occasion::Saved,
                    Some(Look::Restless) => {
                        tracing::warn!(
                            "the configuration on disk has been changing for a minute: it is read when it stays as it is for a second"
                        );
                        continue;
                    }
                    Some(Look::Nothing) | None => continue,
                },
            };
            self.read(occasion, &mut watching, &mut secrets).await;
        }
    }

    /// Reads again. `secrets` are the files of secrets that are looked at.
    async fn read(&self, occasion: Occasion, watching: &mut Watching, secrets: &mut Vec<PathBuf>) {
        let result = match self.found_at_rest(&occasion, secrets).await {
            Ok(found) if !found.rests() => {
                // It was half of one state and half of another. It is read when it rests.
                watching.look(found.looks.after);
                Reloaded::Restless
            }
            Ok(found) => {
                if let Some(effective) = &found.effective {
                    *secrets = secret_files(effective);
                }
                let as_it_was = found.looks.before;
                let result = self.take(found, &occasion).await;
                watching.was_read(as_it_was, standing(&result));
                result
            }
            Err(error) => {
                tracing::error!(is_panic = error.is_panic(), "reading the rules has failed");
                watching.failed();
                let mut problems = Problems::default();
                problems.push(Problem::error(&Origin::Default, FAILED));
                let refused = self.refuse(&problems);
                self.tell(Some(refused.clone()), None, None);
                Reloaded::Refused {
                    errors: refused.errors,
                    problems: refused.problems,
                }
            }
        };
        if let (Reloaded::Same(taken), false) = (&result, occasion.is_save()) {
            tracing::info!(
                rules_version = taken.rules_version,
                "the rules are the same as before"
            );
        }
        let Occasion::Asked(all) = occasion else {
            return;
        };
        for asked in all {
            if asked.answer.send(result.clone()).is_err() {
                tracing::debug!("the rules were read for a person who has gone");
            }
        }
    }

    /// What lies on disk. What was saved is read once: it rested a moment ago.
    async fn found_at_rest(
        &self,
        occasion: &Occasion,
        secrets: &[PathBuf],
    ) -> Result<Found, JoinError> {
        let mut found = self.find(secrets).await?;
        for _again in 1..READINGS {
            if found.rests() || occasion.is_save() {
                break;
            }
            found = self.find(secrets).await?;
        }
        Ok(found)
    }

    async fn find(&self, secrets: &[PathBuf]) -> Result<Found, JoinError> {
        let Beginning {
            sources, settings, ..
        } = &self.beginning;
        let (sources, settings) = (sources.clone(), Arc::clone(settings));
        let in_force = Arc::clone(&self.in_force.rules.borrow());
        let (secrets, wechat) = (secrets.to_owned(), Arc::clone(&self.in_force.wechat));
        // Compiling a thousand rules takes a while, and calls are under way.
        tokio::task::spawn_blocking(move || {
            read(&sources, (&settings, &in_force), &secrets, &wechat)
        })
        .await
    }

    async fn take(&self, found: Found, occasion: &Occasion) -> Reloaded {
        let effective = found.effective.as_deref();
        let waiting =
            effective.map(|on_disk| waiting_for_restart(&self.beginning.effective, on_disk));
        let known = self.reports.borrow().reload.restart_needed.clone();
        let news = waiting.as_ref().filter(|waiting| **waiting != known);
        if let Some(waiting) = news.filter(|waiting| !waiting.is_empty()) {
            tracing::warn!(
                settings = waiting.join(", "),
                "these settings were changed, and come into force with a restart"
            );
        }
        let restart_needed = waiting.clone().unwrap_or(known);
        let (refused, result) = match found.fresh {
            Ok((fresh, warnings)) => {
                let result = Taken {
                    rules_version: fresh.rules.version().to_string(),
                    rules: fresh.rules.rules().len(),
                    restart_needed,
                    unrecorded: self.note(&fresh, occasion).await,
                };
                let result = match self.swap(fresh) {
                    Swapped::Yes => {
                        for warning in &warnings {
                            tracing::warn!("{warning}");
                        }
                        Reloaded::Swapped(result)
                    }
                    Swapped::Same => Reloaded::Same(result),
                };
                (None, result)
            }
            Err(problems) => {
                let refused = self.refuse(&problems);
                let result = Reloaded::Refused {
                    errors: refused.errors,
                    problems: refused.problems.clone(),
                };
                (Some(refused), result)
            }
        };
        self.tell(refused, waiting, found.version);
        result
    }

    /// Puts it in force, if it is not.
    fn swap(&self, fresh: Fresh) -> Swapped {
        let Fresh {
            rules,
            bounds,
            clients,
        } = fresh;
        let in_force = Arc::clone(&self.in_force.rules.borrow());
        let rules_version = rules.version();
        let n_rules = rules.rules().len();
        let adopted = self.in_force.wechat.adopt(clients);
        let has_other_bounds = self.in_force.apps.send_if_modified(|apps| {
            tell_of_apps(apps, &bounds);
            let is_other = *apps != bounds;
            *apps = bounds;
            is_other
        });
        if rules.version() != in_force.version() {
            tracing::info!(rules = n_rules, %rules_version, "rules swapped");
        } else if rules.catalog() != in_force.catalog() || rules.policies() != in_force.policies() {
            // The version says nothing of what else is known: titles, labels, templates that no rule names, and what is made of their grants.
            tracing::info!(
                rules = n_rules,
                %rules_version,
                "templates or grants swapped; the rules are the same as before"
            );
        } else if adopted == Adopted::Others || has_other_bounds {
            tracing::info!(%rules_version, "apps swapped; the rules are the same as before");
        } else {
            return Swapped::Same;
        }
        self.descriptors.look_at(&self.in_force.apps.borrow());
        // Last: what they need is there.
        self.in_force.rules.send_replace(rules);
        Swapped::Yes
    }

    /// Says what is wrong, unless that was said.
    fn refuse(&self, problems: &Problems) -> Refused {
        let errors = problems.count(Severity::Error);
        let all = problems.iter();
        let all = all.filter(|problem| problem.severity == Severity::Error);
        let told: Vec<String> = all.map(in_one_line).take(MOST_TOLD).collect();
        let refused = self.as_refused(told, errors);
        let before = self.reports.borrow().reload.refused.clone();
        let is_known = before.is_some_and(|before| {
            before.problems == refused.problems && before.errors == refused.errors
        });
        if !is_known {
            self.metrics.reload_failed();
            tracing::error!(
                errors,
                rules_version = refused.rules_version,
                "the new rules are refused, the old ones stay in force"
            );
            for problem in problems {
                match problem.severity {
                    Severity::Error => tracing::error!("{problem}"),
                    Severity::Warning => tracing::warn!("{problem}"),
                }
            }
        }
        refused
    }

    fn as_refused(&self, problems: Vec<String>, errors: usize) -> Refused {
        let before = self.reports.borrow().reload.refused.clone();
        let since_ms = before.map_or_else(|| self.clock.now_ms(), |before| before.since_ms);
        Refused {
            since_ms,
            since: rfc3339_ms(since_ms),
            errors,
            first: problems.first().cloned().unwrap_or_default(),
            problems,
            rules_version: self.in_force.rules.borrow().version().to_string(),
        }
    }

    /// Tells the status page and the metrics. Settings that could not be read leave what was said of them as it was.
    fn tell(
        &self,
        refused: Option<Refused>,
        waiting: Option<Vec<String>>,
        on_disk: Option<Arc<str>>,
    ) {
        let now_ms = self.clock.now_ms();
        let rules_version = Arc::clone(self.in_force.rules.borrow().version());
        self.reports.send_modify(|report| {
            let before = std::mem::take(&mut report.reload);
            let is_as_before = before.rules_version.as_deref() == Some(&*rules_version);
            let since_ms = if is_as_before {
                before.in_force_since_ms
            } else {
                now_ms
            };
            let status = ReloadStatus {
                read_at: Some(rfc3339_ms(now_ms)),
                in_force_since_ms: since_ms,
                in_force_since: Some(rfc3339_ms(since_ms)),
                rules_version: Some(rules_version),
                on_disk,
                restart_needed: waiting.unwrap_or(before.restart_needed),
                refused,
            };
            self.metrics.reloaded(&status);
            report.reload = status;
        });
    }
}

/// Says which apps have come, and which are gone.
fn tell_of_apps(before: &BTreeMap<Arc<str>, AppBounds>, now: &BTreeMap<Arc<str>, AppBounds>) {
    let only_in = |some: &BTreeMap<Arc<str>, AppBounds>, others: &BTreeMap<Arc<str>, AppBounds>| {
        let names = some.keys().filter(|name| !others.contains_key(*name));
        names.map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
    };
    let (came, gone) = (only_in(now, before), only_in(before, now));
    if !came.is_empty() {
        tracing::info!(apps = came, "apps have come");
    }
    if !gone.is_empty() {
        tracing::info!(apps = gone, "apps are gone");
    }
}

fn standing(result: &Reloaded) -> Standing {
    match result {
        Reloaded::Swapped(_) | Reloaded::Same(_) => Standing::InForce,
        Reloaded::Refused { .. } | Reloaded::Restless => Standing::Refused,
    }
}

/// In place of a mistake, where none was found.
const FAILED: &str = "a fault in wx-courier: the rules could not be read. Please report it, with the log of this time";

fn in_one_line(problem: &Problem) -> String {
    let lines = problem.to_string();
    let lines: Vec<&str> = lines.lines().map(str::trim).collect();
    lines.join("; ")
}
