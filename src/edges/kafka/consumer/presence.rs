//! Whether we are a member of the group. Assignments and losses tell it, but not always: a member without partitions that is thrown out hears
//! nothing. librdkafka's statistics tell the rest.

use std::sync::{Mutex, PoisonError};

/// What is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Out,
    In,
    /// The last look found something under way, such as a rebalance.
    Unsteady,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Joined,
    Left,
}

/// Whether we are a member.
#[derive(Default)]
pub(super) struct Presence(Mutex<State>);

impl Presence {
    fn change(&self, next: impl FnOnce(State) -> State) -> Option<Change> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *state, State::Out);
        *state = next(before);
        match (before, *state) {
            (State::Out, State::In) => Some(Change::Joined),
            (State::In | State::Unsteady, State::Out) => Some(Change::Left),
            (State::Out | State::Unsteady | State::In, _) => None,
        }
    }

    /// Partitions were given to us, perhaps none.
    pub(super) fn assigned(&self) {
        self.change(|_| State::In);
    }

    /// All partitions are lost.
    pub(super) fn lost(&self) -> Option<Change> {
        self.change(|_| State::Out)
    }

    /// The statistics say whether we are a member, and nothing about that is under way. A rebalance may be under way at one look.
    pub(super) fn looked(&self, is_member: bool) -> Option<Change> {
        self.change(|before| match (is_member, before) {
            (true, _) => State::In,
            (false, State::In) => State::Unsteady,
            (false, State::Unsteady | State::Out) => State::Out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_hears_nothing_is_found_out() {
        let presence = Presence::default();
        assert_eq!(presence.looked(false), None);
        presence.assigned();
        assert_eq!(presence.looked(true), None);
        assert_eq!(presence.looked(false), None, "a rebalance, perhaps");
        assert_eq!(presence.looked(true), None);
        assert_eq!(presence.looked(false), None);
        assert_eq!(presence.looked(false), Some(Change::Left));
        assert_eq!(presence.looked(false), None);
        assert_eq!(presence.looked(true), Some(Change::Joined));
        assert_eq!(presence.lost(), Some(Change::Left));
        assert_eq!(presence.lost(), None);
    }
}
