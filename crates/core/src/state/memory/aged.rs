//! A map that forgets its oldest entries.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Entries by key, the newest ones.
pub(super) struct Aged<K, V> {
    entries: HashMap<K, (i64, V)>,
    /// What is forgotten first.
    ages: BTreeSet<(i64, K)>,
    capacity: usize,
}

impl<K: Clone + Eq + Hash + Ord, V> Aged<K, V> {
    /// A map that remembers so many entries, and forgets the oldest above that.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            ages: BTreeSet::new(),
            capacity,
        }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// From when an entry's age is counted.
    pub(super) fn since_ms(&self, key: &K) -> Option<i64> {
        self.entries.get(key).map(|(since_ms, _)| *since_ms)
    }

    /// Puts an entry in place of an older one. Its age is counted from this moment, in Unix milliseconds.
    pub(super) fn put(&mut self, key: K, value: V, since_ms: i64) {
        self.take(&key);
        self.ages.insert((since_ms, key.clone()));
        self.entries.insert(key, (since_ms, value));
        if self.entries.len() > self.capacity {
            self.forget_oldest();
        }
    }

    pub(super) fn take<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (key, (since_ms, value)) = self.entries.remove_entry(key)?;
        self.ages.remove(&(since_ms, key));
        Some(value)
    }

    /// Forgets what is older than this moment, at most so much at once. Gives how much it was.
    pub(super) fn forget_before(&mut self, before_ms: i64, at_most: usize) -> usize {
        for n_forgotten in 0..at_most {
            match self.ages.first() {
                Some((since_ms, _)) if *since_ms < before_ms => self.forget_oldest(),
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
