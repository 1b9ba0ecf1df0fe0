//! `WeChat`'s API: one message, one call, one answer that the core can decide upon.

mod api;
mod body;
mod client;
mod errcode;
mod inquiry;
mod login;
mod quota;
mod rid;
mod send;
mod templates;
#[cfg(test)]
mod test_app;
mod token;

pub use body::SendBody;
pub use client::{Adopted, Clients, WeChat};
pub use inquiry::Unanswered;
pub use quota::{CallRate, Quota};
pub use rid::{Show, Traced};
pub use send::Called;
pub use token::{Mode, TokenState, TokenStatus};
