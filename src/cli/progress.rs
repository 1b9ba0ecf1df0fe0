//! One line on a terminal that is written over and over.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::asked_to_end;
use crate::edges::kafka::scan::HowFar;

/// Before that much has been done, what is left cannot be told.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// The line; a program that reads standard error sees nothing of it.
pub(super) struct Progress {
    is_terminal: bool,
    is_shown: bool,
    began: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            is_shown: false,
            began: Instant::now(),
        }
    }

    /// Writes the line anew.
    pub(super) fn show(&mut self, line: fmt::Arguments<'_>) {
        if self.is_terminal {
            self.is_shown = true;
            // Back to the beginning of the line, and what is right of the new text goes.
            let mut out = io::stderr().lock();
            let _gone = write!(out, "\r{line}\x1b[K")
                .and_then(|()| out.flush())
                .is_err();
        }
    }

    /// The same where it is known how much there is: with the share that is done, and how long the rest will take at this pace.
    pub(super) fn show_of(&mut self, what: &str, done: u64, of: u64) {
        let line = estimate(what, (done, of), self.began.elapsed());
        self.show(format_args!("{line}"));
    }

    /// Takes the line away: what comes next begins on it.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let mut out = io::stderr().lock();
            let _gone = write!(out, "\r\x1b[K").and_then(|()| out.flush()).is_err();
        }
    }
}

/// Waits for work that tells how far it is, and shows that; none if the process was asked to end before.
pub(super) async fn shown<T>(
    what: &str,
    work: impl Future<Output = T>,
    mut told: watch::Receiver<HowFar>,
) -> io::Result<Option<T>> {
    let (mut work, mut asked) = (pin!(work), pin!(asked_to_end()));
    let mut line = Progress::new();
    let done = loop {
        tokio::select! {
            done = &mut work => break Ok(Some(done)),
            ended = &mut asked => break ended.map(|()| None),
            Ok(()) = told.changed() => {
                let HowFar { read, of } = *told.borrow_and_update();
                line.show_of(what, read, of);
            }
        }
    };
    line.end();
    done
}

/// `reading: 1200 of 5000 records (24 %), about 12 s left`
fn estimate(what: &str, (done, of): (u64, u64), elapsed: Duration) -> String {
    // What is counted beforehand may be less than what comes.
    let of = of.max(done);
    let percent = (u128::from(done) * 100)
        .checked_div(u128::from(of))
        .unwrap_or_default();
    let line = format!("{what}: {done} of {of} ({percent} %)");
    if done == 0 || done == of || elapsed < FIRST_LOOK {
        return line;
    }
    let left_ms = elapsed.as_millis() * u128::from(of - done) / u128::from(done);
    let left = match left_ms.div_ceil(1000) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    };
    format!("{line}, about {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_estimated_by_the_pace_so_far() {
        let told = |done, of, seconds| estimate("read", (done, of), Duration::from_secs(seconds));
        assert_eq!(told(0, 0, 9), "read: 0 of 0 (0 %)");
        assert_eq!(told(1, 1000, 1), "read: 1 of 1000 (0 %)");
        assert_eq!(
            told(250, 1000, 4),
            "read: 250 of 1000 (25 %), about 12 s left"
        );
        assert_eq!(
            told(100, 10_000, 10),
            "read: 100 of 10000 (1 %), about 17 min left"
        );
        assert_eq!(
            told(1, 10_000, 10),
            "read: 1 of 10000 (0 %), about 28 h left"
        );
        assert_eq!(told(1000, 900, 10), "read: 1000 of 1000 (100 %)");
    }
}
