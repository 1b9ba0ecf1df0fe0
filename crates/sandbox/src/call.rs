//! One call of the API: which caller asks, whether a script answers in WeChat's place, and what comes back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use crate::account;
use crate::answer::{Refusal, Reply};
use crate::customer;
use crate::log::Taken;
use crate::login;
use crate::path::{Path, Proof};
use crate::quota;
use crate::rids;
use crate::script::{Answer, Call, Fate};
use crate::send;
use crate::state::{Occupied, State, lock};
use crate::templates;

/// A call as it came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    pub(super) path: Path,
    /// The query, still encoded.
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
    pub(super) client: IpAddr,
    pub(super) now_ms: u64,
}

impl Incoming<'_> {
    /// One parameter of the query. One that comes twice counts as missing, for WeChat does not say which one holds.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut values = self
            .query
            .split('&')
            .filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        if value.contains(['%', '+']) {
            decoded(value)
        } else {
            Some(value.to_owned())
        }
    }

    /// The access token, if there is one.
    pub(super) fn token(&self) -> Option<String> {
        self.parameter("access_token")
    }
}

fn decoded(value: &str) -> Option<String> {
    let uri: Uri = format!("/?value={value}").parse().ok()?;
    let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
    pairs.pop().map(|(_, value)| value)
}

/// A JSON object of this form. WeChat: the codes 44002 and 47001.
pub(super) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if body.is_empty() {
        return Err(Refusal::of(44002));
    }
    // A derived struct would also be read from an array, by position.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::of(47001));
    }
    serde_json::from_slice(body).map_err(|_| Refusal::of(47001))
}

/// What is to be answered, and when.
pub(super) struct Ruling {
    pub(super) reply: Reply,
    /// Beside the latency.
    pub(super) delay: Duration,
    /// The message that the reply tells of, if it tells that it was accepted.
    pub(super) told: Option<Taken>,
    /// Keeps other sends to the user away until the answer is out.
    pub(super) occupied: Option<Occupied>,
}

impl Ruling {
    /// An answer to a call that went no further.
    pub(super) fn plain(reply: Reply) -> Self {
        Self {
            reply,
            delay: Duration::ZERO,
            told: None,
            occupied: None,
        }
    }
}

/// Decides on a call that arrives now.
pub(super) fn rule(state: &Arc<State>, asked: &Incoming<'_>) -> Ruling {
    if asked.path == Path::Send {
        return send::judge(state, asked.token().as_deref(), asked.body);
    }
    let appid = match asked.path.proof() {
        Proof::Secret => Arc::default(),
        Proof::Token => match admit(state, asked) {
            Ok(appid) => appid,
            Err(refusal) => return Ruling::plain(state.refuse(&refusal, asked.now_ms)),
        },
    };
    let openid = if asked.path == Path::CustomSend {
        customer::touser(asked.body)
    } else {
        String::new()
    };
    let call = Call {
        on: asked.path.endpoint(),
        openid: &openid,
        template: "",
    };
    play(state, state.scripts.pick(&call), asked.now_ms, || {
        if asked.path == Path::CustomSend {
            return match customer::send(state, &appid, asked) {
                Ok((reply, taken)) => (reply, Some(taken)),
                Err(refusal) => (state.refuse(&refusal, asked.now_ms), None),
            };
        }
        let answered = answer(state, &appid, asked);
        let reply = answered.unwrap_or_else(|refusal| state.refuse(&refusal, asked.now_ms));
        (reply, None)
    })
}

fn admit(state: &State, asked: &Incoming<'_>) -> Result<Arc<str>, Refusal> {
    let appid = send::appid_of(state, asked.token().as_deref(), asked.now_ms)?;
    lock(&state.quotas).take(&appid, asked.path, asked.now_ms)?;
    Ok(appid)
}

