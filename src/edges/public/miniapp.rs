//! `POST /miniapp/…`: what a mini program asks of us for its user.
//!
//! A login gives a token that names a session, and the session's user is known to the store alone: neither openid nor `session_key` ever
//! leaves the server.

mod login;
mod session;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, watch};

use super::client::{Paces, address_of, read_body};
use super::refusal::Refusal;
use super::{Parts, answer};
use crate::config::{self, ClientAddress};
use crate::edges::clock::Clock;
use crate::edges::kafka::producer::PublishError;
use crate::edges::kafka::producer::acked::{AckedProducer, OutgoingRecord};
use crate::edges::listener::household;
use crate::edges::store::StoreClient;
use crate::edges::wechat::WeChat;
use crate::telemetry::{Metrics, PublicRoute};
use login::MOST_EXCHANGES;
pub(super) use login::login;
use session::Signer;
use wx_courier_core::catalog::Policy;
use wx_courier_core::grants::{self, Counted, Report, Source};
use wx_courier_core::model::{hex, rfc3339_ms};
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::pauses::SOURCE_OF_MINI_PROGRAMS;
use wx_courier_core::state::{Question, RecallAnswer, Reply};
use wx_courier_core::wechat::logins::Recall;
use wx_courier_core::wechat::{Meaning, Unknown, UnknownKind, Word};

/// The mini programs of all apps.
pub(super) struct MiniApp {
    clock: Clock,
    apps: Vec<Arc<str>>,
    signer: Signer,
    send: BTreeMap<String, String>,
    max_body: usize,
    client_address: ClientAddress,
    addresses: Paces<IpAddr>,
    sessions: Paces<Arc<str>>,
    /// A user may log in as often as `WeChat` allows: all sessions of one user together have what one session has.
    users: Paces<Arc<str>>,
    rules: watch::Receiver<Arc<RuleSet>>,
    wechat: Arc<WeChat>,
    /// Room for exchanges with `WeChat`.
    exchanges: Semaphore,
    store: StoreClient,
    producer: Arc<AckedProducer>,
    metrics: Arc<Metrics>,
}

/// How long a request waits for the store. A person looks at a screen meanwhile.
const STORE_TIMEOUT: Duration = Duration::from_secs(3);

/// Room for any id that a client makes up, and little enough for a header.
const LONGEST_ID: usize = 64;

/// `WeChat`: `wx.requestSubscribeMessage` asks for at most five templates at once, and may once ask for more.
const MOST_ANSWERS: usize = 20;

/// An answer may lie on a phone until the mini program is opened again. One that is older counts as this old.
const OLDEST_MS: i64 = 30 * 24 * 3_600_000;

impl MiniApp {
    pub(super) fn new(
        settings: &config::MiniApp,
        client_address: ClientAddress,
        parts: &Parts,
        producer: Arc<AckedProducer>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            clock: parts.clock.clone(),
            apps: settings.apps.clone(),
            signer: Signer::new(&settings.session_secret, settings.session_life)?,
            send: settings.send.clone(),
            max_body: settings.max_body,
            client_address,
            addresses: Paces::new(settings.per_address),
            sessions: Paces::new(settings.per_session),
            users: Paces::new(settings.per_session),
            rules: parts.rules.clone(),
            wechat: Arc::clone(&parts.wechat),
            exchanges: Semaphore::new(MOST_EXCHANGES),
            store: parts.store.clone(),
            producer,
            metrics: Arc::clone(&parts.metrics),
        })
    }
}

#[derive(Deserialize)]
struct Subscriptions {
    id: String,
    /// Words. Whatever else stands there costs the other answers nothing.
    answers: BTreeMap<String, Value>,
    /// How long ago the user answered, by the client's clock.
    #[serde(default)]
    age_ms: u64,
}

#[derive(Serialize)]
struct Noted {
    /// Accepts that no source has told before.
    counted: usize,
    /// The templates whose answer is not understood, as the client names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// `{"id", "answers": {"<template id>": "accept"}, "age_ms"?}` → `{"counted": n, "unknown"?: ["<template id>"]}`
pub(super) async fn subscriptions(
    State(miniapp): State<Arc<MiniApp>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let result = miniapp.note(peer, &headers, body).await;
    answer(&miniapp.metrics, PublicRoute::Subscriptions, result)
}

#[derive(Deserialize)]
struct Send {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Serialize)]
struct Published {
    id: String,
}

/// `{"type", "id", "data"}` → 202 `{"id"}`
pub(super) async fn send(
    State(miniapp): State<Arc<MiniApp>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let result = miniapp.publish(peer, &headers, body).await;
    answer(&miniapp.metrics, PublicRoute::Send, result)
}

/// The user who asks.
struct User {
    app: Arc<str>,
    openid: Arc<str>,
}

