//! `/rules`: what each rule does, for operators and for `wx-courier rules`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::reload::Refused;
use super::{Pages, Phase, Report};
use wx_courier_core::flow::{PauseStatus, WaitingStatus, is_of_rules};
use wx_courier_core::rules::Rule;
use wx_courier_core::schedule::pauses::Subject;

/// One rule, as people see it.
#[derive(Debug, Serialize)]
pub(super) struct RuleStatus {
    /// Its name.
    rule: String,
    /// Its version.
    version: String,
    /// The app that sends.
    app: String,
    /// The template's name, if it has one.
    template: Option<String>,
    /// Outcomes since the process began, by status.
    outcomes: BTreeMap<String, u64>,
    /// Messages that wait, in the window.
    waiting: usize,
    /// Messages that wait outside of it, and are read again later.
    set_aside: usize,
    /// When the oldest of those in the window came: RFC 3339, UTC.
    waiting_since: Option<String>,
    /// What holds them.
    paused_by: Vec<PauseStatus>,
}

/// All rules in force, as this instance sees them.
#[derive(Debug, Serialize)]
pub(super) struct RuleList {
    /// The version of the set.
    rules_version: String,
    /// By name.
    rules: Vec<RuleStatus>,
    /// Pauses of what no rule in force has anything to do with.
    other_pauses: Vec<PauseStatus>,
    /// Why the rules on disk are not in force; left out if they are, or were not read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

pub(super) async fn list(State(pages): State<Pages>) -> Json<RuleList> {
    let rules = Arc::clone(&pages.rules.borrow());
    let outcomes = pages.metrics.outcomes_by_rule();
    let report = pages.report();
    let pauses = &report.engine.pauses;
    let of_rule = |rule: &Arc<Rule>| {
        let subjects: Vec<String> = Subject::covering(rule)
            .map(|subject| subject.to_string())
            .collect();
        let waiting = report.engine.waiting_by_rule.get(rule.name.as_ref());
        let WaitingStatus { messages, since } = waiting.cloned().unwrap_or_default();
        let name = rule.name.to_string();
        RuleStatus {
            version: rule.version.to_string(),
            app: rule.app.to_string(),
            template: rule.template().map(|template| template.name.to_string()),
            outcomes: outcomes.get(&name).cloned().unwrap_or_default(),
            waiting: messages,
            set_aside: report.engine.set_aside.get(&name).copied().unwrap_or(0),
            waiting_since: since,
            paused_by: pauses
                .iter()
                .filter(|pause| subjects.contains(&pause.subject))
                .cloned()
                .collect(),
            rule: name,
        }
    };
    let listed: Vec<RuleStatus> = rules.rules().iter().map(of_rule).collect();
    let is_listed = |pause: &PauseStatus| {
        let mut held = listed.iter().flat_map(|rule| &rule.paused_by);
        held.any(|of_rule| of_rule.subject == pause.subject)
    };
    let other_pauses = pauses.iter().filter(|pause| !is_listed(pause));
    Json(RuleList {
        rules_version: rules.version().to_string(),
        refused: report.reload.refused.clone(),
        other_pauses: other_pauses.cloned().collect(),
        rules: listed,
    })
}

impl Pages {
    /// How the service is. Before its engine is there, the store alone tells what is paused.
    pub(super) fn report(&self) -> Report {
        let mut report = self.reports.borrow().clone();
        if report.phase == Phase::WaitingForKafka {
            let newest = self.holds.newest();
            let newest = newest.borrow();
            let rules = self.rules.borrow();
            let holds = newest.iter().flat_map(|heard| heard.holds.iter());
            let of_rules = holds.filter(|hold| is_of_rules(&rules, hold));
            report.engine.pauses = of_rules.map(PauseStatus::from).collect();
        }
        report
    }
}
