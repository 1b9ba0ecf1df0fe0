//! What a request needs that changes something.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};

use super::answers::Denied;
use super::{FORGERY_FIELD, FORGERY_HEADER, Role, SIGN_OUT, Seen};
use crate::edges::listener::{NoBody, read_body};
use crate::edges::sites::{Sender, sender_of};

/// The largest body: a form, or a list of what was chosen on a page.
const LARGEST_BODY_BYTES: usize = 64 * 1024;

/// The same request with its visitor, or why it changes nothing. Its body is read last: who may change nothing is not listened to.
pub(super) async fn allowed(seen: Seen, request: Request) -> Result<Request, Denied> {
    let visitor = match seen {
        Seen::InSession(visitor) => visitor,
        Seen::Known(_) => return Err(Denied::NoSession),
        Seen::Unknown => return Err(Denied::SignInFirst),
    };
    match sender_of(request.method(), request.headers()) {
        Sender::OwnPage => {}
        Sender::ForeignSite => return Err(Denied::ForeignPage),
        Sender::NoPage => return Err(Denied::NotFromOurPage),
    }
    // Everybody may leave.
    let needed = match request.uri().path() {
        SIGN_OUT => Role::View,
        _ => Role::Edit,
    };
    if visitor.role < needed {
        return Err(Denied::ViewOnly);
    }
    let (mut parts, body) = request.into_parts();
    let body = read_body(body, LARGEST_BODY_BYTES).await.map_err(of_body)?;
    let is_its_own = match parts.headers.get(FORGERY_HEADER) {
        Some(said) => visitor.forgery_token.is(said.as_bytes()),
        None => field_of(&parts.headers, &body, FORGERY_FIELD)
            .is_some_and(|said| visitor.forgery_token.is(said.as_bytes())),
    };
    if !is_its_own {
        return Err(Denied::Forgery);
    }
    parts.extensions.insert(visitor);
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Why a request without its body is refused.
pub(super) fn of_body(why: NoBody) -> Denied {
    match why {
        NoBody::TooLarge => Denied::TooLarge,
        NoBody::TooSlow => Denied::TooSlow,
    }
}

/// A field of a form.
pub(super) fn field_of(headers: &HeaderMap, body: &[u8], name: &str) -> Option<String> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(FORM) {
        return None;
    }
    let mut fields = form_urlencoded::parse(body);
    let (_, value) = fields.find(|(field, _)| field == name)?;
    Some(value.into_owned())
}