impl MiniApp {
    /// The body, if its address may ask now.
    async fn body(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Bytes, Refusal> {
        let address = address_of(peer, headers, self.client_address);
        self.addresses.take(&household(address))?;
        read_body(body, self.max_body).await
    }

    /// The user of the session that the request names.
    async fn user(&self, headers: &HeaderMap) -> Result<User, Refusal> {
        let now_ms = self.clock.now_ms();
        let session = self
            .signer
            .session(headers, now_ms)
            .filter(|session| self.apps.contains(&session.app))
            .ok_or(Refusal::SessionExpired)?;
        self.sessions.take(&session.id)?;
        let recall = Recall {
            name: session.name(),
            message_id: None,
            now_ms,
        };
        let Ok(RecallAnswer::User(Some(openid))) = self.ask(recall).await? else {
            return Err(Refusal::SessionExpired);
        };
        self.users.take(&openid)?;
        let app = session.app;
        Ok(User { app, openid })
    }

    async fn note(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Refusal> {
        let body = self.body(peer, headers, body).await?;
        let user = self.user(headers).await?;
        let said: Subscriptions = parse(&body)?;
        check_id(&said.id)?;
        if said.answers.len() > MOST_ANSWERS {
            return Err(Refusal::BadRequest("there are more than 20 answers"));
        }
        let id: Arc<str> = Arc::from(said.id);
        let age_ms = i64::try_from(said.age_ms)
            .unwrap_or(i64::MAX)
            .min(OLDEST_MS);
        let mut noted = Noted {
            counted: 0,
            unknown: Vec::new(),
        };
        for (template_id, word) in &said.answers {
            let word = word.as_str().unwrap_or_default();
            let word = match Meaning::of(word) {
                Meaning::Will(word) => word,
                Meaning::NoWill => continue,
                Meaning::Unknown => {
                    let unknown = Unknown::new(UnknownKind::Word, word);
                    self.metrics.unknown().note(&unknown);
                    noted.unknown.push(template_id.clone());
                    continue;
                }
            };
            if !self.keeps(&user.app, template_id) {
                continue;
            }
            let now_ms = self.clock.now_ms();
            let report = Report {
                key: grants::Key {
                    app: Arc::clone(&user.app),
                    openid: Arc::clone(&user.openid),
                    template_id: Arc::from(template_id.as_str()),
                },
                id: Arc::clone(&id),
                source: Source::MiniProgram,
                word,
                at_ms: now_ms.saturating_sub(age_ms),
                now_ms,
            };
            let Ok(how) = self.ask(report).await? else {
                return Err(Refusal::Unavailable);
            };
            self.metrics.grant_reported(Source::MiniProgram);
            let is_new = how == Counted::New;
            noted.counted += usize::from(is_new && word == Word::Accept);
        }
        Ok(Json(noted).into_response())
    }

    /// Whether grants of this template are kept. The catalog must have its id: a client must not fill the store with what it makes up.
    fn keeps(&self, app: &str, template_id: &str) -> bool {
        let rules = self.rules.borrow();
        let template = rules.catalog().find(app, template_id);
        template.is_some_and(|template| {
            template.id == template_id && rules.policies().of(template) != Policy::Off
        })
    }

    async fn publish(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Refusal> {
        let body = self.body(peer, headers, body).await?;
        let user = self.user(headers).await?;
        let said: Send = parse(&body)?;
        check_id(&said.id)?;
        let topic = self.send.get(&said.kind).ok_or(Refusal::TypeNotAllowed)?;
        let mut data = said.data;
        // The recipient is known from the session: a client that could say it could send to any user.
        data.insert("openid".to_owned(), Value::from(user.openid.as_ref()));
        let value = serde_json::to_vec(&data)
            .map_err(|_| Refusal::BadRequest("`data` cannot be written"))?;
        let key = name_of(&user.openid);
        let id = format!("{key}-{}", said.id);
        // The source is a part of what is sent once: whatever a rule makes of the data there, one user cannot use up another's message.
        let source = format!("{SOURCE_OF_MINI_PROGRAMS}{}/{key}", user.app);
        let at_ms = self.clock.now_ms();
        let time = rfc3339_ms(at_ms);
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", id.as_str()),
            ("ce_source", &source),
            ("ce_type", &said.kind),
            ("ce_time", &time),
            ("content-type", "application/json"),
        ];
        let record = OutgoingRecord {
            topic,
            key: &key,
            headers: &headers,
            value: &value,
            at_ms,
        };
        match self.producer.publish(&record).await {
            Ok(()) => Ok((StatusCode::ACCEPTED, Json(Published { id })).into_response()),
            Err(PublishError::TooLarge) => Err(Refusal::TooLarge),
            Err(error @ (PublishError::Failed(_) | PublishError::Closed)) => {
                tracing::warn!(%error, topic, "an event of the mini program is not published");
                Err(Refusal::Unavailable)
            }
        }
    }

    /// Asks the store, and does not wait for one that is down: what it was asked it carries out all the same, later.
    async fn ask<Q: Question>(&self, question: Q) -> Result<Reply<Q::Answer>, Refusal> {
        match tokio::time::timeout(STORE_TIMEOUT, self.store.ask(question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|_| Refusal::BadRequest("the body is not the JSON that it must be"))
}

/// An id is a part of a header and of a name in the store.
fn check_id(id: &str) -> Result<(), Refusal> {
    let is_id = (1..=LONGEST_ID).contains(&id.len());
    if is_id && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Refusal::BadRequest(
        "`id` must be 1 to 64 letters, digits or signs of ASCII, without spaces",
    ))
}

/// A user by another name: so that one user cannot use up another's ids, and no openid stands in a key.
fn name_of(openid: &str) -> String {
    let digest = Sha256::digest(openid.as_bytes());
    hex(digest.into_iter().take(8))
}
