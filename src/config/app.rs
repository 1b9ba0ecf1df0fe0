//! `[apps.NAME]`: a mini program, and how its API is called.

use std::time::Duration;

use super::Secret;
use wx_courier_core::catalog::Policy;
use wx_courier_core::model::Rate;

/// `[apps.NAME]`
#[derive(Clone, Debug, PartialEq)]
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
    /// What is made of users' grants, unless a template says otherwise.
    pub grants: Policy,
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
