//! The core of wx-courier: every decision about a message, and no IO, no clock, no async, no randomness of its own.
//!
//! It takes values, the time and the seed included, and returns values. So the same code serves the service, `check`, `preview` and
//! the simulation, and a crash can be played a thousand times a second.
//!
//! A module imports only those above it:
//!
//! | module | what it knows |
//! |---|---|
//! | [`document`] | how people's TOML is read: every mistake at once, with its place |
//! | [`model`] | the words that all share: ids, times, records, outcomes |
//! | [`wechat`] | `WeChat`'s contract as data |
//! | [`event`] | record → event |
//! | [`catalog`] | the templates that an app has |
//! | [`message`] | draft → message |
//! | [`rules`] | event → drafts |
//! | [`grants`] | what users have allowed |
//! | [`holds`] | what is stopped until a person lets it go on |
//! | [`state`] | what is remembered of messages, and what a store answers |
//! | [`schedule`] | which message may be sent next: turns, limits, pauses, shares |
//! | [`calendar`] | what time it is, when clocks jump |
//! | [`flow`] | one input in, effects out: a message from its record to its acknowledged outcome |
//! | [`replay`] | which messages a replay is about |
//! | [`explanation`] | what became of an event, in one place, and what is said of it |

pub mod calendar;
pub mod catalog;
pub mod document;
pub mod event;
pub mod explanation;
pub mod flow;
pub mod grants;
pub mod holds;
pub mod instances;
pub mod message;
pub mod model;
pub mod replay;
pub mod rules;
pub mod schedule;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;
pub mod wechat;
