//! The window is shared: whoever waits does not fill it.
//!
//! A rule that waits for its own limit or for the end of a pause may hold as many messages as the window still has free, and so may an app
//! that waits beside others. One such rule gets half of the window, two get a third each, and there is always room for those who flow.
//! What comes beyond that is *set aside*: its record stays open in the ledger, so nothing is committed past it, but of the message only its
//! place on the topic is kept. When the rule has room again the record is read again from there.
//!
//! A rule that has something set aside sets aside everything that follows, so that the order within a partition stays as it was.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::{Effect, Engine, Origin, Store, ledger_of, report};
use crate::pipeline::admission::Ticket;
use crate::pipeline::event::{Decoded, Record, decode};
use crate::pipeline::moment::Moment;
use crate::pipeline::offsets::{Epoch, Ledger, Partition};
use crate::pipeline::outcome::{Outcome, Reason, Status};
use crate::pipeline::rules::{Planned, Rule};

/// Who holds how much of the window, and what is set aside.
#[derive(Default)]
pub(super) struct Shares {
    of_rules: BTreeMap<Arc<str>, Held>,
    of_apps: BTreeMap<Arc<str>, Held>,
    /// By rule.
    aside: BTreeMap<Arc<str>, Aside>,
    /// Records that are being read again.
    asked: BTreeMap<Ticket, Asked>,
    /// What they are expected to take.
    asked_bytes: usize,
}

#[derive(Clone, Copy, Default)]
struct Held {
    messages: usize,
    bytes: usize,
}

/// What is set aside of one rule.
struct Aside {
    /// The rule as it was when the last record was set aside.
    rule: Arc<Rule>,
    places: BTreeMap<Partition, OfPartition>,
    /// How many of its records are being read again.
    n_asked: usize,
    /// The partition from which the last ones were read again: the next one comes after it.
    last: Option<Partition>,
    /// What its last record took.
    record_bytes: usize,
}

struct OfPartition {
    epoch: Epoch,
    /// The oldest first.
    records: VecDeque<Place>,
}

/// A record that is set aside, and when it was first read, in Unix milliseconds: an event without a time expires from then on.
#[derive(Clone, Copy)]
struct Place {
    offset: i64,
    received_ms: i64,
}

struct Asked {
    rule: Arc<Rule>,
    partition: Partition,
    epoch: Epoch,
    place: Place,
    bytes: usize,
}

/// What is free, or held.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// How many records of a rule are read again at once: as many as make a seek worth its while.
const MOST_AT_ONCE: usize = 500;

impl Shares {
    pub(super) fn take(&mut self, rule: &Rule, bytes: usize) {
        for held in [
            self.of_rules.entry(Arc::clone(&rule.name)).or_default(),
            self.of_apps.entry(Arc::clone(&rule.app)).or_default(),
        ] {
            held.messages += 1;
            held.bytes += bytes;
        }
    }

    pub(super) fn give_back(&mut self, rule: &Rule, bytes: usize) {
        for (of, name) in [
            (&mut self.of_rules, &rule.name),
            (&mut self.of_apps, &rule.app),
        ] {
            let Some(held) = of.get_mut(name) else {
                continue;
            };
            held.messages = held.messages.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(bytes);
            if held.messages == 0 {
                of.remove(name);
            }
        }
    }

