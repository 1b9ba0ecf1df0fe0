//! A table being read: each key is asked for by name and type; a key that was not asked for is a mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::{Item, Node, Origin, Problem, Problems};

/// A value and where it was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Where it was said.
    pub origin: Origin,
    /// Its key, dotted from the top of the file.
    pub key: String,
}

impl<T> Said<T> {
    /// The same place, another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Said<U> {
        Said {
            value: change(self.value),
            origin: self.origin,
            key: self.key,
        }
    }

    /// An error about this value.
    pub fn error(&self, message: impl Into<String>) -> Problem {
        Problem::error(&self.origin, message).key(self.key.clone())
    }

    /// A warning about this value.
    pub fn warning(&self, message: impl Into<String>) -> Problem {
        Problem::warning(&self.origin, message).key(self.key.clone())
    }
}

/// A table being read.
#[derive(Debug)]
pub struct Section {
    path: String,
    origin: Origin,
    left: BTreeMap<String, Node>,
    asked: BTreeSet<&'static str>,
}

impl Section {
    /// Begins to read a table; `path` is its dotted key, empty at the top of a file.
    pub fn new(problems: &mut Problems, path: impl Into<String>, node: Node) -> Self {
        let path = path.into();
        let left = match node.item {
            Item::Table(table) => table,
            other @ (Item::String(_)
            | Item::Integer(_)
            | Item::Float(_)
            | Item::Boolean(_)
            | Item::Array(_)) => {
                problems.push(
                    Problem::error(
                        &node.origin,
                        format!("expected a table, found {}", other.kind()),
                    )
                    .key(path.clone()),
                );
                BTreeMap::new()
            }
        };
        Self {
            path,
            origin: node.origin,
            left,
            asked: BTreeSet::new(),
        }
    }

    /// Where the table begins.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// An error about the table as a whole: something is missing in it.
    pub fn error(&self, message: impl Into<String>) -> Problem {
        let problem = Problem::error(&self.origin, message);
        if self.path.is_empty() {
            problem
        } else {
            problem.key(self.path.clone())
        }
    }

