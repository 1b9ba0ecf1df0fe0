//! Who asks for a change, as a request says it in two headers: `x-wx-courier-actor: NAME@HOST`, and `x-wx-courier-why`.
//!
//! They are trusted as the request itself is: whoever may change something may say any name. Names are percent-encoded, as everything but letters,
//! digits and `*-._` is; the way may follow: `NAME@HOST;via=console`.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue};
use form_urlencoded::byte_serialize;

use wx_courier_core::model::audit::{Via, Who, name_of, why_of};
use wx_courier_core::model::outcome::read_word;

/// Says who asks.
pub const ACTOR_HEADER: &str = "x-wx-courier-actor";

/// Says why, in a person's words.
pub const WHY_HEADER: &str = "x-wx-courier-why";

/// Longer than both names may be, with each of their bytes encoded.
const LONGEST_ACTOR_BYTES: usize = 4 * 1024;

/// Longer than a person's words may be, with each of their bytes encoded.
const LONGEST_WHY_BYTES: usize = 8 * 1024;

/// What a request says of who is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who; `None` if it does not say.
    pub who: Option<Who>,
    /// Why, in a person's words.
    pub why: Option<String>,
}

/// What is wrong with what a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// With the first header.
    #[error(
        "`x-wx-courier-actor` is to be NAME@HOST, each percent-encoded and of 128 visible characters at most; `;via=` and a word of small letters may follow"
    )]
    Actor,
    /// With the second one.
    #[error(
        "`x-wx-courier-why` is to be one line of 500 characters at most, percent-encoded, without control characters"
    )]
    Why,
}

/// The first header's value.
pub fn actor_value(who: &Who) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let (name, host) = (encoded(&who.name), encoded(&who.host));
    match who.via {
        Via::Command => format!("{name}@{host}"),
        via @ (Via::Console | Via::Request | Via::Signal | Via::SavedFile | Via::Unlisted(_)) => {
            format!("{name}@{host};via={}", via.as_str())
        }
    }
}

/// The second header's value.
pub fn why_value(why: &str) -> String {
    byte_serialize(why.as_bytes()).collect()
}

/// Reads both headers.
pub fn said(headers: &HeaderMap) -> Result<Said, Unread> {
    let who = match headers.get(ACTOR_HEADER) {
        Some(value) => Some(read_actor(value).ok_or(Unread::Actor)?),
        None => None,
    };
    let why = match headers.get(WHY_HEADER) {
        Some(value) => {
            let said = decoded(value, LONGEST_WHY_BYTES).ok_or(Unread::Why)?;
            why_of(&said).map_err(|_| Unread::Why)?.map(str::to_owned)
        }
        None => None,
    };
    Ok(Said { who, why })
}

fn read_actor(value: &HeaderValue) -> Option<Who> {
    let value = value.to_str().ok()?;
    if value.len() > LONGEST_ACTOR_BYTES {
        return None;
    }
    let (names, via) = match value.split_once(";via=") {
        Some((names, word)) => (names, read_word::<Via>(word)?),
        None => (value, Via::Command),
    };
    let is_theirs = match via {
        Via::Command | Via::Console | Via::Unlisted(_) => true,
        // These are the service's own to say.
        Via::Request | Via::Signal | Via::SavedFile => false,
    };
    let (name, host) = names.split_once('@')?;
    let (name, host) = (decode(name)?, decode(host)?);
    is_theirs.then_some(Who {
        name: name_of(&name)?.to_owned(),
        host: name_of(&host)?.to_owned(),
        via,
    })
}

fn decoded(value: &HeaderValue, longest: usize) -> Option<String> {
    let value = value.to_str().ok()?;
    (value.len() <= longest).then(|| decode(value))?
}

/// Undoes the encoding; `None` for what is no text in UTF-8.
fn decode(encoded: &str) -> Option<String> {
    // In its place, since what stands between `&` and `=` is one name.
    let encoded = encoded.replace('&', "%26").replace('=', "%3D");
    let parts = form_urlencoded::parse(encoded.as_bytes()).next();
    let text = parts.map_or_else(Default::default, |(text, _)| text);
    (!text.contains(char::REPLACEMENT_CHARACTER)).then(|| text.into_owned())
}

/// Who is behind a request that does not say.
pub fn nameless(has_token: HasToken, peer: Option<IpAddr>) -> Who {
    Who {
        name: match has_token {
            HasToken::Yes => "token",
            HasToken::No => "unknown",
        }
        .to_owned(),
        host: peer.map_or_else(
            || "unknown".to_owned(),
            |peer| peer.to_canonical().to_string(),
        ),
        via: Via::Request,
    }
}

/// Whether requests that change something bring a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HasToken {
    /// Yes: the settings have one.
    Yes,
    /// No.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(actor: Option<&str>, why: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ACTOR_HEADER, actor), (WHY_HEADER, why)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        headers
    }

    fn who(name: &str, host: &str, via: Via) -> Who {
        Who {
            name: name.to_owned(),
            host: host.to_owned(),
            via,
        }
    }

    #[test]
    fn what_a_command_says_is_read_as_it_was_meant() {
        for who in [
            who("alice", "laptop", Via::Command),
            who("王芳", "运维-1", Via::Console),
            who("a@b;via=console&c=d %41+e", "h@h", Via::Command),
            who("alice", "laptop", read_word("studio").unwrap()),
        ] {
            let value = actor_value(&who);
            assert!(value.is_ascii());
            let read = said(&headers(Some(&value), None)).unwrap();
            assert_eq!(read.who.as_ref(), Some(&who), "{value}");
        }
        let why = "太慢了 & late = 5%+";
        let read = said(&headers(None, Some(&why_value(why)))).unwrap();
        assert_eq!(read.why.as_deref(), Some(why));
        assert_eq!(read.who, None);
        // As a person types it.
        let read = said(&headers(Some("alice@laptop"), Some("too late"))).unwrap();
        assert_eq!(read.who, Some(who("alice", "laptop", Via::Command)));
        assert_eq!(read.why.as_deref(), Some("too late"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [
            "",
            "alice",
            "@laptop",
            "alice@",
            "alice%0Aroot@laptop",
            "alice%00@laptop",
            "eve%E2%80%AEecila@laptop",
            "%FF@laptop",
            "alice@laptop;via=Console",
            "alice@laptop;via=signal",
            "alice@laptop;via=saved_file",
            "alice@laptop;via=request",
            &format!("{}@laptop", "x".repeat(129)),
            &format!("{}@laptop", "x".repeat(60_000)),
        ] {
            assert_eq!(
                said(&headers(Some(bad), None)),
                Err(Unread::Actor),
                "{bad:.80}"
            );
        }
        for bad in ["one%0Atwo", &"x".repeat(501), &"x".repeat(60_000), "%FF"] {
            assert_eq!(said(&headers(None, Some(bad))), Err(Unread::Why));
        }
        // A forged record is a text like any other.
        let forged = r#"{"who":{"name":"root"}}"#;
        let read = said(&headers(None, Some(&why_value(forged)))).unwrap();
        assert_eq!(read.why.as_deref(), Some(forged));
    }
}
