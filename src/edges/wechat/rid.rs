//! What became of one call, by its request id. `WeChat`: `openapi/rid/get`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::api::whole_number;
use super::client::{Endpoint, WeChat};
use super::inquiry::Unanswered;
use wx_courier_core::model::outcome::RecipientStyle;

const GET: Endpoint = Endpoint {
    path: "/cgi-bin/openapi/rid/get",
    largest_bytes: 1024 * 1024,
};

/// A call as `WeChat` remembers it, for seven days. Tokens, secrets and session keys in it are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Traced {
    /// When it was made: RFC 3339, UTC.
    pub invoked_at: Option<String>,
    /// How long `WeChat` took, in milliseconds.
    pub cost_ms: Option<i64>,
    /// The query of the URL, or all of it.
    pub url: String,
    /// What was sent.
    pub request_body: String,
    /// What was answered.
    pub response_body: String,
    /// Where it came from.
    pub client_ip: Option<String>,
}

/// How the users in a traced call are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Their openids are masked.
    Masked,
    /// Their openids are shown.
    Plain,
}

impl WeChat {
    /// Asks what a request id was about. Only the app that made the call may ask.
    pub async fn trace(&self, app: &str, rid: &str, show: Show) -> Result<Traced, Unanswered> {
        let body = json!({ "rid": rid });
        let traced = |answer: &Value| traced_in(answer, show).ok_or("JSON without a request");
        self.app(app)?.ask(GET, Some(&body), traced).await
    }
}

fn traced_in(answer: &Value, show: Show) -> Option<Traced> {
    let request = answer
        .get("request")
        .filter(|request| request.is_object())?;
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    let invoked = whole_number(request, "invoke_time").and_then(|s| Timestamp::from_second(s).ok());
    Some(Traced {
        invoked_at: invoked.map(|at| at.to_string()),
        cost_ms: whole_number(request, "cost_in_ms"),
        url: hide(text("request_url"), show),
        request_body: hide(text("request_body"), show),
        response_body: hide(text("response_body"), show),
        client_ip: Some(text("client_ip").to_owned()).filter(|ip| !ip.is_empty()),
    })
}

/// Keys whose values no reader may see; longer keys that end in one of them are meant too.
const SECRETS: [&str; 8] = [
    "access_token",
    "refresh_token",
    "secret",
    "session_key",
    "js_code",
    "ticket",
    "component_appsecret",
    "encrypt_key",
];

/// Keys whose values are users.
const USERS: [&str; 4] = ["touser", "openid", "FromUserName", "unionid"];

/// The text of a query or of JSON, however deep it is quoted, without what must not be seen.
fn hide(text: &str, show: Show) -> String {
    let mut hidden = text.to_owned();
    for key in SECRETS {
        hidden = replace_values(&hidden, key, |_| "***".to_owned());
    }
    if show == Show::Plain {
        return hidden;
    }
    for key in USERS {
        hidden = replace_values(&hidden, key, |user| RecipientStyle::Masked.show(user));
    }
    mask_openids(&hidden)
}

/// Replaces what follows a key and its `=` or `":"`, up to the next mark that ends a value.
fn replace_values(text: &str, key: &str, replaced: impl Fn(&str) -> String) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(key) {
        done.push_str(before);
        done.push_str(key);
        let value = after.trim_start_matches(['\\', '"', ' ', ':', '=', '\n', '\t', '\r']);
        let (marks, _) = after.split_at(after.len() - value.len());
        done.push_str(marks);
        rest = value;
        // A key that nothing is assigned to is only a word.
        if marks.contains([':', '=']) {
            let end = value.find(['\\', '"', '&', ',', '}', ' ', '\n', '\r']);
            let (value, behind) = value.split_at(end.unwrap_or(value.len()));
            if !value.is_empty() && !value.starts_with(['{', '[']) {
                done.push_str(&replaced(value));
                rest = behind;
            }
        }
    }
    done.push_str(rest);
    done
}

/// An openid looks like one wherever it stands: 28 characters of the base64 alphabet for URLs, the first an `o`.
fn mask_openids(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, behind) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        done.push_str(before);
        if word.len() == 28 && word.starts_with('o') {
            done.push_str(&RecipientStyle::Masked.show(word));
        } else {
            done.push_str(word);
        }
        rest = behind;
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENID: &str = "oABCDEFGHIJKLMNOPQRSTUVWX123";

    #[test]
    fn what_a_call_was_about() {
        let body = format!(
            r#"{{"touser":"{OPENID}","template_id":"HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8","data":{{"thing1":{{"value":"拿铁"}}}}}}"#
        );
        let answer = json!({
            "errcode": 0,
            "request": {
                "invoke_time": 1_635_156_704,
                "cost_in_ms": "30",
                "request_url": "access_token=50_Im7xxxx&x=1",
                "request_body": body,
                "response_body": format!("{{\"errcode\":43101,\"errmsg\":\"user {OPENID} refuse\"}}"),
                "client_ip": "113.8.2.1",
            },
        });
        let traced = traced_in(&answer, Show::Masked).unwrap();
        assert_eq!(traced.invoked_at.as_deref(), Some("2021-10-25T10:11:44Z"));
        assert_eq!(
            (traced.cost_ms, traced.url.as_str()),
            (Some(30), "access_token=***&x=1")
        );
        assert_eq!(traced.request_body, body.replace(OPENID, "oAB***123"));
        assert_eq!(
            traced.response_body,
            r#"{"errcode":43101,"errmsg":"user oAB***123 refuse"}"#
        );
        let traced = traced_in(&answer, Show::Plain).unwrap();
        assert_eq!(
            (traced.request_body, traced.url.as_str()),
            (body, "access_token=***&x=1")
        );
        assert_eq!(traced_in(&json!({ "errcode": 0 }), Show::Plain), None);
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(hide(text, Show::Plain), expected);
    }

    #[test]
    fn secrets_are_hidden_however_they_are_written() {
        check(
            "https://x/y?access_token=a-b_c",
            "https://x/y?access_token=***",
        );
        check(
            "component_access_token=abc&appid=wx1",
            "component_access_token=***&appid=wx1",
        );
        check(
            r#"{"appid":"wx1","secret":"s","grant_type":"x"}"#,
            r#"{"appid":"wx1","secret":"***","grant_type":"x"}"#,
        );
        check(
            r#"{"session_key" : "a+b/c==", "openid":"o1"}"#,
            r#"{"session_key" : "***", "openid":"o1"}"#,
        );
        check(
            r#"{\"access_token\":\"t\",\"expires_in\":7200}"#,
            r#"{\"access_token\":\"***\",\"expires_in\":7200}"#,
        );
        check(
            r#"{"errmsg":"access_token expired"}"#,
            r#"{"errmsg":"access_token expired"}"#,
        );
        check("access_token=", "access_token=");
        check("", "");
    }

    #[test]
    fn users_are_masked_by_key_and_by_their_look() {
        let hidden = hide(
            r#"{"touser":"oShort","list":["oABCDEFGHIJKLMNOPQRSTUVWX123"],"thing":"o"}"#,
            Show::Masked,
        );
        assert_eq!(
            hidden,
            r#"{"touser":"***","list":["oAB***123"],"thing":"o"}"#
        );
    }
}
