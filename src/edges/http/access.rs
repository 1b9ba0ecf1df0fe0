//! Which client may ask for what on `[http] listen`.
//!
//! A request must name us as we are known, and must not come from a foreign page (`edges::sites`); and what changes something
//! needs what a foreign page cannot send. Where other machines can connect, it needs a token.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use super::refusal::refuse_as;
use crate::config::{Http, Reach, Secret};
use crate::edges::sites::{Addressee, Hosts, Sender, sender_of};

/// A header that a page can only send after it was allowed to, and we allow it to none.
pub const CHANGE_HEADER: &str = "x-wx-courier";

/// What a page shows or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It shows how the service is.
    Look,
    /// It shows what is known of a user.
    Users,
    /// It changes something.
    Change,
}

/// What the settings say of access.
#[derive(Clone)]
pub struct Access {
    token: Option<Secret>,
    hosts: Hosts,
    reach: Reach,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    Host,
    ForeignPage,
    Token,
    NoToken,
    Header,
}

impl Access {
    /// By the settings.
    pub fn new(http: &Http) -> Self {
        Self {
            token: http.token.clone(),
            hosts: Hosts::new(&http.hosts),
            reach: http.reach(),
        }
    }

    fn check(&self, need: Need, request: &Request) -> Result<(), Denied> {
        let headers = request.headers();
        if self.has_token(headers) {
            // A page that knows it is none of a stranger.
            return Ok(());
        }
        match self.hosts.addressee(request) {
            Addressee::Another => return Err(Denied::Host),
            // A probe of HTTP/1.0 names no host.
            Addressee::Us | Addressee::Nobody => {}
        }
        match sender_of(request.method(), headers) {
            Sender::ForeignSite => return Err(Denied::ForeignPage),
            Sender::OwnPage | Sender::NoPage => {}
        }
        match (need, &self.token, self.reach) {
            (Need::Look, _, _) | (Need::Users, None, Reach::ThisMachine) => Ok(()),
            (Need::Users | Need::Change, Some(_), _) => Err(Denied::Token),
            (Need::Users | Need::Change, None, Reach::Others) => Err(Denied::NoToken),
            (Need::Change, None, Reach::ThisMachine) if headers.contains_key(CHANGE_HEADER) => {
                Ok(())
            }
            (Need::Change, None, Reach::ThisMachine) => Err(Denied::Header),
        }
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let said = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| bearer(value.as_bytes()));
        match (&self.token, said) {
            (Some(token), Some(said)) => token.expose().as_bytes().ct_eq(said).into(),
            (None, _) | (_, None) => false,
        }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

/// Lets a request through to its page, or refuses it.
pub(super) async fn check(
    State((access, get, change)): State<(Access, Need, Need)>,
    request: Request,
    next: Next,
) -> Response {
    let is_reading = request.method() == Method::GET || request.method() == Method::HEAD;
    let need = if is_reading { get } else { change };
    match access.check(need, &request) {
        Ok(()) => next.run(request).await,
        Err(denied) => denied.into_response(),
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, error, message) = match self {
            Self::Host => (
                StatusCode::FORBIDDEN,
                "host_not_known",
                "the Host of this request is no address, and no name that [http] hosts says",
            ),
            Self::ForeignPage => (
                StatusCode::FORBIDDEN,
                "foreign_page",
                "pages of other sites may not ask here",
            ),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "token_required",
                "send `Authorization: Bearer` with the token of [http] token",
            ),
            Self::NoToken => (
                StatusCode::FORBIDDEN,
                "no_token_configured",
                "other machines can connect here, so this needs a token: set [http] token_file, or WX_COURIER__HTTP__TOKEN",
            ),
            Self::Header => (
                StatusCode::FORBIDDEN,
                "header_required",
                "what changes something needs the header `x-wx-courier: 1`",
            ),
        };
        let mut response = refuse_as(status, error, message);
        if self == Self::Token {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

#[cfg(test)]
mod tests;
