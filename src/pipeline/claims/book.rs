//! The store as a value: what every store answers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Answer, Claim, Held, Holder, Request, Settlement, counts_as_sent};
use crate::pipeline::outcome::Outcome;

/// Claims and outcomes, the newest ones.
pub struct Book {
    /// By message id.
    claims: HashMap<Arc<str>, Entry>,
    /// By the outcome's id.
    outcomes: HashMap<Arc<str>, Arc<Outcome>>,
    /// What is forgotten first.
    ages: BTreeSet<(i64, Key)>,
    capacity: usize,
}

/// What is known of a message id.
struct Entry {
    /// The record that asked, and the rule.
    outcome_id: Arc<str>,
    since_ms: i64,
    state: State,
}

enum State {
    /// Somebody is sending, or was.
    Open(Holder),
    /// It was sent, or may have been.
    Sent,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Claim(Arc<str>),
    Outcome(Arc<str>),
}

impl Book {
    /// A book that remembers so many claims and outcomes, and forgets the oldest above that.
    pub fn new(capacity: usize) -> Self {
        Self {
            claims: HashMap::new(),
            outcomes: HashMap::new(),
            ages: BTreeSet::new(),
            capacity,
        }
    }

    /// Answers, and remembers.
    pub fn answer(&mut self, request: &Request) -> Answer {
        let answer = match request {
            Request::Claim(claim) => self.claim(claim),
            Request::Release { message_id, holder } => {
                if self.is_open_for(message_id, *holder) {
                    self.forget_claim(message_id);
                }
                Answer::Released
            }
            Request::Settle(settlement) => self.settle(settlement),
        };
        while self.ages.len() > self.capacity {
            self.forget_oldest();
        }
        answer
    }

    /// Forgets what is older than this moment (Unix milliseconds), at most so much at once. Gives how much it was.
    pub fn purge(&mut self, before_ms: i64, at_most: usize) -> usize {
        for n_forgotten in 0..at_most {
            match self.ages.first() {
                Some((age_ms, _)) if *age_ms < before_ms => self.forget_oldest(),
                _ => return n_forgotten,
            }
        }
        at_most
    }

    fn claim(&mut self, claim: &Claim) -> Answer {
        if let Some(outcome) = self.outcomes.get(&claim.outcome_id) {
            return Answer::Settled(Arc::clone(outcome));
        }
        if let Some(entry) = self.claims.get(&claim.message_id) {
            let is_same_record = entry.outcome_id == claim.outcome_id;
            match entry.state {
                State::Sent => {
                    return Answer::Duplicate {
                        of: Arc::clone(&entry.outcome_id),
                    };
                }
                // The first answer was lost on the way.
                State::Open(holder) if holder == claim.holder => {}
                State::Open(holder) if is_same_record && claim.over == Some(holder) => {}
                State::Open(holder) => return Answer::Held(entry.held(holder)),
            }
        }
        self.write_claim(
            &claim.message_id,
            &claim.outcome_id,
            State::Open(claim.holder),
            claim.now_ms,
        );
        Answer::Granted
    }

    fn settle(&mut self, settlement: &Settlement) -> Answer {
        let outcome = &settlement.outcome;
        if let Some(earlier) = self.outcomes.get(outcome.id.as_str()) {
            return Answer::Settled(Arc::clone(earlier));
        }
        let id: Arc<str> = Arc::from(outcome.id.as_str());
        match self.claims.get(outcome.message_id.as_str()) {
            // Another record's claim or message; this record's outcome is its own.
            Some(entry) if entry.outcome_id != id => {}
            Some(entry) => match (&entry.state, settlement.holder) {
                (State::Open(holder), None) => return Answer::Held(entry.held(*holder)),
                (State::Open(holder), Some(ours)) if *holder != ours => return Answer::TakenOver,
                (State::Open(_), Some(_)) => self.end_claim(settlement, &id),
                (State::Sent, _) => {}
            },
            // What was claimed may have been forgotten meanwhile.
            None if settlement.holder.is_some() => self.end_claim(settlement, &id),
            None => {}
        }
        self.ages
            .insert((settlement.now_ms, Key::Outcome(Arc::clone(&id))));
        self.outcomes.insert(id, Arc::clone(outcome));
        Answer::Settled(Arc::clone(outcome))
    }

    fn end_claim(&mut self, settlement: &Settlement, outcome_id: &Arc<str>) {
        let message_id: Arc<str> = Arc::from(settlement.outcome.message_id.as_str());
        if counts_as_sent(settlement.outcome.status) {
            self.write_claim(&message_id, outcome_id, State::Sent, settlement.now_ms);
        } else {
            self.forget_claim(&message_id);
        }
    }

    fn is_open_for(&self, message_id: &str, ours: Holder) -> bool {
        let entry = self.claims.get(message_id);
        entry.is_some_and(|entry| matches!(entry.state, State::Open(holder) if holder == ours))
    }

    fn write_claim(
        &mut self,
        message_id: &Arc<str>,
        outcome_id: &Arc<str>,
        state: State,
        since_ms: i64,
    ) {
        self.forget_claim(message_id);
        self.ages
            .insert((since_ms, Key::Claim(Arc::clone(message_id))));
        let entry = Entry {
            outcome_id: Arc::clone(outcome_id),
            since_ms,
            state,
        };
        self.claims.insert(Arc::clone(message_id), entry);
    }

    fn forget_claim(&mut self, message_id: &Arc<str>) {
        if let Some(entry) = self.claims.remove(message_id) {
            self.ages
                .remove(&(entry.since_ms, Key::Claim(Arc::clone(message_id))));
        }
    }

    fn forget_oldest(&mut self) {
        match self.ages.pop_first() {
            Some((_, Key::Claim(message_id))) => {
                self.claims.remove(&message_id);
            }
            Some((_, Key::Outcome(id))) => {
                self.outcomes.remove(&id);
            }
            None => {}
        }
    }
}

impl Entry {
    fn held(&self, holder: Holder) -> Held {
        Held {
            outcome_id: Arc::clone(&self.outcome_id),
            holder,
            since_ms: self.since_ms,
        }
    }
}

#[cfg(test)]
mod tests;
