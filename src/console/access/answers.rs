//! How a request is refused: on a page for a person, as `{"error":"…","message":"…"}` for a program.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Serialize;

use super::page::{ENGLISH, WayOn, refused};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A page, by a browser that shows it.
    Page,
    /// Anything else, by a script or a program.
    Data,
}

impl Wanted {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accepted = headers.get_all(header::ACCEPT).iter();
        let is_page = |value: &HeaderValue| {
            let text = value.to_str().unwrap_or_default();
            text.contains("text/html")
        };
        if accepted.any(is_page) {
            Self::Page
        } else {
            Self::Data
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    NoHost,
    Host,
    ForeignPage,
    /// No user has to sign in, and a proxy passes requests on.
    UnknownProxy,
    NameFromElsewhere,
    NameUnfit,
    /// Only the proxy says who the user is, and it has not.
    NotNamed,
    SignInFirst,
    NoSession,
    NotFromOurPage,
    ViewOnly,
    Forgery,
    TooLarge,
    TooSlow,
    WrongToken,
    /// After so long another token may be tried.
    TooManyTries(Duration),
    NoRandom,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    message: &'static str,
}

impl Denied {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NoHost | Self::NameUnfit => StatusCode::BAD_REQUEST,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::NotNamed | Self::SignInFirst | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::ForeignPage
            | Self::UnknownProxy
            | Self::NameFromElsewhere
            | Self::NoSession
            | Self::NotFromOurPage
            | Self::ViewOnly
            | Self::Forgery => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyTries(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NoRandom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable word, and a sentence for a person.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::NoHost => ("host_missing", "this request does not say whom it is for"),
            Self::Host => (
                "host_not_known",
                "the Host of this request is no address, and no name that [console] hosts says",
            ),
            Self::ForeignPage => ("foreign_page", "pages of other sites may not ask here"),
            Self::UnknownProxy => (
                "proxy_not_known",
                "this has come through a proxy, and the settings name nobody: say [console.users], or [console.proxy]",
            ),
            Self::NameFromElsewhere => (
                "name_from_elsewhere",
                "this names a user in the proxy's header, and has not come from an address of [console.proxy] from",
            ),
            Self::NameUnfit => (
                "name_unfit",
                "the proxy's header does not name one user, in letters that can be seen",
            ),
            Self::NotNamed => (
                "not_named",
                "the proxy in front signs people in, and it has named nobody",
            ),
            Self::SignInFirst => ("sign_in_first", "sign in first"),
            Self::NoSession => (
                "no_session",
                "what changes something needs a session: open the page again",
            ),
            Self::NotFromOurPage => (
                "origin_missing",
                "what changes something must come from a page of this console: Origin or Sec-Fetch-Site is missing",
            ),
            Self::ViewOnly => ("view_only", "you may look here, and change nothing"),
            Self::Forgery => (
                "forgery_token",
                "this page was made before you signed in: open it again, and repeat what you did",
            ),
            Self::TooLarge => ("too_large", "the body is larger than allowed"),
            Self::TooSlow => ("too_slow", "the body did not come in time"),
            Self::WrongToken => ("wrong_token", "this is no token of this console"),
            Self::TooManyTries(_) => (
                "too_many_tries",
                "too many wrong tokens have come from your address: wait as long as Retry-After says",
            ),
            Self::NoRandom => (
                "unavailable",
                "no session can begin at the moment: try again",
            ),
        }
    }

    /// The answer, but on no page that asks for something.
    pub(super) fn answer(self, wanted: Wanted) -> Response {
        let (error, message) = self.told();
        let mut response = match wanted {
            Wanted::Page => {
                let way_on = if self == Self::SignInFirst {
                    WayOn::SignIn
                } else {
                    WayOn::Overview
                };
                let page = refused(&ENGLISH, message, way_on);
                (self.status(), Html(page.into_string())).into_response()
            }
            Wanted::Data => (self.status(), Json(Body { error, message })).into_response(),
        };
        self.mark(&mut response);
        response
    }

    /// The headers that go with the status.
    pub(super) fn mark(self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Self::TooManyTries(wait) = self {
            let seconds = wait.as_secs().saturating_add(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            // Each 401 has to name a way in (RFC 9110). Browsers know no such one, and ask for no password.
            let scheme = HeaderValue::from_static("Session realm=\"wx-courier console\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
    }
}
