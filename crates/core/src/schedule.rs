//! Which message may be sent next.

pub mod admission;
pub mod limits;
pub mod pauses;
pub mod share;
