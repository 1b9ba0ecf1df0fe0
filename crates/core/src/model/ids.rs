//! Names of things, each a type of its own.

use std::fmt;
use std::sync::Arc;

/// A message, or a report of a user's answer, in the engine's hands, by a number that is never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The holder of a claim: one question of one process. The next question for the same message is another holder, so that a claim which was renewed
/// is not taken for the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// One life of one process, by a number drawn at its start.
    pub process: u64,
    /// A number that is never used twice in that life.
    pub ticket: Ticket,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.process, self.ticket.0)
    }
}

impl Holder {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (process, ticket) = text.split_once('-')?;
        Some(Self {
            process: u64::from_str_radix(process, 16).ok()?,
            ticket: Ticket(ticket.parse().ok()?),
        })
    }
}

/// A partition of a source topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic.
    pub topic: Arc<str>,
    /// The number.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// Which assignment of a partition: the same partition, given again, has a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);
