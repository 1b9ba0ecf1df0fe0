//! The one way to `WeChat`'s API: a request goes out, and a typed reply comes back, or one of four things that went wrong.
//!
//! The HTTP status is 200 for errors too, so what counts is the errcode in the body. No error shows the URL: it carries the token, or
//! the secret.

use std::error::Error;
use std::fmt;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::errcode::class_of;
use wx_courier_core::flow::attempt::{Refusal, SendAnswer};

/// Answers of `WeChat` to a send, a login or for a token are a few hundred bytes; whatever is longer is not one.
pub(super) const LARGEST_ANSWER_BYTES: usize = 64 * 1024;

/// What a call proves its right with. A code may mean something else with the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// An access token.
    Token,
    /// Appid and AppSecret, or what a token centre wants to see.
    Secret,
}

/// Why a call brought no reply. As a text it goes on after the name of the call: "was not answered: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request did not reach `WeChat`.
    Unreachable {
        /// Why, without the URL.
        detail: String,
    },
    /// The request was written, and what came back, if anything, does not say what became of it.
    InDoubt {
        /// What happened, without the URL.
        detail: String,
    },
    /// The request was turned away, but not by `WeChat`: an HTTP error.
    Garbled {
        /// The HTTP status.
        status: StatusCode,
        /// What came instead of an answer, without any of its text.
        detail: String,
    },
    /// `WeChat` answered with an errcode other than 0.
    Refused(Refusal),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { detail } => write!(f, "was not answered: {detail}"),
            Self::InDoubt { detail } => write!(f, "was not answered as it must be: {detail}"),
            Self::Garbled { detail, .. } => write!(f, "answers {detail}"),
            Self::Refused(refusal) => {
                write!(f, "answers errcode {}: {}", refusal.errcode, refusal.errmsg)?;
                match &refusal.rid {
                    Some(rid) => write!(f, " rid: {rid}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl From<Failure> for SendAnswer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable { detail } => Self::Unreachable { detail },
            Failure::InDoubt { detail } => Self::InDoubt { detail },
            Failure::Garbled { detail, .. } => Self::Garbled { detail },
            Failure::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// Calls. `read` takes the reply from an answer without a refusal; its error says what came in place of a reply.
pub(super) async fn call<T>(
    request: RequestBuilder,
    credential: Credential,
    largest_bytes: usize,
    read: impl FnOnce(&Value) -> Result<T, &'static str>,
) -> Result<T, Failure> {
    let body = fetch(request, largest_bytes).await?;
    understand(&body, credential, read)
}

/// Sends a request and reads the body of its answer, which is bounded and not empty.
pub(super) async fn fetch(
    request: RequestBuilder,
    largest_bytes: usize,
) -> Result<Vec<u8>, Failure> {
    let response = request.send().await.map_err(|error| {
        let never_left = error.is_connect() || error.is_builder();
        let detail = why(error);
        if never_left {
            Failure::Unreachable { detail }
        } else {
            Failure::InDoubt { detail }
        }
    })?;
    let status = response.status();
    let body = read_body(response, largest_bytes).await;
    body.map_err(|detail| {
        if may_have_been_taken(status) {
            Failure::InDoubt { detail }
        } else {
            Failure::Garbled { status, detail }
        }
    })
}

/// Whether a request that was answered like this may have had its effect: the answer itself was lost, or a gateway gave up waiting
/// for the server that had the request already. A 503 or a 4xx turned it away.
fn may_have_been_taken(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 500 | 502 | 504)
}

/// The error says what came instead, without any of its text.
async fn read_body(mut response: Response, largest_bytes: usize) -> Result<Vec<u8>, String> {
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

/// The body of an answer as a reply. An answer may lack its errcode: then it is a success if `read` finds the reply in it. An errcode
/// that is there and cannot be read is neither a success nor a refusal that is known.
pub(super) fn understand<T>(
    body: &[u8],
    credential: Credential,
    read: impl FnOnce(&Value) -> Result<T, &'static str>,
) -> Result<T, Failure> {
    let in_doubt = |detail: &str| Failure::InDoubt {
        detail: detail.to_owned(),
    };
    let answer: Value =
        serde_json::from_slice(body).map_err(|_| in_doubt("a body that is not JSON"))?;
    let errcode = match answer.get("errcode") {
        None => 0,
        Some(_) => whole_number(&answer, "errcode")
            .ok_or_else(|| in_doubt("JSON with an errcode that is no whole number"))?,
    };
    if errcode != 0 {
        let errmsg = answer.get("errmsg").and_then(Value::as_str);
        let errmsg = errmsg.unwrap_or_default();
        return Err(Failure::Refused(refusal(credential, errcode, errmsg)));
    }
    read(&answer).map_err(in_doubt)
}

fn refusal(credential: Credential, errcode: i64, errmsg: &str) -> Refusal {
    let (errmsg, rid) = split_rid(errmsg);
    Refusal {
        errcode,
        errmsg: shortened(errmsg),
        rid: rid.map(shortened),
        param: param_in(errmsg).map(str::to_owned),
        class: class_of(credential, errcode),
    }
}

/// A whole number of an answer. `WeChat` writes numbers; on some of its pages, and with other writers of the same answers, they are text.
pub(super) fn whole_number(answer: &Value, key: &str) -> Option<i64> {
    match answer.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Text from outside goes into outcomes and logs: as much of it as a person reads.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 256;
    text.chars().take(LONGEST).collect()
}

/// `invalid openid rid: 5f-6a-7b` → the text and the request id.
fn split_rid(errmsg: &str) -> (&str, Option<&str>) {
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

/// An error of the HTTP client with its causes and without the URL, which carries the token or the secret.
fn why(error: reqwest::Error) -> String {
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
mod tests;
