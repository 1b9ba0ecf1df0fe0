//! Events that no rule wants: how many of each type, and why, so that a misspelt type or a `when` that never holds is seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::model::{Moment, rfc3339_ms};
use crate::rules::RuleSet;

/// Types that are kept apart: publishers make them up.
const MOST_TYPES: usize = 50;
/// The longest type that is kept, in bytes.
const LONGEST_TYPE: usize = 200;
/// The name under which all others are counted.
const OTHER: &str = "other";

/// What is known of one type.
struct Seen {
    count: u64,
    last_ms: i64,
    why: Arc<str>,
    /// By which rules that was said.
    rules_version: Arc<str>,
}

/// The types of events that no rule wanted, since the process began.
#[derive(Default)]
pub(super) struct UnmatchedTypes(BTreeMap<String, Seen>);

/// A type of events that no rule wanted, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnmatchedType {
    /// The type, or `other` for all that have no place of their own.
    #[serde(rename = "type")]
    pub event_type: String,
    /// How many there were.
    pub count: u64,
    /// When the last one was read: RFC 3339, UTC.
    pub last_at: String,
    /// Why no rule wanted it.
    pub why: String,
}

impl UnmatchedTypes {
    /// Counts an event. Says why no rule wants it: by its type, for events that differ in more would make more work than those that are sent.
    pub(super) fn note(&mut self, now: Moment, event_type: &str, rules: &RuleSet) -> Arc<str> {
        let is_new = self.0.len() < MOST_TYPES && event_type.len() <= LONGEST_TYPE;
        let has_place = event_type != OTHER && (is_new || self.0.contains_key(event_type));
        let name = if has_place { event_type } else { OTHER };
        let version = rules.version();
        let why = || -> Arc<str> {
            if has_place {
                Arc::from(rules.why_unmatched(event_type))
            } else {
                Arc::from("no rule wants this event")
            }
        };
        if let Some(seen) = self.0.get_mut(name) {
            seen.count = seen.count.saturating_add(1);
            seen.last_ms = now.unix_ms;
            if seen.rules_version != *version {
                seen.why = why();
                seen.rules_version = Arc::clone(version);
            }
            return Arc::clone(&seen.why);
        }
        let seen = Seen {
            count: 1,
            last_ms: now.unix_ms,
            why: why(),
            rules_version: Arc::clone(version),
        };
        let why = Arc::clone(&seen.why);
        self.0.insert(name.to_owned(), seen);
        why
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<UnmatchedType> {
        let of_type = |(event_type, seen): (&String, &Seen)| UnmatchedType {
            event_type: event_type.clone(),
            count: seen.count,
            last_at: rfc3339_ms(seen.last_ms),
            why: seen.why.to_string(),
        };
        self.0.iter().map(of_type).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn there_is_an_end_to_types_and_none_is_lost() {
        let rules = testing::rules(&[("order_completed", "shop", "")]);
        let mut types = UnmatchedTypes::default();
        let now = Moment {
            elapsed: std::time::Duration::ZERO,
            unix_ms: 1_000,
        };
        let why = types.note(now, "order_complete", &rules);
        assert!(why.contains("did you mean `order_completed`"), "{why}");
        for number in 0..100 {
            types.note(now, &format!("t{number}"), &rules);
        }
        types.note(now, &"long".repeat(LONGEST_TYPE), &rules);
        let listed = types.list();
        assert_eq!(listed.len(), MOST_TYPES + 1);
        assert_eq!(listed.iter().map(|it| it.count).sum::<u64>(), 102);

        let mended = testing::rules(&[("order_complete", "shop", "when = \"false\"")]);
        let why = types.note(now, "order_complete", &mended);
        assert!(why.contains("`when` does not hold"), "{why}");
    }
}
