//! What a replay publishes again, and what it leaves: selection, counting and the list of errands, without any IO.
//!
//! A [`Survey`] hears every dead letter or every outcome and keeps the last word on each message that the [`Selection`] takes. For
//! each it examines the original record under the present rules. Then it hears the whole outcome topic, so that it knows what was
//! sent and what was tried since, and judges: the [`Count`] for a person, and one [`Errand`] for each record to be published.

mod candidate;
mod found;
mod selection;
mod survey;
mod verdict;
mod word;

pub use candidate::Context;
pub use found::Group;
pub use selection::Selection;
pub use survey::{Full, Survey};
pub use verdict::{Count, Errand, Example, Form, Judged, Sending};
pub use word::{Word, original};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests;
