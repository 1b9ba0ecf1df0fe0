//! A client for each app: its account, its tokens, and how a call is made with a token.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::api::{self, Credential, Failure};
use super::token::{Source, Token, TokenKeeper, TokenStatus};
use crate::config::{App, MiniprogramState, Secret, Settings, TokenMode};
use crate::telemetry::UnknownNames;
use wx_courier_core::wechat::{Class, Unknown, UnknownKind};

/// `WeChat`, for every app of the settings. Apps may change while calls are under way.
pub struct WeChat {
    http: reqwest::Client,
    token_timeout: Duration,
    unknown: Arc<UnknownNames>,
    clients: RwLock<Arc<Clients>>,
}

/// A client for each app, by its name.
#[derive(Clone, Default)]
pub struct Clients {
    /// Of the settings as they are.
    present: BTreeMap<Arc<str>, Arc<AppClient>>,
    /// Of apps that are gone from the settings: a message that may have arrived is tried again as it was.
    former: BTreeMap<Arc<str>, Arc<AppClient>>,
}

/// Whether clients are other ones than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// They call as before.
    TheSame,
    /// An app has come, has gone, or is called otherwise.
    Others,
}

pub(super) struct AppClient {
    pub(super) http: reqwest::Client,
    pub(super) appid: String,
    pub(super) secret: Option<Secret>,
    pub(super) base_url: String,
    token_mode: TokenMode,
    pub(super) state: MiniprogramState,
    source: Arc<Source>,
    pub(super) tokens: Arc<TokenKeeper>,
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
    /// No clients yet.
    pub(super) fn without_apps(
        http: reqwest::Client,
        token_timeout: Duration,
        unknown: &Arc<UnknownNames>,
    ) -> Self {
        Self {
            http,
            token_timeout,
            unknown: Arc::clone(unknown),
            clients: RwLock::default(),
        }
    }

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
        let wechat = Self::without_apps(http, settings.send.timeout, unknown);
        let clients = wechat.clients_for(&settings.apps)?;
        wechat.adopt(clients);
        Ok(wechat)
    }

    /// Clients for these apps. An app that has the same account as before keeps its tokens, and what is known of them, also with another secret:
    /// that is for the next token. The error says which of the settings cannot be used.
    pub fn clients_for(&self, apps: &BTreeMap<Arc<str>, App>) -> anyhow::Result<Clients> {
        let before = self.clients();
        let mut present = BTreeMap::new();
        for (name, app) in apps {
            let source = Source::new(self.http.clone(), app, &self.unknown);
            let source = Arc::new(source.with_context(|| format!("apps.{name}"))?);
            let keeper = before
                .of(name)
                .filter(|client| client.has_account_of(app))
                .map(|client| Arc::clone(&client.tokens));
            let keeper =
                keeper.unwrap_or_else(|| Arc::new(TokenKeeper::new(Arc::clone(&source), app)));
            let client = AppClient::new(self, app, source, keeper);
            present.insert(Arc::clone(name), Arc::new(client));
        }
        let mut former = before.former.clone();
        former.extend(before.present.clone());
        former.retain(|name, _| !present.contains_key(name));
        Ok(Clients { present, former })
    }

    /// Whether these clients are others than those that make calls now.
    pub fn would_change(&self, clients: &Clients) -> bool {
        *self.clients() != *clients
    }

    /// From here on calls are made by these clients.
    pub fn adopt(&self, clients: Clients) -> Adopted {
        let mut present = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let adopted = if **present == clients {
            Adopted::TheSame
        } else {
            Adopted::Others
        };
        for client in clients.present.values() {
            client.tokens.take_source(&client.source);
        }
        *present = Arc::new(clients);
        adopted
    }

    fn clients(&self) -> Arc<Clients> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&clients)
    }

    /// The client of an app, be it one that was in the settings before.
    pub(super) fn client(&self, app: &str) -> Option<Arc<AppClient>> {
        self.clients().of(app).map(Arc::clone)
    }

    /// The appid of every app of the settings that has had a token: messages may have been sent by it.
    pub fn accounts_in_use(&self) -> BTreeMap<Arc<str>, String> {
        let clients = self.clients();
        let present = clients.present.iter();
        present
            .filter(|(_, client)| client.tokens.status().fetched > 0)
            .map(|(name, client)| (Arc::clone(name), client.appid.clone()))
            .collect()
    }

    /// The apps of the settings.
    pub fn app_names(&self) -> Vec<Arc<str>> {
        self.clients().present.keys().map(Arc::clone).collect()
    }

    /// How it stands with the tokens of each app. Cheap enough to be asked every second.
    pub fn tokens(&self) -> BTreeMap<Arc<str>, TokenStatus> {
        let clients = self.clients();
        let present = clients.present.iter();
        present
            .map(|(name, client)| (Arc::clone(name), client.tokens.status()))
            .collect()
    }
}

