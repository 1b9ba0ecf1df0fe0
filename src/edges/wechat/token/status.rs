//! What is known of an app's tokens, for the operators of the service. Never the token.

use serde::Serialize;

/// Where tokens come from. Settings: `[apps.NAME] token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `WeChat`: `getStableAccessToken`.
    Stable,
    /// `WeChat`: `getAccessToken`.
    Classic,
    /// A token centre.
    External,
}

/// How it stands with an app's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// There is none, and no caller has needed one since the last.
    None,
    /// There is one.
    Holding,
    /// There is none, because the source that was asked last gave none.
    Failing,
    /// `WeChat` refuses the tokens that it hands out; the next question waits.
    Refused,
    /// Another program ends our tokens again and again: it renews the access token of this app.
    InvalidatedByOthers,
}

impl TokenState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Holding,
        Self::Failing,
        Self::Refused,
        Self::InvalidatedByOthers,
    ];

    /// Its word in `/status` and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Holding => "holding",
            Self::Failing => "failing",
            Self::Refused => "refused",
            Self::InvalidatedByOthers => "invalidated_by_others",
        }
    }
}

/// An app's tokens at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenStatus {
    /// Where they come from.
    pub mode: Mode,
    /// How it stands.
    pub state: TokenState,
    /// The life that is left of the present token, in seconds; nothing if there is none.
    pub expires_in_s: Option<u64>,
    /// Questions that brought a token, forced ones left out.
    pub fetched: u64,
    /// Forced refreshes asked for, answered or not.
    pub forced: u64,
    /// Questions that brought no token.
    pub failed: u64,
    /// Tokens that worked, were not old, and were ended by another program: `WeChat` refused them and handed out another one, and no
    /// forced refresh of ours explains it.
    pub invalidated: u64,
    /// What is wrong, in a sentence without secrets; nothing once it is well again.
    pub last_error: Option<String>,
}
