//! What users have allowed: one accept is one message of a one-time template.
//!
//! `WeChat` offers no count of what is left, so a [`Ledger`] keeps one for each app, user and template. It hears of accepts and refusals
//! from several sources, and of each message that is about to be sent, was sent or was not. It can be wrong, because a source may be
//! silent; `WeChat`'s own word, 43101, is always right.
//!
//! A ledger lives in the store. Everything that happens to one is a method here, so that all stores mean the same.

mod events;
mod ledger;
mod named;
mod turn;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use events::{AnswerEvents, Answered, AppOf};
pub use ledger::{Accept, Ledger, RESERVED_FOR_MS};
pub use named::{Named, NoLedger};
pub use turn::Turn;

pub use crate::catalog::Policies;
use crate::wechat::Word;

/// Which permissions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The app, by its name in the settings.
    pub app: Arc<str>,
    /// The user, in the clear.
    pub openid: Arc<str>,
    /// `WeChat`'s id of the template.
    pub template_id: Arc<str>,
}

/// A source that tells of a user's answer. One accept may be told by each of them, and counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An event on a source topic.
    Event,
    /// The mini program, which got the answer of `wx.requestSubscribeMessage`.
    MiniProgram,
    /// `WeChat` itself, with a callback.
    Callback,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Event, Self::MiniProgram, Self::Callback];

    /// A word for stores and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::MiniProgram => "mini_program",
            Self::Callback => "callback",
        }
    }
}

/// A user's answer, as one source tells it. The store notes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which permissions it changes.
    pub key: Key,
    /// Names the report among all of its source: told again, it changes nothing.
    pub id: Arc<str>,
    /// The source that tells.
    pub source: Source,
    /// What the user said.
    pub word: Word,
    /// When the user said it, in Unix milliseconds.
    pub at_ms: i64,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

impl Report {
    /// Under which name a store remembers that it was told.
    pub fn mark(&self) -> String {
        let (source, word) = (self.source.as_str(), self.word.as_str());
        // A user may accept and take it back within one second, which is all that a callback names.
        format!("report/{source}/{}/{word}/{}", self.key, self.id)
    }
}

impl fmt::Display for Key {
    /// Neither a name of an app nor an openid nor a template id has a slash in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            app,
            openid,
            template_id,
        } = self;
        write!(f, "{app}/{openid}/{template_id}")
    }
}

/// The wish to send a message that needs a grant, or that may not come too soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The user, and the template.
    pub key: Key,
    /// What the message needs.
    pub need: Need,
}

/// What the ledger has to have for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A grant; or what follows if there is none.
    Grant(Without),
    /// That no message of this turn was sent too short a time ago. The template needs no grants.
    Turn(Turn),
}

/// Why a message is not to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The user has granted nothing that is left.
    Grant,
    /// A message of its turn was sent too short a time ago, or is under way.
    Turn,
}

/// What becomes of a message without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// It is sent all the same.
    Send,
    /// It is not.
    Skip,
}

/// What a claim that was made has of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// None was wished for.
    NotAsked,
    /// One is reserved for the message until it has ended.
    Made,
    /// The ledger has none, and the message is sent all the same.
    Missing,
}

/// What is asked of the store about a ledger. The answer is its [`Balance`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// What is there?
    Look {
        /// Which ledger.
        key: Key,
        /// The time, in Unix milliseconds.
        now_ms: i64,
    },
    /// So many are left, whatever was counted before; messages under way keep what is reserved for them.
    Set {
        /// Which ledger.
        key: Key,
        /// How many more messages the user has allowed.
        left: u32,
        /// The time, in Unix milliseconds.
        now_ms: i64,
    },
}

impl Query {
    /// Which ledger it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Look { key, .. } | Self::Set { key, .. } => key,
        }
    }

    /// The time that it names, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::Look { now_ms, .. } | Self::Set { now_ms, .. } => *now_ms,
        }
    }
}

/// A user takes back what an app was given, or leaves it: the store forgets what it keeps of that user, as far as it can find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The app, by its name in the settings.
    pub app: Arc<str>,
    /// The user, in the clear.
    pub openid: Arc<str>,
    /// The templates whose ledgers are cleared. No store can list a user's ledgers: the catalog names those that there may be.
    pub template_ids: BTreeSet<Arc<str>>,
    /// When the user said so, in Unix milliseconds. What the user does after that stays.
    pub at_ms: i64,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

impl Withdrawal {
    /// The ledgers that are cleared.
    pub fn ledgers(&self) -> impl Iterator<Item = Key> {
        self.template_ids.iter().map(|template_id| Key {
            app: Arc::clone(&self.app),
            openid: Arc::clone(&self.openid),
            template_id: Arc::clone(template_id),
        })
    }

    /// From when it counts. A clock that is ahead does not end what the user begins after.
    pub fn since_ms(&self) -> i64 {
        self.at_ms.min(self.now_ms)
    }
}

/// What a [`Withdrawal`] has changed; told again, nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// Ledgers in which there was something.
    pub ledgers: usize,
}

/// Whether a report was news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is counted.
    New,
    /// The same was told before, by this source or another one.
    Known,
}

/// A ledger in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Messages that the user has allowed, as far as is known, less what was taken back.
    pub granted: u64,
    /// Messages under way that have one reserved.
    pub reserved: u64,
    /// Messages that were sent, or may have been.
    pub used: u64,
    /// How many more may be sent.
    pub left: u64,
}
