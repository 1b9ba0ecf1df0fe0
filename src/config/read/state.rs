//! `[state]`: where claims and outcomes are kept, and how long.

use std::time::Duration;

use redis::IntoConnectionInfo as _;

use super::Reader;
use super::secrets::Found;
use crate::config::keys::{Key, SecretKeys, Table};
use crate::config::kinds::{Length, Mistake, Text, Words};
use crate::config::paths::Place;
use crate::config::{LeftBehind, OnLoss, Secret, State, StateUrl};
use wx_courier_core::document::{Origin, Section, nearest};

pub(super) static STATE: Table = Table {
    path: "state",
    keys: &[&URL, &REMEMBER, &ON_LOSS, &PASSWORD],
};

static URL: Key<Text> = Key {
    name: "url",
    kind: Text,
    default: || "sqlite:../data/state.db".to_owned(),
    about: "`memory:`, `sqlite:FILE`, `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS",
};

/// Where the default led in earlier versions, below the working directory.
const FORMER_DEFAULT: &str = "data/state.db";

static REMEMBER: Key<Length> = Key {
    name: "remember",
    // Less would forget a message while it waits for its turn.
    kind: Length::Between(Duration::from_mins(1), Duration::from_hours(365 * 24)),
    // Longer than retention and replays of most topics, and the disk that it costs is still small.
    default: || Duration::from_hours(3 * 24),
    about: "how long, claims without an end too; ledgers of grants for a year after the last change, users until their code or session \
        ends. Keep it longer than a record may come again: after a replay, from a retrying upstream",
};

static ON_LOSS: Key<Words<OnLoss>> = Key {
    name: "on_loss",
    kind: Words(&[("pause", OnLoss::Pause), ("continue", OnLoss::Continue)]),
    default: || OnLoss::Pause,
    about: "when what is kept is lost under the running service (the file deleted or replaced, Redis flushed): nothing is sent until \
        somebody says that it goes on, or sending goes on and may repeat what was sent. See \
        [reliability.md](reliability.md#a-store-that-is-lost)",
};

static PASSWORD: SecretKeys = SecretKeys {
    key: "password",
    file_key: "password_file",
    what: "the password of the Redis server",
    file_holds: "the password of the Redis server",
    short: "the password",
    about: "It replaces one in the URL. Only `redis://` needs one",
};

impl Reader<'_> {
    pub(super) fn state(&mut self, top: &mut Section) -> Option<State> {
        let mut section = self.section(top, &STATE);
        let said = self.said(&mut section, &URL);
        let password = self.secret(&mut section, &PASSWORD).into_secret();
        let remember = self.read(&mut section, &REMEMBER);
        let on_loss = self.read(&mut section, &ON_LOSS);
        let at = |file: &str| match said.origin {
            Origin::Default => self.paths.place_after(FORMER_DEFAULT, file, &said.origin),
            Origin::File { .. } | Origin::Environment(_) | Origin::Flag(_) => {
                self.paths.place(file, &said.origin)
            }
        };
        let named = read_url(said.value.trim(), password.as_ref(), &at);
        let state = match named {
            Ok((url, left_behind)) => {
                self.note_hidden(&said.key, url.place(), &said.origin, &said.value);
                let is_sound = left_behind.as_ref().is_none_or(|it| {
                    let problem = said.error(it.message.clone()).help(it.help.clone());
                    matches!(self.lacking(&section, problem), Found::Absent)
                });
                is_sound.then_some(State {
                    url,
                    remember,
                    on_loss,
                    left_behind,
                })
            }
            Err(Mistake { message, help }) => {
                self.problems.push(said.error(message).help(help));
                None
            }
        };
        section.finish(self.problems);
        state
    }
}

/// What moves with an SQLite file.
const WITH_LOGS: &str =
    "the file (while no service has it, with the -wal and -shm beside it if they are there)";

/// Gives the store, and what was left behind of it; `at` makes a path whole. A mistake never repeats the URL, which may hold a password.
fn read_url(
    text: &str,
    password: Option<&Secret>,
    at: &dyn Fn(&str) -> Place,
) -> Result<(StateUrl, Option<LeftBehind>), Mistake> {
    let mistake = |message: &str| Mistake {
        message: message.to_owned(),
        help: "write memory:, sqlite:FILE, or redis://HOST".to_owned(),
    };
    if text == "memory:" {
        return Ok((StateUrl::Memory, None));
    }
    if let Some(file) = text.strip_prefix("sqlite:") {
        // Some tools write two slashes before a path.
        let path = file.strip_prefix("//").unwrap_or(file);
        if path.is_empty() || path.starts_with(':') {
            return Err(mistake("no file is named"));
        }
        let place = at(path);
        let left_behind = place.misplaced(WITH_LOGS);
        return Ok((StateUrl::Sqlite(place.path), left_behind));
    }
    if !text.starts_with("redis://") && !text.starts_with("rediss://") {
        return Err(unknown_kind(text));
    }
    let url = redis_url(text, password).map_err(|why| Mistake {
        message: format!("this is no URL of a Redis server: {why}"),
        help: "write redis://USER@HOST:PORT/DATABASE, or rediss:// for TLS; the password is better said by password_file".to_owned(),
    })?;
    Ok((url, None))
}

/// The kinds of stores, as a URL begins.
const KINDS: [&str; 4] = ["memory:", "sqlite:", "redis:", "rediss:"];

/// Why a URL names no store, and what was most likely meant. Of the URL only its kind is repeated: the rest may hold a password.
fn unknown_kind(text: &str) -> Mistake {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let word = text.split(':').next().unwrap_or_default();
    let kind = format!("{}:", word.to_ascii_lowercase());
    let message = if text.contains(':') && word.chars().all(is_word) && !word.is_empty() {
        format!("`{word}:` is no kind of store that is known here")
    } else {
        "the URL names no kind of store".to_owned()
    };
    let is_path = word == text && text.contains(['/', '.']);
    let (_, end) = text.rsplit_once(':').unwrap_or_default();
    let is_address = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    let meant = match kind.as_str() {
        "sqlite3:" | "file:" => Some("sqlite:"),
        "mem:" | "in-memory:" | "none:" => Some("memory:"),
        "valkey:" | "keydb:" | "dragonfly:" => Some("redis:"),
        "valkeys:" | "redis+tls:" | "redis+ssl:" => Some("rediss:"),
        _ if is_path => Some("sqlite:"),
        _ if is_address && !text.contains('/') => Some("redis:"),
        _ => nearest(&kind, &KINDS),
    };
    let known = "known are memory:, sqlite:FILE, redis://HOST and rediss://HOST, which is TLS";
    let help = match meant {
        Some("memory:") => format!("did you mean `memory:`? {known}"),
        Some("sqlite:") => format!("did you mean `sqlite:FILE`? {known}"),
        Some(meant) => format!("did you mean `{meant}//HOST`? {known}"),
        None => known.to_owned(),
    };
    Mistake { message, help }
}

fn redis_url(text: &str, password: Option<&Secret>) -> Result<StateUrl, String> {
    let Some(mut url) = redis::parse_redis_url(text) else {
        return Err(
            "it cannot be read; special characters of a password are written %XX".to_owned(),
        );
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a part after ? or # is not known here".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    let no_password = |()| "it cannot hold a password".to_owned();
    if let Some(password) = password {
        url.set_password(Some(password.expose()))
            .map_err(no_password)?;
    }
    let whole = url.to_string();
    whole
        .as_str()
        .into_connection_info()
        .map_err(|error| error.to_string())?;
    Ok(StateUrl::Redis(Secret::new(whole)))
}
