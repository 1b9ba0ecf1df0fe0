//! Which message may be sent next.

pub mod admission;
pub mod limits;
pub mod pauses;
pub mod punishments;
pub mod share;
