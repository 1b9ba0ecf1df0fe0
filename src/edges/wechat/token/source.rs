//! Where tokens come from: one question, one answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};

use super::super::api::{self, Credential, Failure, LARGEST_ANSWER_BYTES};
use super::incident::Ask;
use crate::config::{App, Secret, TokenCentre, TokenMode};
use crate::telemetry::UnknownNames;
use wx_courier_core::flow::attempt::TokenTrouble;
use wx_courier_core::wechat::{Class, Unknown, UnknownKind};

/// A token centre may answer with the bare token: at least so many characters, or it is a word like "unavailable".
const SHORTEST_BARE_TOKEN: usize = 64;
/// `WeChat`: reserve 512 characters for a token.
const LONGEST_TOKEN: usize = 512;

/// What was handed out.
pub(super) struct HandedOut {
    pub(super) text: Secret,
    /// The life that is left, above zero; nothing if a token centre does not say it.
    pub(super) expires_in: Option<Duration>,
}

/// What hands out tokens to an app.
pub(in super::super) struct Source {
    http: reqwest::Client,
    giver: Giver,
    unknown: Arc<UnknownNames>,
}

enum Giver {
    Stable {
        url: Url,
        appid: String,
        secret: Secret,
    },
    Classic {
        /// With the secret in its query.
        url: Url,
        secret: Secret,
    },
    Centre {
        /// A key may stand in it.
        url: Url,
        header: Option<(HeaderName, HeaderValue)>,
    },
}

impl Source {
    /// The error says which of the app's settings cannot be used.
    pub(in super::super) fn new(
        http: reqwest::Client,
        app: &App,
        unknown: &Arc<UnknownNames>,
    ) -> anyhow::Result<Self> {
        let secret = || {
            app.secret
                .clone()
                .context("the app has no secret to fetch a token with")
        };
        let giver = match &app.token {
            TokenMode::Stable => Giver::Stable {
                url: Url::parse(&format!("{}/cgi-bin/stable_token", app.base_url))
                    .context("base_url")?,
                appid: app.appid.clone(),
                secret: secret()?,
            },
            TokenMode::Classic => {
                let secret = secret()?;
                let query = [
                    ("grant_type", "client_credential"),
                    ("appid", &app.appid),
                    ("secret", secret.expose()),
                ];
                let url = format!("{}/cgi-bin/token", app.base_url);
                let url = Url::parse_with_params(&url, query).context("base_url")?;
                Giver::Classic { url, secret }
            }
            TokenMode::External(centre) => centre_of(centre)?,
        };
        let unknown = Arc::clone(unknown);
        Ok(Self {
            http,
            giver,
            unknown,
        })
    }

    /// Asks for a token. Only `stable_token` can be forced; the others know one way to ask.
    pub(super) async fn ask(&self, ask: Ask) -> Result<HandedOut, TokenTrouble> {
        let fetched = api::fetch(self.request(ask), LARGEST_ANSWER_BYTES).await;
        fetched
            .and_then(|body| self.understand(&body))
            .map_err(|failure| {
                self.note(&failure);
                self.trouble(&failure)
            })
    }

    /// Counts a code that is not known. Those of a token centre are its own.
    fn note(&self, failure: &Failure) {
        if let (Failure::Refused(refusal), Giver::Stable { .. } | Giver::Classic { .. }) =
            (failure, &self.giver)
            && refusal.class == Class::Unlisted
        {
            let errcode = refusal.errcode.to_string();
            let unknown = Unknown::new(UnknownKind::TokenErrcode, errcode);
            self.unknown.note(&unknown);
        }
    }

    fn request(&self, ask: Ask) -> RequestBuilder {
        match &self.giver {
            Giver::Stable { url, appid, secret } => {
                let body = json!({
                    "grant_type": "client_credential",
                    "appid": appid,
                    "secret": secret.expose(),
                    "force_refresh": ask == Ask::Forced,
                });
                self.http
                    .post(url.clone())
                    .header("content-type", "application/json")
                    .body(body.to_string())
            }
            Giver::Classic { url, .. } => self.http.get(url.clone()),
            Giver::Centre { url, header } => {
                let request = self.http.get(url.clone());
                match header {
                    Some((name, value)) => request.header(name, value),
                    None => request,
                }
            }
        }
    }

