//! What a selection takes, in groups: of which rule, why it ended as it did, and from which topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Place;
use crate::model::outcome::Reason;

/// How many messages of a group are named: enough to look at, and to try with `--id` alone.
const MOST_NAMED: usize = 3;

/// Messages of one rule that ended for one reason, from one source topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The rule; none where no rule was reached.
    pub rule: Option<Arc<str>>,
    /// Why they ended as they did.
    pub reason: Reason,
    /// The topic of their records.
    pub topic: Arc<str>,
    /// How many the selection takes.
    pub selected: u64,
    /// How many of them are to be replayed.
    pub to_replay: u64,
    /// The first of those that are to be replayed, by their place and rule, as their outcomes are called; of the selected ones, if none is
    /// to be replayed.
    pub first: Vec<String>,
}

/// Whether a message is to be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Replayed,
    Left,
}

/// Rule, reason and topic.
type Common = (Option<Arc<str>>, Reason, Arc<str>);

/// The groups of a survey that is being judged.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<Common, Group>);

impl Groups {
    /// Counts one more message.
    pub(super) fn add(
        &mut self,
        (place, rule): &(Place, Option<Arc<str>>),
        reason: Reason,
        verdict: Verdict,
    ) {
        let key = (rule.clone(), reason, Arc::clone(&place.topic));
        let group = self.0.entry(key).or_insert_with(|| Group {
            rule: rule.clone(),
            reason,
            topic: Arc::clone(&place.topic),
            selected: 0,
            to_replay: 0,
            first: Vec::new(),
        });
        group.selected += 1;
        if verdict == Verdict::Replayed {
            group.to_replay += 1;
            if group.to_replay == 1 {
                group.first.clear();
            }
        }
        let is_shown = verdict == Verdict::Replayed || group.to_replay == 0;
        if is_shown && group.first.len() < MOST_NAMED {
            group.first.push(match rule {
                Some(rule) => format!("{place}/{rule}"),
                None => place.to_string(),
            });
        }
    }

    /// The groups from which most is to be replayed come first, then the largest.
    pub(super) fn sorted(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse((group.to_replay, group.selected)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(offset: i64, rule: Option<&str>) -> (Place, Option<Arc<str>>) {
        let place = Place {
            topic: Arc::from("orders"),
            partition: 0,
            offset,
        };
        (place, rule.map(Arc::from))
    }

    #[test]
    fn those_that_are_replayed_come_first_and_are_the_ones_that_are_named() {
        let mut groups = Groups::default();
        groups.add(&message(1, None), Reason::NotJson, Verdict::Left);
        for offset in 2..5 {
            groups.add(
                &message(offset, Some("a")),
                Reason::RuleError,
                Verdict::Left,
            );
        }
        for offset in 5..10 {
            groups.add(
                &message(offset, Some("a")),
                Reason::RuleError,
                Verdict::Replayed,
            );
        }
        groups.add(
            &message(10, Some("b")),
            Reason::RuleError,
            Verdict::Replayed,
        );
        let told: Vec<(u64, u64, Vec<String>)> = groups
            .sorted()
            .into_iter()
            .map(|group| (group.selected, group.to_replay, group.first))
            .collect();
        let names = |offsets: &[i64], rule: &str| -> Vec<String> {
            let name = |offset: &i64| format!("orders/0/{offset}{rule}");
            offsets.iter().map(name).collect()
        };
        assert_eq!(told[0], (8, 5, names(&[5, 6, 7], "/a")));
        assert_eq!(told[1], (1, 1, names(&[10], "/b")));
        assert_eq!(told[2], (1, 0, names(&[1], "")));
    }
}
