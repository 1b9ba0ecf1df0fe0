//! What is spilled, and what of it is being read again: the books, without a decision.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::WindowQuota;
use crate::flow::message::Origin;
use crate::flow::offsets::{OffsetTracker, is_open};
use crate::model::outcome::Identity;
use crate::model::{Epoch, Partition, Ticket};
use crate::rules::Rule;

#[derive(Default)]
pub(in crate::flow) struct Spill {
    pub(super) of_rules: BTreeMap<Arc<str>, Spilled>,
    /// Records that are being read again.
    pub(super) rereading: BTreeMap<Ticket, Rereading>,
    /// What they are expected to take.
    pub(super) rereading_bytes: usize,
    /// Records that need not be read any more, until the edges were told.
    pub(in crate::flow) forgotten: BTreeSet<Ticket>,
}

/// What is spilled of one rule.
pub(super) struct Spilled {
    /// The rule as it was when the last record was spilled.
    pub(super) rule: Arc<Rule>,
    pub(super) places: BTreeMap<Partition, OfPartition>,
    /// How many of its records are being read again.
    pub(super) n_rereading: usize,
    /// The partition from which the last ones were read again: the next one comes after it.
    pub(super) last: Option<Partition>,
    /// What its last record took.
    pub(super) record_bytes: usize,
}

pub(super) struct OfPartition {
    pub(super) epoch: Epoch,
    /// The oldest first.
    pub(super) records: VecDeque<SpilledRecord>,
}

/// A record that is spilled, and when it was first read, in Unix milliseconds: an event without a time expires from then on.
#[derive(Clone, Copy)]
pub(super) struct SpilledRecord {
    pub(super) offset: i64,
    pub(super) received_ms: i64,
    /// Should it be gone when it is read again, its outcome is known by that.
    pub(super) identity: Option<Identity>,
}

pub(super) struct Rereading {
    pub(super) rule: Arc<Rule>,
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) record: SpilledRecord,
    pub(super) bytes: usize,
}

impl Spill {
    /// How many records are being read again: their places in the window are theirs already.
    pub(in crate::flow) fn n_rereading(&self) -> usize {
        self.rereading.len()
    }

    pub(super) fn rereading_bytes(&self) -> usize {
        self.rereading_bytes
    }

    /// How many messages are spilled and are not being read again.
    pub(super) fn n_places(&self) -> usize {
        self.of_rules.values().map(Spilled::n_places).sum()
    }

    /// How many messages of each rule are spilled, those that are being read again included.
    pub(in crate::flow) fn n_by_rule(&self) -> BTreeMap<String, usize> {
        let count = |(name, spilled): (&Arc<str>, &Spilled)| {
            (name.to_string(), spilled.n_places() + spilled.n_rereading)
        };
        self.of_rules.iter().map(count).collect()
    }

    pub(super) fn add(&mut self, rule: Arc<Rule>, origin: &Origin) {
        let spilled = self
            .of_rules
            .entry(Arc::clone(&rule.name))
            .or_insert_with(|| Spilled {
                rule: Arc::clone(&rule),
                places: BTreeMap::new(),
                n_rereading: 0,
                last: None,
                record_bytes: 0,
            });
        spilled.rule = rule;
        spilled.record_bytes = origin.size_bytes();
        let of = spilled
            .places
            .entry(origin.partition.clone())
            .or_insert_with(|| OfPartition {
                epoch: origin.epoch,
                records: VecDeque::new(),
            });
        if of.epoch != origin.epoch {
            // The partition went away and came back.
            of.epoch = origin.epoch;
            of.records.clear();
        }
        let place = SpilledRecord {
            offset: origin.record.offset,
            received_ms: origin.received.unix_ms,
            identity: origin.identity(),
        };
        // What its rule held before goes before what was spilled at once.
        let index = of
            .records
            .partition_point(|other| other.offset < place.offset);
        of.records.insert(index, place);
    }

    /// The records that are spilled, or being read again.
    pub(in crate::flow) fn records(&self) -> impl Iterator<Item = (&Partition, Epoch, i64)> {
        let places = self.of_rules.values().flat_map(|spilled| &spilled.places);
        let places = places.flat_map(|(partition, of)| {
            let records = of.records.iter();
            records.map(move |place| (partition, of.epoch, place.offset))
        });
        let asked = self.rereading.values();
        places.chain(asked.map(|asked| (&asked.partition, asked.epoch, asked.record.offset)))
    }

    /// What the records that are being read again hold of the window.
    pub(in crate::flow) fn quotas(&self) -> impl Iterator<Item = (&Arc<Rule>, usize)> {
        self.rereading
            .values()
            .map(|asked| (&asked.rule, asked.bytes))
    }

    /// Takes one that was asked for out of the list; its place in the window is free.
    pub(super) fn answered(
        &mut self,
        ticket: Ticket,
        quota: &mut WindowQuota,
    ) -> Option<Rereading> {
        let asked = self.rereading.remove(&ticket)?;
        self.rereading_bytes = self.rereading_bytes.saturating_sub(asked.bytes);
        quota.give_back(&asked.rule, asked.bytes);
        if let Some(spilled) = self.of_rules.get_mut(&asked.rule.name) {
            spilled.n_rereading = spilled.n_rereading.saturating_sub(1);
            if spilled.n_rereading == 0 && spilled.places.is_empty() {
                self.of_rules.remove(&asked.rule.name);
            }
        }
        Some(asked)
    }

    /// Keeps what a tracker still has, and forgets the rest.
    pub(in crate::flow) fn forget(
        &mut self,
        trackers: &BTreeMap<Partition, OffsetTracker>,
        quota: &mut WindowQuota,
    ) {
        let gone: Vec<Ticket> = self
            .rereading
            .iter()
            .filter(|(_, asked)| {
                !is_open(
                    trackers,
                    (&asked.partition, asked.epoch, asked.record.offset),
                )
            })
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in gone {
            self.answered(ticket, quota);
            self.forgotten.insert(ticket);
        }
        self.of_rules.retain(|_, spilled| {
            spilled.places.retain(|partition, of| {
                // A tracker forgets from its end, and all that it had when it is gone.
                while let Some(last) = of.records.back()
                    && !is_open(trackers, (partition, of.epoch, last.offset))
                {
                    of.records.pop_back();
                }
                !of.records.is_empty()
            });
            spilled.n_rereading > 0 || !spilled.places.is_empty()
        });
    }
}

impl Spilled {
    fn n_places(&self) -> usize {
        let places = self.places.values();
        places.map(|of| of.records.len()).sum()
    }

    /// The next places to be read again, all of one partition, so that one seek serves them all.
    pub(super) fn next(&mut self, most: usize) -> Option<(Partition, Epoch, Vec<SpilledRecord>)> {
        let after = self.last.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut following = self.places.range((after, Bound::Unbounded));
        let partition = following
            .next()
            .or_else(|| self.places.first_key_value())
            .map(|(partition, _)| partition.clone())?;
        let of = self.places.get_mut(&partition)?;
        let places = of.records.drain(..most.min(of.records.len())).collect();
        let epoch = of.epoch;
        if of.records.is_empty() {
            self.places.remove(&partition);
        }
        self.last = Some(partition.clone());
        Some((partition, epoch, places))
    }
}
