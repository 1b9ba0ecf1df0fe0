//! The folder of the settings, read: settings, catalog and rules, with every mistake in them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::file::read_text;
use super::needs::{enforced_unheard, shown_codes, unmet_needs};
use super::{Http, Loaded, Settings, Sources, files, layers, read};
use wx_courier_core::catalog::{Catalog, Policy};
use wx_courier_core::document::{Origin, Problem, Problems, Severity};
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};

/// Which secrets a command cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeededSecrets {
    /// All that the settings speak of: `run` needs them.
    All,
    /// Those of `[kafka]`.
    OfKafka,
    /// None: the command reads files of ours and asks no server.
    None,
}

/// Reads everything that `run` needs. Nothing stops it: what is wrong is in `problems`.
pub fn load(sources: &Sources) -> Loaded {
    load_with(sources, NeededSecrets::All)
}

/// The same for a command that does without some of the secrets.
pub fn load_with(sources: &Sources, needed_secrets: NeededSecrets) -> Loaded {
    let mut problems = Problems::default();
    let mut effective = Vec::new();
    let tree = layers::merge(&mut problems, sources);
    let reading = tree.map(|tree| {
        read::settings(
            &mut problems,
            &mut effective,
            tree,
            (sources, needed_secrets),
        )
    });
    let http = match &reading {
        Some(reading) => Some(reading.http.clone()),
        None => http_without_files(sources),
    };
    let catalog = load_catalog(&mut problems, &sources.folder);
    let rule_sources = find_rules(&mut problems, &sources.folder);
    let rules = match (&reading, &catalog) {
        (Some(reading), Some(catalog)) if !rule_sources.is_empty() => {
            // Where something in the settings is wrong the rules are checked all the same.
            let policies = reading.settings.as_ref().map(Settings::policies);
            let around = Surroundings {
                apps: &reading.app_names,
                catalog,
                policies: &policies.unwrap_or_default(),
                time_zone: reading.time_zone.clone(),
            };
            RuleSet::compile(&mut problems, &rule_sources, &around).map(Arc::new)
        }
        _ => None,
    };
    let mut absent = Problems::default();
    if let (Some(rules), Some(settings)) = (
        &rules,
        reading.as_ref().and_then(|read| read.settings.as_ref()),
    ) {
        problems.extend(shown_codes(rules, settings));
        let unmet = unmet_needs(rules, settings);
        match needed_secrets {
            NeededSecrets::All => problems.extend(unmet),
            NeededSecrets::OfKafka | NeededSecrets::None => {
                let warning = |problem| Problem {
                    severity: Severity::Warning,
                    ..problem
                };
                unmet
                    .into_iter()
                    .map(warning)
                    .for_each(|it| absent.push(it));
            }
        }
        if let Some(catalog) = &catalog {
            hint(&mut problems, rules, catalog, settings);
        }
    }
    let time_zone = reading.as_ref().map(|reading| reading.time_zone.clone());
    let (settings, mut absent_secrets) = reading.map_or_else(Default::default, |reading| {
        (reading.settings, reading.absent_secrets)
    });
    absent_secrets.extend(absent);
    Loaded {
        settings,
        http,
        rules,
        catalog,
        time_zone,
        effective,
        problems,
        absent_secrets,
    }
}

/// Where a running service is asked, as far as variables and defaults say it: a slip in a file must not keep a person from it.
fn http_without_files(sources: &Sources) -> Option<Http> {
    let tree = layers::without_files(sources)?;
    let needed = (sources, NeededSecrets::None);
    let reading = read::settings(&mut Problems::default(), &mut Vec::new(), tree, needed);
    Some(reading.http)
}

/// What is allowed and hardly meant.
fn hint(problems: &mut Problems, rules: &RuleSet, catalog: &Catalog, settings: &Settings) {
    let miniapp = settings
        .public
        .as_ref()
        .and_then(|public| public.miniapp.as_ref());
    let policies = settings.policies();
    for template in enforced_unheard(catalog.iter(), settings) {
        let message = format!(
            "grants are enforced for the template {} of the app {}, and nothing tells of them: every message would be skipped",
            template.name, template.app
        );
        let problem = Problem::warning(&Origin::Default, message);
        problems.push(problem.help(
            "say [grants], [miniapp] or callbacks for the app, or import counts with `wx-courier grants import`: see docs/grants.md",
        ));
    }
    let mut by_appid: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, app) in &settings.apps {
        if let Some(other) = by_appid.insert(&app.appid, name) {
            let message = format!(
                "the apps {other} and {name} have the same appid: each keeps its own rate, and WeChat counts both as one"
            );
            problems.push(Problem::warning(&Origin::Default, message));
        }
    }
    if settings.grants.is_some()
        && catalog
            .iter()
            .all(|template| policies.of(template) == Policy::Off)
    {
        let message = "[grants] names events, and no app and no template has grants = \"advise\" or \"enforce\": nothing is noted";
        problems.push(Problem::warning(&Origin::Default, message));
    }
    for kind in miniapp.iter().flat_map(|miniapp| miniapp.send.keys()) {
        if rules.rules_for(kind).next().is_none() {
            let message = format!("[[miniapp.send]]: no rule is for events of the type \"{kind}\"");
            problems.push(Problem::warning(&Origin::Default, message));
        }
    }
}

fn load_catalog(problems: &mut Problems, folder: &Path) -> Option<Catalog> {
    let path = files::templates(folder);
    let file = path.display().to_string();
    match read_text(&path) {
        Ok(text) => Catalog::read(problems, &file, &text),
        Err(error) => {
            let problem = Problem::in_file(
                file,
                format!("the template catalog cannot be read: {error}"),
            );
            problems.push(problem.help("list each template there: [app.name] with `id = \"…\"`"));
            None
        }
    }
}

fn find_rules(problems: &mut Problems, folder: &Path) -> Vec<RuleSource> {
    let root = files::rules(folder);
    let place = || root.display().to_string();
    let paths = match files::toml_files(&root) {
        Ok(paths) => paths,
        Err(error) => {
            let problem = Problem::in_file(place(), format!("the rules cannot be read: {error}"));
            problems.push(problem.help("put one TOML file a rule into this folder"));
            return Vec::new();
        }
    };
    let mut found: Vec<RuleSource> = Vec::new();
    for path in paths {
        let file = path.display().to_string();
        let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
        match read_text(&path) {
            Ok(text) => found.push(RuleSource {
                file,
                name: name.to_string_lossy().replace('\\', "/"),
                text,
            }),
            Err(error) => problems.push(Problem::in_file(
                file,
                format!("the rule cannot be read: {error}"),
            )),
        }
    }
    if found.is_empty() && !problems.has_errors() {
        let problem = Problem::in_file(place(), "there is no rule in this folder");
        problems
            .push(problem.help("put one TOML file a rule into it; its name is the rule's name"));
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}
