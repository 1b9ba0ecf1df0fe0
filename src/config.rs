//! What was said → what holds.
//!
//! Settings come in layers: built-in defaults, `courier.toml`, environment, flags. Every mistake in settings, catalog and rules is
//! found in one go, and each names the place where the value was said. Nothing else in the crate reads files or the environment for
//! its settings.

mod app;
mod app_files;
mod changes;
mod file;
mod files;
mod keys;
mod kinds;
mod layers;
mod load;
mod needs;
mod paths;
mod public;
mod read;
mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use jiff::tz::TimeZone;
use wx_courier_core::catalog::Catalog;
use wx_courier_core::catalog::drift::Comparison;
use wx_courier_core::document::{Origin, Problems};
use wx_courier_core::event::Decoding;
use wx_courier_core::flow::Unmatched;
use wx_courier_core::flow::attempt::RetryPlan;
use wx_courier_core::grants::{AnswerEvents, Policies};
use wx_courier_core::model::outcome::RecipientStyle;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::pauses::Threshold;

pub use app::{App, CentreHeader, MiniprogramState, TokenCentre, TokenMode};
pub(crate) use changes::waiting_for_restart;
pub(crate) use file::read_text;
pub(crate) use files::{Fingerprint, fingerprint};
pub use keys::{Row, Table, tables};
pub use load::{NeededSecrets, load, load_with};
pub(crate) use needs::{Swap, unmet_until_restart};
pub use paths::LeftBehind;
pub use public::{CallbackMode, Callbacks, ClientAddress, MiniApp, Public};
pub use state::{OnLoss, Sharing, State, StateUrl};

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
    /// `[audit] topic`
    pub audit_topic: String,
    /// `[state]`
    pub state: State,
    /// `[http]`
    pub http: Http,
    /// `[send]`
    pub send: Send,
    /// `[breaker]`
    pub breaker: Threshold,
    /// `[refusal_wave]`
    pub refusal_wave: Threshold,
    /// `[engine]`
    pub engine: Engine,
    /// `[templates] compare`
    pub compare_templates: Comparison,
    /// `[rules] reload`
    pub rule_reload: RuleReload,
    /// `[log] format`
    pub log_format: LogFormat,
    /// `[log] level`
    pub log_level: String,
    /// `[apps.*]`
    pub apps: BTreeMap<Arc<str>, App>,
    /// `[grants]`: which events tell what users have allowed.
    pub grants: Option<AnswerEvents>,
    /// `[public]`, with what it serves. `None` if it serves nothing.
    pub public: Option<Public>,
}

impl Settings {
    /// What is made of users' grants.
    pub fn policies(&self) -> Policies {
        let apps = self.apps.iter();
        let policies: BTreeMap<_, _> = apps
            .map(|(name, app)| (Arc::clone(name), app.grants))
            .collect();
        Policies::from(policies)
    }
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
    /// How outcomes, dead letters and replayed records are published.
    pub producer: ProducerSetting,
    /// Properties for librdkafka, applied last. They may hold passwords.
    pub options: BTreeMap<String, Secret>,
}

/// `[kafka] producer`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerSetting {
    /// Idempotent where the cluster takes such producers.
    Auto,
    /// Idempotent, or not at all.
    Idempotent,
    /// Without a producer id, which some brokers refuse.
    Plain,
}

impl ProducerSetting {
    /// The words of the settings.
    pub const WORDS: [(&str, Self); 3] = [
        ("auto", Self::Auto),
        ("idempotent", Self::Idempotent),
        ("plain", Self::Plain),
    ];

    /// The word of the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Idempotent => "idempotent",
            Self::Plain => "plain",
        }
    }
}

/// `[outcomes]`
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// The outcome topic.
    pub topic: String,
    /// How recipients appear.
    pub recipient: RecipientStyle,
    /// The key of `recipient_hash`; without one it is made and kept in the store.
    pub recipient_key: Option<Secret>,
    /// What becomes of events that no rule wants.
    pub unmatched: Unmatched,
}

/// `[http]`
#[derive(Clone, Debug)]
pub struct Http {
    /// Where health, metrics, status and users' grants are served.
    pub listen: SocketAddr,
    /// What a request must bring that changes something, or asks for a user.
    pub token: Option<Secret>,
    /// Names by which this listener is known, beside addresses and `localhost`.
    pub hosts: Vec<String>,
}

impl Http {
    /// Which machines can connect.
    pub fn reach(&self) -> Reach {
        if self.listen.ip().to_canonical().is_loopback() {
            Reach::ThisMachine
        } else {
            Reach::Others
        }
    }
}

/// Which machines can connect to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Processes of this machine.
    ThisMachine,
    /// Other machines too.
    Others,
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
    /// Bytes of memory that they take above which reading pauses.
    pub max_bytes: usize,
    /// How long shutting down may take.
    pub drain: Duration,
    /// How long giving partitions back may take.
    pub handover: Duration,
}

/// `[rules] reload`: when a running service takes up what was changed on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleReload {
    /// As soon as it is saved.
    OnSave,
    /// When an operator says so.
    OnRequest,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
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
    /// When another value would come into force in a service that runs.
    pub takes_effect: TakesEffect,
    /// The same as `origin`, for problems that name it.
    #[serde(skip)]
    pub place: Origin,
    /// The whole value, where it is not shown: to see whether it has changed.
    #[serde(skip)]
    pub hidden: Option<Secret>,
    /// The file that a secret was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// When a setting that was changed on disk comes into force in a service that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TakesEffect {
    /// With the rules: as soon as it is saved, or when an operator says so, as `[rules] reload` says.
    WithTheRules,
    /// When it is started again.
    WithARestart,
}

/// Where to look, and what was said outside the file.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The folder that holds `courier.toml`, `templates.toml` and `rules/`.
    pub folder: PathBuf,
    /// The process's working directory, where relative paths of variables and flags begin.
    pub working_folder: PathBuf,
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
    /// The dotted key it sets; `*` stands for each name that the files say there.
    pub key: String,
    /// The value.
    pub value: String,
}

impl FlagSetting {
    /// Whether it says this key.
    fn says(&self, key: &str) -> bool {
        let (ours, theirs) = (self.key.split('.'), key.split('.'));
        ours.clone().count() == theirs.clone().count()
            && ours
                .zip(theirs)
                .all(|(ours, theirs)| ours == "*" || ours == theirs)
    }
}

/// Everything that was found, whether or not it is good enough to start with.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, if they have no error.
    pub settings: Option<Settings>,
    /// `[http]`, as far as it is known, whatever is wrong elsewhere; `None` if there is no `courier.toml`.
    pub http: Option<Http>,
    /// The rules, if neither they nor the catalog have an error.
    pub rules: Option<Arc<RuleSet>>,
    /// The catalog, if it has no error.
    pub catalog: Option<Catalog>,
    /// `[rules] time_zone`, if the settings can be read at all: a rule that is proposed is tried in it.
    pub time_zone: Option<TimeZone>,
    /// Every setting in force.
    pub effective: Vec<Effective>,
    /// Every mistake.
    pub problems: Problems,
    /// Secrets that are not there and that the command does without, as warnings. Something else stands in for each in the settings.
    pub absent_secrets: Problems,
}

#[cfg(test)]
mod tests;