    /// How many records are being read again: their places in the window are theirs already.
    pub(super) fn n_asked(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn asked_bytes(&self) -> usize {
        self.asked_bytes
    }

    /// How many messages of each rule are set aside, those that are being read again included.
    pub(super) fn n_aside(&self) -> BTreeMap<String, usize> {
        let count = |(name, aside): (&Arc<str>, &Aside)| {
            let places: usize = aside.places.values().map(|of| of.records.len()).sum();
            (name.to_string(), places + aside.n_asked)
        };
        self.aside.iter().map(count).collect()
    }

    fn put_aside(&mut self, rule: Arc<Rule>, origin: &Origin) {
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
        aside.record_bytes = origin.record.size_bytes();
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
        of.records.push_back(Place {
            offset: origin.record.offset,
            received_ms: origin.received.unix_ms,
        });
    }

    /// Takes one that was asked for out of the list; its place in the window is free.
    fn answered(&mut self, ticket: Ticket) -> Option<Asked> {
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
    pub(super) fn forget(&mut self, ledgers: &BTreeMap<Partition, Ledger>) {
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

impl Aside {
    /// The next places to be read again, all of one partition, so that one seek serves them all.
    fn next(&mut self, most: usize) -> Option<(Partition, Epoch, Vec<Place>)> {
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

impl Engine {
    /// How many messages are set aside.
    pub(super) fn n_aside(&self) -> usize {
        self.shares.n_aside().values().sum()
    }

    /// What is in hand, with what is about to be.
    pub(super) fn in_window(&self) -> Window {
        Window {
            messages: self.duties.len() + self.shares.n_asked(),
            bytes: self.bytes + self.shares.asked_bytes(),
        }
    }

    fn free(&self) -> Window {
        let taken = self.in_window();
        Window {
            messages: self.setup.max_messages.saturating_sub(taken.messages),
            bytes: self.setup.max_bytes.saturating_sub(taken.bytes),
        }
    }

    /// What those hold who wait, and will not give back soon.
    pub(super) fn held_by_waiting(&self, now: Moment) -> Window {
        let mut window = Window {
            messages: 0,
            bytes: 0,
        };
        for (name, held) in &self.shares.of_rules {
            let rule = self.shares.aside.get(name).map(|aside| &aside.rule);
            if rule.is_some_and(|rule| self.waits(now, rule)) {
                window.messages += held.messages;
                window.bytes += held.bytes;
            }
        }
        window
    }

    /// Whether a rule waits for something that it alone waits for, or its app does beside others.
    fn waits(&self, now: Moment, rule: &Rule) -> bool {
        self.admission.rule_waits(&self.pauses, rule, now) || self.app_waits(now, rule)
    }

    fn app_waits(&self, now: Moment, rule: &Rule) -> bool {
        self.setup.apps.len() > 1 && self.admission.app_waits(&rule.app, now)
    }

    /// Whether a rule, or its app, waits and has its share of the window; with a `part` of 2, half of its share.
    fn has_share(&self, now: Moment, rule: &Rule, part: usize) -> bool {
        let free = self.free();
        let fills = |held: Option<&Held>| {
            let held = held.copied().unwrap_or_default();
            held.messages.saturating_mul(part) >= free.messages
                || held.bytes.saturating_mul(part) >= free.bytes
        };
        (fills(self.shares.of_rules.get(&rule.name))
            && self.admission.rule_waits(&self.pauses, rule, now))
            || (fills(self.shares.of_apps.get(&rule.app)) && self.app_waits(now, rule))
    }

    /// Whether a message of this rule that is just read has to be set aside.
    pub(super) fn must_stand_aside(&self, now: Moment, rule: &Rule) -> bool {
        self.shares.aside.contains_key(&rule.name) || self.has_share(now, rule, 1)
    }

    pub(super) fn set_aside(&mut self, rule: Arc<Rule>, origin: &Origin) {
        self.totals.set_aside += 1;
        self.shares.put_aside(rule, origin);
    }

    /// Has read again what was set aside of those who have room.
    pub(super) fn ask_again(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.shares.aside.is_empty() || self.store == Store::Down {
            return;
        }
        let ready = |aside: &Aside| aside.n_asked == 0 && !self.has_share(now, &aside.rule, 2);
        let names: Vec<Arc<str>> = self
            .shares
            .aside
            .iter()
            .filter(|(_, aside)| ready(aside))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in names {
            self.ask_again_for(&name, effects);
        }
    }

    fn ask_again_for(&mut self, name: &Arc<str>, effects: &mut Vec<Effect>) {
        let free = self.free();
        let held = self.shares.of_rules.get(name).copied().unwrap_or_default();
        let Some(aside) = self.shares.aside.get_mut(name) else {
            return;
        };
        let in_bytes = free.bytes / aside.record_bytes.max(1);
        let room = free.messages.min(in_bytes);
        // Half of the way to its share: what is asked for makes the share smaller.
        let most = room.saturating_sub(held.messages).div_ceil(2).min(room);
        let Some((partition, epoch, places)) = aside.next(most.clamp(room.min(1), MOST_AT_ONCE))
        else {
            return;
        };
        let (rule, bytes) = (Arc::clone(&aside.rule), aside.record_bytes);
        aside.n_asked += places.len();
        for place in places {
            let ticket = self.new_ticket();
            self.shares.take(&rule, bytes);
            self.shares.asked_bytes += bytes;
            let asked = Asked {
                rule: Arc::clone(&rule),
                partition: partition.clone(),
                epoch,
                place,
                bytes,
            };
            self.shares.asked.insert(ticket, asked);
            effects.push(Effect::ReadAgain {
                ticket,
                partition: partition.clone(),
                offset: place.offset,
            });
        }
    }

    /// A record that was set aside is back, or is not there any more.
    pub(super) fn read_again(
        &mut self,
        now: Moment,
        ticket: Ticket,
        record: Option<Record>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(asked) = self.shares.answered(ticket) else {
            return;
        };
        let is_gone = record.is_none();
        let record = record.unwrap_or_else(|| placeholder(&asked));
        let waited_ms = now.unix_ms.saturating_sub(asked.place.received_ms).max(0);
        let waited = std::time::Duration::from_millis(waited_ms.unsigned_abs());
        let mut origin = Origin {
            partition: asked.partition,
            epoch: asked.epoch,
            record: Arc::new(record),
            event: None,
            rules_version: Arc::clone(self.rules.version()),
            received: Moment {
                elapsed: now.elapsed.saturating_sub(waited),
                unix_ms: asked.place.received_ms,
            },
        };
        let ledger = ledger_of(&mut self.ledgers, &origin);
        if ledger.is_none_or(|ledger| !ledger.keeps(origin.record.offset)) {
            return;
        }
        let rule = asked.rule;
        if is_gone {
            let detail = "the record was deleted from its topic while its message waited";
            let end = (Status::Failed, Reason::RecordGone, detail);
            let outcome = end_of_aside(now, &origin, &rule, end);
            self.owe_outcome(now, origin, 1, outcome, effects);
            return;
        }
        let planned = match decode(
            &self.setup.decoding,
            &origin.record,
            origin.received.unix_ms,
        ) {
            Decoded::Event(mut event) => {
                let planned = self.rules.plan(&event);
                event.data = serde_json::Value::Null;
                origin.event = Some(Arc::new(*event));
                planned
            }
            Decoded::Tombstone | Decoded::Undecodable(_) => Vec::new(),
        };
        let own = |planned: &Planned| planned.rule.name == rule.name;
        if let Some(planned) = planned.into_iter().find(own) {
            self.take_in(now, &origin, 1, planned, effects);
            return;
        }
        let detail =
            "the rule, as it was changed while the message waited, does not want this event";
        let end = (Status::Unmatched, Reason::NoRule, detail);
        let outcome = end_of_aside(now, &origin, &rule, end);
        self.owe_outcome(now, origin, 1, outcome, effects);
    }
}

fn end_of_aside(
    now: Moment,
    origin: &Origin,
    rule: &Rule,
    (status, reason, detail): (Status, Reason, &str),
) -> Outcome {
    let mut outcome = report::outcome(now, origin, status, reason);
    report::name_rule(&mut outcome, origin, rule);
    outcome.message_id.clone_from(&outcome.id);
    detail.clone_into(&mut outcome.detail);
    outcome
}

/// What can be said of a record that is gone: its place.
fn placeholder(asked: &Asked) -> Record {
    Record {
        topic: Arc::clone(&asked.partition.topic),
        partition: asked.partition.number,
        offset: asked.place.offset,
        key: None,
        headers: Vec::new(),
        value: None,
        timestamp_ms: None,
    }
}
