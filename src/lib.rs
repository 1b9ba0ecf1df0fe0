//! wx-courier turns business events on Kafka into `WeChat` mini-program subscribe messages, and tells on a result topic what became of
//! each one.
//!
//! ```text
//! Kafka ─▶ Record ─▶ Event ─▶ Draft ─▶ Message ─▶ Cleared ─▶ Answer ─▶ Outcome ─▶ acknowledged ─▶ offset committed
//!          edges     decode   match    validate   admission  edges     settle     edges           ledger
//!                             render   types,     recipient,
//!                                      limits     limits, expiry
//! ```
//!
//! Every arrow may end in an [`Outcome`](wx_courier_core::model::outcome::Outcome) instead, and nothing else ends a message.
//! [`wx_courier_core`] decides and knows no IO; [`edges`] do all IO and decide nothing; [`service`] is the loop between them.
//! `ARCHITECTURE.md` has the whole map.

pub mod cli;
pub mod config;
pub mod console;
pub mod edges;
pub mod explaining;
pub mod replaying;
pub mod service;
pub mod telemetry;
