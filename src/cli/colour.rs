//! Colours, sparingly: the words `error` and `warning`, and the marks ✓ and ✗. On a terminal only, and not where `NO_COLOR` is set.

use std::fmt;
use std::io::IsTerminal as _;

use crate::telemetry::Colours;
use wx_courier_core::document::{Problem, Severity};

/// What the log shall have.
pub(super) fn of_log() -> Colours {
    if Stream::Errors.is_coloured() {
        Colours::On
    } else {
        Colours::Off
    }
}

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Errors,
}

/// A colour of the terminal's own choice.
#[derive(Clone, Copy)]
enum Colour {
    Red,
    Green,
    Yellow,
}

impl Stream {
    /// Whether the reader sees colours there, and wants to.
    pub(super) fn is_coloured(self) -> bool {
        let is_terminal = match self {
            Self::Output => std::io::stdout().is_terminal(),
            Self::Errors => std::io::stderr().is_terminal(),
        };
        is_terminal
            && is_wanted(|name| {
                std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
            })
    }
}

/// <https://no-color.org>: whatever it is set to, but for nothing.
fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = variable("TERM").is_some_and(|value| value == "dumb");
    !is_refused && !is_dumb
}

/// A mistake, with the word that says how bad it is in a colour.
pub(super) fn problem(problem: &Problem, stream: Stream) -> String {
    let text = problem.to_string();
    if !stream.is_coloured() {
        return text;
    }
    let (word, colour) = match problem.severity {
        Severity::Error => ("error", Colour::Red),
        Severity::Warning => ("warning", Colour::Yellow),
    };
    text.replacen(&format!("{word}:"), &painted(word, colour, ":"), 1)
}

/// The beginning of a line that tells why a command has failed.
pub(super) fn error() -> impl fmt::Display {
    if Stream::Errors.is_coloured() {
        painted("error", Colour::Red, ":")
    } else {
        "error:".to_owned()
    }
}

/// A line that may begin with a mark, for standard output.
pub(super) fn marked(line: &str) -> String {
    if Stream::Output.is_coloured() {
        with_mark(line)
    } else {
        line.to_owned()
    }
}

fn with_mark(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let (indent, _) = line.split_at(line.len() - text.len());
    for (mark, colour) in [("✓", Colour::Green), ("✗", Colour::Red)] {
        if let Some(rest) = text.strip_prefix(mark) {
            return format!("{indent}{}", painted(mark, colour, rest));
        }
    }
    line.to_owned()
}

fn painted(word: &str, colour: Colour, rest: &str) -> String {
    let number = match colour {
        Colour::Red => 31,
        Colour::Green => 32,
        Colour::Yellow => 33,
    };
    format!("\x1b[{number}m{word}\x1b[0m{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_where_they_are_not_wanted() {
        let wanted = |set: &[(&str, &str)]| {
            is_wanted(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(wanted(&[]));
        assert!(wanted(&[("NO_COLOR", ""), ("TERM", "xterm")]));
        assert!(!wanted(&[("NO_COLOR", "1")]));
        assert!(!wanted(&[("TERM", "dumb")]));
    }

    #[test]
    fn a_mark_has_a_colour_and_nothing_else_has() {
        assert_eq!(with_mark("  ✗ to  -"), "  \x1b[31m✗\x1b[0m to  -");
        assert_eq!(with_mark("  ✓ to  o1"), "  \x1b[32m✓\x1b[0m to  o1");
        assert_eq!(with_mark("  to ✓"), "  to ✓");
        assert_eq!(with_mark(""), "");
    }
}
