//! The texts themselves, by what has become of the message.

pub(super) mod answered;
pub(super) mod unended;
pub(super) mod unmade;
pub(super) mod unsent;

use super::Words;

/// What became of a message, where the rest is said as of another one.
pub(super) struct Ops {
    pub(super) english: &'static str,
    pub(super) chinese: &'static str,
}
