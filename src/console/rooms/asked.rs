//! How a page is asked for: who looks, in which language and zone, and which span is meant; and what is answered where it cannot be shown.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;
use maud::Markup;

use crate::console::access::{Role, Visitor};
use crate::console::history::told::Span;
use crate::console::pages::look::{Look, May, Theme};
use crate::console::pages::{layout, overview};
use crate::console::words::Language;

const DAY_MS: i64 = 24 * 3_600_000;

/// Who asks for what, and how it is to be shown.
pub struct Asked {
    /// How the page is looked at.
    pub look: Look,
    /// The query of the address, without its question mark.
    pub query: String,
}

impl Asked {
    /// From a request. `None` where the language is none of ours.
    pub fn new(
        language: &str,
        room: &str,
        query: Option<String>,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Option<Self> {
        let language = match language {
            "zh" => Language::Chinese,
            "en" => Language::English,
            _ => return None,
        };
        let query = query.unwrap_or_default();
        let address = if query.is_empty() {
            room.to_owned()
        } else {
            format!("{room}?{query}")
        };
        Some(Self {
            look: Look {
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
                now_ms: now_ms(),
            },
            query,
        })
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
        // Whole minutes: that is how they are counted.
        let to_ms = self.look.now_ms / 60_000 * 60_000 + 60_000;
        (
            word,
            Span {
                from_ms: to_ms - length,
                to_ms,
            },
        )
    }

    /// The last twenty-four hours.
    pub fn last_day(&self) -> Span {
        let to_ms = self.look.now_ms / 60_000 * 60_000 + 60_000;
        Span {
            from_ms: to_ms - DAY_MS,
            to_ms,
        }
    }
}

/// The present, in Unix milliseconds.
pub fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a page is made for the moment at which it is asked for; nothing is decided by it"
    )]
    jiff::Timestamp::now().as_millisecond()
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let said = headers.get_all(header::COOKIE).iter();
    let mut pairs = said
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'));
    let value = pairs.find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })?;
    let decoded = form_urlencoded::parse(format!("v={value}").as_bytes())
        .next()?
        .1
        .into_owned();
    Some(decoded)
}

/// The viewer's zone, as the script of the pages has noted it; China's before that.
fn zone(headers: &HeaderMap) -> TimeZone {
    let said = cookie(headers, "zone").filter(|name| name.len() <= 64);
    let zone = said.and_then(|name| TimeZone::get(&name).ok());
    zone.or_else(|| TimeZone::get("Asia/Shanghai").ok())
        .unwrap_or(TimeZone::UTC)
}

/// A page, or why it cannot be shown.
pub type Shown = Result<Markup, Trouble>;

/// Why a page cannot be shown.
pub struct Trouble(pub StatusCode, pub Option<Box<Look>>, pub String);

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, None, format!("{error:#}"))
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self(status, look, said) = self;
        let Some(look) = look else {
            return (status, format!("{said}\n")).into_response();
        };
        let words = look.words();
        let page = match status {
            StatusCode::NOT_FOUND => {
                layout::message_page(&look, words.not_here, words.not_here_said)
            }
            StatusCode::SERVICE_UNAVAILABLE => layout::message_page(&look, words.cannot_now, &said),
            _ => layout::message_page(&look, words.not_done, &said),
        };
        (status, Html(page.into_string())).into_response()
    }
}

/// A page as an answer.
pub fn answer(shown: Shown) -> Response {
    match shown {
        Ok(page) => Html(page.into_string()).into_response(),
        Err(trouble) => trouble.into_response(),
    }
}
