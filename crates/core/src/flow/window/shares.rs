//! Who holds how much of the window, and what is set aside: the books, without a decision.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::flow::Origin;
use crate::flow::offsets::Ledger;
use crate::model::{Epoch, Partition, Ticket};
use crate::rules::Rule;

/// Who holds how much of the window, and what is set aside.
#[derive(Default)]
pub(in crate::flow) struct Shares {
    pub(super) of_rules: BTreeMap<Arc<str>, (Arc<Rule>, Held)>,
    pub(super) of_apps: BTreeMap<Arc<str>, Held>,
    /// By rule.
    pub(super) aside: BTreeMap<Arc<str>, Aside>,
    /// Records that are being read again.
    pub(super) asked: BTreeMap<Ticket, Asked>,
    /// What they are expected to take.
    pub(super) asked_bytes: usize,
    /// Those that need not be read any more, until the edges were told.
    pub(in crate::flow) forgotten: BTreeSet<Ticket>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// What is set aside of one rule.
pub(super) struct Aside {
    /// The rule as it was when the last record was set aside.
    pub(super) rule: Arc<Rule>,
    pub(super) places: BTreeMap<Partition, OfPartition>,
    /// How many of its records are being read again.
    pub(super) n_asked: usize,
    /// The partition from which the last ones were read again: the next one comes after it.
    pub(super) last: Option<Partition>,
    /// What its last record took.
    pub(super) record_bytes: usize,
}

pub(super) struct OfPartition {
    pub(super) epoch: Epoch,
    /// The oldest first.
    pub(super) records: VecDeque<Place>,
}

/// A record that is set aside, and when it was first read, in Unix milliseconds: an event without a time expires from then on.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: i64,
    pub(super) received_ms: i64,
}

pub(super) struct Asked {
    pub(super) rule: Arc<Rule>,
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) place: Place,
    pub(super) bytes: usize,
}

impl Shares {
    pub(in crate::flow) fn take(&mut self, rule: &Arc<Rule>, bytes: usize) {
        let of_rule = self
            .of_rules
            .entry(Arc::clone(&rule.name))
            .or_insert_with(|| (Arc::clone(rule), Held::default()));
        of_rule.1.add(bytes);
        let of_app = self.of_apps.entry(Arc::clone(&rule.app)).or_default();
        of_app.add(bytes);
    }

    pub(in crate::flow) fn give_back(&mut self, rule: &Rule, bytes: usize) {
        if let Some((_, held)) = self.of_rules.get_mut(&rule.name) {
            held.subtract(bytes);
            if held.messages == 0 {
                self.of_rules.remove(&rule.name);
            }
        }
        if let Some(held) = self.of_apps.get_mut(&rule.app) {
            held.subtract(bytes);
            if held.messages == 0 {
                self.of_apps.remove(&rule.app);
            }
        }
    }

    /// What a rule holds of the window.
    pub(super) fn held_by(&self, rule: &str) -> Held {
        self.of_rules
            .get(rule)
            .map(|(_, held)| *held)
            .unwrap_or_default()
    }

    /// How many records are being read again: their places in the window are theirs already.
    pub(in crate::flow) fn n_asked(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn asked_bytes(&self) -> usize {
        self.asked_bytes
    }

    /// How many messages are set aside and are not being read again.
    pub(super) fn n_places(&self) -> usize {
        let of_rule = |aside: &Aside| -> usize {
            let places = aside.places.values();
            places.map(|of| of.records.len()).sum()
        };
        self.aside.values().map(of_rule).sum()
    }

    /// How many messages of each rule are set aside, those that are being read again included.
    pub(in crate::flow) fn n_aside(&self) -> BTreeMap<String, usize> {
        let count = |(name, aside): (&Arc<str>, &Aside)| {
            let places: usize = aside.places.values().map(|of| of.records.len()).sum();
            (name.to_string(), places + aside.n_asked)
        };
        self.aside.iter().map(count).collect()
    }

    pub(super) fn put_aside(&mut self, rule: Arc<Rule>, origin: &Origin) {
        let aside = self
            .aside
            .entry(Arc::clone(&rule.name))
            .or_insert_with(|| Aside {
                rule: Arc::clone(&rule),
                places: BTreeMap::new(),
                n_asked: 0,
                last: None,
                record_bytes: 0,
            });
        aside.rule = rule;
        aside.record_bytes = origin.size_bytes();
        let of = aside
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
        let place = Place {
            offset: origin.record.offset,
            received_ms: origin.received.unix_ms,
        };
        // What its rule held before goes before what was set aside at once.
        let index = of
            .records
            .partition_point(|other| other.offset < place.offset);
        of.records.insert(index, place);
    }

    /// Takes one that was asked for out of the list; its place in the window is free.
    pub(super) fn answered(&mut self, ticket: Ticket) -> Option<Asked> {
        let asked = self.asked.remove(&ticket)?;
        self.asked_bytes = self.asked_bytes.saturating_sub(asked.bytes);
        self.give_back(&asked.rule, asked.bytes);
        if let Some(aside) = self.aside.get_mut(&asked.rule.name) {
            aside.n_asked = aside.n_asked.saturating_sub(1);
            if aside.n_asked == 0 && aside.places.is_empty() {
                self.aside.remove(&asked.rule.name);
            }
        }
        Some(asked)
    }

    /// Keeps what a ledger still has, and forgets the rest.
    pub(in crate::flow) fn forget(&mut self, ledgers: &BTreeMap<Partition, Ledger>) {
        let ledger = |partition: &Partition, epoch: Epoch| {
            let ledger = ledgers.get(partition);
            ledger.filter(|ledger| ledger.epoch() == epoch)
        };
        let gone: Vec<Ticket> = self
            .asked
            .iter()
            .filter(|(_, asked)| {
                ledger(&asked.partition, asked.epoch)
                    .is_none_or(|ledger| !ledger.keeps(asked.place.offset))
            })
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in gone {
            self.answered(ticket);
            self.forgotten.insert(ticket);
        }
        self.aside.retain(|_, aside| {
            aside.places.retain(|partition, of| {
                let Some(ledger) = ledger(partition, of.epoch) else {
                    return false;
                };
                // A ledger forgets from its end.
                while let Some(last) = of.records.back()
                    && !ledger.keeps(last.offset)
                {
                    of.records.pop_back();
                }
                !of.records.is_empty()
            });
            aside.n_asked > 0 || !aside.places.is_empty()
        });
    }
}

impl Held {
    fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }

    fn subtract(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Aside {
    /// The next places to be read again, all of one partition, so that one seek serves them all.
    pub(super) fn next(&mut self, most: usize) -> Option<(Partition, Epoch, Vec<Place>)> {
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
