//! `WeChat`'s API: one message, one call, one answer that the core can decide upon.

mod body;
mod client;
mod errcode;
mod inquiry;
mod login;
mod quota;
mod rid;
mod templates;
mod token;

pub use body::SendBody;
pub use client::{Called, WeChat};
pub use errcode::{TABLE, class_of, token_class_of};
pub use inquiry::Unanswered;
pub use quota::{CallRate, Quota};
pub use rid::{Show, Traced};
pub use token::{Mode, TokenState, TokenStatus};
