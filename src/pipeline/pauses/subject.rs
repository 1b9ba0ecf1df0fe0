//! What a pause covers.

use std::fmt;
use std::sync::Arc;

use crate::pipeline::rules::Rule;

/// What a pause covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// All messages of an app.
    App(Arc<str>),
    /// All messages of a template, by the app and `WeChat`'s id of it.
    Template(Arc<str>, Arc<str>),
    /// All messages of a rule.
    Rule(Arc<str>),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) => write!(f, "app {app}"),
            Self::Template(app, id) => write!(f, "template {app}/{id}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

/// What a pause that holds this rule may cover.
pub(super) fn subjects_of(rule: &Rule) -> [Subject; 3] {
    [
        Subject::App(Arc::clone(&rule.app)),
        Subject::Template(Arc::clone(&rule.app), Arc::from(rule.template.id.as_str())),
        Subject::Rule(Arc::clone(&rule.name)),
    ]
}
