//! Request ids: what became of each refused call, for a caller that quotes the `rid` of its answer.
//!
//! WeChat: `openapi/rid/get`; a rid is kept for seven days and shown to its own account alone.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Refusal, Reply};
use crate::call::{Incoming, read_json};
use crate::newest::Newest;
use crate::path::{Method, Proof};
use crate::state::{State, lock};

/// WeChat: `openapi/rid/get`.
const KEPT_MS: u64 = 7 * 24 * 3_600_000;
/// Rids that are known at once.
const MOST_RIDS: usize = 10_000;
/// What is kept of a body, in bytes. Subscribe messages have a few hundred.
const MOST_BODY: usize = 4096;
/// In place of what no caller may read later.
const MASK: &str = "***";
/// The query parameters and body members that are masked.
const SECRETS: [&str; 5] = [
    "access_token",
    "secret",
    "appsecret",
    "js_code",
    "session_key",
];

/// A call that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    appid: Arc<str>,
    at_ms: u64,
    cost_ms: u64,
    url: String,
    request: String,
    answer: String,
    client: IpAddr,
}

impl Refused {
    /// What is kept of a call, without its secrets.
    pub(super) fn new(asked: &Incoming<'_>, appid: Arc<str>, answer: &str, cost_ms: u64) -> Self {
        let query = masked_query(asked.query);
        let mark = if query.is_empty() { "" } else { "?" };
        Self {
            appid,
            at_ms: asked.now_ms,
            cost_ms,
            url: format!(
                "https://api.weixin.qq.com{}{mark}{query}",
                asked.path.as_str()
            ),
            request: masked_body(asked),
            answer: answer.to_owned(),
            client: asked.client,
        }
    }
}

/// The calls that were refused, by rid, the newest ones.
#[derive(Debug, Default)]
pub(super) struct Rids(Newest<Refused, MOST_RIDS>);

impl Rids {
    pub(super) fn add(&mut self, rid: String, refused: Refused) {
        self.0.put(rid, refused);
    }

    fn find(&self, rid: &str, appid: &str, now_ms: u64) -> Result<&Refused, Refusal> {
        if !is_well_formed(rid) {
            return Err(Refusal::of(76002));
        }
        let refused = self.0.get(rid).ok_or_else(|| Refusal::of(76001))?;
        if now_ms.saturating_sub(refused.at_ms) > KEPT_MS {
            return Err(Refusal::of(76004));
        }
        if refused.appid.as_ref() == appid {
            Ok(refused)
        } else {
            Err(Refusal::of(76003))
        }
    }
}

/// Three words of eight hex digits.
fn is_well_formed(rid: &str) -> bool {
    let words: Vec<&str> = rid.split('-').collect();
    words.len() == 3
        && words
            .iter()
            .all(|word| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn masked_query(query: &str) -> String {
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if SECRETS.contains(&name) => format!("{name}={MASK}"),
            Some(_) | None => pair.to_owned(),
        })
        .collect();
    pairs.join("&")
}

/// A body that carries a secret is kept without it, and not at all if it cannot be read.
fn masked_body(asked: &Incoming<'_>) -> String {
    let kept = asked.body.get(..MOST_BODY).unwrap_or(asked.body);
    match asked.path.proof() {
        Proof::Token => String::from_utf8_lossy(kept).into_owned(),
        Proof::Secret => {
            let Ok(Value::Object(mut members)) = serde_json::from_slice(asked.body) else {
                return String::new();
            };
            for (name, value) in &mut members {
                if SECRETS.contains(&name.as_str()) {
                    *value = MASK.into();
                }
            }
            Value::Object(members).to_string()
        }
    }
}

#[derive(Deserialize)]
struct QuestionBody {
    rid: String,
}

