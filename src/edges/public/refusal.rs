//! Why a request is not granted, as its client is told.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why. The words are a contract with the mini program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is not what it must be.
    BadRequest(&'static str),
    /// It is larger than allowed.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// Nothing is here.
    NotFound,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// It is not from the sender that it should be from. Nothing more is said.
    Forbidden,
    /// 40029
    LoginCodeExpired,
    /// 40163, or exchanged for a login that the store did not keep.
    LoginCodeUsed,
    /// 40226
    UserBlocked,
    /// Ours, or 45011; with seconds to wait.
    TooManyRequests(u64),
    /// `WeChat` gave no answer that helps.
    WechatUnavailable,
    /// No session, or not any more: log in again.
    SessionExpired,
    /// The settings do not allow this event type.
    TypeNotAllowed,
    /// The store or Kafka does not answer; the request may be repeated.
    Unavailable,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    message: &'static str,
}

impl Refusal {
    /// The status, the stable word, and a sentence for a person.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "bad_request", message),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the body is larger than allowed",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the body did not come in time",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "nothing is here"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path has another method",
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "forbidden"),
            Self::LoginCodeExpired => (
                StatusCode::UNAUTHORIZED,
                "login_code_expired",
                "the login code is unknown or older than five minutes: call wx.login again",
            ),
            Self::LoginCodeUsed => (
                StatusCode::UNAUTHORIZED,
                "login_code_used",
                "the login code was used before: call wx.login again",
            ),
            Self::UserBlocked => (
                StatusCode::FORBIDDEN,
                "user_blocked",
                "WeChat has blocked this user",
            ),
            Self::TooManyRequests(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many requests: wait as long as Retry-After says",
            ),
            Self::WechatUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "wechat_unavailable",
                "WeChat does not answer: try again with a new login code",
            ),
            Self::SessionExpired => (
                StatusCode::UNAUTHORIZED,
                "session_expired",
                "there is no such session any more: log in again",
            ),
            Self::TypeNotAllowed => (
                StatusCode::FORBIDDEN,
                "type_not_allowed",
                "the settings do not let a mini program publish this event type",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "this cannot be kept at the moment: send the same request again",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, message) = self.parts();
        let mut response = (status, Json(Body { error, message })).into_response();
        if let Self::TooManyRequests(seconds) = self {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
