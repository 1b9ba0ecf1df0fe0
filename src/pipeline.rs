//! THE CORE: every decision about a message, and no IO, no clock, no async, no randomness.
//!
//! It takes values, the time and the seed included, and returns values. So the same code serves the service, `check`, `preview` and
//! the simulation, and a crash can be played a thousand times a second.

pub mod admission;
pub mod calendar;
pub mod callback;
pub mod catalog;
pub mod claims;
pub mod delivery;
pub mod engine;
pub mod event;
pub mod grants;
pub mod limits;
pub mod logins;
pub mod message;
pub mod moment;
pub mod offsets;
pub mod outcome;
pub mod params;
pub mod pauses;
pub mod receipts;
pub mod replay;
pub mod rules;
pub mod share;
#[cfg(test)]
pub(crate) mod testing;
