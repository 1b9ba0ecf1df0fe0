//! `GET` and `POST /wechat/{app}`: what `WeChat` pushes.
//!
//! `WeChat` wants an answer within five seconds and asks three times in all; we answer within one. The sender of a push is known by the
//! signature, and a push is too old or too new five minutes off our clock. Nonces are not remembered: whatever a push says counts once,
//! however often it comes, so a client that repeats one within the five minutes changes nothing.

mod crypto;
mod pushes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::sync::watch;

use super::client::read_body;
use super::refusal::Refusal;
use super::{Life, Parts, answer};
use crate::config::{CallbackMode, Public, Secret};
use crate::edges::clock::Clock;
use crate::edges::kafka::producer::acked::AckedProducer;
use crate::telemetry::{Metrics, PublicRoute};
use crypto::{AesKey, DecryptError, is_signature_of};
use pushes::{Progress, Pushes};
use wx_courier_core::wechat::callback;

/// Every app that is pushed to.
pub(super) struct Callbacks {
    apps: BTreeMap<Arc<str>, CallbackApp>,
    pushes: Arc<Pushes>,
    metrics: Arc<Metrics>,
}

struct CallbackApp {
    clock: Clock,
    name: Arc<str>,
    appid: String,
    token: Secret,
    mode: Mode,
}

/// As `WeChat`'s console names them.
enum Mode {
    Plain,
    Compatible(AesKey),
    Secure(AesKey),
}

/// What `WeChat` says beside the body. What is missing is empty, and no signature is.
#[derive(Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    signature: String,
    #[serde(default)]
    msg_signature: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    echostr: String,
}

/// A push is a few hundred bytes, and a few thousand with many templates.
const LARGEST_BODY_BYTES: usize = 64 * 1024;

/// How far from our clock a push may be signed.
const WINDOW_MS: u64 = 5 * 60 * 1000;

/// How long an answer may wait for what the push says to be kept. The rest of the second is for the way.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(800);
const _: () = assert!(ANSWER_TIMEOUT.as_millis() < 1_000);

impl Callbacks {
    pub(super) fn new(
        public: &Public,
        parts: &Parts,
        producer: Arc<AckedProducer>,
        life: watch::Receiver<Life>,
    ) -> anyhow::Result<Self> {
        let mut apps = BTreeMap::new();
        for (name, settings) in &public.callbacks {
            let key = |key: &Secret| {
                AesKey::parse(key.expose())
                    .with_context(|| format!("apps.{name}.callbacks: the aes_key is none"))
            };
            let of_app = parts.settings.apps.get(name);
            let app = CallbackApp {
                clock: parts.clock.clone(),
                name: Arc::clone(name),
                appid: of_app.map(|app| app.appid.clone()).unwrap_or_default(),
                token: settings.token.clone(),
                mode: match &settings.mode {
                    CallbackMode::Plain => Mode::Plain,
                    CallbackMode::Compatible(text) => Mode::Compatible(key(text)?),
                    CallbackMode::Secure(text) => Mode::Secure(key(text)?),
                },
            };
            apps.insert(Arc::clone(name), app);
        }
        Ok(Self {
            apps,
            pushes: Arc::new(Pushes::new(parts, producer, life)),
            metrics: Arc::clone(&parts.metrics),
        })
    }

    fn app(&self, name: &str) -> Result<&CallbackApp, Refusal> {
        self.apps.get(name).ok_or(Refusal::NotFound)
    }
}

/// What the address says, where it can be read: what cannot is refused and counted like everything else.
fn read_address(
    app: Result<Path<String>, PathRejection>,
    said: Result<Query<Said>, QueryRejection>,
) -> Result<(String, Said), Refusal> {
    let Path(app) = app.map_err(|_| Refusal::NotFound)?;
    let Query(said) = said.map_err(|_| Refusal::BadRequest("the query cannot be read"))?;
    Ok((app, said))
}

/// `WeChat` asks once, when the address is typed into its console.
pub(super) async fn check(
    State(callbacks): State<Arc<Callbacks>>,
    app: Result<Path<String>, PathRejection>,
    said: Result<Query<Said>, QueryRejection>,
) -> Response {
    let read = read_address(app, said);
    let checked = read.and_then(|(app, said)| {
        let app = callbacks.app(&app)?;
        app.is_signed(&said)?;
        let plain = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        tracing::info!(app = app.name.as_ref(), "WeChat has checked the address");
        Ok((plain, said.echostr).into_response())
    });
    answer(&callbacks.metrics, PublicRoute::Callback, checked)
}

