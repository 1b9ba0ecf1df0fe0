//! What goes back over the wire: WeChat's error codes with their texts, and the few ways in which an answer can be broken.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::sandbox::line::Line;

/// A code other than 0 with its text, still without the `rid`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with the text that WeChat usually gives for the code.
    pub(super) fn of(code: i64) -> Self {
        Self {
            code,
            text: Cow::Borrowed(usual_text(code)),
        }
    }

    /// A template value that is empty or breaks its rule; `what` is the rest of the sentence. WeChat: code 47003.
    pub(super) fn argument(param: &str, what: &str) -> Self {
        Self {
            code: 47003,
            text: Cow::Owned(format!("argument invalid! data.{param}.value {what}")),
        }
    }
}

/// WeChat's texts: `message/subscribe/send`, `stable_token`, `jscode2session` and the global list of return codes.
fn usual_text(code: i64) -> &'static str {
    match code {
        -1 => "system error",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, \
             more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40029 => "invalid code",
        40037 => "invalid template_id",
        40066 => "invalid url",
        40125 => "invalid appsecret",
        40163 => "code been used",
        40164 => "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
        41001 => "access_token missing",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        41030 => "invalid page",
        42001 => "access_token expired",
        43002 => "require POST method",
        43101 => "user refuse to accept the msg",
        43108 => "Cannot make concurrent calls to the same OpenID, please try again",
        43116 => "This template_id is banned",
        44002 => "empty post data",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit mustslower retry next minute",
        45109 => "This API has been unsupported",
        45168 => "keyword in blacklist",
        47001 => "data format error",
        47002 => {
            "data format error, do NOT use json unicode encode (\\uxxxx\\uxxxx), please use utf8 encoded text"
        }
        47003 => "argument invalid!",
        48001 => "api unauthorized",
        48004 => "api forbidden for irregularities",
        50002 => "user limited",
        50004 => "user not allow to use accesstoken, maybe for punishment",
        76021 => "cgi_path not found, please check",
        _ => "error",
    }
}

/// The body of an answer that carries only a code.
#[derive(Serialize)]
struct CodeBody<'a> {
    errcode: i64,
    errmsg: &'a str,
}

/// What the caller gets.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A JSON body with status 200.
    Json { errcode: i64, body: String },
    /// A body that is none of WeChat's, such as a gateway's page.
    Raw { status: u16, body: String },
    /// Nothing: the connection is cut.
    Cut,
}

impl Reply {
    /// A payload that counts as code 0.
    pub(super) fn success(body: String) -> Self {
        Self::Json { errcode: 0, body }
    }

    /// An accepted send. WeChat: `message/subscribe/send`.
    pub(super) fn sent(msgid: u64) -> Self {
        Self::success(format!(r#"{{"errcode":0,"errmsg":"ok","msgid":{msgid}}}"#))
    }

    /// A refusal; the request id goes at the end of its text, as WeChat does.
    pub(super) fn refused(refusal: &Refusal, now_ms: u64) -> Self {
        Self::verbatim(
            refusal.code,
            &format!("{} rid: {}", refusal.text, rid(now_ms)),
        )
    }

    /// A code with exactly this text.
    pub(super) fn verbatim(errcode: i64, errmsg: &str) -> Self {
        let body = serde_json::to_string(&CodeBody { errcode, errmsg }).unwrap_or_default();
        Self::Json { errcode, body }
    }

    /// The HTTP form. A cut line writes nothing, so what is returned for it is never seen.
    pub(super) fn into_response(self, line: &Line) -> Response {
        match self {
            Self::Json { body, .. } => {
                ([(CONTENT_TYPE, "application/json; encoding=utf-8")], body).into_response()
            }
            Self::Raw { status, body } => {
                let content_type = if body.starts_with('<') {
                    "text/html"
                } else {
                    "application/json; encoding=utf-8"
                };
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                (status, [(CONTENT_TYPE, content_type)], body).into_response()
            }
            Self::Cut => {
                line.cut();
                StatusCode::OK.into_response()
            }
        }
    }
}

/// A request id: the second of the call in hex, then two random words.
fn rid(now_ms: u64) -> String {
    format!(
        "{:08x}-{:08x}-{:08x}",
        now_ms / 1000,
        fastrand::u32(..),
        fastrand::u32(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_in_its_request_id() {
        let Reply::Json { errcode, body } = Reply::refused(&Refusal::of(43101), 1_710_268_850_000)
        else {
            panic!("not json")
        };
        assert_eq!(errcode, 43101);
        assert!(
            body.starts_with(
                r#"{"errcode":43101,"errmsg":"user refuse to accept the msg rid: 65f0a1b2-"#
            ),
            "{body}"
        );
        assert_eq!(
            body.rsplit("rid: ")
                .next()
                .unwrap()
                .trim_end_matches("\"}")
                .len(),
            26
        );
    }

    #[test]
    fn a_text_is_escaped() {
        let Reply::Json { body, .. } = Reply::verbatim(47003, "a \"quoted\" key") else {
            panic!("not json")
        };
        assert_eq!(body, r#"{"errcode":47003,"errmsg":"a \"quoted\" key"}"#);
    }
}
