//! One call of `message/subscribe/send` or `message/custom/send`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use super::body::{SendBody, path_of};
use super::errcode::class_of;
use super::token::{TokenKeeper, TokenStatus};
use crate::config::{App, MiniprogramState, Secret, Settings};
use wx_courier_core::flow::delivery::{Answer, Refusal, TokenTrouble};
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::wechat::Class;

/// Answers of `WeChat` to a send or for a token are a few hundred bytes; whatever is longer is not one.
pub(super) const LARGEST_ANSWER_BYTES: usize = 64 * 1024;

/// `WeChat`, for every app of the settings.
pub struct WeChat {
    pub(super) apps: BTreeMap<Arc<str>, AppClient>,
}

pub(super) struct AppClient {
    pub(super) http: reqwest::Client,
    pub(super) appid: String,
    pub(super) secret: Option<Secret>,
    pub(super) base_url: String,
    state: MiniprogramState,
    pub(super) tokens: TokenKeeper,
    /// A token that took longer came too late for its message.
    token_patience: Duration,
}

/// What a call came to.
#[derive(Debug)]
pub struct Called {
    /// The answer.
    pub answer: Answer,
    /// How long the call took, in milliseconds; the wait for a token does not count.
    pub api_ms: u64,
}

impl WeChat {
    /// Clients for the apps of the settings, with one pool of connections.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
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
            let client = AppClient::new(http.clone(), app, settings.send.timeout)
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

    /// Sends. It never fails: whatever goes wrong is an answer.
    pub async fn send(&self, cleared: &Cleared) -> Called {
        match self.apps.get(&cleared.rule().app) {
            Some(app) => app.send(cleared).await,
            None => Called {
                answer: no_such_app(&cleared.rule().app),
                api_ms: 0,
            },
        }
    }
}

fn no_such_app(app: &str) -> Answer {
    Answer::NoToken(TokenTrouble {
        errcode: None,
        detail: format!("the settings have no app {app}"),
        class: Class::Account,
    })
}

impl AppClient {
    pub(super) fn new(
        http: reqwest::Client,
        app: &App,
        token_patience: Duration,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            token_patience,
            tokens: TokenKeeper::new(http.clone(), app)?,
            http,
            base_url: app.base_url.clone(),
            appid: app.appid.clone(),
            secret: app.secret.clone(),
            state: app.miniprogram_state,
        })
    }

    async fn send(&self, cleared: &Cleared) -> Called {
        let asked = Instant::now();
        let token = match self.tokens.token().await {
            // Several may have waited for one answer after the other. The engine counts on a bound: a claim whose call began later could be
            // taken for one in doubt.
            Ok(_) if asked.elapsed() > self.token_patience => {
                return Called {
                    answer: Answer::NoToken(TokenTrouble {
                        errcode: None,
                        detail: "the token came too late for this attempt".to_owned(),
                        class: Class::Busy,
                    }),
                    api_ms: 0,
                };
            }
            Ok(token) => token,
            Err(trouble) => {
                return Called {
                    answer: Answer::NoToken(trouble),
                    api_ms: 0,
                };
            }
        };
        let began = Instant::now();
        let answer = self.call(token.expose(), cleared).await;
        match speaks_of_token(&answer) {
            Some(TokenProof::Passed) => self.tokens.accepted(&token),
            Some(TokenProof::Refused { errcode }) => self.tokens.refuse(&token, errcode),
            None => {}
        }
        let api_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Called { answer, api_ms }
    }

    async fn call(&self, token: &str, cleared: &Cleared) -> Answer {
        let message = cleared.message();
        let body = SendBody::new(message, self.state);
        let body = match serde_json::to_vec(&body) {
            Ok(body) => body,
            Err(error) => {
                return Answer::Unreachable {
                    detail: format!("the body could not be written: {error}"),
                };
            }
        };
        let path = path_of(message.content.api());
        let url = format!("{}{path}?access_token={token}", self.base_url);
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json; charset=utf-8")
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Answer::Unreachable { detail: why(error) };
            }
            Err(error) => return Answer::InDoubt { detail: why(error) },
        };
        let status = response.status();
        match read_json(response, LARGEST_ANSWER_BYTES).await {
            Ok(answer) => understand(&answer),
            Err(detail) if may_have_been_taken(status) => Answer::InDoubt { detail },
            Err(detail) => Answer::Garbled { detail },
        }
    }
}

/// What an answer says of the token that was used.
enum TokenProof {
    /// `WeChat` took it.
    Passed,
    /// It was refused, with this code.
    Refused { errcode: i64 },
}

/// `WeChat` looks at the token before it looks at user, values, media, subscription and window. Other answers say nothing of it: they may
/// come from in front of that check, or speak of the account.
fn speaks_of_token(answer: &Answer) -> Option<TokenProof> {
    match answer {
        Answer::Accepted { .. } => Some(TokenProof::Passed),
        Answer::Refused(Refusal { errcode, class, .. }) => match class {
            Class::Token => Some(TokenProof::Refused { errcode: *errcode }),
            Class::NotSubscribed
            | Class::UnknownRecipient
            | Class::WindowClosed
            | Class::WindowUsedUp
            | Class::BadParam
            | Class::UnknownMedia => Some(TokenProof::Passed),
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
            | Class::Unlisted => None,
        },
        Answer::Garbled { .. }
        | Answer::Unreachable { .. }
        | Answer::InDoubt { .. }
        | Answer::NoToken(_) => None,
    }
}

