//! The console: what became of every message, on pages for people who use no terminal.
//!
//! It is a process of its own beside a fleet, or a part of the demo. It reads topics and asks instances; it owns nothing but a history that can be
//! made again from the topics.

pub mod feed;
pub mod filter;
pub mod history;
