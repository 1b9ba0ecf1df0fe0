//! What rules need of the settings: a secret where users are named by login codes, and something that tells of grants where these are enforced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Settings;
use wx_courier_core::catalog::{Policy, Template};
use wx_courier_core::document::{Origin, Problem, Problems};
use wx_courier_core::event::{BusinessKeys, Pointer};
use wx_courier_core::grants::AppOf;
use wx_courier_core::rules::{Rule, RuleSet};

/// Rules that are to take the place of others in a process that was started before: with the settings that belong to them, on disk, and with
/// those that it has.
#[derive(Clone, Copy)]
pub(crate) struct Swap<'a> {
    pub(crate) fresh: &'a RuleSet,
    pub(crate) on_disk: &'a Settings,
    pub(crate) in_force: &'a RuleSet,
    pub(crate) running: &'a Settings,
    /// The appid of every app by which messages may have been sent.
    pub(crate) in_use: &'a BTreeMap<Arc<str>, String>,
}

/// A login code is a key to its user, which no outcome shows.
pub(super) fn shown_codes(rules: &RuleSet, settings: &Settings) -> Problems {
    let mut problems = Problems::default();
    for (rule, place) in codes_as_keys(rules, settings) {
        let problem = Problem::error(&Origin::Default, shown_code(place)).rule(rule.name.as_ref());
        problems.push(problem.help("name another place in [explain] keys"));
    }
    problems
}

fn shown_code(place: &Pointer) -> String {
    format!(
        "to.js_code: the login code may lie at {place}, which [explain] keys names: outcomes would show it"
    )
}

/// A token centre hands out tokens, but only the secret exchanges login codes.
pub(super) fn unmet_needs(rules: &RuleSet, settings: &Settings) -> Problems {
    let mut problems = Problems::default();
    for rule in without_secret(rules, settings) {
        let message = format!(
            "to.js_code: the app {} has no secret, and a login code cannot be exchanged without it",
            rule.app
        );
        let problem = Problem::error(&Origin::Default, message).rule(rule.name.as_ref());
        let help = format!("say `secret_file` in [apps.{}]", rule.app);
        problems.push(problem.help(help));
    }
    problems
}

/// What the rules need of settings that come into force with a restart: without it their messages would end for good, though nothing is
/// wrong on disk.
pub(crate) fn unmet_until_restart(swap: Swap<'_>) -> Problems {
    const HELP: &str =
        "restart the service: these rules need settings that it has read at its start only";
    let mut problems = Problems::default();
    let mut refuse = |rule: &Rule, message: String| {
        let problem = Problem::error(&Origin::Default, message);
        problems.push(problem.rule(rule.name.as_ref()).help(HELP));
    };
    let running = swap.running;
    for (rule, place) in codes_as_keys(swap.fresh, running) {
        refuse(rule, shown_code(place));
    }
    for rule in swap.fresh.rules() {
        let Some(template) = rule.template() else {
            continue;
        };
        let app = &template.app;
        // Where nothing tells of grants on disk either, they are imported, or `check` has warned.
        let is_heard_later = hears(swap.on_disk, app) && !hears(running, app);
        if is_heard_later && swap.begins_to_enforce(template) {
            let message = format!(
                "grants are enforced for the template {} of the app {app} now, and nothing told of them at the start: every message would be skipped",
                template.name
            );
            refuse(rule, message);
        }
    }
    problems.extend(other_accounts(swap));
    problems
}

/// Apps that have another appid than before: messages in hand go to users of the one from before.
fn other_accounts(swap: Swap<'_>) -> Problems {
    let mut problems = Problems::default();
    let served = swap.running.public.as_ref();
    for (name, app) in &swap.on_disk.apps {
        let has_callbacks = served.is_some_and(|public| public.callbacks.contains_key(name));
        let at_start = swap.running.apps.get(name).filter(|_| has_callbacks);
        let of_callbacks = at_start.map(|before| &before.appid);
        let before = swap.in_use.get(name).or(of_callbacks);
        if before.is_some_and(|before| *before != app.appid) {
            let message = format!(
                "apps.{name}.appid is another one, and messages to users of the one from before may be under way"
            );
            let problem = Problem::error(&Origin::Default, message);
            problems.push(problem.help(
                "give another mini program a name of its own; or restart the service, and what waits goes to the other one",
            ));
        }
    }
    problems
}

impl Swap<'_> {
    fn begins_to_enforce(&self, template: &Template) -> bool {
        let before = self.in_force.catalog().get(&template.app, &template.name);
        let was = before.map_or(Policy::Off, |before| self.in_force.policies().of(before));
        self.fresh.policies().of(template) == Policy::Enforce && was != Policy::Enforce
    }
}

/// The first template of each app whose grants are enforced while nothing tells of them.
pub(super) fn enforced_unheard<'a>(
    templates: impl Iterator<Item = &'a Arc<Template>>,
    settings: &Settings,
) -> Vec<&'a Template> {
    let policies = settings.policies();
    let mut apps = BTreeSet::new();
    let enforced = templates.filter(|template| policies.of(template) == Policy::Enforce);
    let unheard = enforced.filter(|template| !hears(settings, &template.app));
    unheard
        .filter(|template| apps.insert(Arc::clone(&template.app)))
        .map(AsRef::as_ref)
        .collect()
}

/// Rules whose login codes would be business keys, and the place.
fn codes_as_keys<'a>(
    rules: &'a RuleSet,
    settings: &'a Settings,
) -> impl Iterator<Item = (&'a Arc<Rule>, &'a Pointer)> {
    let keys = settings.events.keys.as_deref();
    let places = keys.map(BusinessKeys::places).unwrap_or_default();
    rules.rules().iter().flat_map(move |rule| {
        let taken = places.iter().filter(|place| rule.takes_code_from(place));
        taken.map(move |place| (rule, place))
    })
}

/// Rules whose users are named by login codes, of apps without a secret.
fn without_secret<'a>(
    rules: &'a RuleSet,
    settings: &Settings,
) -> impl Iterator<Item = &'a Arc<Rule>> {
    let by_code = rules.rules().iter().filter(|rule| rule.is_by_code());
    by_code.filter(|rule| {
        let app = settings.apps.get(&rule.app);
        app.is_some_and(|app| app.secret.is_none())
    })
}

/// Whether anything tells of the grants of an app: events, a mini program, or `WeChat`.
fn hears(settings: &Settings, app: &str) -> bool {
    let by_events = settings
        .grants
        .as_ref()
        .is_some_and(|events| match &events.app {
            AppOf::Always(of) => **of == *app,
            AppOf::At(_) => true,
        });
    let public = settings.public.as_ref();
    let by_callbacks = public.is_some_and(|public| public.callbacks.contains_key(app));
    let miniapp = public.and_then(|public| public.miniapp.as_ref());
    let by_miniapp = miniapp.is_some_and(|miniapp| miniapp.apps.iter().any(|of| **of == *app));
    by_events || by_callbacks || by_miniapp
}
