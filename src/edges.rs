//! All IO. Nothing in here decides anything about a message: it carries effects out and brings answers back.

pub mod audit;
pub mod clock;
pub mod descriptors;
pub mod grants;
pub mod holds;
pub mod http;
pub mod instances;
pub mod kafka;
pub mod listener;
pub mod public;
pub mod store;
pub mod wechat;
