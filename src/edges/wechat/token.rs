//! Access tokens: one fetch at a time, renewed ahead of time, dropped only by the very token that was refused.
//!
//! `stable_token` in normal mode gives every caller the same token until fewer than five minutes are left, so instances of a fleet need
//! not agree on anything. A forced refresh is never asked for: it is limited to twenty a day and kills the token of everybody else.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{errcode_in, read_json, shortened, why};
use super::errcode::token_class_of;
use crate::config::{App, Secret};
use crate::pipeline::delivery::{Class, TokenTrouble};

/// `WeChat` renews a stable token when fewer than five minutes are left; asking before brings the same one.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

/// The wait before a failed renewal is tried again while the present token still holds.
const RENEW_AGAIN: Duration = Duration::from_secs(10);

/// How long a failure counts for those who ask next: a backlog must not become a storm at an endpoint that fails quickly.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The same where only a person can help.
const ASK_AGAIN_ACCOUNT: Duration = Duration::from_secs(10);

/// `WeChat`'s tokens live two hours; no answer may set the clock further than this.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// A token in force.
pub(super) struct Token {
    text: Secret,
    /// Which fetch brought it.
    generation: u64,
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
    /// Held while a fetch is under way.
    fetching: tokio::sync::Mutex<Fetching>,
}

/// What is known of fetches.
#[derive(Default)]
struct Fetching {
    /// How many have succeeded.
    generation: u64,
    /// What the last one said, if it failed, and when.
    failure: Option<(Instant, TokenTrouble)>,
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

    /// A token that holds, fetched if need be. A failure is shared by all who ask within a second or so of it.
    pub(super) async fn token(&self) -> Result<Arc<Token>, TokenTrouble> {
        if let Some(token) = self
            .current()
            .filter(|token| Instant::now() < token.renew_at)
        {
            return Ok(token);
        }
        let mut fetching = match self.fetching.try_lock() {
            Ok(fetching) => fetching,
            // Somebody is fetching. While the old token still holds there is no need to wait for the new one.
            Err(_) => match self.holding() {
                Some(token) => return Ok(token),
                None => self.fetching.lock().await,
            },
        };
        if let Some(token) = self
            .current()
            .filter(|token| Instant::now() < token.renew_at)
        {
            return Ok(token);
        }
        if let Some((failed_at, trouble)) = &fetching.failure {
            let counts_for = if trouble.class == Class::Account {
                ASK_AGAIN_ACCOUNT
            } else {
                ASK_AGAIN
            };
            if failed_at.elapsed() < counts_for {
                return self.holding().ok_or_else(|| trouble.clone());
            }
        }
        self.fetch(&mut fetching).await
    }

    /// Drops the token that was used, unless another fetch has replaced it since.
    pub(super) fn refuse(&self, used: &Token) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_some_and(|token| token.generation == used.generation)
        {
            tracing::warn!(
                appid = self.appid,
                "WeChat refused the token: fetching it again"
            );
            *current = None;
        }
    }

    fn holding(&self) -> Option<Arc<Token>> {
        self.current()
            .filter(|token| Instant::now() < token.expires_at)
    }

    fn current(&self) -> Option<Arc<Token>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn fetch(&self, fetching: &mut Fetching) -> Result<Arc<Token>, TokenTrouble> {
        let answer = self.ask().await;
        let now = Instant::now();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok((text, life)) => {
                let life = life.min(LONGEST_LIFE);
                // A margin of a fifth keeps short lives usable: there is always a time before the renewal.
                let margin = RENEW_BEFORE.min(life / 5);
                fetching.generation += 1;
                fetching.failure = None;
                let token = Arc::new(Token {
                    text: Secret::new(text),
                    generation: fetching.generation,
                    renew_at: now + life - margin,
                    expires_at: now + life,
                });
                tracing::info!(
                    appid = self.appid,
                    life_s = life.as_secs(),
                    "access token fetched"
                );
                *current = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(trouble) => {
                let detail = &trouble.detail;
                tracing::warn!(
                    appid = self.appid,
                    url = self.url,
                    errcode = trouble.errcode,
                    detail,
                    "no access token"
                );
                fetching.failure = Some((now, trouble.clone()));
                let old = current.take().filter(|token| now < token.expires_at);
                let Some(old) = old else {
                    return Err(trouble);
                };
                // The same token, and more patience before the next attempt to renew it.
                let patient = Arc::new(Token {
                    text: old.text.clone(),
                    generation: old.generation,
                    renew_at: now + RENEW_AGAIN,
                    expires_at: old.expires_at,
                });
                *current = Some(Arc::clone(&patient));
                Ok(patient)
            }
        }
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
            let errmsg = answer.get("errmsg").and_then(Value::as_str);
            let errmsg = shortened(errmsg.unwrap_or_default()).replace(self.secret.expose(), "***");
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
