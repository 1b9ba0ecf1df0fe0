//! Which part of the fleet's rates is ours: it shrinks before partitions are let go, and grows after they came.
//!
//! While partitions are being given back they count as ours: what has begun is finished at the old pace, and their next owner gets them
//! only after [`Effect::Release`], which the smaller share comes before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::message::State;
use super::status::ShareStatus;
use super::transition::Happened;
use super::{Effect, Engine};
use crate::model::{Epoch, Moment, Partition};
use crate::schedule::share::{Layout, Share};

/// A partition counts this long after it came: by then no second that holds a send of its owner before holds one of ours for it.
const COUNTS_AFTER: Duration = Duration::from_secs(1);

/// Our part, and when it changes.
pub(super) struct RateShare {
    layout: Option<Layout>,
    /// From when on each partition counts that has just come.
    newcomers: BTreeMap<Partition, (Epoch, Duration)>,
    in_force: Share,
    /// Something came or went since the share was reckoned.
    is_stale: bool,
}

impl RateShare {
    /// Until partitions came, and it is known how many there are, nothing may be sent under a limit.
    pub(super) fn new() -> Self {
        Self {
            layout: None,
            newcomers: BTreeMap::new(),
            in_force: Share::nothing(),
            is_stale: false,
        }
    }

    pub(super) fn status(&self) -> ShareStatus {
        ShareStatus {
            partitions: self.in_force.n_mine(),
            of: self.layout.as_ref().map_or(0, Layout::n_partitions),
        }
    }

    pub(super) fn came(&mut self, now: Moment, partition: &Partition, epoch: Epoch) {
        let counts_from = now.elapsed + COUNTS_AFTER;
        self.newcomers
            .insert(partition.clone(), (epoch, counts_from));
        self.is_stale = true;
    }

    pub(super) fn went(&mut self) {
        self.is_stale = true;
    }

    pub(super) fn topics_counted(&mut self, layout: Layout) {
        self.is_stale |= self.layout.as_ref() != Some(&layout);
        self.layout = Some(layout);
    }

    /// When the next partition begins to count.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.newcomers.values().map(|(_, from)| *from).min()
    }
}

impl Engine {
    /// Takes up the share that the partitions of this moment give.
    pub(super) fn take_share(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let grows = self
            .rate_share
            .wake_at()
            .is_some_and(|from| from <= now.elapsed);
        if !grows && !self.rate_share.is_stale {
            return;
        }
        self.rate_share.is_stale = false;
        let trackers = &self.partitions;
        self.rate_share
            .newcomers
            .retain(|partition, (epoch, from)| {
                let tracker = trackers.get(partition);
                *from > now.elapsed && tracker.is_some_and(|tracker| tracker.epoch() == *epoch)
            });
        self.clear_gate(now, effects);
        let newcomers = &self.rate_share.newcomers;
        let counting = self.partitions.keys();
        let counting = counting.filter(|partition| !newcomers.contains_key(*partition));
        let share = match &self.rate_share.layout {
            Some(layout) => layout.share_of(counting),
            None => Share::nothing(),
        };
        if share == self.rate_share.in_force {
            return;
        }
        self.in_flight.admission.change_share(&share);
        self.rate_share.in_force = share.clone();
        effects.push(Effect::ShareChanged(share));
    }

    /// What stands at the gate for a partition that is gone may wait for a share that never comes. The new owner reads the record again.
    fn clear_gate(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let mut gone = BTreeSet::new();
        for (ticket, origin, state) in self.in_flight.iter() {
            let tracker = self.partitions.get(&origin.partition);
            let is_ours = tracker.is_some_and(|tracker| tracker.epoch() == origin.epoch);
            if matches!(state, State::AtGate { .. }) && !is_ours {
                gone.insert(ticket);
            }
        }
        if gone.is_empty() {
            return;
        }
        let left = self
            .in_flight
            .admission
            .leave_gate(&|ticket| gone.contains(&ticket));
        for ticket in left {
            self.transition(now, ticket, Happened::PartitionGone, effects);
        }
    }
}
