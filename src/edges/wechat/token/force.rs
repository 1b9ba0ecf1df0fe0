//! When a forced refresh may be used: `WeChat`'s limits, a reserve for later, and what the last one came to.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// `WeChat`: `getStableAccessToken`, a forced refresh within 30 s of the last one brings the same token.
const APART: Duration = Duration::from_secs(30);
/// `WeChat`: `getStableAccessToken`, `force_refresh` 20 times a day.
const A_DAY: usize = 20;
const DAY: Duration = Duration::from_hours(24);
/// Of these so many are for the first refresh of a later incident. An incident that has used up its own is over, at the latest, when
/// the refused token reaches its age of two hours. So five cover half a day, in which no incident costs more than the two hours that
/// one without any forced refresh costs.
const RESERVE: usize = 5;

/// The wait after a refresh that did not cure. Whatever it was asked for may have been carried out: a replaced token lives on for five
/// minutes in `WeChat`'s normal course, so by then its servers agree.
const FIRST_WAIT_IN_VAIN: Duration = Duration::from_mins(5);
/// The wait doubles up to this: the refused token may live for two hours, so there is one try more before its age ends it.
const LONGEST_WAIT_IN_VAIN: Duration = Duration::from_mins(80);

/// What became of the forced refreshes of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// There was none.
    Unused,
    /// A send was accepted with a token that came after the last one: it helps.
    Cured,
    /// No send was accepted since with any token but the one that was refused; perhaps the answer was lost, perhaps there is none yet.
    InVain {
        /// The token that it was to replace.
        refused: u64,
        /// From the question to the next one.
        wait: Duration,
    },
}

/// The forced refreshes of one app, as far as this process asked for them.
#[derive(Debug)]
pub(super) struct Forcing {
    /// When they were asked for, within a day, the newest last.
    asked_at: VecDeque<Instant>,
    course: Course,
}

impl Forcing {
    pub(super) fn new() -> Self {
        Self {
            asked_at: VecDeque::new(),
            course: Course::Unused,
        }
    }

    /// When the next one may be asked for. There always is such a time.
    pub(super) fn earliest(&self) -> Option<Instant> {
        let last = self.asked_at.back()?;
        let (wait, most) = match self.course {
            Course::Unused => (APART, A_DAY),
            Course::Cured => (APART, A_DAY - RESERVE),
            Course::InVain { wait, .. } => (wait, A_DAY - RESERVE),
        };
        let full = self.asked_at.iter().rev().nth(most - 1);
        let earliest = *last + wait;
        Some(full.map_or(earliest, |first| earliest.max(*first + DAY)))
    }

    pub(super) fn may(&self, now: Instant) -> bool {
        self.earliest().is_none_or(|earliest| earliest <= now)
    }

    /// When the last one was asked for.
    pub(super) fn last(&self) -> Option<Instant> {
        self.asked_at.back().copied()
    }

    /// One is asked for, because this token is refused. It counts from here on: whether it was carried out cannot be known if its answer
    /// is lost.
    pub(super) fn asked(&mut self, now: Instant, refused: u64) {
        self.asked_at
            .retain(|at| now.saturating_duration_since(*at) < DAY);
        self.asked_at.push_back(now);
        let wait = match self.course {
            Course::Unused | Course::Cured => FIRST_WAIT_IN_VAIN,
            Course::InVain { wait, .. } => (wait * 2).min(LONGEST_WAIT_IN_VAIN),
        };
        self.course = Course::InVain { refused, wait };
    }

    /// A send was accepted with this token.
    pub(super) fn accepted(&mut self, token: u64) {
        match self.course {
            Course::InVain { refused, .. } if refused != token => self.course = Course::Cured,
            Course::Unused | Course::Cured | Course::InVain { .. } => {}
        }
    }

    /// What comes next is another incident.
    pub(super) fn incident_is_over(&mut self) {
        self.course = Course::Unused;
    }
}

#[cfg(test)]
mod tests;
