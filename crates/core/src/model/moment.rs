//! The present, as the core is told it: nothing in here reads a clock.

use std::time::Duration;

/// One reading of both clocks. The first never jumps and times waits and limits; the second is the calendar's, as [`crate::calendar`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time since the process began, monotonic.
    pub elapsed: Duration,
    /// Unix milliseconds.
    pub unix_ms: i64,
}

impl Moment {
    /// Older than everything.
    pub const LONG_AGO: Self = Self {
        elapsed: Duration::ZERO,
        unix_ms: i64::MIN,
    };
}
