//! What the keys of `[console]` may say.

use axum::http::HeaderName;

use super::MAKE_ONE;
use crate::config::kinds::Mistake;
use crate::config::{Network, TokenHash, is_user_name};

/// It is not repeated: it may be the token itself.
pub(super) fn token_hash(text: &str) -> Result<TokenHash, Mistake> {
    TokenHash::parse(text.trim()).ok_or_else(|| Mistake {
        message: "this is no hash of a token: expected `sha256:` and 64 hexadecimal digits"
            .to_owned(),
        help: MAKE_ONE.to_owned(),
    })
}

pub(super) fn user_name(name: &str) -> Result<(), Mistake> {
    if is_user_name(name) {
        return Ok(());
    }
    Err(Mistake {
        message: format!("{name:?} cannot be the name of a user"),
        help: "use at most 64 letters that can be seen, without quotes, and without spaces around them"
            .to_owned(),
    })
}

/// Headers that browsers write by themselves, or that say something else to a server.
const TAKEN_HEADERS: [&str; 16] = [
    "accept",
    "accept-language",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "referer",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

pub(super) fn user_header(text: &str) -> Result<String, Mistake> {
    let name = text.trim().to_ascii_lowercase();
    let message = if name.parse::<HeaderName>().is_err() {
        format!("\"{text}\" is not the name of a header")
    } else if TAKEN_HEADERS.contains(&name.as_str()) || name.starts_with("sec-") {
        format!("the header \"{text}\" says something else than who the user is")
    } else {
        return Ok(name);
    };
    Err(Mistake {
        message,
        help: "write the one that the proxy sets, and takes out of what comes to it: \"x-forwarded-user\" of oauth2-proxy".to_owned(),
    })
}

pub(super) fn network(text: &str) -> Result<(), Mistake> {
    if Network::parse(text).is_some() {
        return Ok(());
    }
    let message = if text.ends_with("/0") {
        format!("\"{text}\" is every address: any client could say that it is any user")
    } else {
        format!("\"{text}\" is no address and no network")
    };
    Err(Mistake {
        message,
        help: "write it like 10.1.2.3 or 10.1.0.0/16; names are not looked up".to_owned(),
    })
}

pub(super) fn instance(text: &str) -> Result<(), Mistake> {
    let is_sound = text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_in_brackets = host.starts_with('[') && host.ends_with(']');
        let is_name = !host.is_empty() && !host.contains([':', '/', '@', ' ', '?', '#']);
        let port = port.parse::<u16>();
        port.is_ok_and(|port| port > 0) && (is_name || is_in_brackets)
    });
    if is_sound {
        return Ok(());
    }
    Err(Mistake {
        message: format!("\"{text}\" is no host and port"),
        help: "write where the instance listens, like 10.0.0.12:8080 or courier-0.courier:8080"
            .to_owned(),
    })
}
