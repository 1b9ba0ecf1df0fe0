//! SIGHUP: rules, templates and settings are read again.
//!
//! The rules are swapped whole, if they pass everything that `check` asks, and with them what they are made with: templates, time zone, and what
//! is made of grants. All other settings stay as they are until a restart; those that say something else on disk are named.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::cli::check_all;
use crate::config::{
    Effective, Loaded, Settings, Sources, Swap, unmet_until_restart, waiting_for_restart,
};
use crate::edges::clock::Clock;
use crate::edges::http::Report;
use crate::edges::http::reload::Refused;
use crate::telemetry::Metrics;
use wx_courier_core::document::{Problem, Problems, Severity};
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::rules::RuleSet;

/// Reads again, and says what came of it.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    /// What the process began with.
    pub(super) settings: Arc<Settings>,
    /// The same, by its keys.
    pub(super) effective: Vec<Effective>,
    pub(super) rules: watch::Sender<Arc<RuleSet>>,
    pub(super) reports: watch::Sender<Report>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
}

/// What lies on disk.
struct Found {
    /// The rules, with what is told of them all the same; or why they cannot be used.
    rules: Result<(Arc<RuleSet>, Problems), Problems>,
    /// The settings by their keys; `None` if there is anything wrong with them.
    effective: Option<Vec<Effective>>,
}

impl Reloader {
    /// Reads again at every signal, for as long as the process lives.
    pub(super) async fn serve(self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            let (sources, settings) = (self.sources.clone(), Arc::clone(&self.settings));
            let in_force = Arc::clone(&self.rules.borrow());
            // Compiling a thousand rules takes a while, and calls are under way.
            let found = tokio::task::spawn_blocking(move || read(&sources, &settings, &in_force));
            match found.await {
                Ok(found) => self.take(found),
                Err(error) => {
                    let is_panic = error.is_panic();
                    tracing::error!(
                        is_panic,
                        "reading the rules has failed, the old ones stay in force"
                    );
                    self.tell(Some((1, FAILED.to_owned())), None);
                }
            }
        }
    }

    fn take(&self, found: Found) {
        let effective = found.effective.as_deref();
        let waiting = effective.map(|on_disk| waiting_for_restart(&self.effective, on_disk));
        if let Some(waiting) = waiting.as_ref().filter(|waiting| !waiting.is_empty()) {
            tracing::warn!(
                settings = waiting.join(", "),
                "these settings were changed, and come into force with a restart"
            );
        }
        let refused = match found.rules {
            Ok((fresh, warnings)) => {
                self.swap(fresh);
                for warning in &warnings {
                    tracing::warn!("{warning}");
                }
                None
            }
            Err(problems) => Some(self.refuse(&problems)),
        };
        self.tell(refused, waiting);
    }

    /// Puts the rules in force, if they are not.
    fn swap(&self, fresh: Arc<RuleSet>) {
        let in_force = Arc::clone(&self.rules.borrow());
        let rules_version = fresh.version();
        let n_rules = fresh.rules().len();
        if fresh.version() != in_force.version() {
            tracing::info!(rules = n_rules, %rules_version, "rules swapped");
        } else if fresh.catalog() != in_force.catalog() || fresh.policies() != in_force.policies() {
            // The version says nothing of what else is known: titles, labels, templates that no rule names, and what is made of their grants.
            tracing::info!(
                rules = n_rules,
                %rules_version,
                "templates or grants swapped; the rules are the same as before"
            );
        } else {
            tracing::info!(%rules_version, "the rules are the same as before");
            return;
        }
        self.rules.send_replace(fresh);
    }

    /// Says what is wrong. Gives how many errors there are, and the first.
    fn refuse(&self, problems: &Problems) -> (usize, String) {
        let errors = problems.count(Severity::Error);
        let in_force = self.rules.borrow().version().to_string();
        tracing::error!(
            errors,
            rules_version = in_force,
            "the new rules are refused, the old ones stay in force"
        );
        for problem in problems {
            tracing::error!("{problem}");
        }
        let mut all = problems.iter();
        let first = all.find(|problem| problem.severity == Severity::Error);
        (errors, first.map(in_one_line).unwrap_or_default())
    }

    /// Tells the status page and the metrics. Settings that could not be read leave what was said of them as it was.
    fn tell(&self, refused: Option<(usize, String)>, waiting: Option<Vec<String>>) {
        let now = rfc3339_ms(self.clock.now_ms());
        let rules_version = self.rules.borrow().version().to_string();
        self.reports.send_modify(|report| {
            let status = &mut report.reload;
            let before = status.refused.take();
            status.refused = refused.map(|(errors, first)| Refused {
                since: before.map_or_else(|| now.clone(), |before| before.since),
                errors,
                first,
                rules_version,
            });
            status.read_at = Some(now);
            if let Some(waiting) = waiting {
                status.restart_needed = waiting;
            }
            self.metrics.reloaded(status);
        });
    }
}

/// In place of a mistake, where none was found.
const FAILED: &str = "a fault in wx-courier: the rules could not be read. Please report it, with the log of this time";

fn in_one_line(problem: &Problem) -> String {
    let lines = problem.to_string();
    let lines: Vec<&str> = lines.lines().map(str::trim).collect();
    lines.join("; ")
}

fn read(sources: &Sources, running: &Settings, in_force: &RuleSet) -> Found {
    let Loaded {
        settings,
        rules,
        mut problems,
        effective,
        ..
    } = check_all(sources).loaded;
    if let (Some(fresh), Some(on_disk)) = (&rules, &settings) {
        problems.extend(unmet_until_restart(Swap {
            fresh,
            on_disk,
            in_force,
            running,
        }));
    }
    let effective = settings.is_some().then_some(effective);
    let rules = match rules {
        Some(rules) if !problems.has_errors() => Ok((rules, problems)),
        _ => Err(problems),
    };
    Found { rules, effective }
}
