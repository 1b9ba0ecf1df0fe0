//! What goes back over the wire: WeChat's error codes with their texts, and the few ways in which an answer can be broken.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::codes::usual_text;
use crate::line::Line;

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

/// The body of an answer that carries only a code.
#[derive(Serialize)]
struct CodeBody<'a> {
    errcode: i64,
    errmsg: &'a str,
}

/// What the caller gets.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A JSON body with status 200, and the request id that it ends in.
    Json {
        errcode: i64,
        body: String,
        rid: Option<String>,
    },
    /// A body that is none of WeChat's, such as a gateway's page.
    Raw { status: u16, body: String },
    /// Nothing: the connection is closed.
    Cut,
    /// Nothing: the connection is reset.
    Reset,
}

impl Reply {
    /// A payload that counts as code 0.
    pub(super) fn success(body: String) -> Self {
        Self::Json {
            errcode: 0,
            body,
            rid: None,
        }
    }

    /// Success that says nothing else.
    pub(super) fn ok() -> Self {
        Self::verbatim(0, "ok")
    }

    /// An accepted send. WeChat: `message/subscribe/send`.
    pub(super) fn sent(msgid: u64) -> Self {
        Self::success(format!(r#"{{"errcode":0,"errmsg":"ok","msgid":{msgid}}}"#))
    }

    /// A refusal; the request id goes at the end of its text, as WeChat does.
    pub(super) fn refused(refusal: &Refusal, rid: String) -> Self {
        Self::Json {
            errcode: refusal.code,
            body: code_body(refusal.code, &format!("{} rid: {rid}", refusal.text)),
            rid: Some(rid),
        }
    }

    /// A code with exactly this text.
    pub(super) fn verbatim(errcode: i64, errmsg: &str) -> Self {
        Self::Json {
            errcode,
            body: code_body(errcode, errmsg),
            rid: None,
        }
    }

    /// The same, broken off after so many bytes, or before the character that they would split.
    pub(super) fn truncated(self, bytes: usize) -> Self {
        match self {
            Self::Json { mut body, .. } => {
                body.truncate(body.floor_char_boundary(bytes));
                Self::Raw { status: 200, body }
            }
            Self::Raw { .. } | Self::Cut | Self::Reset => self,
        }
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
            Self::Reset => {
                line.reset();
                StatusCode::OK.into_response()
            }
        }
    }
}

fn code_body(errcode: i64, errmsg: &str) -> String {
    serde_json::to_string(&CodeBody { errcode, errmsg }).unwrap_or_default()
}

/// A request id: the second of the call in hex, then two random words.
pub(super) fn new_rid(now_ms: u64, random: &mut fastrand::Rng) -> String {
    format!(
        "{:08x}-{:08x}-{:08x}",
        now_ms / 1000,
        random.u32(..),
        random.u32(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_in_its_request_id() {
        let rid = new_rid(1_710_268_850_000, &mut fastrand::Rng::with_seed(1));
        let Reply::Json { errcode, body, .. } = Reply::refused(&Refusal::of(43101), rid) else {
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
    fn an_answer_breaks_off_between_characters() {
        let cut = |bytes| match Reply::success("拿铁".to_owned()).truncated(bytes) {
            Reply::Raw { body, .. } => body,
            Reply::Json { .. } | Reply::Cut | Reply::Reset => panic!("whole"),
        };
        assert_eq!([cut(0), cut(5), cut(99)], ["", "拿", "拿铁"]);
    }

    #[test]
    fn a_text_is_escaped() {
        let Reply::Json { body, .. } = Reply::verbatim(47003, "a \"quoted\" key") else {
            panic!("not json")
        };
        assert_eq!(body, r#"{"errcode":47003,"errmsg":"a \"quoted\" key"}"#);
    }
}
