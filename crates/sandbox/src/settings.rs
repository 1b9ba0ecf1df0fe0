//! What the sandbox is told before it starts: the accounts it plays, their templates, and how it behaves at first.
//!
//! [`Settings`] can be read from any serde format. Times are whole milliseconds, and every field has a default, so that
//! a test names only what it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::latency::{self, Latency, Tail};
use crate::script::Failures;

/// A day has room for about this many sends in a test; the bound keeps a forgotten sandbox from eating the machine.
const LOG_LIMIT: usize = 1_000_000;

/// Everything a sandbox starts with, and returns to on a reset.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mini programs, by appid.
    pub apps: BTreeMap<String, App>,
    /// How long an answer of the API takes.
    pub latency: Latency,
    /// What some answers take beside it.
    pub tail: Tail,
    /// Life of a new token in milliseconds. WeChat: 7200 s.
    pub token_life_ms: u64,
    /// How long an earlier token outlives its successor, in milliseconds, which is also the remaining life under which
    /// `stable_token` renews. WeChat: 5 minutes. Never more than half a token's life counts, so that a life of two
    /// seconds works without setting this too.
    pub token_overlap_ms: u64,
    /// Whether a send needs a grant of its user.
    pub grants: GrantCheck,
    /// Which recipients exist.
    pub openids: Openids,
    /// Random failures, none by default.
    pub failures: Option<Failures>,
    /// How many accepted sends the log keeps; the oldest goes first.
    pub log_limit: usize,
    /// With a seed, the same calls in the same order get the same ids, tokens and latencies. Message ids count up either way, and
    /// the failures have a seed of their own.
    pub seed: Option<u64>,
}

impl Settings {
    /// Settings with one app and its secret; the rest as it is by default.
    pub fn with_app(appid: &str, secret: &str) -> Self {
        let app = App {
            secret: secret.to_owned(),
            ..App::default()
        };
        Self {
            apps: BTreeMap::from([(appid.to_owned(), app)]),
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            apps: BTreeMap::new(),
            latency: Latency::default(),
            tail: Tail::default(),
            token_life_ms: 7_200_000,
            token_overlap_ms: 300_000,
            grants: GrantCheck::Off,
            openids: Openids::Plausible,
            failures: None,
            log_limit: LOG_LIMIT,
            seed: None,
        }
    }
}

impl Settings {
    /// Whether a sandbox could be like this; the error is a sentence. Settings from outside should be asked before they are used.
    pub fn check(&self) -> Result<(), String> {
        latency::check(self.latency, self.tail)?;
        if let Some(failures) = &self.failures {
            failures.check()?;
        }
        if self.token_life_ms == 0 {
            return Err("token_life_ms is 0: no token would ever be good".to_owned());
        }
        for app in self.apps.values() {
            for (id, template) in &app.templates {
                template.check(id)?;
            }
        }
        if let Openids::Only(listed) | Openids::Except(listed) = &self.openids
            && let Some(other) = listed.iter().find(|listed| !is_openid(listed))
        {
            return Err(format!("{other:?} is no openid"));
        }
        Ok(())
    }
}

/// One mini program.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// The `AppSecret`.
    pub secret: String,
    /// Its private templates, by `priTmplId`.
    pub templates: BTreeMap<String, Template>,
    /// The pages of its released version, without query (`pages/order/detail`). Empty: any page that has the right form.
    pub pages: BTreeSet<String>,
    /// Sends in a day; one more is answered with 45009. Without it there is no limit.
    pub daily_quota: Option<u64>,
}

/// How another program renews an app's access token.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// By `getAccessToken`: the classic token before dies when the overlap is over.
    Classic,
    /// By `getStableAccessToken` with `force_refresh`: the stable token before dies at once.
    Forced,
}

// The secret may be a real one, if a user plays with real settings.
impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("templates", &self.templates)
            .field("pages", &self.pages)
            .field("daily_quota", &self.daily_quota)
            .finish_non_exhaustive()
    }
}

/// One subscribe-message template of an app. WeChat: `gettemplate`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Template {
    /// The title shown to users.
    pub title: String,
    /// The keys in the template's order (`thing1`, `amount3`). Empty: not known, so whatever keys come are checked by
    /// their prefix alone.
    pub params: Vec<String>,
    /// What a user calls each param, by key; used only in the content that `gettemplate` returns.
    pub labels: BTreeMap<String, String>,
    /// How long a permission lasts.
    pub kind: Kind,
    /// The allowed values of `enum` params, by key; a param without a list takes any text.
    pub enums: BTreeMap<String, Vec<String>>,
    /// The param whose value is the key of a limited template's frequency; it is mandatory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How long after a message of one user and one value of the key the next one is refused, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_ms: Option<u64>,
}

impl Template {
    /// By which param messages are counted, and for how many milliseconds, if the template is limited by frequency.
    pub(super) fn frequency(&self) -> Option<(&str, u64)> {
        match self.kind {
            Kind::LongTermLimited => Some((self.key.as_deref()?, self.per_ms?)),
            Kind::OneTime | Kind::LongTerm | Kind::ServiceCard => None,
        }
    }