impl PartialEq for Clients {
    /// Whether the same calls are made for the same apps.
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.present.iter().zip(&other.present);
        self.present.len() == other.present.len()
            && pairs.all(|((name, ours), (named, theirs))| name == named && ours.calls_as(theirs))
    }
}

impl Clients {
    fn of(&self, app: &str) -> Option<&Arc<AppClient>> {
        self.present.get(app).or_else(|| self.former.get(app))
    }
}

impl AppClient {
    fn new(of: &WeChat, app: &App, source: Arc<Source>, tokens: Arc<TokenKeeper>) -> Self {
        Self {
            http: of.http.clone(),
            appid: app.appid.clone(),
            secret: app.secret.clone(),
            base_url: app.base_url.clone(),
            token_mode: app.token.clone(),
            state: app.miniprogram_state,
            source,
            tokens,
            token_timeout: of.token_timeout,
            unknown: Arc::clone(&of.unknown),
        }
    }

    fn calls_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tokens, &other.tokens)
            && self.state == other.state
            && self.secret == other.secret
    }

    fn has_account_of(&self, app: &App) -> bool {
        let ours = (&self.appid, &self.base_url, &self.token_mode);
        ours == (&app.appid, &app.base_url, &app.token)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::wechat::test_app;

    fn apps(said: &[(&str, &App)]) -> BTreeMap<Arc<str>, App> {
        let apps = said.iter();
        apps.map(|(name, app)| (Arc::from(*name), (*app).clone()))
            .collect()
    }

    #[test]
    fn an_app_that_has_the_same_account_keeps_its_tokens_and_one_that_is_gone_still_answers() {
        let shop = test_app::app("http://127.0.0.1:1".to_owned());
        let wechat = test_app::wechat(shop.base_url.clone());
        let take = |apps: &BTreeMap<Arc<str>, App>| {
            let clients = wechat.clients_for(apps).unwrap();
            wechat.adopt(clients)
        };
        let tokens = || Arc::clone(&wechat.client("shop").unwrap().tokens);
        let first = tokens();
        assert_eq!(take(&apps(&[("shop", &shop)])), Adopted::TheSame);
        assert!(Arc::ptr_eq(&tokens(), &first));

        let another_secret = App {
            secret: Some(Secret::new("another")),
            max_in_flight: 7,
            ..shop.clone()
        };
        let both = apps(&[("shop", &another_secret), ("club", &shop)]);
        assert_eq!(take(&both), Adopted::Others);
        assert!(Arc::ptr_eq(&tokens(), &first));
        assert_eq!(wechat.app_names().len(), 2);
        let club = Arc::clone(&wechat.client("club").unwrap().tokens);
        assert!(!Arc::ptr_eq(&club, &first));

        let another_place = App {
            base_url: "http://127.0.0.1:2".to_owned(),
            ..shop.clone()
        };
        assert_eq!(take(&apps(&[("shop", &another_place)])), Adopted::Others);
        assert!(!Arc::ptr_eq(&tokens(), &first));
        // Its messages may be under way.
        assert!(wechat.client("club").is_some());
        let names: Vec<Arc<str>> = wechat.app_names();
        assert_eq!(names, [Arc::from("shop")]);

        let no_place = App {
            base_url: "nowhere".to_owned(),
            ..shop
        };
        assert!(wechat.clients_for(&apps(&[("shop", &no_place)])).is_err());
        assert!(wechat.client("shop").is_some());
    }
}
