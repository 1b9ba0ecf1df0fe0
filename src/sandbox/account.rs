//! The account's other calls: its tokens, the exchange of a login code, the list of its templates.
//!
//! WeChat: `getStableAccessToken`, `getAccessToken`, `jscode2session`, `gettemplate`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sandbox::answer::{Refusal, Reply};
use crate::sandbox::script::{Answer, Call, Endpoint};
use crate::sandbox::send::appid_of;
use crate::sandbox::settings::{Kind, Template};
use crate::sandbox::state::{State, lock};
use crate::sandbox::token::{Granted, Refresh};

/// A login code that names its user: `js-` before the openid. Any other code stands for a user made up from it.
const NAMED_CODE: &str = "js-";

/// What an app says to prove itself. WeChat: the parameters of both token endpoints and of `jscode2session`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Credentials {
    grant_type: String,
    appid: String,
    secret: String,
    force_refresh: bool,
    js_code: String,
}

#[derive(Serialize)]
struct TokenBody {
    access_token: String,
    expires_in: u64,
}

fn token_reply(granted: Granted) -> Reply {
    let body = TokenBody {
        access_token: granted.token,
        expires_in: granted.expires_in_s,
    };
    Reply::success(serde_json::to_string(&body).unwrap_or_default())
}

/// `POST /cgi-bin/stable_token`.
pub(super) fn stable_token(state: &State, raw: &[u8]) -> (Reply, Duration) {
    scripted(state, Endpoint::Token, |now_ms| {
        if raw.is_empty() {
            return Err(Refusal::of(44002));
        }
        let credentials: Credentials =
            serde_json::from_slice(raw).map_err(|_| Refusal::of(47001))?;
        check(state, &credentials, "client_credential")?;
        let refresh = if credentials.force_refresh {
            state.counters.forced_refresh();
            Refresh::Forced
        } else {
            Refresh::Normal
        };
        lock(&state.tokens)
            .stable(&credentials.appid, refresh, now_ms)
            .map(token_reply)
    })
}

/// `GET /cgi-bin/token`.
pub(super) fn classic_token(state: &State, credentials: &Credentials) -> (Reply, Duration) {
    scripted(state, Endpoint::Token, |now_ms| {
        check(state, credentials, "client_credential")?;
        Ok(token_reply(
            lock(&state.tokens).classic(&credentials.appid, now_ms),
        ))
    })
}

/// `GET /sns/jscode2session`. A code can be exchanged once.
pub(super) fn login(state: &State, credentials: &Credentials) -> (Reply, Duration) {
    scripted(state, Endpoint::Login, |_| {
        check(state, credentials, "authorization_code")?;
        let code = credentials.js_code.as_str();
        if code.is_empty() {
            return Err(Refusal::of(41008));
        }
        let openid = code
            .strip_prefix(NAMED_CODE)
            .map_or_else(|| made_up_openid(code), str::to_owned);
        if !lock(&state.openids).know(&openid) {
            return Err(Refusal::of(40029));
        }
        if !lock(&state.used_codes).insert(code.to_owned()) {
            return Err(Refusal::of(40163));
        }
        let session_key: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(22)
            .collect();
        Ok(Reply::success(
            json!({ "session_key": session_key + "==", "openid": openid }).to_string(),
        ))
    })
}

/// `GET /wxaapi/newtmpl/gettemplate`.
pub(super) fn templates(state: &State, token: Option<&str>) -> Reply {
    let now_ms = state.clock.now_ms();
    match appid_of(state, token, now_ms) {
        Ok(appid) => {
            let templates = state.app(&appid).into_iter().flat_map(|app| &app.templates);
            let data: Vec<_> = templates
                .map(|(id, template)| described(id, template))
                .collect();
            Reply::success(json!({ "errcode": 0, "errmsg": "ok", "data": data }).to_string())
        }
        Err(refusal) => Reply::refused(&refusal, now_ms),
    }
}

/// One entry of the list; a param that has no label gets its key.
fn described(id: &str, template: &Template) -> serde_json::Value {
    let line = |param: &String| {
        format!(
            "{}:{{{{{param}.DATA}}}}\n",
            template.labels.get(param).unwrap_or(param)
        )
    };
    let content: String = template.params.iter().map(line).collect();
    let enums = template.enums.iter();
    let enums: Vec<_> = enums
        .map(|(param, values)| json!({ "keywordCode": format!("{param}.DATA"), "enumValueList": values }))
        .collect();
    let kind = match template.kind {
        Kind::OneTime => 2,
        Kind::LongTerm => 3,
    };
    json!({
        "priTmplId": id,
        "title": template.title,
        "content": content,
        "example": "",
        "type": kind,
        "keywordEnumValueList": enums,
    })
}

/// The credentials in the order in which WeChat complains of them.
fn check(state: &State, credentials: &Credentials, grant_type: &str) -> Result<(), Refusal> {
    if credentials.grant_type != grant_type {
        return Err(Refusal::of(40002));
    }
    if credentials.appid.is_empty() {
        return Err(Refusal::of(41002));
    }
    if credentials.secret.is_empty() {
        return Err(Refusal::of(41004));
    }
    let app = state
        .app(&credentials.appid)
        .ok_or_else(|| Refusal::of(40013))?;
    if app.secret == credentials.secret {
        Ok(())
    } else {
        Err(Refusal::of(40125))
    }
}

/// The true answer or a scripted one, and the time it takes beside the latency.
fn scripted(
    state: &State,
    on: Endpoint,
    answer: impl FnOnce(u64) -> Result<Reply, Refusal>,
) -> (Reply, Duration) {
    let now_ms = state.clock.now_ms();
    let finish = || answer(now_ms).unwrap_or_else(|refusal| Reply::refused(&refusal, now_ms));
    match state.scripts.pick(&Call {
        on,
        openid: "",
        template: "",
    }) {
        None => (finish(), Duration::ZERO),
        Some(Answer::Delay { ms }) => (finish(), Duration::from_millis(ms)),
        Some(Answer::Errcode {
            code,
            message: Some(message),
        }) => (Reply::verbatim(code, &message), Duration::ZERO),
        Some(Answer::Errcode {
            code,
            message: None,
        }) => (Reply::refused(&Refusal::of(code), now_ms), Duration::ZERO),
        Some(Answer::Http { status, body, .. }) => (Reply::Raw { status, body }, Duration::ZERO),
        Some(Answer::Hang { ms, .. }) => (Reply::Cut, Duration::from_millis(ms)),
        Some(Answer::Drop { .. }) => (Reply::Cut, Duration::ZERO),
    }
}

fn made_up_openid(code: &str) -> String {
    let mut hasher = DefaultHasher::new();
    code.hash(&mut hasher);
    format!("oSandbox{:020}", hasher.finish())
}
