//! `WeChat`'s API: one message, one call, one answer that the core can decide upon.

mod body;
mod client;
mod errcode;
mod login;
mod quota;
mod token;

pub use body::SendBody;
pub use client::{Called, WeChat};
pub use errcode::{TABLE, class_of, token_class_of};
pub use quota::Quota;
pub use token::{Mode, TokenState, TokenStatus};
