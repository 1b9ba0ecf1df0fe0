//! `[apps.*]`: the mini programs and their secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::secrets::{Found, SecretKeys, variable_of};
use super::{Reader, is_file, word_of};
use crate::config::{App, Callbacks, MiniprogramState};
use wx_courier_core::catalog::Policy;
use wx_courier_core::document::{Item, Node, Problem, Said, Section, nearest};
use wx_courier_core::model::Rate;

const APP_SECRET: SecretKeys = SecretKeys {
    key: "secret",
    file_key: "secret_file",
    what: "the app's AppSecret",
};

/// What `[apps.*]` says.
pub(super) struct Apps {
    /// The apps that rules may name, even if something about them is wrong.
    pub(super) names: BTreeSet<String>,
    /// Those about which nothing is.
    pub(super) sound: BTreeMap<Arc<str>, App>,
    /// The callbacks of those that have some.
    pub(super) callbacks: BTreeMap<Arc<str>, Callbacks>,
}

impl Reader<'_> {
    pub(super) fn apps(&mut self, top: &mut Section) -> Apps {
        let mut names = BTreeSet::new();
        let mut apps = BTreeMap::new();
        let mut callbacks = BTreeMap::new();
        let said = top
            .take_section(self.problems, "apps")
            .map(|mut section| section.take_rest())
            .unwrap_or_default();
        if said.is_empty() {
            let problem = top.error("there is no app: messages need a mini program to come from");
            self.problems
                .push(problem.help("say [apps.shop] with appid and secret_file"));
        }
        let written: Vec<String> = said
            .iter()
            .filter(|(_, said)| is_file(&said.origin))
            .map(|(name, _)| name.clone())
            .collect();
        for (name, node) in said {
            if let Some(problem) = stray_variable(&name, &node, &written) {
                self.problems.push(problem);
                continue;
            }
            names.insert(name.clone());
            let mut section = Section::new(self.problems, node.key, node.value);
            let name: Arc<str> = Arc::from(name);
            if let Some(of_app) = self.callbacks(&mut section) {
                callbacks.insert(Arc::clone(&name), of_app);
            }
            if let Some(app) = self.app(section) {
                apps.insert(name, app);
            }
        }
        Apps {
            names,
            sound: apps,
            callbacks,
        }
    }

    fn app(&mut self, mut section: Section) -> Option<App> {
        let appid = section.require_string(
            self.problems,
            "appid",
            "the appid is on the mini program's settings page: wx and 16 digits or letters",
        );
        let appid = self.shown(appid);
        let token = section.take("token");
        let needs_secret = !token
            .as_ref()
            .is_some_and(|said| matches!(said.value.item, Item::Table(_)));
        let secret = match self.secret(&mut section, &APP_SECRET) {
            Found::Nothing if needs_secret => {
                let problem = section.error("the app's secret is missing");
                let variable = variable_of(&section, APP_SECRET.key);
                self.problems
                    .push(problem.help(format!("say `secret_file = \"…\"`, or set {variable}")));
                None
            }
            Found::Nothing => Some(None),
            Found::Wrong => None,
            Found::Secret(secret) => Some(Some(secret)),
        };
        let base_url = section.take_string(self.problems, "base_url");
        let key = section.key_path("base_url");
        if let Some(said) = base_url.as_ref().filter(|said| {
            !said.value.starts_with("http://") && !said.value.starts_with("https://")
        }) {
            self.problems.push(
                said.error(format!("\"{}\" is not a URL", said.value))
                    .help("begin with https://"),
            );
        }
        let base_url = self.or_default(
            base_url,
            &key,
            "https://api.weixin.qq.com".to_owned(),
            Clone::clone,
        );
        let token = self.token(&section, token);
        let rate = self.rate(&mut section);
        let max_in_flight = section.take_integer(self.problems, "max_in_flight", 1, 100_000);
        let max_in_flight = self.count(max_in_flight, &section.key_path("max_in_flight"), 512);
        let states = [
            ("formal", MiniprogramState::Formal),
            ("trial", MiniprogramState::Trial),
            ("developer", MiniprogramState::Developer),
        ];
        let state = section.take_choice(self.problems, "miniprogram_state", &states);
        let key = section.key_path("miniprogram_state");
        let miniprogram_state = self.or_default(state, &key, MiniprogramState::Formal, |state| {
            word_of(&states, state)
        });
        let grants = section.take_choice(self.problems, "grants", &Policy::ALL);
        let key = section.key_path("grants");
        let grants = self.or_default(grants, &key, Policy::Off, |policy| {
            word_of(&Policy::ALL, policy)
        });
        section.finish(self.problems);
        Some(App {
            appid: appid?,
            secret: secret?,
            base_url: base_url.trim_end_matches('/').to_owned(),
            token: token?,
            rate,
            max_in_flight,
            miniprogram_state,
            grants,
        })
    }

    fn rate(&mut self, section: &mut Section) -> Option<Rate> {
        let said = section.take("rate")?;
        // A table may be put together from several layers: the number is what somebody will look for.
        let number = match &said.value.item {
            Item::Table(table) => table.get("per_second"),
            Item::String(_)
            | Item::Integer(_)
            | Item::Float(_)
            | Item::Boolean(_)
            | Item::Array(_) => None,
        };
        let origin = number.map_or_else(|| said.origin.clone(), |node| node.origin.clone());
        let table = Section::new(self.problems, said.key.clone(), said.value);
        let rate = Rate::read(self.problems, table)?;
        let shown = format!("{} a second, burst {}", rate.per_second, rate.burst);
        self.note(&said.key, shown, &origin);
        Some(rate)
    }
}

/// An app that only a variable speaks of, and that has not even an appid, is a slip of the finger.
fn stray_variable(name: &str, said: &Said<Node>, written: &[String]) -> Option<Problem> {
    let Item::Table(table) = &said.value.item else {
        return None;
    };
    let first = table.values().next()?;
    if is_file(&said.origin) || table.contains_key("appid") {
        return None;
    }
    let problem =
        Problem::error(&first.origin, format!("there is no app \"{name}\"")).key(said.key.clone());
    let known: Vec<&str> = written.iter().map(String::as_str).collect();
    Some(match nearest(name, &known) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem.help(format!("the settings know: {}", known.join(", "))),
    })
}
