//! The way in, and the way out.

use std::net::{IpAddr, Ipv4Addr};

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use tokio::time::Instant;

use super::answers::{Denied, Wanted};
use super::changes::{field_of, of_body};
use super::page::{self, ENGLISH, Trouble, onward, sign_in_address};
use super::people::{Arrival, Who};
use super::{Access, Seen, Via, Visitor, cookies, peer_of};
use crate::edges::listener::read_body;
use crate::edges::sites::{Sender, sender_of};

/// Where people sign in.
pub const SIGN_IN: &str = "/sign-in";

/// Where they sign out, with POST.
pub const SIGN_OUT: &str = "/sign-out";

/// The field with the token.
pub(super) const TOKEN_FIELD: &str = "token";

/// The field that says where to go then.
pub(super) const TO_FIELD: &str = "to";

/// A token, and an address to go to.
const LARGEST_FORM_BYTES: usize = 16 * 1024;

/// Sends a browser to the page to sign in, and from there back to where it wanted to go.
pub(super) fn send_there(request: &Request) -> Response {
    let asked = request.uri().path_and_query();
    let to = own_path(asked.map_or("/", |asked| asked.as_str()));
    let address = sign_in_address(to);
    // A browser that comes from another site keeps its cookie back, and does so along a redirect. From a page of ours it says it.
    match said_site(request.headers()) {
        Some(b"same-origin" | b"same-site" | b"none") => Redirect::to(&address).into_response(),
        Some(_) | None => Html(onward(&ENGLISH, &address).into_string()).into_response(),
    }
}

/// Whether a link of another site has led here.
pub(super) fn is_from_elsewhere(request: &Request) -> bool {
    said_site(request.headers()) == Some(b"cross-site")
}

fn said_site(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("sec-fetch-site").map(HeaderValue::as_bytes)
}

/// The page to sign in; who need not do that is sent on.
pub(super) async fn look(State(access): State<Access>, request: Request) -> Response {
    let wanted = Wanted::of(request.headers());
    let query = request.uri().query().unwrap_or_default();
    let to = said_in(query.as_bytes(), TO_FIELD).unwrap_or_default();
    let to = own_path(&to).to_owned();
    match access.look_at(&request) {
        Ok(Seen::InSession(_)) => Redirect::to(&to).into_response(),
        // It may have a session, and has not said it.
        Ok(Seen::Known(_)) if is_from_elsewhere(&request) => {
            Html(onward(&ENGLISH, &to).into_string()).into_response()
        }
        Ok(Seen::Known(who)) => access.let_in(who, &to, &request, wanted),
        Ok(Seen::Unknown) => Html(page::sign_in(&ENGLISH, &to, None).into_string()).into_response(),
        Err(denied) => denied.answer(wanted),
    }
}

/// Signs a user in.
pub(super) async fn enter(State(access): State<Access>, request: Request) -> Response {
    let wanted = Wanted::of(request.headers());
    let (parts, body) = request.into_parts();
    match sender_of(&parts.method, &parts.headers) {
        Sender::OwnPage => {}
        Sender::ForeignSite => return Denied::ForeignPage.answer(wanted),
        Sender::NoPage => return Denied::NotFromOurPage.answer(wanted),
    }
    let request = Request::from_parts(parts, axum::body::Body::empty());
    let (headers, peer) = (request.headers(), peer_of(&request));
    let people = &access.0.people;
    match people.arrival(headers, peer) {
        Ok(Arrival::MustSignIn) => {}
        Ok(Arrival::Known(_)) => return Redirect::to("/").into_response(),
        Err(denied) => return denied.answer(wanted),
    }
    let address = people.client(headers, peer);
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let attempt = match access.0.tries.begin(address, Instant::now()) {
        Ok(attempt) => attempt,
        Err(wait) => return again(Denied::TooManyTries(wait), "/", wanted),
    };
    let body = match read_body(body, LARGEST_FORM_BYTES).await {
        Ok(body) => body,
        Err(why) => return of_body(why).answer(wanted),
    };
    let field = |name| field_of(headers, &body, name).unwrap_or_default();
    let (token, to) = (field(TOKEN_FIELD), field(TO_FIELD));
    let to = own_path(&to);
    let Some(who) = people.with_token(token.trim()) else {
        let failed = attempt.failed(Instant::now());
        tracing::warn!(
            from = %address,
            failed,
            "a wrong token was shown to the console"
        );
        return again(Denied::WrongToken, to, wanted);
    };
    attempt.succeeded();
    tracing::info!(user = %who.name, from = %address, "signed in to the console");
    access.let_in(who, to, &request, wanted)
}

/// Signs a visitor out.
pub(super) async fn leave(
    State(access): State<Access>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let inner = &access.0;
    if let Some(live) = &visitor.session {
        inner.sessions.end_one(&live.key);
    }
    let to = match visitor.via {
        Via::Token => {
            tracing::info!(user = %visitor.name, "signed out of the console");
            SIGN_IN
        }
        Via::ThisMachine | Via::Proxy => "/",
    };
    let mut response = Redirect::to(to).into_response();
    let wire = inner.people.wire(request.headers(), peer_of(&request));
    cookies::set(&mut response, &inner.cookies.of_none(wire));
    response
}

impl Access {
    /// Begins a session, and sends the browser on.
    fn let_in(&self, who: Who, to: &str, request: &Request, wanted: Wanted) -> Response {
        match self.begin(who, request) {
            Ok((_, cookie)) => {
                let mut response = Redirect::to(to).into_response();
                cookies::set(&mut response, &cookie);
                response
            }
            Err(denied) => denied.answer(wanted),
        }
    }
}

/// The form once more, with what was wrong.
fn again(denied: Denied, to: &str, wanted: Wanted) -> Response {
    let trouble = if let Denied::TooManyTries(wait) = denied {
        Trouble::Wait(wait.as_secs().saturating_add(1))
    } else {
        Trouble::WrongToken
    };
    match wanted {
        Wanted::Page => {
            let page = page::sign_in(&ENGLISH, to, Some(trouble)).into_string();
            let mut response = (denied.status(), Html(page)).into_response();
            denied.mark(&mut response);
            response
        }
        Wanted::Data => denied.answer(wanted),
    }
}

fn said_in(query: &[u8], name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(query);
    let (_, value) = fields.find(|(field, _)| field == name)?;
    Some(value.into_owned())
}

/// Longer addresses of ours are none that a page has made.
const LONGEST_PATH: usize = 4096;

/// A path of ours, or that of the first page: what stands in an address may have been written by anybody, and must lead to no other site.
fn own_path(text: &str) -> &str {
    let is_ours = text.starts_with('/') && !text.starts_with("//") && !text.starts_with(SIGN_OUT);
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if is_ours && text.len() <= LONGEST_PATH && text.bytes().all(is_plain) {
        text
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_stays_here() {
        for path in ["/", "/outcomes?status=failed&rule=a%20b", "/message/x"] {
            assert_eq!(own_path(path), path);
        }
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a b",
            "/\r\nset-cookie: x",
            "/订单",
            "/sign-out",
            &long,
        ] {
            assert_eq!(own_path(path), "/", "{path:?}");
        }
    }
}