/// `WeChat` pushes.
pub(super) async fn push(
    State(callbacks): State<Arc<Callbacks>>,
    app: Result<Path<String>, PathRejection>,
    said: Result<Query<Said>, QueryRejection>,
    body: Body,
) -> Response {
    let taken = match read_address(app, said) {
        Ok((app, said)) => callbacks.take(&app, &said, body).await,
        Err(refusal) => Err(refusal),
    };
    answer(&callbacks.metrics, PublicRoute::Callback, taken)
}

impl Callbacks {
    async fn take(&self, app: &str, said: &Said, body: Body) -> Result<Response, Refusal> {
        let app = self.app(app)?;
        let body = read_body(body, LARGEST_BODY_BYTES).await?;
        let message = app.authentic(said, &body)?;
        let push = callback::read(&message).map_err(|why| {
            tracing::warn!(app = app.name.as_ref(), %why, "a push cannot be read");
            self.metrics.push(&app.name, "unreadable");
            Refusal::BadRequest("the push cannot be read")
        })?;
        let mut progress = self
            .pushes
            .take(&app.name, push)
            .ok_or(Refusal::Unavailable)?;
        // Without success WeChat asks again, and the work goes on meanwhile: the second time it may be done.
        let done = progress.wait_for(|progress| *progress == Progress::Done);
        match tokio::time::timeout(ANSWER_TIMEOUT, done).await {
            Ok(Ok(_)) => Ok("success".into_response()),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

impl CallbackApp {
    /// The message in the body, if `WeChat` wrote it.
    fn authentic(&self, said: &Said, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        match &self.mode {
            Mode::Plain => {
                self.is_signed(said)?;
                if encrypted(body)?.is_some() {
                    self.tell_other_mode("the push is encrypted, and mode is plain");
                    return Err(Refusal::BadRequest("the push is encrypted"));
                }
                Ok(body.to_vec())
            }
            Mode::Compatible(key) => {
                self.is_signed(said)?;
                match encrypted(body)? {
                    Some(encrypted) => self.decrypt(key, said, &encrypted),
                    None => Ok(body.to_vec()),
                }
            }
            Mode::Secure(key) => {
                let Some(encrypted) = encrypted(body)? else {
                    // Only WeChat can sign: no other client fills the log.
                    if self.is_signed(said).is_ok() {
                        self.tell_other_mode("the push is not encrypted, and mode is secure");
                    }
                    return Err(self.refused("it is not encrypted"));
                };
                self.decrypt(key, said, &encrypted)
            }
        }
    }

    /// The signature that does not cover the body.
    fn is_signed(&self, said: &Said) -> Result<(), Refusal> {
        let parts = [self.token.expose(), &said.timestamp, &said.nonce];
        if !is_signature_of(&said.signature, &parts) {
            return Err(self.refused("its signature is wrong"));
        }
        self.is_recent(said)
    }

    fn decrypt(&self, key: &AesKey, said: &Said, encrypted: &str) -> Result<Vec<u8>, Refusal> {
        let parts = [self.token.expose(), &said.timestamp, &said.nonce, encrypted];
        if !is_signature_of(&said.msg_signature, &parts) {
            return Err(self.refused("its msg_signature is wrong"));
        }
        self.is_recent(said)?;
        key.decrypt(encrypted, &self.appid)
            .map_err(|why: DecryptError| {
                // The signature is right, so the settings may well be wrong.
                tracing::warn!(app = self.name.as_ref(), %why, "a push cannot be decrypted");
                Refusal::Forbidden
            })
    }

    /// Asked after the signature: the timestamp is part of it.
    fn is_recent(&self, said: &Said) -> Result<(), Refusal> {
        let signed_ms = said
            .timestamp
            .parse::<i64>()
            .map_or(i64::MIN, |seconds| seconds.saturating_mul(1000));
        if self.clock.now_ms().abs_diff(signed_ms) > WINDOW_MS {
            return Err(self.refused("its timestamp is more than five minutes off"));
        }
        Ok(())
    }

    /// The client that pushed is told nothing; an operator who sets this up finds it with the log level debug. Any client can push, so it
    /// is no more.
    fn tell_other_mode(&self, what: &'static str) {
        tracing::warn!(
            app = self.name.as_ref(),
            what,
            "[apps.*.callbacks] mode is not the mode in the mini program's console: pushes are refused until both are the same"
        );
    }

    fn refused(&self, why: &'static str) -> Refusal {
        tracing::debug!(app = self.name.as_ref(), why, "a push is refused");
        Refusal::Forbidden
    }
}

fn encrypted(body: &[u8]) -> Result<Option<String>, Refusal> {
    callback::encrypted(body).map_err(|_| Refusal::BadRequest("the push cannot be read"))
}
