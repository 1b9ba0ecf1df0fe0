//! `[state]`: where claims and outcomes are kept, and how long.

use std::path::PathBuf;
use std::time::Duration;

use redis::IntoConnectionInfo as _;

use super::secrets::{Found, SecretKeys};
use super::{Reader, word_of};
use crate::config::{OnLoss, Secret, State, StateUrl};
use wx_courier_core::document::{Origin, Said, Section};

const DEFAULT_URL: &str = "sqlite:data/state.db";

/// Longer than retention and replays of most topics, and the disk that it costs is still small.
const DEFAULT_REMEMBER: Duration = Duration::from_hours(3 * 24);

/// Less would forget a message while it waits for its turn.
const LEAST_REMEMBER: Duration = Duration::from_mins(1);
const MOST_REMEMBER: Duration = Duration::from_hours(365 * 24);

const PASSWORD: SecretKeys = SecretKeys {
    key: "password",
    file_key: "password_file",
    what: "the password of the Redis server",
};

impl Reader<'_> {
    pub(super) fn state(&mut self, top: &mut Section) -> Option<State> {
        let mut section = self.section(top, "state");
        let said = section.take_string(self.problems, "url");
        let password = match self.secret(&mut section, &PASSWORD) {
            Found::Secret(password) => Some(password),
            Found::Nothing | Found::Wrong => None,
        };
        let remember = section.take_duration(self.problems, "remember");
        if let Some(said) = &remember
            && !(LEAST_REMEMBER..=MOST_REMEMBER).contains(&said.value)
        {
            let problem = said.error(format!("{:?} is out of range", said.value));
            self.problems
                .push(problem.help("expected a length of time from \"1m\" to \"365d\""));
        }
        let remember = self.duration(remember, "state.remember", DEFAULT_REMEMBER);
        let choices = [("pause", OnLoss::Pause), ("continue", OnLoss::Continue)];
        let on_loss = section.take_choice(self.problems, "on_loss", &choices);
        let on_loss = self.or_default(on_loss, "state.on_loss", OnLoss::Pause, |choice| {
            word_of(&choices, choice)
        });
        section.finish(self.problems);
        let said = said.unwrap_or_else(|| Said {
            value: DEFAULT_URL.to_owned(),
            origin: Origin::Default,
            key: "state.url".to_owned(),
        });
        match read_url(said.value.trim(), password.as_ref()) {
            Ok((url, shown)) => {
                self.note(&said.key, shown, &said.origin);
                Some(State {
                    url,
                    remember,
                    on_loss,
                })
            }
            Err(Mistake { message, help }) => {
                self.problems.push(said.error(message).help(help));
                None
            }
        }
    }
}

/// What is wrong with a URL. It never repeats the URL, which may hold a password.
struct Mistake {
    message: String,
    help: &'static str,
}

/// Gives the store, and how it is shown.
fn read_url(text: &str, password: Option<&Secret>) -> Result<(StateUrl, String), Mistake> {
    let mistake = |message: &str| Mistake {
        message: message.to_owned(),
        help: "write memory:, sqlite:FILE, or redis://HOST",
    };
    if text == "memory:" {
        return Ok((StateUrl::Memory, text.to_owned()));
    }
    if let Some(file) = text.strip_prefix("sqlite:") {
        // Some tools write two slashes before a path.
        let path = file.strip_prefix("//").unwrap_or(file);
        if path.is_empty() || path.starts_with(':') {
            return Err(mistake("no file is named"));
        }
        return Ok((StateUrl::Sqlite(PathBuf::from(path)), text.to_owned()));
    }
    if !text.starts_with("redis://") && !text.starts_with("rediss://") {
        return Err(mistake("the URL names no store that is known here"));
    }
    redis_url(text, password).map_err(|why| Mistake {
        message: format!("this is no URL of a Redis server: {why}"),
        help: "write redis://USER@HOST:PORT/DATABASE, or rediss:// for TLS; the password is better said by password_file",
    })
}

fn redis_url(text: &str, password: Option<&Secret>) -> Result<(StateUrl, String), String> {
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
    if url.password().is_some() {
        url.set_password(Some("***")).map_err(no_password)?;
    }
    Ok((StateUrl::Redis(Secret::new(whole)), url.to_string()))
}