/// `POST /cgi-bin/openapi/rid/get`.
pub(super) fn get(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let question: QuestionBody = read_json(asked.body)?;
    let rids = lock(&state.rids);
    let refused = rids.find(&question.rid, appid, asked.now_ms)?;
    let request = json!({
        "invoke_time": refused.at_ms / 1000,
        "cost_in_ms": refused.cost_ms,
        "request_url": refused.url,
        "request_body": refused.request,
        "response_body": refused.answer,
        "client_ip": refused.client.to_string(),
    });
    Ok(Reply::success(
        json!({ "errcode": 0, "errmsg": "ok", "request": request }).to_string(),
    ))
}

/// Which app a refused call belongs to: the one of its token, or the one that it names.
pub(super) fn owner(state: &State, asked: &Incoming<'_>) -> Option<Arc<str>> {
    match asked.path.proof() {
        Proof::Token => {
            let token = asked.token()?;
            lock(&state.tokens).owner(&token)
        }
        Proof::Secret => {
            let appid = match asked.path.method() {
                Method::Get => asked.parameter("appid")?,
                Method::Post => {
                    let body: Value = serde_json::from_slice(asked.body).ok()?;
                    body.get("appid")?.as_str()?.to_owned()
                }
            };
            state.app(&appid).map(|_| Arc::from(appid))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;

    const RID: &str = "65f0a1b2-00000001-00000002";

    fn asked(path: Path, query: &'static str, body: &'static [u8]) -> Incoming<'static> {
        Incoming {
            path,
            query,
            body,
            client: IpAddr::from([127, 0, 0, 1]),
            now_ms: 1000,
        }
    }

    fn kept(asked: &Incoming<'_>) -> Refused {
        Refused::new(asked, Arc::from("wx1"), "{}", 0)
    }

    #[test]
    fn secrets_are_not_kept() {
        let send = kept(&asked(Path::Send, "access_token=81_abc&x=1", b"{}"));
        assert_eq!(
            send.url,
            "https://api.weixin.qq.com/cgi-bin/message/subscribe/send?access_token=***&x=1"
        );
        let login = kept(&asked(Path::Login, "appid=wx1&secret=s&js_code=c", b""));
        assert!(login.url.ends_with("?appid=wx1&secret=***&js_code=***"));
        let token = asked(Path::StableToken, "", br#"{"appid":"wx1","secret":"s"}"#);
        assert_eq!(kept(&token).request, r#"{"appid":"wx1","secret":"***"}"#);
        assert_eq!(kept(&asked(Path::StableToken, "", b"secret=s")).request, "");
    }

    #[test]
    fn a_rid_is_known_for_a_week_to_its_own_account() {
        let mut rids = Rids::default();
        rids.add(RID.to_owned(), kept(&asked(Path::Send, "", b"{}")));
        let code = |rid: &str, appid: &str, now_ms: u64| {
            rids.find(rid, appid, now_ms)
                .map_or_else(|refusal| refusal.code, |_| 0)
        };
        assert_eq!(code(RID, "wx1", 1000 + KEPT_MS), 0);
        assert_eq!(code(RID, "wx1", 1001 + KEPT_MS), 76004);
        assert_eq!(code(RID, "wx2", 1000), 76003);
        assert_eq!(code("65f0a1b2-00000001-00000003", "wx1", 1000), 76001);
        for odd in ["", "rid", "65f0a1b2-00000001", "65f0a1b2-0000000g-00000002"] {
            assert_eq!(code(odd, "wx1", 1000), 76002, "{odd}");
        }
    }

    #[test]
    fn the_oldest_rid_is_forgotten_first() {
        let mut rids = Rids::default();
        let refused = kept(&asked(Path::Send, "", b"{}"));
        for n in 0..=MOST_RIDS {
            rids.add(format!("{n:08x}-00000000-00000000"), refused.clone());
        }
        assert_eq!(rids.0.values_mut().count(), MOST_RIDS);
        assert!(rids.find("00000000-00000000-00000000", "wx1", 0).is_err());
        assert!(rids.find("00000001-00000000-00000000", "wx1", 0).is_ok());
    }
}
