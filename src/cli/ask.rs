//! Questions to the user at the terminal.

use std::fmt;
use std::io::{BufRead, IsTerminal, Write};

use super::asked_to_end;

/// What came of a question.
pub(super) enum Asked {
    /// A line, trimmed.
    Line(String),
    /// The user has ended the process, or the input, instead.
    Ended,
    /// No user sits at a terminal.
    NoTerminal,
}

/// Asks for a line.
pub(super) async fn answer(question: impl fmt::Display) -> anyhow::Result<Asked> {
    if !std::io::stdin().is_terminal() {
        return Ok(Asked::NoTerminal);
    }
    let question = question.to_string();
    let ask = tokio::task::spawn_blocking(move || {
        // Not locked beyond the question: a user who ends the process is told something, while this still waits for the line.
        let mut out = std::io::stderr();
        write!(out, "{question}")?;
        out.flush()?;
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line)?;
        std::io::Result::Ok((read > 0).then_some(line))
    });
    let line = tokio::select! {
        line = ask => line??,
        ended = asked_to_end() => {
            ended?;
            None
        }
    };
    if let Some(line) = line {
        return Ok(Asked::Line(line.trim().to_owned()));
    }
    // What comes next begins below the question.
    let _gone = writeln!(std::io::stderr()).is_err();
    Ok(Asked::Ended)
}

/// The same, where a user who ends the process has said nothing. `None` where no user sits at a terminal.
pub(super) async fn line(question: impl fmt::Display) -> anyhow::Result<Option<String>> {
    Ok(match answer(question).await? {
        Asked::Line(line) => Some(line),
        Asked::Ended => Some(String::new()),
        Asked::NoTerminal => None,
    })
}

/// Whether a line means yes.
pub(super) fn is_yes(line: &str) -> bool {
    matches!(line, "y" | "Y" | "yes")
}
