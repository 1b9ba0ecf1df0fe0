//! `[apps.NAME] token`: a word, or the table of a token centre.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::Reader;
use super::secrets::{Found, variable_of};
use crate::config::keys::{Key, Open, SecretKeys, Table, Without};
use crate::config::kinds::{Length, Mistake, Parsed, Text};
use crate::config::{CentreHeader, Secret, TokenCentre, TokenMode};
use wx_courier_core::document::{Item, Node, Origin, Said, Section};

pub(super) static CENTRE: Table = Table {
    path: "apps.NAME.token",
    keys: &[&URL, &HEADER, &HEADER_VALUE, &POLL],
};

static URL: Open<Parsed<Url>> = Open {
    name: "url",
    kind: Parsed {
        what: "URL",
        read: centre_url,
        show: without_keys,
    },
    without: Without::Required {
        message: "`url` is missing",
        help: "it is where the token centre answers {\"access_token\": \"…\", \"expires_in\": 7200}",
    },
    about: "asked with GET. `check --settings` hides its query and user",
};

static HEADER: Open<Text> = Open {
    name: "header",
    kind: Text,
    without: Without::Means("none"),
    about: "the name of a header to send, such as `Authorization`",
};

static HEADER_VALUE: SecretKeys = SecretKeys {
    key: "header_value",
    file_key: "header_value_file",
    what: "the value of the header",
    file_holds: "the header's value",
    short: "the value",
    about: "",
};

static POLL: Key<Length> = Key {
    name: "poll",
    // More often would be a load on the centre and no gain: a refused token is asked for again at once. And a token that is replaced
    // lives on for five minutes at `WeChat`; a service that looks less often than that sends with dead ones.
    kind: Length::Between(Duration::from_secs(1), Duration::from_mins(5)),
    // `WeChat`'s advice to programs that read from a centre: keep what it says for about a minute.
    default: || Duration::from_mins(1),
    about: "how long a token is used before the centre is asked again, by the next send",
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
        let url = self.open(&mut table, &URL);
        let url = url.map(|said| {
            let shown = without_keys(&said.value);
            self.note_hidden(&said.key, shown, &said.origin, said.value.as_str());
            said.value
        });
        let header = self.centre_header(&mut table);
        let poll = self.read(&mut table, &POLL);
        table.finish(self.problems);
        Some(TokenCentre {
            url: Secret::new(url?),
            header: header.ok()?,
            poll,
        })
    }

    /// The header, if there is one.
    fn centre_header(&mut self, table: &mut Section) -> Result<Option<CentreHeader>, Told> {
        let name = self.open(table, &HEADER);
        let value = self.secret(table, &HEADER_VALUE);
        match (name, value) {
            (None, Found::Nothing) => Ok(None),
            (_, Found::Wrong) => Err(Told),
            (None, Found::Secret(_) | Found::Absent) => {
                let problem = table.error("there is a value for a header, but no `header`");
                self.problems.push(
                    problem.help("say `header = \"Authorization\"`, or what the centre wants"),
                );
                Err(Told)
            }
            (Some(name), Found::Nothing) => {
                let variable = variable_of(table, HEADER_VALUE.key);
                let problem = name.error("the header has no value");
                let help = format!("say `header_value_file = \"…\"`, or set {variable}");
                match self.lacking(table, problem.help(help)).into_secret() {
                    Some(value) => Ok(Some(CentreHeader {
                        name: name.value,
                        value,
                    })),
                    None => Err(Told),
                }
            }
            (Some(name), Found::Absent) => {
                Ok(Found::Absent.into_secret().map(|value| CentreHeader {
                    name: name.value,
                    value,
                }))
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

fn centre_url(text: &str) -> Result<Url, Mistake> {
    let parsed = Url::parse(text.trim()).ok();
    let http = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
    // Not repeated: a key may stand in it.
    http.ok_or_else(|| Mistake {
        message: "this is not a URL".to_owned(),
        help: "begin with http:// or https://".to_owned(),
    })
}

/// A name, a password or a query may be a key, so only the rest is shown.
fn without_keys(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}"));
    format!(
        "{}://{}{}{}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        port.unwrap_or_default(),
        url.path(),
        url.query().map_or("", |_| "?(hidden)"),
    )
}
