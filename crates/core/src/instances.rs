//! The instances that share a store: each notes there how it is, so that one can be asked about all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Moment;

/// How an instance is, as it noted it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Which run of the program it is.
    pub id: String,
    /// The machine's name, or the pod's.
    pub host: String,
    /// The process there.
    pub pid: u32,
    /// Where its pages are: host and port, as it is bound.
    pub listens: String,
    /// The version of the program.
    pub program: String,
    /// Where it is in its life, in the words of `/status`.
    pub phase: String,
    /// The version of the rules in force.
    pub rules_version: String,
    /// Since when, in Unix milliseconds.
    pub in_force_since_ms: i64,
    /// The version of the rules on its disk; nothing if no rules can be made of what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<String>,
    /// Why those are not in force: the first error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// When it noted this, in Unix milliseconds.
    pub seen_ms: i64,
    /// What a later version notes as well.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// How often an instance notes how it is, if nothing changes: 5 s.
pub const NOTED_EVERY_MS: i64 = 5_000;

/// An instance that notes nothing for so long is gone, by the clock of who looks.
const GONE_AFTER: Duration = Duration::from_secs(20);

/// Of an instance that is heard of for the first time it is not known how long it has been silent. Its own clock tells, as long as it is nearly
/// right.
const CLOCKS_DIFFER_MS: i64 = 30_000;

/// When an entry is forgotten: a day later, for the clocks of two machines may be far apart.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;

/// Each writes the row anew every five seconds: with more of them it would be written too often and be too long.
const MOST: usize = 200;

/// All of them, by their id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances(BTreeMap<String, Instance>);

/// The store is asked for all instances; one that notes how it is, is among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How the asker is. Nothing if it only looks.
    pub own: Option<Instance>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

impl Instances {
    /// All of them, by their host and process.
    pub fn list(&self) -> Vec<&Instance> {
        let mut all: Vec<&Instance> = self.0.values().collect();
        all.sort_by(|left, right| (&left.host, left.pid).cmp(&(&right.host, right.pid)));
        all
    }

    /// Takes a note, and forgets who was gone long ago. Who only looks leaves all as it is.
    pub fn note(&mut self, note: &Note) {
        let Some(own) = &note.own else {
            return;
        };
        let oldest_ms = note.now_ms.saturating_sub(FORGOTTEN_AFTER_MS);
        self.0.retain(|_, instance| instance.seen_ms >= oldest_ms);
        self.0.insert(own.id.clone(), own.clone());
        while self.0.len() > MOST {
            let oldest = self.0.values().min_by_key(|instance| instance.seen_ms);
            let Some(oldest) = oldest.map(|instance| instance.id.clone()) else {
                return;
            };
            self.0.remove(&oldest);
        }
    }

    /// As text: a list, in JSON.
    pub fn to_text(&self) -> serde_json::Result<String> {
        let all: Vec<&Instance> = self.0.values().collect();
        serde_json::to_string(&all)
    }

    /// Reads what [`Self::to_text`] wrote. An entry that is not understood is another version's, which notes it again in a moment. `None` if it is
    /// no list.
    pub fn of_text(text: &str) -> Option<Self> {
        let all: Vec<Value> = serde_json::from_str(text).ok()?;
        let known = all
            .iter()
            .filter_map(|entry| Instance::deserialize(entry).ok());
        Some(Self(
            known
                .map(|instance| (instance.id.clone(), instance))
                .collect(),
        ))
    }
}

/// Which instances live, as one of them finds out by its own clock: others' clocks may be wrong.
#[derive(Debug, Default)]
pub struct Roll {
    known: BTreeMap<String, Known>,
}

/// What was heard of an instance.
#[derive(Debug)]
struct Known {
    noted_ms: i64,
    /// When its note became another one; `None` if it is still the first that was heard.
    changed_at: Option<Duration>,
}

