//! What a pause covers.

use std::fmt;
use std::sync::Arc;

use super::Cause;
use crate::holds::Stopped;
use crate::message::Api;
use crate::rules::Rule;

/// What a pause covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// All messages of an app.
    App(Arc<str>),
    /// All messages of an app that go through one API.
    Api(Arc<str>, Api),
    /// The exchanges of an app's login codes. Messages whose user is known go on.
    Logins(Arc<str>),
    /// All messages of a template, by the app and `WeChat`'s id of it.
    Template(Arc<str>, Arc<str>),
    /// All messages of a rule.
    Rule(Arc<str>),
}

impl Subject {
    /// What is to be paused for this cause, which a message of this rule met. A template is at fault only where there is one; else it is
    /// the API.
    pub fn of(cause: Cause, rule: &Rule) -> Self {
        let api = || Self::Api(Arc::clone(&rule.app), rule.api());
        match cause {
            Cause::Outage | Cause::MinuteQuota | Cause::DailyQuota | Cause::Api | Cause::Ban => {
                api()
            }
            Cause::TemplateChanged | Cause::Template => Self::template_of(rule).unwrap_or_else(api),
            Cause::Account => Self::App(Arc::clone(&rule.app)),
            Cause::RefusalWave | Cause::Breaker | Cause::Person => {
                Self::Rule(Arc::clone(&rule.name))
            }
        }
    }

    /// What a pause that holds this rule may cover.
    pub fn covering(rule: &Rule) -> impl Iterator<Item = Self> {
        let whole = [
            Self::App(Arc::clone(&rule.app)),
            Self::Api(Arc::clone(&rule.app), rule.api()),
        ];
        let own = Self::Rule(Arc::clone(&rule.name));
        whole
            .into_iter()
            .chain(Self::template_of(rule))
            .chain([own])
    }

    /// The template of a rule, if it has one.
    pub fn template_of(rule: &Rule) -> Option<Self> {
        let id = Arc::from(rule.template()?.id.as_str());
        Some(Self::Template(Arc::clone(&rule.app), id))
    }
}

impl From<&Stopped> for Subject {
    fn from(what: &Stopped) -> Self {
        match what {
            Stopped::App(app) => Self::App(Arc::clone(app)),
            Stopped::Template { app, id } => Self::Template(Arc::clone(app), Arc::clone(id)),
            Stopped::Rule(rule) => Self::Rule(Arc::clone(rule)),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) => write!(f, "app {app}"),
            Self::Api(app, api) => write!(f, "api {app}/{}", api.as_str()),
            Self::Logins(app) => write!(f, "logins {app}"),
            Self::Template(app, id) => write!(f, "template {app}/{id}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}
