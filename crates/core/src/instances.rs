//! The instances that share a store: each notes there how it is, so that one can be asked about all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// An instance that has noted nothing for so long is gone. Their clocks may differ by some of it.
const GONE_AFTER_MS: i64 = 30_000;

/// More than a group of consumers has members that are of use.
const MOST: usize = 1_000;

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

    /// Takes a note, and forgets who is gone.
    pub fn note(&mut self, note: &Note) {
        let oldest_ms = note.now_ms.saturating_sub(GONE_AFTER_MS);
        self.0.retain(|_, instance| instance.seen_ms >= oldest_ms);
        if let Some(own) = &note.own
            && (self.0.len() < MOST || self.0.contains_key(&own.id))
        {
            self.0.insert(own.id.clone(), own.clone());
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

    #[test]
    fn who_is_silent_is_gone_and_who_only_looks_is_not_among_them() {
        let mut instances = Instances::default();
        note(&mut instances, "a", 0);
        note(&mut instances, "b", 20_000);
        note(&mut instances, "b", 30_000);
        assert_eq!(instances.list().len(), 2);
        let look = Note {
            own: None,
            now_ms: 30_001,
        };
        instances.note(&look);
        let ids: Vec<&str> = instances.list().iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["b"]);
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
