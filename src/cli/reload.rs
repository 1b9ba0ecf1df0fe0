//! Rules, templates and settings are read again: when they were saved, at SIGHUP, and when an operator asks for it.
//!
//! The rules are swapped whole, if they pass everything that `check` asks, and with them what they are made with: templates, time zone, and the apps.
//! All other settings stay as they are until a restart; those that say something else on disk are named.

mod reading;
mod watching;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{
    Effective, Fingerprint, RuleReload, Settings, Sources, fingerprint, waiting_for_restart,
};
use crate::edges::clock::Clock;
use crate::edges::http::Report;
use crate::edges::http::reload::{Asked, MOST_TOLD, Refused, ReloadStatus, Reloaded, Taken};
use crate::edges::wechat::{Adopted, WeChat};
use crate::service::bounds_of;
use crate::telemetry::Metrics;
pub(super) use reading::first_look;
use reading::secret_files;
use reading::{Found, Fresh, Looks, read};
use watching::{LOOK_EVERY, Look, Standing, Watching};
use wx_courier_core::document::{Problem, Problems, Severity};
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::admission::AppBounds;

/// How the process began.
pub(super) struct Beginning {
    pub(super) sources: Sources,
    /// How the files looked before they were read for the first time.
    pub(super) looked: Fingerprint,
    pub(super) settings: Arc<Settings>,
    /// The same, by its keys.
    pub(super) effective: Vec<Effective>,
}

/// What is in force, and is swapped whole.
pub(super) struct InForce {
    pub(super) rules: watch::Sender<Arc<RuleSet>>,
    /// What each app may do.
    pub(super) apps: watch::Sender<BTreeMap<Arc<str>, AppBounds>>,
    pub(super) wechat: Arc<WeChat>,
}

impl InForce {
    /// What was read at the start.
    pub(super) fn new(
        settings: &Settings,
        rules: Arc<RuleSet>,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            rules: watch::Sender::new(rules),
            apps: watch::Sender::new(bounds_of(&settings.apps)),
            wechat: Arc::new(WeChat::new(settings, metrics.unknown())?),
        })
    }
}

/// Reads again, and says what came of it.
pub(super) struct Reloader {
    pub(super) beginning: Beginning,
    pub(super) in_force: InForce,
    pub(super) reports: watch::Sender<Report>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
}

/// Why it is read.
enum Occasion {
    /// It was saved, and rests.
    Saved,
    /// SIGHUP.
    Signal,
    /// A person waits for an answer.
    Asked(oneshot::Sender<Reloaded>),
}

/// Whether what was read is new.
enum Swapped {
    Yes,
    Same,
}

impl Reloader {
    /// Reads again at every occasion, for as long as the process lives.
    pub(super) async fn serve(self, mut hangups: Signal, mut requests: mpsc::Receiver<Asked>) {
        let mut secrets = secret_files(&self.beginning.effective);
        let mut watching = self.begin(&secrets);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let occasion = tokio::select! {
                Some(()) = hangups.recv() => Occasion::Signal,
                Some(Asked { answer }) = requests.recv() => Occasion::Asked(answer),
                _ = looks.tick(), if self.beginning.settings.rule_reload == RuleReload::OnSave => {
                    match self.look(&secrets).await.map(|now| watching.look(now)) {
                        Some(Look::Read) => Occasion::Saved,
                        Some(Look::Restless) => {
                            tracing::warn!(
                                "the configuration on disk has been changing for a minute: it is read when it stays as it is for a second, or at SIGHUP"
                            );
                            continue;
                        }
                        Some(Look::Nothing) | None => continue,
                    }
                }
                else => return,
            };
            self.read(occasion, &mut watching, &mut secrets).await;
        }
    }

    async fn look(&self, secrets: &[PathBuf]) -> Option<Fingerprint> {
        let (sources, secrets) = (self.beginning.sources.clone(), secrets.to_owned());
        let look = move || fingerprint(&sources.folder, &secrets);
        tokio::task::spawn_blocking(look).await.ok()
    }

    /// Reads again. `secrets` are the files of secrets that are looked at.
    async fn read(&self, occasion: Occasion, watching: &mut Watching, secrets: &mut Vec<PathBuf>) {
        let Beginning {
            sources, settings, ..
        } = &self.beginning;
        let (sources, settings) = (sources.clone(), Arc::clone(settings));
        let in_force = Arc::clone(&self.in_force.rules.borrow());
        let (looked_at, wechat) = (secrets.clone(), Arc::clone(&self.in_force.wechat));
        // Compiling a thousand rules takes a while, and calls are under way.
        let found = tokio::task::spawn_blocking(move || {
            read(&sources, (&settings, &in_force), &looked_at, &wechat)
        });
        let result = match found.await {
            Ok(found) => {
                let Looks {
                    before,
                    after,
                    with_its_secrets,
                } = found.looks;
                if before != after && matches!(occasion, Occasion::Saved) {
                    // It was half of one state and half of another. It is read when it rests.
                    watching.look(after);
                    return;
                }
                if let Some(effective) = &found.effective {
                    *secrets = secret_files(effective);
                }
                let result = self.take(found);
                let as_it_was = with_its_secrets.filter(|_| before == after);
                watching.was_read(as_it_was.unwrap_or(before), standing(&result));
                result
            }
            Err(error) => {
                let is_panic = error.is_panic();
                tracing::error!(
                    is_panic,
                    "reading the rules has failed, the old ones stay in force"
                );
                let refused = self.refused(vec![FAILED.to_owned()], 1);
                self.tell(Some(refused), None, None);
                Reloaded::Refused {
                    errors: 1,
                    problems: vec![FAILED.to_owned()],
                }
            }
        };
        if let Occasion::Asked(answer) = occasion
            && answer.send(result).is_err()
        {
            tracing::debug!("the rules were read for a person who has gone");
        }
    }

    /// Tells what is in force before anything was read again. What has changed since the process began to read is news.
    fn begin(&self, secrets: &[PathBuf]) -> Watching {
        let version = Arc::clone(self.in_force.rules.borrow().version());
        self.tell(None, None, Some(version));
        let Beginning {
            sources, looked, ..
        } = &self.beginning;
        Watching::new(if first_look(sources) == *looked {
            fingerprint(&sources.folder, secrets)
        } else {
            *looked
        })
    }

    fn take(&self, found: Found) -> Reloaded {
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
            tracing::info!(%rules_version, "the rules are the same as before");
            return Swapped::Same;
        }
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
        let refused = self.refused(told, errors);
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
                tracing::error!("{problem}");
            }
        }
        refused
    }

    fn refused(&self, problems: Vec<String>, errors: usize) -> Refused {
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

fn standing(result: &Reloaded) -> Standing {
    match result {
        Reloaded::Swapped(_) | Reloaded::Same(_) => Standing::InForce,
        Reloaded::Refused { .. } => Standing::Refused,
    }
}

/// In place of a mistake, where none was found.
const FAILED: &str = "a fault in wx-courier: the rules could not be read. Please report it, with the log of this time";

fn in_one_line(problem: &Problem) -> String {
    let lines = problem.to_string();
    let lines: Vec<&str> = lines.lines().map(str::trim).collect();
    lines.join("; ")
}
