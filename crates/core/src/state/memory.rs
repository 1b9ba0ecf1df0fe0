//! Rows in memory: the store that keeps nothing beyond the process. It can read whatever it has.

mod aged;

use std::convert::Infallible;

use super::rows::{Age, Key, RowError, Rows, Value};
use super::{Horizon, Reply, Request, Row, StoreState};
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

/// Rows by kind.
struct Memory {
    claims: Aged<Key, Value>,
    outcomes: Aged<Key, Value>,
    ledgers: Aged<Key, Value>,
    marks: Aged<Key, Value>,
    /// They are forgotten at an end of their own.
    users: Aged<Key, Value>,
    numbers: Aged<Key, Value>,
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
        } = self;
        let mut n_left = at_most;
        for (rows, row) in [
            (claims, Row::Claim),
            (outcomes, Row::Outcome),
            (marks, Row::Mark),
            (numbers, Row::Number),
            (users, Row::User),
            (ledgers, Row::Ledger),
        ] {
            n_left -= rows.forget_before(horizon.of(row), n_left);
        }
        at_most - n_left
    }

    fn of(&mut self, row: Row) -> &mut Aged<Key, Value> {
        match row {
            Row::Claim => &mut self.claims,
            Row::Outcome => &mut self.outcomes,
            Row::Ledger => &mut self.ledgers,
            Row::Mark => &mut self.marks,
            Row::User => &mut self.users,
            Row::Number => &mut self.numbers,
        }
    }
}

impl Rows for Memory {
    type Error = Infallible;

    fn get(&mut self, key: &Key) -> Result<Option<Value>, RowError<Infallible>> {
        Ok(self.of(key.row()).get(key).cloned())
    }

    fn put(&mut self, key: Key, value: Value, age: Age) -> Result<(), RowError<Infallible>> {
        let rows = self.of(key.row());
        let since_ms = match (&value, age) {
            (Value::User(user), _) => user.until_ms,
            (_, Age::Since(since_ms)) => since_ms,
            (_, Age::Unchanged) => rows.since_ms(&key).unwrap_or_default(),
        };
        rows.put(key, value, since_ms);
        Ok(())
    }

    fn take(&mut self, key: &Key) -> Result<(), RowError<Infallible>> {
        self.of(key.row()).take(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
