//! Which user is behind a code, kept for a while: the openid that a login code gave, under a name that gives nothing away.
//!
//! A code of `wx.login` can be exchanged once. So the openid is kept with the message that was to be addressed by the code, until that
//! message has ended: a crash does not lose it. The sessions of the mini program are kept in the same way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::outcome::Identity;

/// A code of `wx.login`. A program that has it can become the user for five minutes, so it is not shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsCode(Arc<str>);

impl JsCode {
    /// Takes a code in.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The code itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsCode(hidden)")
    }
}

/// What became of a code. `WeChat`: jscode2session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeAnswer {
    /// It gave this user.
    Openid(Arc<str>),
    /// `WeChat` refused it.
    Refused {
        /// `WeChat`'s code.
        errcode: i64,
        /// Its text, without the rid.
        errmsg: String,
        /// `WeChat`'s request id.
        rid: Option<String>,
        /// What it means for us.
        why: ExchangeRefusal,
    },
    /// There was no answer, or none of `WeChat`'s. The code may be used up all the same.
    Unanswered {
        /// What happened, without the URL.
        detail: String,
    },
}

/// Why a code gave no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeRefusal {
    /// There never was such a code, or it is older than five minutes (40029).
    Expired,
    /// It was used before (40163).
    Used,
    /// The user is blocked as a risk (40226).
    Blocked,
    /// Busy, or too often this minute (-1, 45011): the same code may be tried again.
    Busy,
    /// Appid, secret or account are at fault: no code will do.
    Account,
}

/// Under which name a user is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserName {
    /// A session of the mini program.
    Session {
        /// Its id.
        id: Arc<str>,
        /// When it began, in Unix milliseconds, to the second as its token says.
        begun_ms: i64,
    },
    /// The message that is to be sent to the user. The user is forgotten when it has ended.
    Message {
        /// The `id` of the outcome that it will have.
        outcome_id: Arc<str>,
        /// The record that brought the code: another one in its place has another user.
        record: Option<Identity>,
    },
}

impl UserName {
    /// The name as a store has it.
    pub fn key(&self) -> Arc<str> {
        match self {
            Self::Session { id, .. } => Arc::from(format!("session:{id}")),
            Self::Message {
                outcome_id,
                record: Some(record),
            } => Arc::from([outcome_id, "~", record.as_text()].concat()),
            Self::Message {
                outcome_id,
                record: None,
            } => Arc::clone(outcome_id),
        }
    }

    /// The name under which a version before kept the user of a message.
    pub fn key_before(&self) -> Option<Arc<str>> {
        match self {
            Self::Session { .. } => None,
            Self::Message { outcome_id, .. } => Some(Arc::clone(outcome_id)),
        }
    }
}

/// The longest life of a session that can be set. For so long the store knows that a user has left an app.
pub const LONGEST_SESSION: Duration = Duration::from_millis(LONGEST_SESSION_MS.unsigned_abs());
const LONGEST_SESSION_MS: i64 = 30 * 24 * 3_600_000;

/// Under which name a store keeps that a user has left an app, in the form of a user. Sessions are found by their ids alone, so those of a user
/// cannot be looked for: one that began before that moment gives no user.
pub fn departure_name(openid: &str) -> Arc<str> {
    Arc::from(format!("left:{openid}"))
}

/// Until when that is kept: until no session of before can live any more.
pub fn departure_until_ms(left_ms: i64) -> i64 {
    left_ms.saturating_add(LONGEST_SESSION_MS)
}

/// When the user has left, by until when it is kept.
pub fn departed_ms(until_ms: i64) -> i64 {
    until_ms.saturating_sub(LONGEST_SESSION_MS)
}

/// The store is asked to keep this user under that name. Where it is the name of a message that has ended, nothing is kept: its user is not
/// needed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The name.
    pub name: UserName,
    /// The user's openid, in the clear.
    pub openid: Arc<str>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
    /// When it is forgotten at the latest, in Unix milliseconds.
    pub until_ms: i64,
}

/// The store is asked which user was kept under that name. Where it is the name of a message that has ended, its outcome is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// The name.
    pub name: UserName,
    /// The message that is to be sent to the user. Where no user was kept, and another record's message with this id was sent, it is a
    /// duplicate, and its code has done its work.
    pub message_id: Option<Arc<str>>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}
