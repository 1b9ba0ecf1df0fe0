//! Rows in memory: the store that keeps nothing beyond the process. It can read whatever it has.

mod aged;

use std::convert::Infallible;
use std::sync::Arc;

use super::rows::{Age, Entry, Key, RowError, Rows, User, Value};
use super::{Horizon, Reply, Request, Row, StoreState};
use crate::grants::{self, Ledger};
use crate::holds::Holds;
use crate::instances::Instances;
use crate::model::outcome::{Outcome, RecipientKey};
use crate::wechat::receipts;
use aged::Aged;

/// A store in memory, the newest of everything.
pub struct MemoryStore(StoreState<Memory>);

impl MemoryStore {
    /// A store that remembers so much of each kind, and forgets the oldest above that.
    pub fn new(capacity: usize) -> Self {
        Self(StoreState::new(Memory::new(capacity)))
    }

    /// Answers, and remembers.
    pub fn answer(&mut self, request: &Request) -> Reply {
        match self.0.answer(request) {
            Ok(reply) => reply,
            Err(never) => match never {},
        }
    }

    /// Forgets what is over this horizon, at most so much at once. Gives how much it was.
    pub fn purge(&mut self, horizon: Horizon, at_most: usize) -> usize {
        self.0.rows_mut().purge(horizon, at_most)
    }
}

/// Rows by kind, each as small as its kind allows: most rows are remembered for days.
struct Memory {
    claims: Aged<Arc<str>, Entry>,
    outcomes: Aged<Arc<str>, Arc<Outcome>>,
    ledgers: Aged<grants::Key, Ledger>,
    marks: Aged<Arc<str>, ()>,
    /// They are forgotten at an end of their own.
    users: Aged<Arc<str>, User>,
    numbers: Aged<receipts::Key, Arc<str>>,
    holds: Option<Holds>,
    recipient_key: Option<RecipientKey>,
    instances: Option<Instances>,
}

impl Memory {
    fn new(capacity: usize) -> Self {
        Self {
            claims: Aged::new(capacity),
            outcomes: Aged::new(capacity),
            ledgers: Aged::new(capacity),
            marks: Aged::new(capacity),
            users: Aged::new(capacity),
            numbers: Aged::new(capacity),
            holds: None,
            recipient_key: None,
            instances: None,
        }
    }

    fn purge(&mut self, horizon: Horizon, at_most: usize) -> usize {
        // All of them by name: a new kind has to have its place.
        let Self {
            claims,
            outcomes,
            ledgers,
            marks,
            users,
            numbers,
            // For ever.
            holds: _,
            recipient_key: _,
            // They forget one another.
            instances: _,
        } = self;
        let of = |row| horizon.of(row);
        let mut n_left = at_most;
        n_left -= claims.forget_before(of(Row::Claim), n_left);
        n_left -= outcomes.forget_before(of(Row::Outcome), n_left);
        n_left -= marks.forget_before(of(Row::Mark), n_left);
        n_left -= numbers.forget_before(of(Row::Number), n_left);
        n_left -= users.forget_before(of(Row::User), n_left);
        n_left -= ledgers.forget_before(of(Row::Ledger), n_left);
        at_most - n_left
    }
}

impl Rows for Memory {
    type Error = Infallible;

    fn get(&mut self, key: &Key) -> Result<Option<Value>, RowError<Infallible>> {
        Ok(match key {
            Key::Claim(message_id) => self.claims.get(message_id).cloned().map(Value::Claim),
            Key::Outcome(id) => self.outcomes.get(id).cloned().map(Value::Outcome),
            Key::Ledger(key) => self.ledgers.get(key).cloned().map(Value::Ledger),
            Key::Mark(name) => self.marks.get(name).map(|()| Value::Mark),
            Key::User(name) => self.users.get(name).cloned().map(Value::User),
            Key::Number(key) => self.numbers.get(key).cloned().map(Value::Number),
            Key::Holds => self.holds.clone().map(Value::Holds),
            Key::RecipientKey => self.recipient_key.clone().map(Value::RecipientKey),
            Key::Instances => self.instances.clone().map(Value::Instances),
        })
    }

    fn put(&mut self, key: Key, value: Value, age: Age) -> Result<(), RowError<Infallible>> {
        match (key, value) {
            (Key::Claim(message_id), Value::Claim(entry)) => {
                self.claims.put(message_id, entry, age);
            }
            (Key::Outcome(id), Value::Outcome(outcome)) => self.outcomes.put(id, outcome, age),
            (Key::Ledger(key), Value::Ledger(ledger)) => self.ledgers.put(key, ledger, age),
            (Key::Mark(name), Value::Mark) => self.marks.put(name, (), age),
            (Key::User(name), Value::User(user)) => {
                let age = Age::Since(user.until_ms);
                self.users.put(name, user, age);
            }
            (Key::Number(key), Value::Number(id)) => self.numbers.put(key, id, age),
            (Key::Holds, Value::Holds(holds)) => self.holds = Some(holds),
            (Key::RecipientKey, Value::RecipientKey(key)) => self.recipient_key = Some(key),
            (Key::Instances, Value::Instances(instances)) => self.instances = Some(instances),
            (
                Key::Claim(_)
                | Key::Outcome(_)
                | Key::Ledger(_)
                | Key::Mark(_)
                | Key::User(_)
                | Key::Number(_)
                | Key::Holds
                | Key::RecipientKey
                | Key::Instances,
                _,
            ) => return Err(RowError::Unreadable),
        }
        Ok(())
    }

    fn take(&mut self, key: &Key) -> Result<(), RowError<Infallible>> {
        match key {
            Key::Claim(message_id) => self.claims.take(message_id),
            Key::Outcome(id) => self.outcomes.take(id),
            Key::Ledger(key) => self.ledgers.take(key),
            Key::Mark(name) => self.marks.take(name),
            Key::User(name) => self.users.take(name),
            Key::Number(key) => self.numbers.take(key),
            Key::Holds => self.holds = None,
            Key::RecipientKey => self.recipient_key = None,
            Key::Instances => self.instances = None,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