impl Roll {
    /// Those that live, of all that the store has.
    pub fn call<'a>(&mut self, all: &'a Instances, now: Moment) -> Vec<&'a Instance> {
        self.known.retain(|id, _| all.0.contains_key(id));
        let mut living = Vec::new();
        for instance in all.list() {
            let known = self.known.entry(instance.id.clone()).or_insert(Known {
                noted_ms: instance.seen_ms,
                changed_at: None,
            });
            if known.noted_ms != instance.seen_ms {
                known.noted_ms = instance.seen_ms;
                known.changed_at = Some(now.elapsed);
            }
            let lives = match known.changed_at {
                Some(at) => now.elapsed.saturating_sub(at) <= GONE_AFTER,
                None => (now.unix_ms - instance.seen_ms).abs() <= CLOCKS_DIFFER_MS,
            };
            if lives {
                living.push(instance);
            }
        }
        living
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, seen_ms: i64) -> Instance {
        Instance {
            id: id.to_owned(),
            host: "pod-0".to_owned(),
            pid: 7,
            listens: "0.0.0.0:8080".to_owned(),
            program: "0.1.0".to_owned(),
            phase: "running".to_owned(),
            rules_version: "a".to_owned(),
            in_force_since_ms: 1,
            on_disk: Some("b".to_owned()),
            refused: None,
            seen_ms,
            more: BTreeMap::new(),
        }
    }

    fn note(instances: &mut Instances, id: &str, now_ms: i64) {
        let own = Some(instance(id, now_ms));
        instances.note(&Note { own, now_ms });
    }

    fn at(seconds: u64) -> Moment {
        Moment {
            elapsed: Duration::from_secs(seconds),
            unix_ms: i64::try_from(seconds).unwrap() * 1_000,
        }
    }

    fn living(roll: &mut Roll, instances: &Instances, seconds: u64) -> Vec<String> {
        let living = roll.call(instances, at(seconds)).into_iter();
        living.map(|instance| instance.id.clone()).collect()
    }

    #[test]
    fn who_is_silent_is_gone_whatever_its_clock_says() {
        let (mut instances, mut roll) = (Instances::default(), Roll::default());
        // The clock of one is an hour ahead, of another a minute behind.
        let ahead_ms = 3_600_000;
        note(&mut instances, "right", 100_000);
        note(&mut instances, "ahead", 100_000 + ahead_ms);
        note(&mut instances, "behind", 40_000);
        assert_eq!(living(&mut roll, &instances, 100), ["right"]);
        // They are found out by their next note.
        note(&mut instances, "ahead", 105_000 + ahead_ms);
        note(&mut instances, "behind", 45_000);
        let all = living(&mut roll, &instances, 105);
        assert_eq!(all, ["ahead", "behind", "right"]);
        note(&mut instances, "behind", 65_000);
        assert_eq!(
            living(&mut roll, &instances, 125),
            ["ahead", "behind", "right"]
        );
        assert_eq!(living(&mut roll, &instances, 131), ["behind"]);
    }

    #[test]
    fn who_was_gone_long_ago_is_forgotten_by_who_notes_and_not_by_who_looks() {
        let mut instances = Instances::default();
        note(&mut instances, "a", 0);
        let look = Note {
            own: None,
            now_ms: 10 * FORGOTTEN_AFTER_MS,
        };
        instances.note(&look);
        assert_eq!(instances.list().len(), 1);
        note(&mut instances, "b", FORGOTTEN_AFTER_MS + 1);
        let ids: Vec<&str> = instances.list().iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["b"]);
        for number in 0..2 * MOST {
            let ms = FORGOTTEN_AFTER_MS + i64::try_from(number).unwrap();
            note(&mut instances, &format!("of-many-{number}"), ms);
        }
        assert_eq!(instances.list().len(), MOST);
    }

    #[test]
    fn what_is_written_is_read_and_an_entry_of_another_form_costs_itself() {
        let mut instances = Instances::default();
        note(&mut instances, "a", 0);
        let text = instances.to_text().unwrap();
        assert_eq!(Instances::of_text(&text), Some(instances.clone()));
        let with_other = text.replacen('[', "[{\"id\":7},", 1);
        assert_eq!(Instances::of_text(&with_other), Some(instances));
        assert_eq!(Instances::of_text("7"), None);
    }
}