/// Whether a request that was answered like this may have had its effect: the answer itself was lost, or a gateway gave up waiting
/// for whoever had the request already. A 503 or a 4xx turned it away.
fn may_have_been_taken(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 500 | 502 | 504)
}

/// Reads a bounded JSON body. The error says what came instead, without any of its text.
pub(super) async fn read_json(
    response: reqwest::Response,
    largest_bytes: usize,
) -> Result<Value, String> {
    let status = response.status();
    let body = read_body(response, largest_bytes).await?;
    serde_json::from_slice(&body).map_err(|_| format!("HTTP {status} with a body that is not JSON"))
}

/// Reads a bounded body that is not empty, of a request that succeeded. The error says what came instead, without any of its text.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    largest_bytes: usize,
) -> Result<Vec<u8>, String> {
    let status = response.status();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= largest_bytes => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(format!(
                    "HTTP {status} with more than {largest_bytes} bytes"
                ));
            }
            Ok(None) => break,
            Err(error) => return Err(format!("the answer was cut off: {}", why(error))),
        }
    }
    if !status.is_success() {
        return Err(format!("HTTP {status}"));
    }
    if body.is_empty() {
        return Err(format!("HTTP {status} with an empty body"));
    }
    Ok(body)
}

/// What the errcode of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errcode {
    /// There is none.
    Missing,
    /// 0.
    Success,
    /// Any other code.
    Refusal(i64),
    /// There is one that is no whole number: neither a success nor a refusal that is known.
    Unreadable,
}

/// What people are told of [`Errcode::Unreadable`].
pub(super) const UNREADABLE_ERRCODE: &str = "JSON with an errcode that is no whole number";

/// The errcode of an answer; on some pages it is text.
pub(super) fn errcode_in(answer: &Value) -> Errcode {
    let code = match answer.get("errcode") {
        None => return Errcode::Missing,
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    match code {
        Some(0) => Errcode::Success,
        Some(code) => Errcode::Refusal(code),
        None => Errcode::Unreadable,
    }
}

fn understand(answer: &Value) -> Answer {
    let msgid = match answer.get("msgid") {
        Some(Value::Number(number)) => Some(shortened(&number.to_string())),
        Some(Value::String(text)) => Some(shortened(text)),
        _ => None,
    };
    let errmsg = answer
        .get("errmsg")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match errcode_in(answer) {
        Errcode::Success => Answer::Accepted { msgid },
        Errcode::Refusal(errcode) => {
            let (errmsg, rid) = split_rid(errmsg);
            Answer::Refused(Refusal {
                errcode,
                errmsg: shortened(errmsg),
                rid: rid.map(shortened),
                param: param_in(errmsg).map(str::to_owned),
                class: class_of(errcode),
            })
        }
        // A success may come without its errcode; something else of it must be there.
        Errcode::Missing if msgid.is_some() || errmsg == "ok" => Answer::Accepted { msgid },
        Errcode::Missing => Answer::InDoubt {
            detail: "JSON without an errcode".to_owned(),
        },
        Errcode::Unreadable => Answer::InDoubt {
            detail: UNREADABLE_ERRCODE.to_owned(),
        },
    }
}

/// Text from outside goes into outcomes and logs: as much of it as a person reads.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 256;
    text.chars().take(LONGEST).collect()
}

/// `invalid openid rid: 5f-6a-7b` → the text and the request id.
pub(super) fn split_rid(errmsg: &str) -> (&str, Option<&str>) {
    match errmsg.rsplit_once("rid:") {
        Some((text, rid)) => (text.trim(), Some(rid.trim()).filter(|rid| !rid.is_empty())),
        None => (errmsg.trim(), None),
    }
}

/// `argument invalid! data.thing1.value invalid` → `thing1`. The words around it have changed over the years, and may be cut off.
fn param_in(errmsg: &str) -> Option<&str> {
    let (_, after) = errmsg.split_once("data.")?;
    let (param, _) = after.split_once(".value")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!param.is_empty() && param.chars().all(is_name)).then_some(param)
}

