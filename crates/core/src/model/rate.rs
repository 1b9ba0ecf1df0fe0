//! How fast something may go.

use std::num::NonZeroU32;

/// So many sends a second, with so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Sends a second; fractions are allowed, `0.5` is one every two seconds.
    pub per_second: f64,
    /// How many may go at once after a quiet time.
    pub burst: NonZeroU32,
}
