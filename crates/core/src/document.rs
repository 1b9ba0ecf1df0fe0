//! How a file of ours is read: a tree of values that remember where they were said, and a reader that takes
//! them out one by one and collects every mistake instead of stopping at the first.
//!
//! Settings, the template catalog and rules all go through here, so that a mistake in any of them reads the same way:
//! file, line, key, what was expected, what to do.

pub(crate) mod encoding;
mod problem;
mod section;
mod toml_tree;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use encoding::other_encoding;
pub use problem::{Problem, Problems, Severity};
pub use section::{Said, Section, known_instead, nearest, parse_duration};
pub use toml_tree::parse;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was not said: the built-in default holds.
    Default,
    /// A line of a file.
    File {
        /// The file, as it was named on the way to it.
        file: Arc<str>,
        /// The line, counted from 1.
        line: u32,
    },
    /// An environment variable, by its name.
    Environment(Arc<str>),
    /// A flag of the command line, by its name.
    Flag(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value and where it was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub item: Item,
    /// Where it was said; for a table, where it begins.
    pub origin: Origin,
}

/// What TOML can say. Dates and times are read as their text: no setting of ours is one.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(BTreeMap<String, Node>),
}

impl Item {
    /// The text, if it is one.
    fn as_text(&self) -> Option<String> {
        if let Self::String(text) = self {
            return Some(text.clone());
        }
        None
    }

    /// What this is, for a sentence like "expected text, found a list".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "true or false",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The value as JSON: how a test's sample event becomes the data of an event.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.item {
            Item::String(text) => Value::from(text.as_str()),
            Item::Integer(number) => Value::from(*number),
            Item::Float(number) => Value::from(*number),
            Item::Boolean(answer) => Value::from(*answer),
            Item::Array(nodes) => nodes.iter().map(Self::to_json).collect(),
            Item::Table(table) => Value::Object(
                table
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_json()))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