/// An error of the HTTP client with its causes and without the URL, which carries the token.
pub(super) fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: &Answer) {
        assert_eq!(
            understand(&serde_json::from_str(answer).unwrap()),
            *expected
        );
    }

    fn refused(errcode: i64, errmsg: &str, rid: Option<&str>, param: Option<&str>) -> Answer {
        Answer::Refused(Refusal {
            errcode,
            errmsg: errmsg.to_owned(),
            rid: rid.map(str::to_owned),
            param: param.map(str::to_owned),
            class: class_of(errcode),
        })
    }

    #[test]
    fn msgid_keeps_every_digit() {
        let msgid = Some("2097683633284153344".to_owned());
        check(
            r#"{"errcode":0,"errmsg":"ok","msgid":2097683633284153344}"#,
            &Answer::Accepted { msgid },
        );
    }

    #[test]
    fn success_may_lack_msgid_or_errcode() {
        check(
            r#"{"errcode":0,"errmsg":"ok"}"#,
            &Answer::Accepted { msgid: None },
        );
        check(r#"{"errmsg":"ok"}"#, &Answer::Accepted { msgid: None });
        check(
            "{}",
            &Answer::InDoubt {
                detail: "JSON without an errcode".to_owned(),
            },
        );
    }

    #[test]
    fn an_errcode_that_cannot_be_read_is_no_success() {
        for errcode in [
            r#""abc""#,
            r#""""#,
            "0.0",
            "0.5",
            "1e400",
            "99999999999999999999",
            "null",
            "false",
            "[0]",
            "{}",
        ] {
            let answer = format!(r#"{{"errcode":{errcode},"errmsg":"ok","msgid":1}}"#);
            let detail = UNREADABLE_ERRCODE.to_owned();
            check(&answer, &Answer::InDoubt { detail });
        }
        let msgid = Some("1".to_owned());
        check(
            r#"{"errcode":" 0 ","errmsg":"ok","msgid":1}"#,
            &Answer::Accepted { msgid },
        );
    }

    #[test]
    fn rid_and_param_are_found() {
        check(
            r#"{"errcode":47003,"errmsg":"argument invalid! data.thing1.value invalid rid: 65f0a1b2-1c2d3e4f-5a6b7c8d"}"#,
            &refused(
                47003,
                "argument invalid! data.thing1.value invalid",
                Some("65f0a1b2-1c2d3e4f-5a6b7c8d"),
                Some("thing1"),
            ),
        );
        check(
            r#"{"errcode":47003,"errmsg":"argument invalid! data.character_string10.value rid: a-b-c"}"#,
            &refused(
                47003,
                "argument invalid! data.character_string10.value",
                Some("a-b-c"),
                Some("character_string10"),
            ),
        );
        check(
            r#"{"errcode":"43101","errmsg":"user refuse to accept the msg hint: [x]"}"#,
            &refused(43101, "user refuse to accept the msg hint: [x]", None, None),
        );
    }

    /// Answers in the shapes that were seen over the years: code, text, what it means, the param that it names.
    const SHAPES: [(i64, &str, Class, Option<&str>); 19] = [
        (
            43101,
            "user refuse to accept the msg",
            Class::NotSubscribed,
            None,
        ),
        (
            47003,
            "argument invalid! hint: [k3JPca03a-9] data.thing3.value invalid",
            Class::BadParam,
            Some("thing3"),
        ),
        (
            47003,
            "argument invalid! data.thing3.value is emtpy",
            Class::BadParam,
            Some("thing3"),
        ),
        (
            47003,
            "argument invalid! data.phrase2.value is empty",
            Class::BadParam,
            Some("phrase2"),
        ),
        (
            47003,
            "argument invalid! data.thing1.value invalid",
            Class::BadParam,
            Some("thing1"),
        ),
        (
            47003,
            "argument invalid! data.character_string10.value",
            Class::BadParam,
            Some("character_string10"),
        ),
        (
            47003,
            "argument invalid! data.character_string1.value i",
            Class::BadParam,
            Some("character_string1"),
        ),
        (
            40001,
            "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r",
            Class::Token,
            None,
        ),
        (40014, "invalid access_token", Class::Token, None),
        (42001, "access_token expired", Class::Token, None),
        (
            40164,
            "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist",
            Class::Account,
            None,
        ),
        (
            45009,
            "reach max api daily quota limit",
            Class::DailyQuota,
            None,
        ),
        (
            45011,
            "api minute-quota reach limit mustslower retry next minute",
            Class::MinuteQuota,
            None,
        ),
        (
            43108,
            "Cannot make concurrent calls to the same OpenID, please try again",
            Class::Concurrent,
            None,
        ),
        (43116, "This template_id is banned", Class::Banned, None),
        (45168, "keyword in blacklist", Class::BadContent, None),
        (40066, "invalid url", Class::BadContent, None),
        (45109, "This API has been unsupported", Class::Bug, None),
        (-1, "system error", Class::Busy, None),
    ];

    #[test]
    fn every_shape_of_a_refusal_is_understood() {
        let rid = " rid: 65f0a1b2-1c2d3e4f-5a6b7c8d";
        for (errcode, errmsg, class, param) in SHAPES {
            for (text, rid) in [
                (format!("{errmsg}{rid}"), Some("65f0a1b2-1c2d3e4f-5a6b7c8d")),
                (errmsg.to_owned(), None),
            ] {
                let as_number = serde_json::json!({ "errcode": errcode, "errmsg": text });
                let as_text = serde_json::json!({ "errcode": errcode.to_string(), "errmsg": text });
                for answer in [as_number, as_text] {
                    let expected = refused(errcode, errmsg, rid, param);
                    assert_eq!(understand(&answer), expected, "{answer}");
                    assert_eq!(class_of(errcode), class, "{answer}");
                }
            }
        }
    }
}