    fn check_frequency(&self, id: &str) -> Result<(), String> {
        match (self.kind, &self.key, self.per_ms) {
            (Kind::LongTermLimited, Some(key), Some(1..))
                if self.params.is_empty() || self.params.contains(key) =>
            {
                Ok(())
            }
            (Kind::LongTermLimited, _, _) => Err(format!(
                "template {id} is long-term-limited: expected `key`, which is one of its params, and `per_ms` above 0"
            )),
            (Kind::OneTime | Kind::LongTerm | Kind::ServiceCard, None, None) => Ok(()),
            (Kind::OneTime | Kind::LongTerm | Kind::ServiceCard, _, _) => Err(format!(
                "template {id} has `key` or `per_ms`, which belong to the kind long-term-limited"
            )),
        }
    }

    /// Whether `WeChat` could have such a template; the error is a sentence.
    pub(super) fn check(&self, id: &str) -> Result<(), String> {
        if id.trim().is_empty() {
            return Err("a template id is empty".to_owned());
        }
        for param in &self.params {
            // WeChat has more types than its table lists, so only what cannot be a key at all is none.
            let is_key = param.starts_with(|c: char| c.is_ascii_alphabetic())
                && param
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_key {
                return Err(format!(
                    "template {id}: {param:?} is no key: expected a type and a number, such as thing1"
                ));
            }
            if self.params.iter().filter(|it| *it == param).count() > 1 {
                return Err(format!("template {id} has {param} twice"));
            }
        }
        self.check_frequency(id)?;
        if self.kind == Kind::ServiceCard && !self.params.is_empty() {
            return Err(format!(
                "template {id} is a service card, and has params: WeChat lists none of them"
            ));
        }
        let mut named = self.labels.keys().chain(self.enums.keys());
        match named.find(|param| !self.params.is_empty() && !self.params.contains(param)) {
            None => Ok(()),
            Some(param) => Err(format!(
                "template {id} says something of {param}, which is not among its params"
            )),
        }
    }
}

/// How long a user's permission lasts. WeChat: subscribe-message overview.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One accept, one message.
    #[default]
    OneTime,
    /// One accept, any number of messages.
    LongTerm,
    /// One accept, and one message of each value of the template's `key` in `per_ms`.
    LongTermLimited,
    /// A card that WeChat keeps alive by states. It is listed, without params; neither a send nor the popup takes it.
    ServiceCard,
}

impl Kind {
    /// Whether one accept lasts.
    pub(super) fn lasts(self) -> bool {
        match self {
            Self::OneTime | Self::ServiceCard => false,
            Self::LongTerm | Self::LongTermLimited => true,
        }
    }
}

/// Whether sends need a grant.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantCheck {
    /// Every user has always agreed.
    #[default]
    Off,
    /// A send without a grant is answered with 43101.
    On,
}

/// Which recipients exist. Whatever the choice, an openid has at most 64 characters of `A-Z a-z 0-9 _ -` and begins with `o`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Openids {
    /// Everyone whose openid has the right form.
    #[default]
    Plausible,
    /// These users alone.
    Only(BTreeSet<String>),
    /// Everyone but these.
    Except(BTreeSet<String>),
}

impl Openids {
    /// Whether this openid belongs to a user of the app.
    pub(super) fn know(&self, openid: &str) -> bool {
        is_openid(openid)
            && match self {
                Self::Plausible => true,
                Self::Only(known) => known.contains(openid),
                Self::Except(unknown) => !unknown.contains(openid),
            }
    }
}

/// Whether this could be an openid at all.
pub(super) fn is_openid(text: &str) -> bool {
    text.starts_with('o')
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let settings: Settings = serde_json::from_str(json).unwrap();
        let why = settings.check().err().unwrap_or_default();
        assert!(why.contains(expected), "{json}: {why:?}");
        assert_eq!(why.is_empty(), expected.is_empty(), "{json}: {why}");
    }

    #[test]
    fn odd_settings_are_refused_with_a_sentence() {
        check("{}", "");
        check(
            r#"{"apps": {"wx1": {"templates": {"T": {}, "U": {"params": ["thing1"], "labels": {"thing1": "商品"}}}}}}"#,
            "",
        );
        check(
            r#"{"apps": {"wx1": {"templates": {"T": {"params": ["1"]}}}}}"#,
            "\"1\" is no key",
        );
        check(
            r#"{"apps": {"wx1": {"templates": {"T": {"params": ["short_thing12", "site01", "Site2", "first"]}}}}}"#,
            "",
        );
        let limited = |said: &str| {
            format!(
                r#"{{"apps": {{"wx1": {{"templates": {{"T": {{"params": ["thing1"], {said}}}}}}}}}}}"#
            )
        };
        let kind = r#""kind": "long-term-limited""#;
        check(
            &limited(&format!(r#"{kind}, "key": "thing1", "per_ms": 1000"#)),
            "",
        );
        for odd in [
            r#""key": "thing2", "per_ms": 1000"#,
            r#""key": "thing1""#,
            r#""per_ms": 1"#,
            r#""key": "thing1", "per_ms": 0"#,
        ] {
            check(&limited(&format!("{kind}, {odd}")), "expected `key`");
        }
        check(&limited(r#""key": "thing1""#), "belong to the kind");
        check(r#"{"failures": {"ratio": 2}}"#, "ratio is 2");
        check(r#"{"tail": {"slow_ratio": -1}}"#, "slow_ratio is -1");
        check(r#"{"latency": {"min_ms": 600001}}"#, "ten minutes");
        check(r#"{"token_life_ms": 0}"#, "token_life_ms is 0");
        check(
            r#"{"openids": {"only": ["o1", "x"]}}"#,
            "\"x\" is no openid",
        );
    }
}
