//! Which client may ask for what on `[http] listen`.
//!
//! A browser inside our network carries out what a page of the internet tells it: it sends requests here, and after its page's name has been
//! pointed at our address it even reads the answers. So a request must name us as we are known, and must not come from a foreign page; and
//! what changes something needs what a foreign page cannot send. Where other machines can connect, it needs a token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use super::actor::HasToken;
use super::refusal::refuse_as;
use crate::config::{Http, Reach, Secret};

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
    hosts: Arc<[String]>,
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
            hosts: http.hosts.clone().into(),
            reach: http.reach(),
        }
    }

    /// Whether the settings say a token, which whatever changes something brings.
    pub fn has_token(&self) -> HasToken {
        if self.token.is_some() {
            HasToken::Yes
        } else {
            HasToken::No
        }
    }

    fn check(&self, need: Need, request: &Request) -> Result<(), Denied> {
        let headers = request.headers();
        if self.brings_token(headers) {
            // A page that knows it is none of a stranger.
            return Ok(());
        }
        let authority = request.uri().authority().map(Authority::as_str);
        let said = headers.get_all(header::HOST).iter();
        let mut hosts = said
            .map(|host| host.to_str().unwrap_or_default())
            .chain(authority);
        if !hosts.all(|host| self.knows(host)) {
            return Err(Denied::Host);
        }
        if is_of_foreign_page(request.method(), headers) {
            return Err(Denied::ForeignPage);
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

    fn brings_token(&self, headers: &HeaderMap) -> bool {
        let said = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| bearer(value.as_bytes()));
        match (&self.token, said) {
            (Some(token), Some(said)) => token.expose().as_bytes().ct_eq(said).into(),
            (None, _) | (_, None) => false,
        }
    }

    /// A name can belong to any site. An address is ours: a client that asks for it has connected to it.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(name);
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // An IPv6 address without brackets has no port.
            if name.contains(':') && !name.ends_with(']') {
                host
            } else {
                name
            }
        }
        Some(_) | None => host,
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

/// Whether a browser sends this for a page that is not ours. A user who follows a link is no page: the page
/// cannot read what the user sees.
fn is_of_foreign_page(method: &Method, headers: &HeaderMap) -> bool {
    let word = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let is_reading = method == Method::GET || method == Method::HEAD;
    if is_reading && word("sec-fetch-mode") == Some(b"navigate") {
        return false;
    }
    let site = word("sec-fetch-site");
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return true;
    }
    let host = word("host").unwrap_or_default();
    let origin = word("origin");
    origin.is_some_and(|origin| {
        let after = |scheme: &[u8]| origin.strip_prefix(scheme);
        let authority = after(b"http://").or_else(|| after(b"https://"));
        !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    })
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
