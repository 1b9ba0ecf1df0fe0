//! What was heard on the topics, in any order: outcomes and receipts of the outcome topic, and records of the source topics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Sought;
use crate::event::Decoding;
use crate::message::sent_first;
use crate::model::Record;
use crate::model::outcome::{Outcome, Reason};
use crate::replay::Place;
use crate::rules::RuleSet;
use crate::wechat::callback::{Receipt, is_receipt};

/// So many records are told, and so many outcomes. A key that more have names no one thing.
pub const MOST_FOUND: usize = 50;

/// Receipts of no outcome that is known yet are kept, as many as this: they may lie before it.
const MOST_RECEIPTS: usize = 20_000;

/// An outcome, as the topic or the store has it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardOutcome {
    /// It.
    pub outcome: Outcome,
    /// How often it stands there; not at all where only the store has it.
    pub times: u32,
}

/// What lies in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lying {
    /// A record.
    Here(Arc<Record>),
    /// None any more: it was deleted from its topic.
    Gone,
    /// None, or none yet: the place is beyond the end of its partition, or there is no such partition. Why, in a sentence.
    NotThere(String),
    /// What lies there could not be read.
    NotRead,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Heard {
    /// By its `id`.
    outcomes: BTreeMap<String, HeardOutcome>,
    /// By the outcome's `id`.
    receipts: BTreeMap<String, Receipt>,
    records: BTreeMap<Place, Lying>,
    n_left_out: usize,
}

impl Heard {
    /// Takes in a record of the outcome topic.
    pub fn hear(&mut self, sought: &Sought, record: &Record) {
        let Some(value) = record.value.as_deref() else {
            return;
        };
        if is_receipt(record) {
            let Ok(receipt) = serde_json::from_slice::<Receipt>(value) else {
                return;
            };
            let is_kept = sought.is_of_receipt(&receipt) || self.receipts.len() < MOST_RECEIPTS;
            if let (true, Some(id)) = (is_kept, receipt.outcome_id.clone()) {
                self.receipts.insert(id, receipt);
            }
            return;
        }
        if !sought.may_be_in(value) {
            return;
        }
        let Ok(outcome) = serde_json::from_slice::<Outcome>(value) else {
            return;
        };
        if sought.is_of_outcome(&outcome) {
            self.add_outcome(HeardOutcome { outcome, times: 1 });
        }
    }

    /// Takes in a record of a source topic, if it is about what is sought.
    pub fn see(
        &mut self,
        sought: &Sought,
        (decoding, rules): (&Decoding, Option<&RuleSet>),
        record: Record,
    ) {
        let record = Arc::new(record);
        if sought.is_of_record(decoding, rules, &record) {
            let place = Place {
                topic: Arc::clone(&record.topic),
                partition: record.partition,
                offset: record.offset,
            };
            self.add_place(place, Lying::Here(record));
        }
    }

    /// Takes in what lies in a place.
    pub fn add_place(&mut self, place: Place, lying: Lying) {
        let is_full = self.records.len() >= MOST_FOUND;
        match self.records.get_mut(&place) {
            Some(Lying::Here(_)) => {}
            Some(known) => *known = lying,
            None if is_full => self.n_left_out += 1,
            None => {
                self.records.insert(place, lying);
            }
        }
    }

    /// Takes out the places that hold nothing to be told: no record is there, or it could not be read, and no outcome names them.
    pub fn take_absent(&mut self) -> Vec<(Place, Lying)> {
        let named: BTreeSet<Place> = self
            .outcomes
            .values()
            .map(|heard| place_of(&heard.outcome))
            .collect();
        let absent = self.records.extract_if(.., |place, lying| match lying {
            Lying::Here(_) | Lying::Gone => false,
            Lying::NotThere(_) | Lying::NotRead => !named.contains(place),
        });
        absent.collect()
    }

    /// Takes in an outcome that the store has.
    pub fn add_kept(&mut self, outcome: Outcome) {
        self.add_outcome(HeardOutcome { outcome, times: 0 });
    }

    /// Takes in an outcome that was read on the outcome topic before.
    pub fn add_read(&mut self, outcome: Outcome) {
        self.add_outcome(HeardOutcome { outcome, times: 1 });
    }

    fn add_outcome(&mut self, heard: HeardOutcome) {
        let HeardOutcome { outcome, times } = &heard;
        if let Some(known) = self.outcomes.get_mut(&outcome.id) {
            if known.times == 0 {
                // The topic has it whole.
                known.outcome.clone_from(outcome);
            }
            known.times = known.times.saturating_add(*times);
            return;
        }
        if self.outcomes.len() >= MOST_FOUND {
            self.n_left_out += 1;
            return;
        }
        self.outcomes.insert(outcome.id.clone(), heard);
    }

    /// How many were found beyond those that are told.
    pub fn n_left_out(&self) -> usize {
        self.n_left_out
    }

    /// Where the records lie that outcomes name, and that were not read yet.
    pub fn unread(&self) -> Vec<Place> {
        let places = self.outcomes.values().map(|heard| place_of(&heard.outcome));
        let unread: BTreeSet<Place> = places
            .filter(|place| !self.records.contains_key(place))
            .collect();
        unread.into_iter().collect()
    }

    /// The records that were found, in the order of their places.
    pub fn records(&self) -> impl Iterator<Item = (&Place, &Lying)> {
        self.records.iter()
    }

    /// The outcomes of a record.
    pub fn outcomes_of(&self, place: &Place) -> impl Iterator<Item = &HeardOutcome> {
        let of_place = |heard: &&HeardOutcome| place_of(&heard.outcome) == *place;
        self.outcomes.values().filter(of_place)
    }

    /// The receipt of an outcome.
    pub fn receipt_of(&self, outcome_id: &str) -> Option<&Receipt> {
        self.receipts.get(outcome_id)
    }

    /// An outcome, by its `id`.
    pub(super) fn outcome(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.get(id).map(|heard| &heard.outcome)
    }

    /// The outcome by which another record than that of this outcome has sent the message.
    pub(super) fn sent(&self, message_id: &str, but: &str) -> Option<&Outcome> {
        let mut outcomes = self.outcomes.values().map(|heard| &heard.outcome);
        outcomes.find(|other| {
            other.reason == Reason::Ok
                && other.id != but
                && sent_first(&other.message_id) == sent_first(message_id)
        })
    }

    /// Whether anything was found.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.records.is_empty()
    }
}

fn place_of(outcome: &Outcome) -> Place {
    Place {
        topic: Arc::clone(&outcome.topic),
        partition: outcome.partition,
        offset: outcome.offset,
    }
}
