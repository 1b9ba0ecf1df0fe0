//! All IO. Nothing in here decides anything about a message: it carries effects out and brings answers back.

pub mod clock;
pub mod grants;
pub mod http;
pub mod kafka;
pub mod public;
pub mod store;
pub mod wechat;