    fn understand(&self, body: &[u8]) -> Result<HandedOut, Failure> {
        if let (Giver::Centre { .. }, Some(text)) = (&self.giver, bare_token(body)) {
            return Ok(HandedOut {
                text,
                expires_in: None,
            });
        }
        api::understand(body, Credential::Secret, |answer| self.handed_out(answer))
    }

    fn handed_out(&self, answer: &Value) -> Result<HandedOut, &'static str> {
        let text = answer.get("access_token").and_then(Value::as_str);
        let text = text
            .filter(|text| is_token(text))
            .ok_or("JSON without a token")?;
        let expires_in = match (life_in(answer), &self.giver) {
            (LifeSaid::Seconds(life), _) => Some(life),
            (LifeSaid::Nothing, Giver::Centre { .. }) => None,
            (LifeSaid::Nothing | LifeSaid::Unusable, _) => {
                return Err("a token that has no life left, or does not say it");
            }
        };
        Ok(HandedOut {
            text: Secret::new(text),
            expires_in,
        })
    }

    fn trouble(&self, failure: &Failure) -> TokenTrouble {
        let name = self.name();
        let (errcode, class) = match (failure, &self.giver) {
            (
                Failure::Garbled {
                    status: status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
                    ..
                },
                Giver::Centre { .. },
            ) => {
                return TokenTrouble {
                    errcode: None,
                    detail: format!("{name} answers HTTP {status}: check its header"),
                    class: Class::Account,
                };
            }
            (Failure::Refused(refusal), _) => (Some(refusal.errcode), refusal.class),
            (
                Failure::Unreachable { .. } | Failure::InDoubt { .. } | Failure::Garbled { .. },
                _,
            ) => (None, Class::Busy),
        };
        // The text of 40164 names the address that has to be put on the list; none of these texts repeats a secret.
        let detail = self.without_secret(&format!("{name} {failure}"));
        TokenTrouble {
            errcode,
            detail,
            class,
        }
    }

    fn name(&self) -> &'static str {
        match &self.giver {
            Giver::Stable { .. } => "stable_token",
            Giver::Classic { .. } => "/cgi-bin/token",
            Giver::Centre { .. } => "the token centre",
        }
    }

    fn without_secret(&self, text: &str) -> String {
        match &self.giver {
            Giver::Stable { secret, .. } | Giver::Classic { secret, .. } => {
                text.replace(secret.expose(), "***")
            }
            Giver::Centre { .. } => text.to_owned(),
        }
    }
}

fn centre_of(centre: &TokenCentre) -> anyhow::Result<Giver> {
    // The causes are left out: they may repeat the value.
    let url = Url::parse(centre.url.expose()).ok();
    let url = url.context("the token centre's url cannot be used")?;
    let header = match &centre.header {
        None => None,
        Some(header) => {
            let name = HeaderName::from_bytes(header.name.as_bytes())?;
            let value = HeaderValue::from_str(header.value.expose()).ok();
            let mut value = value.context("the token centre's header value cannot be used")?;
            value.set_sensitive(true);
            Some((name, value))
        }
    };
    Ok(Giver::Centre { url, header })
}

/// What an answer says of a token's life.
#[derive(Debug, PartialEq, Eq)]
enum LifeSaid {
    Nothing,
    Seconds(Duration),
    /// Zero, below zero, or no number.
    Unusable,
}

fn life_in(answer: &Value) -> LifeSaid {
    let seconds: Option<f64> = match answer.get("expires_in") {
        None | Some(Value::Null) => return LifeSaid::Nothing,
        Some(Value::Number(number)) => number.to_string().parse().ok(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    // Longer than any life counts, and short enough for the arithmetic of times.
    let most = Duration::from_hours(24 * 365).as_secs_f64();
    match seconds {
        Some(seconds) if seconds >= 1.0 => {
            LifeSaid::Seconds(Duration::from_secs_f64(seconds.min(most)))
        }
        Some(_) | None => LifeSaid::Unusable,
    }
}

/// Whether this can be a token at all: whatever it is goes into a URL.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_TOKEN
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~!*=:/".contains(&byte))
}

fn bare_token(body: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(body).ok()?.trim();
    (text.len() >= SHORTEST_BARE_TOKEN && is_token(text)).then(|| Secret::new(text))
}

#[cfg(test)]
mod tests;
