//! One message, one call of `message/subscribe/send` or `message/custom/send`.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::api::{LARGEST_ANSWER_BYTES, shortened};
use super::body::{SendBody, path_of};
use super::client::{AppClient, Endpoint, WeChat};
use super::token::Token;
use wx_courier_core::flow::attempt::{SendAnswer, TokenTrouble};
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::wechat::{Class, UnknownKind};

/// What a call came to.
#[derive(Debug)]
pub struct Called {
    /// The answer.
    pub answer: SendAnswer,
    /// How long the call took, in milliseconds; the wait for a token does not count.
    pub api_ms: u64,
}

impl Called {
    /// There was no token, so there was no call.
    fn not(trouble: TokenTrouble) -> Self {
        Self {
            answer: SendAnswer::NoToken(trouble),
            api_ms: 0,
        }
    }
}

impl WeChat {
    /// Sends. It never fails: whatever goes wrong is an answer.
    pub async fn send(&self, cleared: &Cleared) -> Called {
        let app = &cleared.rule().app;
        match self.client(app) {
            Some(client) => client.send(cleared).await,
            None => Called::not(trouble(
                Class::Account,
                &format!("the settings have no app {app}"),
            )),
        }
    }
}

impl AppClient {
    async fn send(&self, cleared: &Cleared) -> Called {
        let token = match self.token_in_time().await {
            Ok(token) => token,
            Err(trouble) => return Called::not(trouble),
        };
        let began = Instant::now();
        let answer = self.send_with(&token, cleared).await;
        let api_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Called { answer, api_ms }
    }

    /// Several may have waited for one answer after the other. The engine counts on a bound: a claim whose call began later could be
    /// taken for one in doubt.
    async fn token_in_time(&self) -> Result<Arc<Token>, TokenTrouble> {
        let asked = Instant::now();
        let token = self.tokens.token().await?;
        if asked.elapsed() > self.token_timeout {
            let too_late = "the token came too late for this attempt";
            return Err(trouble(Class::Busy, too_late));
        }
        Ok(token)
    }

    async fn send_with(&self, token: &Token, cleared: &Cleared) -> SendAnswer {
        let message = cleared.message();
        let body = SendBody::new(message, self.state);
        let body = match serde_json::to_vec(&body) {
            Ok(body) => body,
            Err(error) => {
                return SendAnswer::Unreachable {
                    detail: format!("the body could not be written: {error}"),
                };
            }
        };
        let endpoint = Endpoint {
            path: path_of(message.content.api()),
            largest_bytes: LARGEST_ANSWER_BYTES,
        };
        match self.call(token, endpoint, Some(body), msgid_in).await {
            Ok(msgid) => SendAnswer::Accepted { msgid },
            Err(failure) => {
                self.note(UnknownKind::SendErrcode, &failure);
                failure.into()
            }
        }
    }
}

fn trouble(class: Class, detail: &str) -> TokenTrouble {
    TokenTrouble {
        errcode: None,
        detail: detail.to_owned(),
        class,
    }
}

/// A message's number, in digits: it exceeds 2^53. A success may come without it, or without its errcode, but not without both and the
/// errmsg of a success.
fn msgid_in(answer: &Value) -> Result<Option<String>, &'static str> {
    let msgid = match answer.get("msgid") {
        Some(Value::Number(number)) => Some(shortened(&number.to_string())),
        Some(Value::String(text)) => Some(shortened(text)),
        _ => None,
    };
    let says_ok = || answer.get("errmsg").and_then(Value::as_str) == Some("ok");
    if answer.get("errcode").is_some() || msgid.is_some() || says_ok() {
        return Ok(msgid);
    }
    Err("JSON without an errcode")
}

#[cfg(test)]
mod tests;
