//! One input in, effects out: the whole service as a value.
//!
//! The engine owns every message between the moment its record was read and the moment the broker acknowledged its outcome. It has no
//! clock, no IO and no randomness of its own, so a crash, a rebalance in the middle of a send or a storm of refused tokens can be
//! played from a seed. `service` carries the effects out and brings the answers back.
//!
//! | file | what it knows |
//! |---|---|
//! | `port` | what the engine is told, and what it wants |
//! | `engine` | one round: inputs, then what follows from them |
//! | `message` | the states of a message |
//! | `transition` | what leads from one state to the next |
//! | `in_flight` | every message in hand, and every index of them |
//! | `intake`, `window` | record → what it owes; what is spilled when the window is full |
//! | `addressing`, `exchanges` | from a login code to a user |
//! | `claiming`, `doubt`, `ages`, `sending`, `settling`, `repeated`, `publishing`, `unreadable`, `granting` | a message on its way, state by state |
//! | `pausing`, `rate_share` | what concerns more than one message |
//! | `partitions`, `offsets` | partitions come and go; how far each may be committed |
//! | `attempt` | what follows from a call's answer (`attempt/treatment` is the table) |
//! | `naming` | how an outcome names its user |
//! | `report`, `status` | what outcomes say, and what people see of the engine |

mod addressing;
mod ages;
pub mod attempt;
mod claiming;
mod comparing;
mod doubt;
mod engine;
mod exchanges;
mod faults;
mod granting;
mod in_flight;
mod intake;
mod message;
mod naming;
pub mod offsets;
mod partitions;
mod pausing;
mod port;
mod publishing;
mod punishing;
mod rate_share;
mod remaking;
mod repeated;
mod report;
mod sending;
mod settling;
mod status;
mod transition;
mod unmatched;
mod unreadable;
mod window;

pub use engine::Engine;
pub use partitions::HandoverId;
pub use pausing::is_of_rules;
pub use port::{Difference, Effect, Input, Setup, Unmatched};
pub use publishing::Unpublished;
pub(crate) use repeated::name_event;
pub use status::{
    PartitionStatus, PauseStatus, PunishmentStatus, ShareStatus, Status, WaitingStatus,
};
pub use unmatched::UnmatchedType;

#[cfg(test)]
mod tests;