/// The true answer. The app is the token's; a caller that proves itself by its secret has not done so yet.
fn answer(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    match asked.path {
        Path::StableToken => account::stable_token(state, asked),
        Path::Token => account::classic_token(state, asked),
        Path::Login => login::exchange(state, asked),
        Path::Templates => Ok(templates::calls::list(state, appid)),
        Path::AddTemplate => templates::calls::add(state, appid, asked),
        Path::DeleteTemplate => templates::calls::delete(state, appid, asked),
        Path::Categories => Ok(templates::calls::categories()),
        Path::PublicTitles => templates::calls::titles(asked),
        Path::PublicKeywords => templates::calls::keywords(asked),
        Path::QuotaGet => quota::get(state, appid, asked),
        Path::QuotaClear => quota::clear::path(state, appid, asked),
        Path::ClearQuota => quota::clear::all(state, appid, asked),
        Path::ClearQuotaV2 => quota::clear::all_by_secret(state, asked),
        Path::RidGet => rids::get(state, appid, asked),
        // WeChat: both kinds of message are withdrawn.
        Path::UniformSend => Err(Refusal::of(45109)),
        Path::TemplateSend => Err(Refusal::of(45103)),
        // The two sends have ways of their own.
        Path::Send | Path::CustomSend | Path::Unknown => Err(Refusal::of(40066)),
    }
}

/// The true answer or a scripted one. `act` does what the call asks for and tells the true answer.
pub(super) fn play(
    state: &State,
    scripted: Option<Answer>,
    now_ms: u64,
    act: impl FnOnce() -> (Reply, Option<Taken>),
) -> Ruling {
    let meet = |fate: Fate, reply: Reply, ms: u64, act: &mut dyn FnMut()| {
        if fate == Fate::Accepted {
            act();
        }
        Ruling {
            delay: Duration::from_millis(ms),
            ..Ruling::plain(reply)
        }
    };
    let mut act = Some(act);
    let mut truly = || act.take().map_or((Reply::Cut, None), |act| act());
    match scripted {
        None => {
            let (reply, told) = truly();
            Ruling {
                told,
                ..Ruling::plain(reply)
            }
        }
        Some(Answer::Delay { ms }) => {
            let (reply, told) = truly();
            Ruling {
                delay: Duration::from_millis(ms),
                told,
                ..Ruling::plain(reply)
            }
        }
        Some(Answer::Truncate { bytes }) => Ruling::plain(truly().0.truncated(bytes)),
        Some(Answer::Errcode {
            code,
            message: Some(message),
        }) => Ruling::plain(Reply::verbatim(code, &message)),
        Some(Answer::Errcode {
            code,
            message: None,
        }) => Ruling::plain(state.refuse(&Refusal::of(code), now_ms)),
        Some(Answer::Http { status, body, fate }) => {
            let reply = Reply::Raw { status, body };
            meet(fate, reply, 0, &mut || drop(truly()))
        }
        Some(Answer::Hang { ms, fate }) => meet(fate, Reply::Cut, ms, &mut || drop(truly())),
        Some(Answer::Drop { fate }) => meet(fate, Reply::Cut, 0, &mut || drop(truly())),
        Some(Answer::Reset { fate }) => meet(fate, Reply::Reset, 0, &mut || drop(truly())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_and_must_be_alone() {
        let asked = |query| Incoming {
            path: Path::Login,
            query,
            body: b"",
            client: IpAddr::from([127, 0, 0, 1]),
            now_ms: 0,
        };
        let value = |query| asked(query).parameter("js_code");
        assert_eq!(value("appid=a&js_code=c").as_deref(), Some("c"));
        assert_eq!(value("js_code=a%2Fb+c").as_deref(), Some("a/b c"));
        assert_eq!(value("js_code=").as_deref(), Some(""));
        for odd in ["", "js_code", "xjs_code=1", "js_code=a&js_code=b"] {
            assert_eq!(value(odd), None, "{odd}");
        }
    }
}
