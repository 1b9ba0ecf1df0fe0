//! How a page is asked for: who looks, in which language and zone, and which span is meant; and what is answered where it cannot be shown.

use std::sync::Arc;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;
use maud::Markup;

use super::House;
use crate::console::access::{Role, Visitor, cookies_named};
use crate::console::history::told::Span;
use crate::console::pages::look::{Look, May, Theme};
use crate::console::pages::{layout, overview};
use crate::console::words::Language;

const DAY_MS: i64 = 24 * 3_600_000;

/// Who asks for what, and how it is to be shown. Every page takes it from its request; where the language is none of ours, nothing is there.
pub struct Asked {
    /// How the page is looked at.
    pub look: Look,
    /// The query of the address, without its question mark.
    pub query: String,
}

impl FromRequestParts<Arc<House>> for Asked {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        house: &Arc<House>,
    ) -> Result<Self, Self::Rejection> {
        let visitor = Extension::<Visitor>::from_request_parts(parts, house).await;
        let Extension(visitor) = visitor.map_err(IntoResponse::into_response)?;
        let now_ms = house.clock.now_ms();
        let path = parts.uri.path().trim_start_matches('/');
        let (language, room) = path.split_once('/').unwrap_or((path, ""));
        let Some(language) = Language::of_path(language) else {
            return Err(nowhere(&parts.headers, &visitor, now_ms));
        };
        let query = parts.uri.query().unwrap_or_default();
        let address = match query {
            "" => room.to_owned(),
            query => format!("{room}?{query}"),
        };
        Ok(Self {
            look: look(language, address, (&parts.headers, &visitor), now_ms),
            query: query.to_owned(),
        })
    }
}

fn look(
    language: Language,
    address: String,
    (headers, visitor): (&HeaderMap, &Visitor),
    now_ms: i64,
) -> Look {
    Look {
        language,
        theme: Theme::of(&cookie(headers, "theme").unwrap_or_default()),
        zone: zone(headers),
        name: Arc::clone(&visitor.name),
        may: match visitor.role {
            Role::View => May::View,
            Role::Edit => May::Edit,
        },
        forgery: Arc::from(visitor.forgery_token.as_str()),
        address,
        now_ms,
    }
}

/// The language that the browser asks for.
pub(super) fn asked_language(headers: &HeaderMap) -> Language {
    let said = headers.get(header::ACCEPT_LANGUAGE);
    let said = said.and_then(|it| it.to_str().ok());
    Language::of_accept_language(said.unwrap_or_default())
}

/// What is answered where there is no page.
pub(super) fn nowhere(headers: &HeaderMap, visitor: &Visitor, now_ms: i64) -> Response {
    let language = asked_language(headers);
    let look = look(language, String::new(), (headers, visitor), now_ms);
    Trouble::nothing_there().page(&look)
}

impl Asked {
    /// The same, as a part of this room: a page that tells of trouble leads there.
    #[must_use]
    pub fn in_room(mut self, room: &str) -> Self {
        room.clone_into(&mut self.look.address);
        self
    }

    /// What a name of the query says.
    pub fn said(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The span that is chosen: its word, and from when to when.
    pub fn span(&self) -> (&'static str, Span) {
        let said = self.said("span");
        let [first, ..] = overview::SPANS;
        let mut spans = overview::SPANS.into_iter();
        let (word, length) = spans
            .find(|(word, _)| said.as_deref() == Some(word))
            .unwrap_or(first);
        (word, self.last(length))
    }

    /// The last twenty-four hours.
    pub fn last_day(&self) -> Span {
        self.last(DAY_MS)
    }

    /// So much time until now, in whole minutes: that is how outcomes are counted.
    fn last(&self, length_ms: i64) -> Span {
        let to_ms = self.look.now_ms / 60_000 * 60_000 + 60_000;
        Span {
            from_ms: to_ms - length_ms,
            to_ms,
        }
    }
}

/// What the script of the pages has noted in the browser.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = cookies_named(headers, name).next()?;
    let pair = format!("v={value}");
    let (_, decoded) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(decoded.into_owned())
}

/// The viewer's zone, as the script of the pages has noted it; China's before that.
fn zone(headers: &HeaderMap) -> TimeZone {
    let said = cookie(headers, "zone").filter(|name| name.len() <= 64);
    let zone = said.and_then(|name| TimeZone::get(&name).ok());
    zone.or_else(|| TimeZone::get("Asia/Shanghai").ok())
        .unwrap_or(TimeZone::UTC)
}

/// Why a page cannot be shown.
pub struct Trouble {
    status: StatusCode,
    why: String,
}

impl Trouble {
    /// There is no such thing.
    pub fn nothing_there() -> Self {
        Self::new(StatusCode::NOT_FOUND, String::new())
    }

    /// It cannot be shown or done now.
    pub fn not_now(why: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// What was asked for is not done.
    pub fn new(status: StatusCode, why: String) -> Self {
        Self { status, why }
    }

    /// A page that tells of it.
    pub fn page(&self, look: &Look) -> Response {
        let words = look.words();
        let (title, said) = match self.status {
            StatusCode::NOT_FOUND => (words.not_here, words.not_here_said),
            StatusCode::SERVICE_UNAVAILABLE => (words.cannot_now, self.why.as_str()),
            _ => (words.not_done, self.why.as_str()),
        };
        let page = layout::message_page(look, title, said);
        (self.status, Html(page.into_string())).into_response()
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::not_now(format!("{error:#}"))
    }
}

/// Draws a page; what keeps it from being drawn is told on one as well.
pub(super) async fn drawn(
    asked: &Asked,
    page: impl Future<Output = Result<Markup, Trouble>>,
) -> Response {
    match page.await {
        Ok(page) => Html(page.into_string()).into_response(),
        Err(trouble) => trouble.page(&asked.look),
    }
}
