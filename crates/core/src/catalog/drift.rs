//! What differs between `templates.toml` and `WeChat`: the same comparison for `check --remote`, for `templates pull` and for a
//! service that runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::listing::{Listed, Listing};
use super::{Catalog, Template, TemplateKind};
use crate::document::{Origin, Problem, Severity};

/// In what a template differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftKind {
    /// `WeChat` has no template of this id.
    Gone,
    /// One-time here and long-term there, or the other way.
    Kind,
    /// `WeChat` gives it a type that is not known here, and the file says no kind.
    Type,
    /// Other params.
    Params,
    /// Other values of an enum.
    Enums,
    /// Another title.
    Title,
    /// The same params with other labels or in another order.
    Labels,
    /// `WeChat`'s entry cannot be read.
    Unreadable,
}

impl DriftKind {
    /// Every kind with its name in metrics.
    pub const ALL: [Self; 8] = [
        Self::Gone,
        Self::Kind,
        Self::Type,
        Self::Params,
        Self::Enums,
        Self::Title,
        Self::Labels,
        Self::Unreadable,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Kind => "kind",
            Self::Type => "type",
            Self::Params => "params",
            Self::Enums => "enums",
            Self::Title => "title",
            Self::Labels => "labels",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The name that rules use.
    pub template: Arc<str>,
    /// The app.
    pub app: Arc<str>,
    /// In what it differs.
    pub kind: DriftKind,
    /// An error if messages would be refused or wrong, a warning if only people are misled.
    pub severity: Severity,
    /// The difference, in a sentence.
    pub detail: String,
    /// Where the template is described.
    pub origin: Origin,
}

impl Drift {
    /// The same as a problem in `templates.toml`.
    pub fn problem(&self) -> Problem {
        let problem = match self.severity {
            Severity::Error => Problem::error(&self.origin, &self.detail),
            Severity::Warning => Problem::warning(&self.origin, &self.detail),
        };
        let help = match self.kind {
            DriftKind::Gone => {
                "copy the id of the template that replaces it from the mini program's console, or take its rules out"
            }
            DriftKind::Type => {
                "say its `kind` in templates.toml, as the mini program's console shows it"
            }
            DriftKind::Unreadable => "compare it by hand with the mini program's console",
            DriftKind::Kind
            | DriftKind::Params
            | DriftKind::Enums
            | DriftKind::Title
            | DriftKind::Labels => "`wx-courier templates pull` brings the file up to date",
        };
        problem
            .key(format!("{}.{}", self.app, self.template))
            .help(help)
    }
}

/// When a service that runs compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// At its start, and once a day.
    Daily,
    /// Never.
    Off,
}

/// How it stands with the templates of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TemplateStatus {
    /// When `WeChat` last answered: RFC 3339, UTC.
    pub checked_at: Option<String>,
    /// How the catalog in force differs from that answer, in sentences.
    pub drift: Vec<String>,
    /// How many differences there are of each kind.
    #[serde(skip)]
    pub n_drifts: BTreeMap<&'static str, usize>,
    /// Why `WeChat` did not answer the last question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl TemplateStatus {
    /// Takes over what a comparison found.
    pub fn found(&mut self, drifts: &[Drift]) {
        self.drift = drifts
            .iter()
            .map(|drift| format!("{}: {}", drift.template, drift.detail))
            .collect();
        self.n_drifts = BTreeMap::new();
        for drift in drifts {
            *self.n_drifts.entry(drift.kind.as_str()).or_default() += 1;
        }
    }
}

/// Every difference of an app's templates, by their names. A template that only `WeChat` has is none: no rule can use it.
pub fn compare(catalog: &Catalog, app: &str, listing: &Listing) -> Vec<Drift> {
    let templates = catalog.of_app(app);
    let drifts = templates.flat_map(|template| {
        let listed = listing.get(&template.id);
        match (listed, listing.unreadable(&template.id)) {
            (Some(listed), _) => compare_one(template, listed),
            (None, Some(entry)) => vec![template.drift(
                DriftKind::Unreadable,
                Severity::Warning,
                format!("what WeChat says of it cannot be read: {}", entry.why),
            )],
            (None, None) => vec![template.drift(
                DriftKind::Gone,
                Severity::Error,
                "WeChat has no template of this id: messages of it would be refused (40037)",
            )],
        }
    });
    drifts.collect()
}

