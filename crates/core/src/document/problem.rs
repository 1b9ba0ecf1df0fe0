//! A mistake that its reader can act on.

use std::fmt;

use serde::Serialize;

use super::Origin;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing starts with this.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// One mistake in a file of ours or in a setting: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, the environment variable or the flag; `None` where no single place is at fault.
    pub place: Option<String>,
    /// The line in the file, counted from 1.
    pub line: Option<u32>,
    /// The rule, where a rule is at fault.
    pub rule: Option<String>,
    /// The key inside the file, dotted: `params.thing2`, `kafka.brokers`.
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// An error at a place.
    pub fn error(origin: &Origin, message: impl Into<String>) -> Self {
        let (place, line) = match origin {
            Origin::Default => (None, None),
            Origin::File { file, line } => (Some(file.to_string()), Some(*line)),
            Origin::Environment(name) => (Some(format!("environment {name}")), None),
            Origin::Flag(name) => (Some(format!("flag {name}")), None),
        };
        Self {
            severity: Severity::Error,
            place,
            line,
            rule: None,
            key: None,
            message: message.into(),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(origin: &Origin, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(origin, message)
        }
    }

    /// An error in a file as a whole, or in something that is no file at all.
    pub fn in_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: Some(file.into()),
            ..Self::error(&Origin::Default, message)
        }
    }

    /// The same, naming the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same, naming the rule.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// The same, with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match (&self.place, self.line) {
            (Some(place), Some(line)) => write!(f, "{place}:{line}: {severity}: ")?,
            (Some(place), None) => write!(f, "{place}: {severity}: ")?,
            (None, _) => write!(f, "{severity}: ")?,
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\n    help: {help}")?;
        }
        Ok(())
    }
}

/// Every mistake found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes one more.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Notes all of another list.
    pub fn extend(&mut self, problems: Self) {
        self.0.extend(problems.0);
    }

    /// Whether anything stands against a start.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// All of them, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// Names the rule in every problem from `start` on that names none yet.
    pub fn name_rule(&mut self, start: usize, rule: &str) {
        for problem in self.0.iter_mut().skip(start) {
            problem.rule.get_or_insert_with(|| rule.to_owned());
        }
    }

    /// How many there are in all.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
