//! Questions to the user at the terminal.

use std::fmt;
use std::io::{BufRead, IsTerminal, Write};

use super::asked_to_end;

/// Asks for a line, trimmed. `None` where no user sits at one. A user who ends the process instead has said nothing.
pub(super) async fn line(question: impl fmt::Display) -> anyhow::Result<Option<String>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let question = question.to_string();
    let ask = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stderr().lock();
        write!(out, "{question}")?;
        out.flush()?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        std::io::Result::Ok(line)
    });
    let line = tokio::select! {
        line = ask => line??,
        ended = asked_to_end() => {
            ended?;
            String::new()
        }
    };
    Ok(Some(line.trim().to_owned()))
}

/// Whether a line means yes.
pub(super) fn is_yes(line: &str) -> bool {
    matches!(line, "y" | "Y" | "yes")
}
