//! Addresses, and the check that they belong to the caller that says so. WeChat: message push, the URL check.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::callbacks::crypt::{KEY_LENGTH, Key, signature};
use crate::callbacks::delivery::{client, trouble};
use crate::state::{State, lock};

/// WeChat: message push, an answer has to come within 5 s.
const TIMEOUT_MS: u64 = 5000;

/// How much of a push can be read without the key.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything.
    #[default]
    Plain,
    /// Everything, and the same encrypted beside it.
    Compatible,
    /// Nothing.
    Secure,
}

/// How a push is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As XML.
    #[default]
    Xml,
    /// As JSON.
    Json,
}

/// The `List` of an event that has one entry, in JSON. WeChat's samples have both.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListOfOne {
    /// The entry itself.
    #[default]
    Object,
    /// An array of one.
    Array,
}

/// The `CreateTime` in JSON. WeChat's page has a string, its traffic a number.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateTime {
    /// A number.
    #[default]
    Integer,
    /// A string of digits.
    String,
}

/// Where an app wants its pushes, as it is entered in the mini program's console.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// The address, with whatever query it has of its own.
    pub url: String,
    /// The token of the signature: 3 to 32 letters and digits.
    #[serde(skip_serializing)]
    pub token: String,
    /// How much can be read without the key.
    #[serde(default)]
    pub mode: Mode,
    /// The `EncodingAESKey` of 43 characters, which every mode but plain needs.
    #[serde(default, skip_serializing)]
    pub aes_key: Option<String>,
    /// XML or JSON.
    #[serde(default)]
    pub format: Format,
    /// `ToUserName`; without it `gh_` and the appid's end.
    #[serde(default)]
    pub original_id: Option<String>,
    /// How long an answer may take.
    #[serde(default = "usual_timeout_ms")]
    pub timeout_ms: u64,
    /// How long after a failed try the next one comes. WeChat does not say.
    #[serde(default)]
    pub retry_after_ms: u64,
    /// The shape of short lists in JSON.
    #[serde(default)]
    pub list_of_one: ListOfOne,
    /// The type of `CreateTime` in JSON.
    #[serde(default)]
    pub create_time: CreateTime,
    #[serde(skip)]
    appid: String,
    #[serde(skip)]
    key: Option<Key>,
}

fn usual_timeout_ms() -> u64 {
    TIMEOUT_MS
}

// Token and key are secrets, if a user plays with those of their real settings.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("url", &self.url)
            .field("mode", &self.mode)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Callback {
    /// Pushes to this address, signed with this token, in the clear and as XML.
    pub fn plain(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: token.into(),
            mode: Mode::Plain,
            aes_key: None,
            format: Format::Xml,
            original_id: None,
            timeout_ms: TIMEOUT_MS,
            retry_after_ms: 0,
            list_of_one: ListOfOne::Object,
            create_time: CreateTime::Integer,
            appid: String::new(),
            key: None,
        }
    }

    /// The same in this format.
    #[must_use]
    pub fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// The same in this mode, encrypted with this `EncodingAESKey`.
    #[must_use]
    pub fn encrypted(self, mode: Mode, aes_key: impl Into<String>) -> Self {
        Self {
            mode,
            aes_key: Some(aes_key.into()),
            ..self
        }
    }

    /// The same for this app, if it holds together.
    pub(super) fn checked(self, appid: &str) -> Result<Self, String> {
        let url = Url::parse(&self.url).map_err(|error| format!("url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("url has to begin with http:// or https://".to_owned());
        }
        let is_token = (3..=32).contains(&self.token.len())
            && self.token.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_token {
            return Err("token has to be 3 to 32 letters and digits".to_owned());
        }
        if self.timeout_ms == 0 {
            return Err("timeout_ms is 0: no server answers that fast".to_owned());
        }
        let key = match &self.aes_key {
            Some(aes_key) => Some(Key::parse(aes_key).ok_or_else(|| {
                format!("aes_key has to be {KEY_LENGTH} letters and digits (base64)")
            })?),
            None if self.mode == Mode::Plain => None,
            None => return Err("this mode needs an aes_key of 43 characters".to_owned()),
        };
        Ok(Self {
            appid: appid.to_owned(),
            key,
            ..self
        })
    }

    pub(super) fn appid(&self) -> &str {
        &self.appid
    }

    /// The key, if anything is encrypted.
    pub(super) fn key(&self) -> Option<Key> {
        self.key.filter(|_| self.mode != Mode::Plain)
    }

    pub(super) fn original_id(&self) -> String {
        let from_appid = || {
            let end = self.appid.len().saturating_sub(12);
            format!("gh_{}", self.appid.get(end..).unwrap_or(&self.appid))
        };
        self.original_id.clone().unwrap_or_else(from_appid)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The address with these parameters behind its own.
    pub(super) fn url_with(&self, parameters: &[(&str, &str)]) -> Option<Url> {
        let mut url = Url::parse(&self.url).ok()?;
        url.query_pairs_mut().extend_pairs(parameters);
        Some(url)
    }
}

/// Asks the address to prove itself, and pushes there from now on if it does. The error is a sentence.
pub(crate) async fn register(state: &State, appid: &str, callback: Callback) -> Result<(), String> {
    let callback = callback.checked(appid)?;
    let timestamp = (state.clock.now_ms() / 1000).to_string();
    let (nonce, echostr) = {
        let random = &mut lock(&state.callbacks).random;
        let digits = |random: &mut fastrand::Rng| random.u64(1_000_000_000..9_999_999_999);
        (digits(random).to_string(), digits(random).to_string())
    };
    let signed = signature(&[&callback.token, &timestamp, &nonce]);
    let url = callback
        .url_with(&[
            ("signature", &signed),
            ("timestamp", &timestamp),
            ("nonce", &nonce),
            ("echostr", &echostr),
        ])
        .ok_or("the url cannot be read")?;
    let request = client(state)?.get(url).timeout(callback.timeout());
    let failed = |why: String| format!("the URL check failed: {why}");
    let response = request
        .send()
        .await
        .map_err(|error| failed(trouble(error, &callback)))?;
    let status = response.status();
    if !status.is_success() {
        return Err(failed(format!("status {}", status.as_u16())));
    }
    let body = response
        .text()
        .await
        .map_err(|error| failed(trouble(error, &callback)))?;
    if body != echostr {
        let shown: String = body.chars().take(60).collect();
        return Err(failed(format!(
            "the answer has to be the echostr {echostr} and nothing else; it is {shown:?}"
        )));
    }
    let callback = Arc::new(callback);
    lock(&state.callbacks)
        .by_app
        .insert(appid.to_owned(), callback);
    Ok(())
}
