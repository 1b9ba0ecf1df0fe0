//! What happened in a world, for people. To make its lines costs more than to play the world, so a world is played without them first.

use std::collections::VecDeque;

use super::world::Member;

/// What is kept of what happened.
pub(super) enum Trace {
    /// Nothing.
    Off,
    /// The latest lines, and a hash of all.
    Kept {
        n_lines: usize,
        lines: VecDeque<String>,
        hash: u64,
    },
}

impl Trace {
    pub(super) fn keeping(n_lines: usize) -> Self {
        Self::Kept {
            n_lines,
            lines: VecDeque::new(),
            hash: 0,
        }
    }

    pub(super) fn hash(&self) -> Option<u64> {
        match self {
            Self::Off => None,
            Self::Kept { hash, .. } => Some(*hash),
        }
    }

    pub(super) fn add(&mut self, now_ms: u64, line: impl FnOnce() -> String) {
        let Self::Kept {
            n_lines,
            lines,
            hash,
        } = self
        else {
            return;
        };
        let line = line();
        for byte in line.bytes() {
            *hash = hash.rotate_left(5).wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
        }
        lines.push_back(format!("{now_ms:>8} {line}"));
        if lines.len() > *n_lines {
            lines.pop_front();
        }
    }

    /// The latest lines, and what each member has in hand.
    pub(super) fn shown(&self, members: &[Member]) -> String {
        let Self::Kept { lines, .. } = self else {
            return String::new();
        };
        let mut shown: Vec<String> = lines.iter().cloned().collect();
        for (number, member) in members.iter().enumerate() {
            if let Some(engine) = &member.engine {
                shown.push(format!("member {number}: {:?}", engine.status()));
            }
        }
        shown.join("\n")
    }
}
