//! The account's tokens, and how an app proves itself.
//!
//! WeChat: `getStableAccessToken`, `getAccessToken`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::answer::{Refusal, Reply};
use crate::call::{Incoming, read_json};
use crate::state::{State, lock};
use crate::token::{Granted, Refresh};

/// What an app says to prove itself. WeChat: the parameters of both token endpoints and of `jscode2session`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Credentials {
    grant_type: String,
    appid: String,
    secret: String,
    force_refresh: bool,
}

impl Credentials {
    /// Those in the query.
    pub(super) fn in_query(asked: &Incoming<'_>) -> Self {
        let parameter = |name| asked.parameter(name).unwrap_or_default();
        Self {
            grant_type: parameter("grant_type"),
            appid: parameter("appid"),
            secret: parameter("secret"),
            force_refresh: false,
        }
    }

    /// The app, if the credentials are good and it may call this path once more. The order is that in which WeChat complains.
    pub(super) fn check(
        &self,
        state: &State,
        grant_type: &str,
        asked: &Incoming<'_>,
    ) -> Result<Arc<str>, Refusal> {
        if self.grant_type != grant_type {
            return Err(Refusal::of(40002));
        }
        prove(state, &self.appid, &self.secret, asked)
    }
}

/// The app that has this secret, if it may call this path once more.
pub(super) fn prove(
    state: &State,
    appid: &str,
    secret: &str,
    asked: &Incoming<'_>,
) -> Result<Arc<str>, Refusal> {
    if appid.is_empty() {
        return Err(Refusal::of(41002));
    }
    if secret.is_empty() {
        return Err(Refusal::of(41004));
    }
    let app = state.app(appid).ok_or_else(|| Refusal::of(40013))?;
    if app.secret != secret {
        return Err(Refusal::of(40125));
    }
    let appid = Arc::from(appid);
    lock(&state.quotas).take(&appid, asked.path, asked.now_ms)?;
    Ok(appid)
}

#[derive(Serialize)]
struct TokenBody {
    access_token: String,
    expires_in: u64,
}

fn token_reply(granted: Granted) -> Reply {
    let body = TokenBody {
        access_token: granted.token,
        expires_in: granted.expires_in_s,
    };
    Reply::success(serde_json::to_string(&body).unwrap_or_default())
}

/// `POST /cgi-bin/stable_token`.
pub(super) fn stable_token(state: &State, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let credentials: Credentials = read_json(asked.body)?;
    let appid = credentials.check(state, "client_credential", asked)?;
    let refresh = if credentials.force_refresh {
        state.counters.forced_refresh();
        Refresh::Forced
    } else {
        Refresh::Normal
    };
    lock(&state.tokens)
        .stable(&appid, refresh, asked.now_ms)
        .map(token_reply)
}

/// `GET /cgi-bin/token`.
pub(super) fn classic_token(state: &State, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let appid = Credentials::in_query(asked).check(state, "client_credential", asked)?;
    Ok(token_reply(
        lock(&state.tokens).classic(&appid, asked.now_ms),
    ))
}
