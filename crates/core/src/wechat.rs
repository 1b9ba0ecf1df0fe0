//! `WeChat`'s contract as data: params, codes, logins, callbacks, receipts. Nothing in here calls it.

pub mod callback;
mod class;
pub mod logins;
pub mod params;
pub mod receipts;
mod unknown;
mod word;

pub use class::Class;
pub use unknown::{OTHER, Unknown, UnknownKind};
pub use word::{Meaning, Word};
