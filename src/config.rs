//! What was said → what holds.
//!
//! Settings come in layers: built-in defaults, `courier.toml`, environment, flags. Every mistake in settings, catalog and rules is
//! found in one go, and each names the place where the value was said. Nothing else in the crate reads files or the environment for
//! its settings.

mod layers;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::document::{Origin, Problem, Problems};
use crate::pipeline::catalog::Catalog;
use crate::pipeline::catalog::drift::Comparison;
use crate::pipeline::delivery::RetryPlan;
use crate::pipeline::engine::Unmatched;
use crate::pipeline::event::Decoding;
use crate::pipeline::limits::Rate;
use crate::pipeline::outcome::RecipientStyle;
use crate::pipeline::pauses::BreakerPlan;
use crate::pipeline::rules::{RuleSet, RuleSource, Surroundings};

/// The prefix of environment variables: `WX_COURIER__KAFKA__BROKERS` is `kafka.brokers`.
pub const ENVIRONMENT_PREFIX: &str = "WX_COURIER";

/// Text that must not be seen: it has no readable `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Everything the service is told once. No value is optional that the service needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[kafka]`
    pub kafka: Kafka,
    /// `[events]`
    pub events: Decoding,
    /// `[outcomes]`
    pub outcomes: Outcomes,
    /// `[dead_letters] topic`
    pub dead_letter_topic: String,
    /// `[state]`
    pub state: State,
    /// `[http] listen`
    pub listen: SocketAddr,
    /// `[send]`
    pub send: Send,
    /// `[breaker]`
    pub breaker: BreakerPlan,
    /// `[engine]`
    pub engine: Engine,
    /// `[templates] compare`
    pub compare_templates: Comparison,
    /// `[log] format`
    pub log_format: LogFormat,
    /// `[log] level`
    pub log_level: String,
    /// `[apps.*]`
    pub apps: BTreeMap<Arc<str>, App>,
}

/// `[kafka]`
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// The consumer group.
    pub group: String,
    /// The source topics.
    pub topics: Vec<String>,
    /// Properties for librdkafka, applied last. They may hold passwords.
    pub options: BTreeMap<String, Secret>,
}

/// `[outcomes]`
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// The outcome topic.
    pub topic: String,
    /// How recipients appear.
    pub recipient: RecipientStyle,
    /// What becomes of events that no rule wants.
    pub unmatched: Unmatched,
}

/// `[state]`
#[derive(Clone, Debug)]
pub struct State {
    /// Where claims and outcomes are kept.
    pub url: StateUrl,
    /// How long they are kept.
    pub remember: Duration,
}

/// `[state] url`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateUrl {
    /// Nowhere: they end with the process.
    Memory,
    /// In an SQLite file, for one instance.
    Sqlite(PathBuf),
    /// In Redis, for a fleet. The URL holds the password, wherever that was said.
    Redis(Secret),
}

/// `[send]`
#[derive(Clone, Copy, Debug)]
pub struct Send {
    /// How long one call may take.
    pub timeout: Duration,
    /// How often and how long to try.
    pub retry: RetryPlan,
}

/// `[engine]`
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Messages in hand above which reading pauses.
    pub max_messages: usize,
    /// Bytes of records in hand above which reading pauses.
    pub max_bytes: usize,
    /// How long shutting down may take.
    pub drain: Duration,
    /// How long giving partitions back may take.
    pub handover: Duration,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[apps.NAME]`
#[derive(Clone, Debug)]
pub struct App {
    /// The mini program's appid.
    pub appid: String,
    /// Its `AppSecret`. `None` only where a token centre hands out the tokens: nothing else needs it for a send.
    pub secret: Option<Secret>,
    /// Where the API is; without a slash at the end.
    pub base_url: String,
    /// Where its access tokens come from.
    pub token: TokenMode,
    /// The app's promise to `WeChat`; `None` is no limit.
    pub rate: Option<Rate>,
    /// Calls under way at once.
    pub max_in_flight: usize,
    /// Which version of the mini program a card opens.
    pub miniprogram_state: MiniprogramState,
}

/// `[apps.NAME] token`: where an app's access tokens come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenMode {
    /// `WeChat`: `getStableAccessToken`. Every caller gets the same token.
    Stable,
    /// `WeChat`: `getAccessToken`. Every call makes a new token, and the one before dies minutes later.
    Classic,
    /// A server of the user's own fetches and renews tokens, and we ask it.
    External(TokenCentre),
}

/// `[apps.NAME] token = { url = … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCentre {
    /// Where it is asked, with GET. Some keep a key in the query, so it is not shown.
    pub url: Secret,
    /// What it wants to see before it answers.
    pub header: Option<CentreHeader>,
    /// How long a token is used before the centre is asked again.
    pub poll: Duration,
}

/// A request header for the token centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CentreHeader {
    /// Its name, `Authorization` for example.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

/// Which version of the mini program a card opens. `WeChat`: subscribe/send, `miniprogram_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MiniprogramState {
    /// The released one.
    Formal,
    /// The trial version.
    Trial,
    /// The development version.
    Developer,
}

