//! A map that forgets its oldest entries.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::super::rows;

/// Entries by key, the newest ones.
pub(super) struct Aged<K, V> {
    entries: HashMap<K, (Age, V)>,
    /// What is forgotten first.
    ages: BTreeMap<Age, K>,
    n_puts: u64,
    capacity: usize,
}

/// How old an entry is: since when, in Unix milliseconds, and the how many-th it was that got this age. No two entries are of one age.
type Age = (i64, u64);

impl<K: Clone + Eq + Hash, V> Aged<K, V> {
    /// A map that remembers so many entries, and forgets the oldest above that.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            ages: BTreeMap::new(),
            n_puts: 0,
            capacity,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Puts an entry in place of an older one.
    pub(super) fn put(&mut self, key: K, value: V, age: rows::Age) {
        match self.entries.entry(key) {
            Entry::Occupied(mut entry) => {
                let (before, old) = entry.get_mut();
                *old = value;
                let rows::Age::Since(since_ms) = age else {
                    return;
                };
                // Every message is claimed and settled within a moment: most rows that are put again are as old as they were.
                if before.0 != since_ms {
                    self.n_puts += 1;
                    let key = self.ages.remove(before);
                    *before = (since_ms, self.n_puts);
                    self.ages.extend(key.map(|key| (*before, key)));
                }
            }
            Entry::Vacant(entry) => {
                let since_ms = match age {
                    rows::Age::Since(since_ms) => since_ms,
                    rows::Age::Unchanged => 0,
                };
                self.n_puts += 1;
                let age = (since_ms, self.n_puts);
                self.ages.insert(age, entry.key().clone());
                entry.insert((age, value));
            }
        }
        if self.entries.len() > self.capacity {
            self.forget_oldest();
        }
    }

    pub(super) fn take(&mut self, key: &K) {
        if let Some((age, _)) = self.entries.remove(key) {
            self.ages.remove(&age);
        }
    }

    /// Forgets what is older than this moment, at most so much at once. Gives how much it was.
    pub(super) fn forget_before(&mut self, before_ms: i64, at_most: usize) -> usize {
        for n_forgotten in 0..at_most {
            match self.ages.first_key_value() {
                Some(((since_ms, _), _)) if *since_ms < before_ms => self.forget_oldest(),
                _ => return n_forgotten,
            }
        }
        at_most
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.ages.pop_first() {
            self.entries.remove(&key);
        }
    }
}
