//! A map that forgets its oldest entries: a run that fails all day must not fill the memory.

use std::collections::{HashMap, VecDeque};

/// Entries by name, the newest `MOST` of them.
#[derive(Debug)]
pub(super) struct Newest<V, const MOST: usize> {
    entries: HashMap<String, V>,
    oldest_first: VecDeque<String>,
}

impl<V, const MOST: usize> Default for Newest<V, MOST> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            oldest_first: VecDeque::new(),
        }
    }
}

impl<V, const MOST: usize> Newest<V, MOST> {
    /// Puts an entry in; one of the same name keeps its age.
    pub(super) fn put(&mut self, name: String, value: V) {
        if self.entries.insert(name.clone(), value).is_some() {
            return;
        }
        self.oldest_first.push_back(name);
        if self.oldest_first.len() > MOST
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.entries.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.entries.get_mut(name)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_a_name_is_kept_once() {
        let mut newest: Newest<u32, 2> = Newest::default();
        for (name, value) in [("a", 1), ("b", 2), ("a", 3)] {
            newest.put(name.to_owned(), value);
        }
        assert_eq!((newest.get("a"), newest.get("b")), (Some(&3), Some(&2)));
        newest.put("c".to_owned(), 4);
        assert_eq!((newest.get("a"), newest.get("b")), (None, Some(&2)));
        assert_eq!(newest.values_mut().count(), 2);
    }
}
