//! What became of an event, told in one place: how it was read, which rules want it and why, what each message came to, and what is to be said.
//!
//! A [`Sought`] says what is asked about, and [`Heard`] what was found on the topics. An [`Inquiry`] about a record says what the store is to be
//! asked, and makes an [`EventTold`] of the answers. No IO: the command, and a console, bring what they have read.

mod absence;
mod asked;
mod heard;
mod inquiry;
mod parts;
mod pauses;
mod present;
mod sought;
mod standing;
mod told;
mod values;
mod words;

pub use absence::{Nothing, Reading};
pub use asked::MessageAsked;
pub use heard::{Heard, HeardOutcome, Lying, MOST_FOUND};
pub use inquiry::{Committed, Context, Facts, Inquiry};
pub use pauses::held_rules;
pub use sought::Sought;
pub use told::{
    EventTold, GrantTold, LineTold, MessageTold, PauseTold, Present, RecordState, RuleNow, RuleTold,
};
pub use values::{Shown, Veil, veiled};
pub use words::{About, Pending, Words, words};

#[cfg(test)]
mod tests;
