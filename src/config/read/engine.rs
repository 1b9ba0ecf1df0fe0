//! `[engine]`: how much is in hand at once, and how long letting go of it may take.

use std::time::Duration;

use super::Reader;
use crate::config::Engine;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Count, Length};
use wx_courier_core::document::Section;

pub(super) static ENGINE: Table = Table {
    path: "engine",
    keys: &[&MAX_MESSAGES, &MAX_BYTES, &DRAIN, &HANDOVER],
};

static MAX_MESSAGES: Key<Count> = Key {
    name: "max_messages",
    kind: Count(1, 10_000_000),
    default: || 10_000,
    about: "messages in hand; at this many, reading pauses until half of them have ended. A rule that waits for its limit or a pause \
        holds at most as many as are free, see [fairness](reliability.md#fairness)",
};

static MAX_BYTES: Key<Count> = Key {
    name: "max_bytes",
    kind: Count(1, 64 * 1024 * 1024 * 1024),
    default: || 32 * 1024 * 1024,
    about: "the same for the bytes that they take in memory: their records, and some 1.5 KiB for each",
};

static DRAIN: Key<Length> = Key {
    name: "drain",
    kind: Length::Any,
    default: || Duration::from_secs(30),
    about: "how long shutting down may take",
};

static HANDOVER: Key<Length> = Key {
    name: "handover",
    kind: Length::Any,
    default: || Duration::from_secs(15),
    about: "how long giving partitions back in a rebalance may take; keep it well below `max.poll.interval.ms`",
};

impl Reader<'_> {
    pub(super) fn engine(&mut self, top: &mut Section) -> Engine {
        let mut section = self.section(top, &ENGINE);
        let engine = Engine {
            max_messages: self.read(&mut section, &MAX_MESSAGES),
            max_bytes: self.read(&mut section, &MAX_BYTES),
            drain: self.read(&mut section, &DRAIN),
            handover: self.read(&mut section, &HANDOVER),
        };
        section.finish(self.problems);
        engine
    }
}
