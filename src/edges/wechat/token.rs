//! Access tokens: one fetch at a time, renewed ahead of time, dropped only by the very token that was refused.
//!
//! `stable_token` in normal mode gives every caller the same token until fewer than five minutes are left, so instances of a fleet need
//! not agree on anything. A forced refresh is never asked for: it is limited to twenty a day and kills the token of everybody else.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{errcode_in, read_json, why};
use super::errcode::token_class_of;
use crate::config::{App, Secret};
use crate::pipeline::delivery::{Class, TokenTrouble};

/// `WeChat` renews a stable token when fewer than five minutes are left; asking before brings the same one.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

/// The wait before a failed renewal is tried again while the present token still holds.
const RENEW_AGAIN: Duration = Duration::from_secs(10);

/// A token in force.
pub(super) struct Token {
    text: Secret,
    renew_at: Instant,
    expires_at: Instant,
}

impl Token {
    /// The token itself, for the wire only.
    pub(super) fn expose(&self) -> &str {
        self.text.expose()
    }
}

/// Keeps one app's token.
pub(super) struct TokenKeeper {
    http: reqwest::Client,
    url: String,
    appid: String,
    secret: Secret,
    current: RwLock<Option<Arc<Token>>>,
    /// Held while a fetch is under way; inside is what the last fetch that failed said, and when.
    fetching: tokio::sync::Mutex<Option<(Instant, TokenTrouble)>>,
}

impl TokenKeeper {
    pub(super) fn new(http: reqwest::Client, app: &App) -> Self {
        Self {
            http,
            url: format!("{}/cgi-bin/stable_token", app.base_url),
            appid: app.appid.clone(),
            secret: app.secret.clone(),
            current: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// A token that holds, fetched if need be.
    pub(super) async fn token(&self) -> Result<Arc<Token>, TokenTrouble> {
        let asked_at = Instant::now();
        if let Some(token) = self.current().filter(|token| asked_at < token.renew_at) {
            return Ok(token);
        }
        let Ok(mut fetching) = self.fetching.try_lock() else {
            // Somebody is fetching. While the old token still holds there is no need to wait for the new one.
            if let Some(token) = self.current().filter(|token| asked_at < token.expires_at) {
                return Ok(token);
            }
            let fetching = self.fetching.lock().await;
            return self.after_another_fetch(asked_at, fetching).await;
        };
        self.fetch(&mut fetching).await
    }

    /// Drops the token that was used, unless it has been replaced since.
    pub(super) fn refuse(&self, used: &Arc<Token>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_some_and(|token| Arc::ptr_eq(token, used))
        {
            tracing::warn!(
                appid = self.appid,
                "WeChat refused the token: fetching it again"
            );
            *current = None;
        }
    }

    fn current(&self) -> Option<Arc<Token>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Those who waited share the answer of the one who fetched: a failing endpoint is asked once, not once per message.
    async fn after_another_fetch(
        &self,
        asked_at: Instant,
        mut fetching: tokio::sync::MutexGuard<'_, Option<(Instant, TokenTrouble)>>,
    ) -> Result<Arc<Token>, TokenTrouble> {
        if let Some(token) = self
            .current()
            .filter(|token| Instant::now() < token.expires_at)
        {
            return Ok(token);
        }
        if let Some((failed_at, trouble)) = fetching.as_ref()
            && *failed_at >= asked_at
        {
            return Err(trouble.clone());
        }
        self.fetch(&mut fetching).await
    }

    async fn fetch(
        &self,
        last_failure: &mut Option<(Instant, TokenTrouble)>,
    ) -> Result<Arc<Token>, TokenTrouble> {
        match self.ask().await {
            Ok((text, life)) => {
                let now = Instant::now();
                // A margin of a fifth keeps short lives usable: there is always a time before the renewal.
                let margin = RENEW_BEFORE.min(life / 5);
                let token = Arc::new(Token {
                    text: Secret::new(text),
                    renew_at: now + life - margin,
                    expires_at: now + life,
                });
                tracing::info!(
                    appid = self.appid,
                    life_s = life.as_secs(),
                    "access token fetched"
                );
                self.put(Arc::clone(&token));
                *last_failure = None;
                Ok(token)
            }
            Err(trouble) => {
                tracing::warn!(
                    appid = self.appid,
                    errcode = trouble.errcode,
                    detail = trouble.detail,
                    "no access token"
                );
                *last_failure = Some((Instant::now(), trouble.clone()));
                let Some(old) = self
                    .current()
                    .filter(|token| Instant::now() < token.expires_at)
                else {
                    return Err(trouble);
                };
                let patient = Arc::new(Token {
                    text: old.text.clone(),
                    renew_at: Instant::now() + RENEW_AGAIN,
                    expires_at: old.expires_at,
                });
                self.put(Arc::clone(&patient));
                Ok(patient)
            }
        }
    }

    fn put(&self, token: Arc<Token>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    async fn ask(&self) -> Result<(String, Duration), TokenTrouble> {
        let trouble = |errcode, detail, class| TokenTrouble {
            errcode,
            detail,
            class,
        };
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret.expose(),
            "force_refresh": false,
        });
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let response = request
            .send()
            .await
            .map_err(|error| trouble(None, why(error), Class::Busy))?;
        let answer = read_json(response)
            .await
            .map_err(|detail| trouble(None, detail, Class::Busy))?;
        if let Some(errcode) = errcode_in(&answer).filter(|errcode| *errcode != 0) {
            // The text of 40164 names the address that has to be put on the list; none of these texts repeats a secret.
            let errmsg = answer
                .get("errmsg")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let detail = format!("the token endpoint answers errcode {errcode}: {errmsg}");
            return Err(trouble(Some(errcode), detail, token_class_of(errcode)));
        }
        let text = answer
            .get("access_token")
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        let life = answer
            .get("expires_in")
            .and_then(Value::as_u64)
            .filter(|seconds| *seconds > 0);
        match (text, life) {
            (Some(text), Some(seconds)) => Ok((text.to_owned(), Duration::from_secs(seconds))),
            _ => Err(trouble(
                None,
                "the token endpoint answers without a token or without a life".to_owned(),
                Class::Busy,
            )),
        }
    }
}