impl MiniprogramState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Formal => "formal",
            Self::Trial => "trial",
            Self::Developer => "developer",
        }
    }
}

/// A setting in force, for people: secrets are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// The dotted key.
    pub key: String,
    /// The value as text.
    pub value: String,
    /// Where it was said.
    pub origin: String,
    /// The same, for problems that name it.
    #[serde(skip)]
    pub place: Origin,
}

/// Where to look, and what was said outside the file.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The folder that holds `courier.toml`, `templates.toml` and `rules/`.
    pub folder: PathBuf,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// Flags that stand for a setting: dotted key and value, with the flag's name.
    pub flags: Vec<FlagSetting>,
}

/// A flag that stands for a setting.
#[derive(Clone, Debug)]
pub struct FlagSetting {
    /// The flag as typed: `--listen`.
    pub flag: &'static str,
    /// The dotted key it sets.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Everything that was found, whether or not it is good enough to start with.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, if they have no error.
    pub settings: Option<Settings>,
    /// The rules, if neither they nor the catalog have an error.
    pub rules: Option<Arc<RuleSet>>,
    /// The catalog, if it has no error.
    pub catalog: Option<Catalog>,
    /// Every setting in force.
    pub effective: Vec<Effective>,
    /// Every mistake.
    pub problems: Problems,
}

/// Reads everything. Nothing stops it: what is wrong is in `problems`.
pub fn load(sources: &Sources) -> Loaded {
    let mut problems = Problems::default();
    let mut effective = Vec::new();
    let tree = layers::merge(&mut problems, sources);
    let reading = tree.map(|tree| read::settings(&mut problems, &mut effective, tree));
    let catalog = load_catalog(&mut problems, &sources.folder);
    let rule_sources = find_rules(&mut problems, &sources.folder);
    let rules = match (&reading, &catalog) {
        (Some(reading), Some(catalog)) if !rule_sources.is_empty() => {
            let around = Surroundings {
                apps: &reading.app_names,
                catalog,
                time_zone: reading.time_zone.clone(),
            };
            RuleSet::compile(&mut problems, &rule_sources, &around).map(Arc::new)
        }
        _ => None,
    };
    Loaded {
        settings: reading.and_then(|reading| reading.settings),
        rules,
        catalog,
        effective,
        problems,
    }
}

fn load_catalog(problems: &mut Problems, folder: &Path) -> Option<Catalog> {
    let path = folder.join("templates.toml");
    let file = path.display().to_string();
    match std::fs::read_to_string(&path) {
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
    let root = folder.join("rules");
    let mut found = Vec::new();
    if let Err(error) = walk_rules(problems, &root, &root, &mut found) {
        let problem = Problem::in_file(
            root.display().to_string(),
            format!("the rules cannot be read: {error}"),
        );
        problems.push(problem.help("put one TOML file a rule into this folder"));
    } else if found.is_empty() && !problems.has_errors() {
        let problem = Problem::in_file(
            root.display().to_string(),
            "there is no rule in this folder",
        );
        problems
            .push(problem.help("put one TOML file a rule into it; its name is the rule's name"));
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

fn walk_rules(
    problems: &mut Problems,
    root: &Path,
    folder: &Path,
    found: &mut Vec<RuleSource>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            // Kubernetes keeps the older versions of a mounted folder beside it, in folders that begin with a dot.
            continue;
        }
        if path.is_dir() {
            walk_rules(problems, root, &path, found)?;
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let file = path.display().to_string();
        let name = path.strip_prefix(root).unwrap_or(&path).with_extension("");
        match std::fs::read_to_string(&path) {
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
    Ok(())
}

#[cfg(test)]
mod tests;
