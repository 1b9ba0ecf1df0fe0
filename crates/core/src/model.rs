//! The words that the whole core shares: ids, times, records, outcomes, audit records. Imports nothing else of the core.

pub mod audit;
mod digest;
mod hex;
mod ids;
mod moment;
pub mod outcome;
mod rate;
mod record;
mod time;

pub use digest::{Digester, digest, is_digest};
pub use hex::hex;
pub use ids::{Epoch, Holder, Partition, Ticket};
pub use moment::Moment;
pub use rate::Rate;
pub use record::Record;
pub use time::{moment_of_epoch, rfc3339_ms};
