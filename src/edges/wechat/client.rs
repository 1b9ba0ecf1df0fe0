//! A client for each app: its account, its tokens, and how a call is made with a token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::api::{self, Credential, Failure};
use super::token::{Token, TokenKeeper, TokenStatus};
use crate::config::{App, MiniprogramState, Secret, Settings};
use crate::telemetry::UnknownNames;
use wx_courier_core::wechat::{Class, Unknown, UnknownKind};

/// `WeChat`, for every app of the settings.
pub struct WeChat {
    pub(super) apps: BTreeMap<Arc<str>, AppClient>,
}

pub(super) struct AppClient {
    pub(super) http: reqwest::Client,
    pub(super) appid: String,
    pub(super) secret: Option<Secret>,
    pub(super) base_url: String,
    pub(super) state: MiniprogramState,
    pub(super) tokens: TokenKeeper,
    /// A token that took longer came too late for its message.
    pub(super) token_timeout: Duration,
    /// Where codes go that are not known.
    pub(super) unknown: Arc<UnknownNames>,
}

/// Where a call with a token goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    /// An answer that is longer is none.
    pub(super) largest_bytes: usize,
}

impl WeChat {
    /// Clients for the apps of the settings, with one pool of connections. Codes that are not known are counted by name.
    pub fn new(settings: &Settings, unknown: &Arc<UnknownNames>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(settings.send.timeout)
            .connect_timeout(settings.send.timeout.min(Duration::from_secs(3)))
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("wx-courier/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let mut apps = BTreeMap::new();
        for (name, app) in &settings.apps {
            let client = AppClient::new(http.clone(), app, settings.send.timeout, unknown)
                .with_context(|| format!("apps.{name}"))?;
            apps.insert(Arc::clone(name), client);
        }
        Ok(Self { apps })
    }

    /// The apps of the settings.
    pub fn app_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.apps.keys()
    }

    /// How it stands with the tokens of each app. Cheap enough to be asked every second.
    pub fn tokens(&self) -> BTreeMap<Arc<str>, TokenStatus> {
        let status = |(name, app): (&Arc<str>, &AppClient)| (Arc::clone(name), app.tokens.status());
        self.apps.iter().map(status).collect()
    }
}

impl AppClient {
    pub(super) fn new(
        http: reqwest::Client,
        app: &App,
        token_timeout: Duration,
        unknown: &Arc<UnknownNames>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            token_timeout,
            tokens: TokenKeeper::new(http.clone(), app, unknown)?,
            unknown: Arc::clone(unknown),
            http,
            base_url: app.base_url.clone(),
            appid: app.appid.clone(),
            secret: app.secret.clone(),
            state: app.miniprogram_state,
        })
    }

    /// Counts a code that is not known.
    pub(super) fn note(&self, kind: UnknownKind, failure: &Failure) {
        if let Failure::Refused(refusal) = failure
            && refusal.class == Class::Unlisted
        {
            let unknown = Unknown::new(kind, refusal.errcode.to_string());
            self.unknown.note(&unknown);
        }
    }

    /// Calls with a token, with a body of JSON or with GET where there is none, and tells the keeper of tokens what the answer says of this
    /// one.
    pub(super) async fn call<T>(
        &self,
        token: &Token,
        endpoint: Endpoint,
        body: Option<Vec<u8>>,
        read: impl FnOnce(&Value) -> Result<T, &'static str>,
    ) -> Result<T, Failure> {
        let (base_url, path) = (&self.base_url, endpoint.path);
        let url = format!("{base_url}{path}?access_token={}", token.expose());
        let request = match body {
            None => self.http.get(url),
            Some(body) => self
                .http
                .post(url)
                .header("content-type", "application/json; charset=utf-8")
                .body(body),
        };
        let result = api::call(request, Credential::Token, endpoint.largest_bytes, read).await;
        self.tell_keeper(token, result.as_ref().err());
        result
    }

    /// `WeChat` looks at the token before it looks at user, values, media, subscription and window. Other answers say nothing of it: they
    /// may come from in front of that check, or speak of the account.
    fn tell_keeper(&self, token: &Token, failure: Option<&Failure>) {
        let refusal = match failure {
            None => return self.tokens.accepted(token),
            Some(Failure::Refused(refusal)) => refusal,
            Some(
                Failure::Garbled { .. } | Failure::Unreachable { .. } | Failure::InDoubt { .. },
            ) => return,
        };
        match refusal.class {
            Class::Token => self.tokens.refuse(token, refusal.errcode),
            Class::NotSubscribed
            | Class::UnknownRecipient
            | Class::WindowClosed
            | Class::WindowUsedUp
            | Class::BadParam
            | Class::UnknownMedia => self.tokens.accepted(token),
            Class::BadContent
            | Class::UnknownTemplate
            | Class::UnknownPage
            | Class::Banned
            | Class::Busy
            | Class::Concurrent
            | Class::MinuteQuota
            | Class::DailyQuota
            | Class::Api
            | Class::Account
            | Class::NotAuthorised
            | Class::Bug
            | Class::Unlisted => {}
        }
    }
}
