//! One line on a terminal that is written over and over.

use std::fmt;
use std::io::{IsTerminal, Write};

/// The line; a program that reads standard error sees nothing of it.
pub(super) struct Progress {
    is_terminal: bool,
    is_shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            is_shown: false,
        }
    }

    /// Writes the line anew.
    pub(super) fn show(&mut self, line: fmt::Arguments<'_>) {
        if self.is_terminal {
            self.is_shown = true;
            // Back to the beginning of the line, and what is right of the new text goes.
            let mut out = std::io::stderr().lock();
            let _gone = write!(out, "\r{line}\x1b[K")
                .and_then(|()| out.flush())
                .is_err();
        }
    }

    /// Takes the line away: what comes next begins on it.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let mut out = std::io::stderr().lock();
            let _gone = write!(out, "\r\x1b[K").and_then(|()| out.flush()).is_err();
        }
    }
}
