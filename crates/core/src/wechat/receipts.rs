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

/// What is asked of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which outcome has this number?
    Join {
        /// The number.
        key: Key,
        /// The time, in Unix milliseconds.
        now_ms: i64,
    },
    /// Its receipt was published.
    Done {
        /// The number.
        key: Key,
        /// The time, in Unix milliseconds.
        now_ms: i64,
    },
}

impl Question {
    /// The number it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Join { key, .. } | Self::Done { key, .. } => key,
        }
    }

    /// The time that it names, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::Join { now_ms, .. } | Self::Done { now_ms, .. } => *now_ms,
        }
    }
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This outcome; its receipt was not published yet.
    Joined(Arc<Outcome>),
    /// None that is known. It may be settled in a moment: a receipt can come before the call's own answer.
    Unknown,
    /// The receipt was published before.
    Published,
    /// It is noted that the receipt was published.
    Noted,
}