/// The differences of one template. What the file does not say does not differ.
pub(super) fn compare_one(template: &Template, listed: &Listed) -> Vec<Drift> {
    let mut drifts = Vec::new();
    match (template.kind, listed.kind) {
        (Some(here), Some(there)) if !here.is_listed_as(there) => {
            let detail = format!("it is {} at WeChat, {} here", there.as_str(), here.as_str());
            drifts.push(template.drift(DriftKind::Kind, Severity::Error, detail));
        }
        (None, Some(TemplateKind::ServiceCard)) => {
            let detail = "it is a service card at WeChat: message/subscribe/send takes none";
            drifts.push(template.drift(DriftKind::Kind, Severity::Error, detail));
        }
        (Some(_) | None, Some(_) | None) => {}
    }
    if let (None, Some(other)) = (template.kind, &listed.other_type) {
        let detail = format!(
            "WeChat gives it the type {other}, which is not known here: it counts as a one-time template"
        );
        drifts.push(template.drift(DriftKind::Type, Severity::Warning, detail));
    }
    if !template.params.is_empty() {
        compare_params(template, listed, &mut drifts);
    }
    compare_enums(template, listed, &mut drifts);
    if let Some(title) = template
        .title
        .as_ref()
        .filter(|title| **title != listed.title)
    {
        let detail = format!(
            "WeChat calls it \"{}\", here it is \"{title}\"",
            listed.title
        );
        drifts.push(template.drift(DriftKind::Title, Severity::Warning, detail));
    }
    drifts
}

fn compare_params(template: &Template, listed: &Listed, drifts: &mut Vec<Drift>) {
    let here = |name: &str| {
        template
            .params
            .iter()
            .find(|(known, _)| known.as_ref() == name)
    };
    let mut add = |kind, severity, detail| drifts.push(template.drift(kind, severity, detail));
    let mut has_same_names = true;
    for param in &listed.params {
        let (name, label) = (&param.name, &param.label);
        match here(name) {
            None => {
                has_same_names = false;
                let detail = format!("WeChat wants the param `{name}` ({label}) too");
                add(DriftKind::Params, Severity::Error, detail);
            }
            Some((_, known)) if known != label => {
                let detail =
                    format!("WeChat calls the param `{name}` \"{label}\", here it is \"{known}\"");
                add(DriftKind::Labels, Severity::Warning, detail);
            }
            Some(_) => {}
        }
    }
    for (name, label) in &template.params {
        if !listed
            .params
            .iter()
            .any(|param| param.name == name.as_ref())
        {
            has_same_names = false;
            let detail = format!("WeChat does not know the param `{name}` ({label})");
            add(DriftKind::Params, Severity::Error, detail);
        }
    }
    let is_in_order = template
        .params
        .iter()
        .map(|(name, _)| name.as_ref())
        .eq(listed.params.iter().map(|param| param.name.as_str()));
    if has_same_names && !is_in_order {
        let order: Vec<_> = listed
            .params
            .iter()
            .map(|param| param.name.as_str())
            .collect();
        let detail = format!(
            "the card shows its params in the order {}",
            order.join(", ")
        );
        add(DriftKind::Labels, Severity::Warning, detail);
    }
}

fn compare_enums(template: &Template, listed: &Listed, drifts: &mut Vec<Drift>) {
    let mut add =
        |severity, detail| drifts.push(template.drift(DriftKind::Enums, severity, detail));
    for (name, here) in &template.enums {
        let Some(there) = listed.enums.get(name) else {
            let is_param = listed.params.iter().any(|param| param.name == *name);
            // Where the param itself is gone, that has been said.
            if is_param {
                let detail = format!("WeChat lists no values for `{name}` any more");
                add(Severity::Warning, detail);
            }
            continue;
        };
        let gone = only_in(here, there);
        if !gone.is_empty() {
            add(
                Severity::Error,
                format!("WeChat does not take {gone} for `{name}`"),
            );
        }
        let new = only_in(there, here);
        if !new.is_empty() {
            add(
                Severity::Warning,
                format!("WeChat also takes {new} for `{name}`"),
            );
        }
    }
    for (name, values) in &listed.enums {
        if !template.enums.contains_key(name) {
            let detail = format!("WeChat takes only {} for `{name}`", quoted(values));
            add(Severity::Warning, detail);
        }
    }
}

fn only_in(values: &[String], others: &[String]) -> String {
    let only: Vec<String> = values
        .iter()
        .filter(|value| !others.contains(value))
        .cloned()
        .collect();
    quoted(&only)
}

fn quoted(values: &[String]) -> String {
    let quoted: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
    quoted.join(", ")
}

impl Template {
    fn drift(&self, kind: DriftKind, severity: Severity, detail: impl Into<String>) -> Drift {
        Drift {
            template: Arc::clone(&self.name),
            app: Arc::clone(&self.app),
            kind,
            severity,
            detail: detail.into(),
            origin: self.origin.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
