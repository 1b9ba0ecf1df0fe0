//! `POST /miniapp/login`: a code of `wx.login` becomes a session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::session::Session;
use super::{MiniApp, parse};
use crate::edges::public::answer;
use crate::edges::public::refusal::Refusal;
use crate::telemetry::PublicRoute;
use wx_courier_core::state::KeepAnswer;
use wx_courier_core::wechat::logins::{
    ExchangeAnswer, ExchangeRefusal, JsCode, Keep, Recall, UserName,
};

/// A code has 32 letters; nothing says that it always will.
const LONGEST_CODE: usize = 256;

/// How many codes are exchanged at once. Each holds a connection to `WeChat`, beside those of the messages; at 0.1 s for each this is
/// 300 logins a second.
pub(super) const MOST_EXCHANGES: usize = 32;

/// How long a login waits for its turn. The code stays good meanwhile.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);

/// `WeChat`: jscode2session, one user's logins are limited by the minute.
const TOO_OFTEN: i64 = 45011;
const TOO_OFTEN_FOR_S: u64 = 60;

#[derive(Deserialize)]
struct Login {
    app: Option<String>,
    code: String,
}

#[derive(Serialize)]
struct LoggedIn {
    token: String,
    expires_in: u64,
}

/// `{"app"?, "code"}` → `{"token", "expires_in"}`
pub(in crate::edges::public) async fn login(
    State(miniapp): State<Arc<MiniApp>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let result = miniapp.log_in(peer, &headers, body).await;
    answer(&miniapp.metrics, PublicRoute::Login, result)
}

impl MiniApp {
    async fn log_in(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Refusal> {
        let body = self.body(peer, headers, body).await?;
        let login: Login = parse(&body)?;
        let app = self.app(login.app.as_deref())?;
        let code = login.code;
        let is_code = code.bytes().all(|byte| byte.is_ascii_graphic());
        if code.is_empty() || code.len() > LONGEST_CODE || !is_code {
            return Err(Refusal::BadRequest(
                "`code` must be what wx.login gave: up to 256 letters",
            ));
        }
        let session = Session::new(Arc::clone(&app), self.clock.now_ms()).map_err(|error| {
            tracing::error!(%error, "the operating system gives no random numbers");
            Refusal::Unavailable
        })?;
        let name = session.name();
        self.is_store_there(&name).await?;
        let turn = turn(&self.exchanges).await?;
        let openid = self.exchange(&app, &JsCode::new(code)).await?;
        drop(turn);
        let now_ms = self.clock.now_ms();
        let keep = Keep {
            name,
            openid,
            now_ms,
            until_ms: now_ms.saturating_add(self.signer.life_ms()),
        };
        // The code has done its work: the client must not come with it again.
        let Ok(Ok(KeepAnswer::Kept)) = self.ask(keep).await else {
            return Err(Refusal::LoginCodeUsed);
        };
        let token = self.signer.sign(&session, now_ms).map_err(|error| {
            tracing::error!(%error, "a session cannot be signed");
            Refusal::Unavailable
        })?;
        let expires_in = self.signer.life_s();
        Ok(Json(LoggedIn { token, expires_in }).into_response())
    }

    /// A code works once. It is not given away as long as the store could not keep what comes of it.
    async fn is_store_there(&self, name: &UserName) -> Result<(), Refusal> {
        let recall = Recall {
            name: name.clone(),
            message_id: None,
            now_ms: self.clock.now_ms(),
        };
        match self.ask(recall).await? {
            Ok(_) => Ok(()),
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// The app that a login names; it may name none if there is only one.
    fn app(&self, said: Option<&str>) -> Result<Arc<str>, Refusal> {
        let found = match (said, self.apps.as_slice()) {
            (Some(said), apps) => apps.iter().find(|app| app.as_ref() == said),
            (None, [only]) => Some(only),
            (None, _) => {
                return Err(Refusal::BadRequest(
                    "`app` is missing, and there is more than one",
                ));
            }
        };
        found
            .cloned()
            .ok_or(Refusal::BadRequest("there is no such `app`"))
    }

    async fn exchange(&self, app: &Arc<str>, code: &JsCode) -> Result<Arc<str>, Refusal> {
        let (errcode, errmsg, why) = match self.wechat.exchange(app, code).await {
            ExchangeAnswer::Openid(openid) => return Ok(openid),
            ExchangeAnswer::Unanswered { detail } => {
                tracing::warn!(app = app.as_ref(), detail, "WeChat did not answer a login");
                return Err(Refusal::WechatUnavailable);
            }
            ExchangeAnswer::Refused {
                errcode,
                errmsg,
                why,
                ..
            } => (errcode, errmsg, why),
        };
        match (why, errcode) {
            (ExchangeRefusal::Expired, _) => Err(Refusal::LoginCodeExpired),
            (ExchangeRefusal::Used, _) => Err(Refusal::LoginCodeUsed),
            (ExchangeRefusal::Blocked, _) => Err(Refusal::UserBlocked),
            (ExchangeRefusal::Busy, TOO_OFTEN) => Err(Refusal::TooManyRequests(TOO_OFTEN_FOR_S)),
            (ExchangeRefusal::Busy, _) => Err(Refusal::WechatUnavailable),
            (ExchangeRefusal::Account, _) => {
                tracing::error!(
                    app = app.as_ref(),
                    errcode,
                    errmsg,
                    "WeChat refuses every login of the app"
                );
                Err(Refusal::WechatUnavailable)
            }
        }
    }
}

/// Waits for a turn, but not for long: where `WeChat` hangs, a login would wait for nothing.
async fn turn(exchanges: &Semaphore) -> Result<SemaphorePermit<'_>, Refusal> {
    match tokio::time::timeout(TURN_TIMEOUT, exchanges.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_login_that_gets_no_turn_is_refused() {
        let exchanges = Semaphore::new(1);
        let first = turn(&exchanges).await.unwrap();
        assert_eq!(turn(&exchanges).await.err(), Some(Refusal::Unavailable));
        drop(first);
        assert!(turn(&exchanges).await.is_ok());
    }
}
