//! Pauses that all instances share: what the store holds.
//!
//! A breaker of this instance begins its pause before the store has it. Until the store is known to have taken it, a list without it is an older one,
//! and ends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Cause, Change, End, Pause, Pauses, Subject};
use crate::holds::{Hold, Holds, StoppedBy};

/// Whether the store was heard when a process begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unheard {
    /// It has nothing that the process does not know.
    #[default]
    Nothing,
    /// What it holds is to be waited for: until then nothing may be sent.
    Holds,
}

/// What is known of the store's holds.
#[derive(Default)]
pub(super) struct KnownHolds {
    unheard: Unheard,
    newest: Arc<Holds>,
    /// The pauses that the store was heard to have, and that are in force here.
    heard: BTreeSet<Subject>,
    /// How many holds this instance had the store keep.
    n_own: u64,
    /// Which of them the store is not known to have taken, and the how many-th each was.
    own: BTreeMap<Subject, u64>,
}

impl KnownHolds {
    pub(super) fn is_known(&self) -> bool {
        self.unheard == Unheard::Nothing
    }
}

impl From<&Hold> for Pause {
    fn from(hold: &Hold) -> Self {
        let cause = hold.cause();
        Self {
            subject: Subject::from(&hold.what),
            cause,
            errcode: hold.errcode,
            detail: hold.detail.clone(),
            since_ms: hold.since_ms,
            end: match &hold.by {
                StoppedBy::Person => End::Person,
                StoppedBy::Breaker { .. } => End::PersonOrChange,
            },
        }
    }
}

impl Hold {
    fn cause(&self) -> Cause {
        match &self.by {
            StoppedBy::Person => Cause::Person,
            StoppedBy::Breaker { .. } => Cause::Breaker,
        }
    }
}

impl Pauses {
    /// No pauses. Where the store is not heard yet, nothing has a way before it is.
    pub fn new(unheard: Unheard) -> Self {
        let mut pauses = Self::default();
        pauses.held.unheard = unheard;
        pauses
    }

    /// Whether what covers this is the store's: only the store lifts it.
    pub(super) fn is_held(&self, pause: &Pause) -> bool {
        pause.cause >= Cause::Breaker && self.held.heard.contains(&pause.subject)
    }

    /// The store is to hold this, the next one of this instance.
    pub fn has_own_hold(&mut self, subject: &Subject) {
        self.held.n_own += 1;
        self.held.own.insert(subject.clone(), self.held.n_own);
    }

    /// The store holds these, and has taken so many of this instance's. `applies` tells whether a hold is for what is in force: a breaker's is for one version of its rule.
    pub fn hear(
        &mut self,
        (holds, n_kept): (&Arc<Holds>, u64),
        applies: impl Fn(&Hold) -> bool,
    ) -> Vec<Change> {
        self.held.unheard = Unheard::Nothing;
        self.held.newest = Arc::clone(holds);
        let taken = self.held.own.extract_if(.., |_, number| *number <= n_kept);
        let taken: Vec<Subject> = taken.map(|(subject, _)| subject).collect();
        self.held.heard.extend(taken);
        self.keep_to_holds(applies)
    }

    /// The same holds, where something else is in force than before.
    pub fn keep_to_holds(&mut self, applies: impl Fn(&Hold) -> bool) -> Vec<Change> {
        let holds = Arc::clone(&self.held.newest);
        let wanted: BTreeSet<Subject> = holds
            .iter()
            .filter(|hold| applies(hold))
            .map(|hold| Subject::from(&hold.what))
            .collect();
        let before = std::mem::take(&mut self.held.heard);
        let lifted: BTreeSet<&Subject> = before.difference(&wanted).collect();
        let mut changes = self.end_if(|pause| {
            lifted.contains(&pause.subject) && matches!(pause.cause, Cause::Person | Cause::Breaker)
        });
        for hold in holds.iter().filter(|hold| applies(hold)) {
            changes.extend(self.hold(hold, &before));
        }
        self.held.heard = wanted;
        changes
    }

    fn hold(&mut self, hold: &Hold, before: &BTreeSet<Subject>) -> Option<Change> {
        let (subject, cause) = (Subject::from(&hold.what), hold.cause());
        if let Some(present) = self.in_force.get(&subject) {
            let is_of_store = before.contains(&subject) && present.cause >= Cause::Breaker;
            let stays = if is_of_store {
                present.cause == cause
            } else {
                present.cause >= cause
            };
            if stays {
                return None;
            }
        }
        let pause = Pause::from(hold);
        self.in_force.insert(subject, pause.clone());
        Some(Change::Begun(pause))
    }
}
