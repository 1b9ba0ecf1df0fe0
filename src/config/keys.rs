//! A key of the settings is one item: its name, what it may say, what holds without it, and what it is for.
//!
//! The reader takes a key by its item, so name, default, bounds and the words about a mistake stand once. [`tables`] tells what all of
//! them are; the tables of `docs/settings.md` are made of it.

use super::kinds::Kind;
use super::layers::variable;
use super::read::TABLES;

/// A key that has a default.
pub(super) struct Key<K: Kind> {
    pub(super) name: &'static str,
    pub(super) kind: K,
    pub(super) default: fn() -> K::Value,
    /// What it is for, as Markdown for the page.
    pub(super) about: &'static str,
}

/// A key that has none.
pub(super) struct Open<K> {
    pub(super) name: &'static str,
    pub(super) kind: K,
    pub(super) without: Without,
    /// What it is for, as Markdown for the page.
    pub(super) about: &'static str,
}

/// What holds where a key is not said.
pub(super) enum Without {
    /// It must be said.
    Required {
        /// The mistake if it is not.
        message: &'static str,
        help: &'static str,
    },
    /// This, as Markdown for the page.
    Means(&'static str),
}

/// The two keys that can say a secret: by itself, or by the name of a file that holds it.
pub(super) struct SecretKeys {
    /// The key whose value is the secret itself.
    pub(super) key: &'static str,
    /// The key that names a file.
    pub(super) file_key: &'static str,
    /// What the secret is, for messages.
    pub(super) what: &'static str,
    /// The same for the page, which has room for how it must be.
    pub(super) file_holds: &'static str,
    /// "the token", for the page.
    pub(super) short: &'static str,
    /// What else there is to say, as Markdown for the page.
    pub(super) about: &'static str,
}

/// What the page says about a key. Texts are Markdown.
pub struct Row {
    /// Its name in the table.
    pub name: &'static str,
    /// What may be said: type and bounds.
    pub value: String,
    /// What holds where it is not said.
    pub default: String,
    /// What it is for.
    pub about: String,
}

/// A table of the settings, with its keys.
pub struct Table {
    /// Its name, dotted from the top; `NAME` stands for a name of the user's.
    pub path: &'static str,
    pub(super) keys: &'static [&'static (dyn Described + Sync)],
}

/// Every table of the settings, in the order in which they are read.
pub fn tables() -> &'static [&'static Table] {
    TABLES
}

impl Table {
    /// The name of the table within the one around it.
    pub(super) fn key(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// What the page says about its keys.
    pub fn rows(&self) -> Vec<Row> {
        self.keys
            .iter()
            .flat_map(|key| key.rows(self.path))
            .collect()
    }

    /// The variable that says a key of this table.
    pub fn variable(&self, name: &str) -> String {
        variable(&format!("{}.{name}", self.path))
    }
}

/// What the page can say something about.
pub(super) trait Described {
    /// One row for each key.
    fn rows(&self, table: &str) -> Vec<Row>;
}

impl<K: Kind> Described for Key<K> {
    fn rows(&self, _table: &str) -> Vec<Row> {
        vec![Row {
            name: self.name,
            value: self.kind.expected(),
            default: self.kind.written(&(self.default)()),
            about: self.about.to_owned(),
        }]
    }
}

impl<K: Kind> Described for Open<K> {
    fn rows(&self, _table: &str) -> Vec<Row> {
        let default = match self.without {
            Without::Required { .. } => "required",
            Without::Means(words) => words,
        };
        vec![Row {
            name: self.name,
            value: self.kind.expected(),
            default: default.to_owned(),
            about: self.about.to_owned(),
        }]
    }
}

impl Described for SecretKeys {
    fn rows(&self, table: &str) -> Vec<Row> {
        let Self { key, file_key, .. } = self;
        let file = format!("a file with {}", self.file_holds);
        let variable = variable(&format!("{table}.{key}"));
        let itself = format!("{} itself, best as `{variable}`", self.short);
        let itself = match self.about {
            "" => itself,
            about => format!("{itself}. {about}"),
        };
        let row = |name, value: &str, about| Row {
            name,
            value: value.to_owned(),
            default: String::new(),
            about,
        };
        vec![row(file_key, "file", file), row(key, "secret", itself)]
    }
}
