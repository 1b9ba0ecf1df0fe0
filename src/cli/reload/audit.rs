//! Who brings other rules, templates or apps into force: written down as the swap is decided, and before it is made. It is made whether or not that
//! can be written: what lies on disk is in force, and a reload may be what ends an incident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::reading::Fresh;
use super::{Occasion, Reloader};
use crate::edges::audit::{AuditClient, NotRecorded, SHORT_LIMIT};
use crate::edges::http::audit::Asker;
use wx_courier_core::model::audit::{Action, Facts, Via, What, Who, facts};
use wx_courier_core::rules::RuleSet;

/// What writes it down.
pub(in crate::cli) struct ReloadAudit {
    pub(in crate::cli) client: Arc<AuditClient>,
    /// The system's user whose process this is: who has saved a file, or sent a signal, is not known.
    pub(in crate::cli) process: Who,
}

/// So many rules are named of each kind of change.
const MOST_NAMED: usize = 10;

impl Reloader {
    /// Writes down a swap that is about to be made, one record for each who has asked. Nothing, if nothing would change. Comes back with why there
    /// is none, soon in any case.
    pub(super) async fn note(&self, fresh: &Fresh, occasion: &Occasion) -> Option<NotRecorded> {
        let (before, after) = self.change(fresh)?;
        let mut writing = JoinSet::new();
        for Asker { who, why } in self.askers(occasion) {
            let client = Arc::clone(&self.audit.client);
            let action = Action {
                what: What::Reload,
                subject: "configuration".to_owned(),
                before: Some(before.clone()),
                after: Some(after.clone()),
                why,
            };
            writing.spawn(async move {
                let record = client.describe(who, action);
                client.record_or_tell(&record, SHORT_LIMIT).await.err()
            });
        }
        let mut unrecorded = None;
        while let Some(written) = writing.join_next().await {
            unrecorded = unrecorded.or(written.ok().flatten());
        }
        unrecorded
    }

    /// Who is behind it, each once.
    fn askers(&self, occasion: &Occasion) -> Vec<Asker> {
        let process = |via| Asker {
            who: Who {
                via,
                ..self.audit.process.clone()
            },
            why: None,
        };
        match occasion {
            Occasion::Saved => vec![process(Via::SavedFile)],
            Occasion::Signal => vec![process(Via::Signal)],
            Occasion::Asked(asked) => {
                let mut askers: Vec<Asker> = Vec::new();
                for asked in asked {
                    if !askers.iter().any(|known| known.who == asked.asker.who) {
                        askers.push(asked.asker.clone());
                    }
                }
                askers
            }
        }
    }

    /// How it is now, and how it will be; `None` if that is the same.
    fn change(&self, fresh: &Fresh) -> Option<(Facts, Facts)> {
        let in_force = Arc::clone(&self.in_force.rules.borrow());
        let rules = &fresh.rules;
        let parts = [
            ("rules", rules.version() != in_force.version()),
            ("templates", rules.catalog() != in_force.catalog()),
            ("grants", rules.policies() != in_force.policies()),
            (
                "apps",
                fresh.bounds != *self.in_force.apps.borrow()
                    || self.in_force.wechat.would_change(&fresh.clients),
            ),
        ];
        let changed = parts.into_iter().filter(|(_, is_other)| *is_other);
        let changed: Vec<&str> = changed.map(|(part, _)| part).collect();
        if changed.is_empty() {
            return None;
        }
        let mut after = version_of(rules);
        after.insert("changed".to_owned(), changed.into());
        after.extend(differences(&in_force, rules));
        Some((version_of(&in_force), after))
    }
}

fn version_of(rules: &RuleSet) -> Facts {
    facts([
        ("rules_version", rules.version().to_string().into()),
        ("rules", rules.rules().len().into()),
    ])
}

/// Which rules have come, are gone, or are others, by their names.
fn differences(before: &RuleSet, after: &RuleSet) -> Facts {
    let by_name = |rules: &RuleSet| -> BTreeMap<Arc<str>, Arc<str>> {
        let rules = rules.rules().iter();
        rules
            .map(|rule| (Arc::clone(&rule.name), Arc::clone(&rule.version)))
            .collect()
    };
    let (before, after) = (by_name(before), by_name(after));
    let is_changed = |name: &&Arc<str>| {
        before
            .get(*name)
            .is_some_and(|version| after.get(*name).is_some_and(|now| now != version))
    };
    let is_new = |name: &&Arc<str>| !before.contains_key(*name);
    let is_gone = |name: &&Arc<str>| !after.contains_key(*name);
    let found: [(&str, BTreeSet<&Arc<str>>); 3] = [
        ("rules_added", after.keys().filter(is_new).collect()),
        ("rules_removed", before.keys().filter(is_gone).collect()),
        ("rules_changed", after.keys().filter(is_changed).collect()),
    ];
    let told = found.into_iter().filter(|(_, names)| !names.is_empty());
    told.map(|(fact, names)| {
        let names = names.into_iter().take(MOST_NAMED);
        let names: Vec<&str> = names.map(AsRef::as_ref).collect();
        (fact.to_owned(), names.into())
    })
    .collect()
}
