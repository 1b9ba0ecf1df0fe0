//! `[apps.NAME] token`: a word, or the table of a token centre.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::Reader;
use super::secrets::{Found, SecretKeys, variable_of};
use crate::config::{CentreHeader, Secret, TokenCentre, TokenMode};
use wx_courier_core::document::{Item, Node, Origin, Said, Section};

/// `WeChat`'s advice to those who read from a centre: keep what it says for about a minute.
const POLL: Duration = Duration::from_mins(1);
/// More often would be a load on the centre and no gain: a refused token is asked for again at once.
const SHORTEST_POLL: Duration = Duration::from_secs(1);
/// A token that is replaced lives on for five minutes at `WeChat`; whoever looks less often than that sends with dead ones.
const LONGEST_POLL: Duration = Duration::from_mins(5);

const HEADER_VALUE: SecretKeys = SecretKeys {
    key: "header_value",
    file_key: "header_value_file",
    what: "the value of the header",
};

/// Something is wrong, and that was told.
struct Told;

impl Reader<'_> {
    /// The mode; nothing if it is wrong, which is told.
    pub(super) fn token(&mut self, app: &Section, said: Option<Said<Node>>) -> Option<TokenMode> {
        let Some(said) = said else {
            let key = app.key_path("token");
            self.note(&key, "stable".to_owned(), &Origin::Default);
            return Some(TokenMode::Stable);
        };
        let mode = match &said.value.item {
            Item::Table(_) => {
                let table = Section::new(self.problems, said.key, said.value);
                return self.centre(table).map(TokenMode::External);
            }
            Item::String(word) if word == "stable" => TokenMode::Stable,
            Item::String(word) if word == "classic" => TokenMode::Classic,
            other @ (Item::String(_)
            | Item::Integer(_)
            | Item::Float(_)
            | Item::Boolean(_)
            | Item::Array(_)) => {
                let found = match other {
                    Item::String(word) => format!("\"{word}\""),
                    Item::Integer(_)
                    | Item::Float(_)
                    | Item::Boolean(_)
                    | Item::Array(_)
                    | Item::Table(_) => other.kind().to_owned(),
                };
                let problem = said.error(format!(
                    "{found} is not known here: expected \"stable\", \"classic\" or {{ url = \"…\" }}"
                ));
                self.problems.push(
                    problem.help(
                        "\"stable\" is WeChat's stable_token, which every instance may ask for",
                    ),
                );
                return None;
            }
        };
        let word = match mode {
            TokenMode::Classic => "classic",
            TokenMode::Stable | TokenMode::External(_) => "stable",
        };
        self.note(&said.key, word.to_owned(), &said.origin);
        Some(mode)
    }

    fn centre(&mut self, mut table: Section) -> Option<TokenCentre> {
        let url = table.require_string(
            self.problems,
            "url",
            "it is where the token centre answers {\"access_token\": \"…\", \"expires_in\": 7200}",
        );
        let url = url.and_then(|said| self.centre_url(&said));
        let header = self.centre_header(&mut table);
        let poll = table.take_duration(self.problems, "poll");
        if let Some(said) = poll
            .as_ref()
            .filter(|said| !(SHORTEST_POLL..=LONGEST_POLL).contains(&said.value))
        {
            self.problems.push(
                said.error(format!("{:?} is out of range", said.value))
                    .help("expected a length of time from \"1s\" to \"5m\""),
            );
        }
        let poll = self.duration(poll, &table.key_path("poll"), POLL);
        table.finish(self.problems);
        Some(TokenCentre {
            url: url?,
            header: header.ok()?,
            poll,
        })
    }

    fn centre_url(&mut self, said: &Said<String>) -> Option<Secret> {
        let parsed = Url::parse(said.value.trim()).ok();
        let Some(url) = parsed.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            // Not repeated: a key may stand in it.
            self.problems.push(
                said.error("this is not a URL")
                    .help("begin with http:// or https://"),
            );
            return None;
        };
        // A name, a password or a query may be a key, so only the rest is shown.
        let port = url.port().map(|port| format!(":{port}"));
        let shown = format!(
            "{}://{}{}{}{}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            port.unwrap_or_default(),
            url.path(),
            url.query().map_or("", |_| "?(hidden)"),
        );
        self.note(&said.key, shown, &said.origin);
        Some(Secret::new(url))
    }

    /// The header, if there is one.
    fn centre_header(&mut self, table: &mut Section) -> Result<Option<CentreHeader>, Told> {
        let name = table.take_string(self.problems, "header");
        let value = self.secret(table, &HEADER_VALUE);
        match (name, value) {
            (None, Found::Nothing) => Ok(None),
            (_, Found::Wrong) => Err(Told),
            (None, Found::Secret(_)) => {
                let problem = table.error("there is a value for a header, but no `header`");
                self.problems.push(
                    problem.help("say `header = \"Authorization\"`, or what the centre wants"),
                );
                Err(Told)
            }
            (Some(name), Found::Nothing) => {
                let variable = variable_of(table, HEADER_VALUE.key);
                let problem = name.error("the header has no value");
                self.problems.push(problem.help(format!(
                    "say `header_value_file = \"…\"`, or set {variable}"
                )));
                Err(Told)
            }
            (Some(name), Found::Secret(value)) => {
                if HeaderName::from_bytes(name.value.as_bytes()).is_err() {
                    let text = format!("\"{}\" is not the name of a header", name.value);
                    self.problems.push(name.error(text));
                    return Err(Told);
                }
                if HeaderValue::from_str(value.expose()).is_err() {
                    let problem =
                        name.error("the value of the header holds characters that a header cannot");
                    self.problems.push(problem);
                    return Err(Told);
                }
                self.note(&name.key, name.value.clone(), &name.origin);
                Ok(Some(CentreHeader {
                    name: name.value,
                    value,
                }))
            }
        }
    }
}