    /// The dotted name of a key of this table.
    pub fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Whether a key is there and not taken yet.
    pub fn says(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// Takes a value as it is.
    pub fn take(&mut self, key: &'static str) -> Option<Said<Node>> {
        self.asked.insert(key);
        let node = self.left.remove(key)?;
        Some(Said {
            origin: node.origin.clone(),
            key: self.key_path(key),
            value: node,
        })
    }

    /// Takes text.
    pub fn take_string(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
    ) -> Option<Said<String>> {
        self.take_as(problems, key, "text", |item, _| item.as_text())
    }

    /// Takes text that must be there; its absence is an error, with `help`.
    pub fn require_string(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
        help: &str,
    ) -> Option<Said<String>> {
        if !self.left.contains_key(key) {
            self.asked.insert(key);
            problems.push(self.error(format!("`{key}` is missing")).help(help));
            return None;
        }
        self.take_string(problems, key)
    }

    /// Takes a whole number between two bounds, both included.
    pub fn take_integer(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
        least: i64,
        most: i64,
    ) -> Option<Said<i64>> {
        let said = self.take_as(problems, key, "a whole number", |item, digits| match item {
            Item::Integer(number) => Some(*number),
            Item::String(_)
            | Item::Float(_)
            | Item::Boolean(_)
            | Item::Array(_)
            | Item::Table(_) => digits?.parse().ok(),
        })?;
        if (least..=most).contains(&said.value) {
            return Some(said);
        }
        let number = said.value;
        problems.push(said.error(format!(
            "{number} is out of range: expected a whole number from {least} to {most}"
        )));
        None
    }

    /// Takes a number above zero, with or without a fraction.
    pub fn take_positive(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
    ) -> Option<Said<f64>> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "rates and ratios of settings are far below 2^53"
        )]
        let said = self.take_as(
            problems,
            key,
            "a number above zero",
            |item, digits| match item {
                Item::Integer(number) => Some(*number as f64),
                Item::Float(number) => Some(*number),
                Item::String(_) | Item::Boolean(_) | Item::Array(_) | Item::Table(_) => {
                    digits?.parse().ok()
                }
            },
        )?;
        if said.value.is_finite() && said.value > 0.0 {
            return Some(said);
        }
        problems.push(said.error(format!(
            "expected a number above zero, found {}",
            said.value
        )));
        None
    }

    /// Takes one text or a list of texts. An environment variable lists them with commas.
    pub fn take_strings(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
    ) -> Option<Said<Vec<String>>> {
        self.take_as(problems, key, "text or a list of texts", |item, said| {
            if let Some(listed) = said {
                return Some(
                    listed
                        .split(',')
                        .map(|part| part.trim().to_owned())
                        .collect(),
                );
            }
            match item {
                Item::String(text) => Some(vec![text.clone()]),
                Item::Array(nodes) => nodes
                    .iter()
                    .map(|node| match &node.item {
                        Item::String(text) => Some(text.clone()),
                        Item::Integer(_)
                        | Item::Float(_)
                        | Item::Boolean(_)
                        | Item::Array(_)
                        | Item::Table(_) => None,
                    })
                    .collect(),
                Item::Integer(_) | Item::Float(_) | Item::Boolean(_) | Item::Table(_) => None,
            }
        })
    }

    /// Takes a value that `read` understands. `read` is also given the text of a variable or flag, trimmed: those can only say text,
    /// so a number in them is read from its digits.
    fn take_as<T>(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Item, Option<&str>) -> Option<T>,
    ) -> Option<Said<T>> {
        let said = self.take(key)?;
        let is_variable = matches!(said.origin, Origin::Environment(_) | Origin::Flag(_));
        let text = if let Item::String(text) = &said.value.item
            && is_variable
        {
            Some(text.trim())
        } else {
            None
        };
        let Some(value) = read(&said.value.item, text) else {
            let found = said.value.item.kind();
            problems.push(said.error(format!("expected {expected}, found {found}")));
            return None;
        };
        Some(said.map(|_| value))
    }

    /// Takes one word of a closed set.
    pub fn take_choice<T: Copy>(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<Said<T>> {
        let said = self.take_string(problems, key)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == said.value) {
            return Some(said.map(|_| *choice));
        }
        let words: Vec<_> = choices
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        problems.push(said.error(format!(
            "\"{}\" is not known here: expected {}",
            said.value,
            words.join(", ")
        )));
        None
    }

    /// Takes a length of time: `"500ms"`, `"30s"`, `"15m"`, `"24h"`, `"3d"`.
    pub fn take_duration(
        &mut self,
        problems: &mut Problems,
        key: &'static str,
    ) -> Option<Said<std::time::Duration>> {
        let expected = "a length of time in quotes, like \"30s\" or \"15m\"";
        let said = self.take_as(problems, key, expected, |item, _| item.as_text())?;
        if let Some(duration) = parse_duration(&said.value).filter(|duration| !duration.is_zero()) {
            return Some(said.map(|_| duration));
        }
        problems.push(
            said.error(format!(
                "\"{}\" is not a length of time above zero",
                said.value
            ))
            .help("write a whole number with ms, s, m, h or d: \"500ms\", \"30s\", \"15m\""),
        );
        None
    }

    /// Takes a table, to be read on.
    pub fn take_section(&mut self, problems: &mut Problems, key: &'static str) -> Option<Self> {
        let said = self.take(key)?;
        Some(Self::new(problems, said.key, said.value))
    }

    /// Takes every key that is left, whatever its name: for tables whose keys are names of the user's.
    pub fn take_rest(&mut self) -> Vec<(String, Said<Node>)> {
        let left = std::mem::take(&mut self.left);
        let said = |(name, node): (String, Node)| {
            let said = Said {
                origin: node.origin.clone(),
                key: self.key_path(&name),
                value: node,
            };
            (name, said)
        };
        left.into_iter().map(said).collect()
    }

    /// Ends the reading: a key that is left is a mistake, and the nearest known one is suggested.
    pub fn finish(mut self, problems: &mut Problems) {
        for (name, said) in self.take_rest() {
            let known: Vec<_> = self.asked.iter().copied().collect();
            let problem = said.error(format!("the key `{name}` is not known here"));
            problems.push(match nearest(&name, &known) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("known here: {}", known.join(", "))),
            });
        }
    }
}

/// A length of time such as `30s`, `10m`, `2h` or `3d`; at most ten years.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "ms" => {
            return Some(std::time::Duration::from_millis(
                number.min(10 * 365 * 86_400_000),
            ));
        }
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    // Ten years are as good as for ever, and keep the arithmetic of times far from its ends.
    let seconds = number.checked_mul(seconds)?.min(10 * 365 * 86_400);
    Some(std::time::Duration::from_secs(seconds))
}

/// The candidate that a slip of the finger most likely meant: at most a third of its letters away.
pub fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let (distance, candidate) = candidates
        .iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), *candidate))
        .min()?;
    (distance * 3 <= candidate.chars().count().max(3)).then_some(candidate)
}

/// How many names are told where one is not known.
const MOST_NAMES: usize = 12;

/// The end of a sentence that says that a name is not known: what may be meant, and what there is.
pub fn known_instead(name: &str, known: &[&str]) -> String {
    let mut known = known.to_vec();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        return "; there is none at all".to_owned();
    }
    let meant = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`? There are"),
        None => "there are".to_owned(),
    };
    let more = match known.len().checked_sub(MOST_NAMES) {
        None | Some(0) => String::new(),
        Some(more) => {
            known.truncate(MOST_NAMES);
            format!(" and {more} more")
        }
    };
    format!("; {meant}: {}{more}", known.join(", "))
}
