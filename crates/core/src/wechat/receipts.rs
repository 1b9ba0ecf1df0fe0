//! Delivery receipts: `WeChat`'s word on what became of a message after it took it, joined to the outcome by `WeChat`'s number for it.

use std::fmt;
use std::sync::Arc;

use crate::model::outcome::Outcome;

/// Whether an app's callbacks bring receipts: then outcomes are found by `msgid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receipts {
    /// None come; nothing is kept for them.
    #[default]
    None,
    /// They come.
    Expected,
}

/// `WeChat`'s number for a message, which is one app's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The app, by its name in the settings.
    pub app: Arc<str>,
    /// The number, in digits.
    pub msgid: Arc<str>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.msgid)
    }
}

impl Key {
    /// Under which name a store remembers that the receipt was published.
    pub fn mark(&self) -> String {
        format!("receipt/{self}")
    }

    /// The key of an outcome, if `WeChat` has told a number.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        Some(Self {
            app: Arc::clone(outcome.app.as_ref()?),
            msgid: Arc::from(outcome.msgid.as_deref()?),
        })
    }
}

/// The store is asked which outcome has this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The number.
    pub key: Key,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// The store is told that the receipt with this number was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The number.
    pub key: Key,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}
