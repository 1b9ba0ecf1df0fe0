//! What is stopped until a person lets it go on: by a person, or by a rule's breaker. It is kept in the store, so that a restart does not forget
//! it, and all instances keep to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be stopped like that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// All messages of an app, by its name in the settings.
    App(Arc<str>),
    /// All messages of a template.
    Template {
        /// The app, by its name in the settings.
        app: Arc<str>,
        /// `WeChat`'s id of the template.
        id: Arc<str>,
    },
    /// All messages of a rule, by its name.
    Rule(Arc<str>),
}

/// Who has stopped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// A person, whatever becomes of the rule.
    Person,
    /// The breaker of the rule in these versions, which may run side by side. Another version is not to blame.
    Breaker {
        /// Of the rule, the newest last.
        versions: Vec<Arc<str>>,
    },
}

/// A rule that is changed so often without success is another rule by then.
const MOST_VERSIONS: usize = 10;

/// Something that is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What.
    pub what: Stopped,
    /// By whom.
    pub by: StoppedBy,
    /// What `WeChat` answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Why, for a person; empty where a person gave no reason.
    pub detail: String,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
    /// What a later version tells as well.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// All that is stopped; at most one hold of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    holds: BTreeMap<Stopped, Hold>,
    /// What a later version has written: it is kept for that version, and stops nothing here.
    unknown: Vec<Value>,
}

/// The store is asked for all holds, and to change them before that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is to be changed; `None` is a look alone.
    pub change: Option<HoldChange>,
    /// What the asker has heard before. The store's row is never taken away: where it is gone, the store has lost it, and this stands in its place.
    pub known: Arc<Holds>,
    /// The time, in Unix milliseconds.
    pub now_ms: i64,
}

/// A change of the holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldChange {
    /// This is stopped from now on.
    Place(Hold),
    /// This goes on, be it a person or a breaker that has stopped it.
    Lift(Stopped),
}

impl Ask {
    /// Whether a person asks for it, and not a breaker, or a process that only looks.
    pub fn is_of_person(&self) -> bool {
        match &self.change {
            None => false,
            Some(HoldChange::Place(hold)) => hold.by == StoppedBy::Person,
            Some(HoldChange::Lift(_)) => true,
        }
    }
}

/// More than a person can have in mind. Beyond it the oldest of a breaker gives way, which would open again.
const MOST: usize = 1_000;

/// A breaker's hold of a version that did not come back for so long is forgotten: 90 days.
const BREAKERS_FOR_MS: i64 = 90 * 24 * 3_600_000;

impl Holds {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.holds.values()
    }

    /// The hold of this.
    pub fn get(&self, what: &Stopped) -> Option<&Hold> {
        self.holds.get(what)
    }

    /// How many there are that this version cannot read.
    pub fn n_unknown(&self) -> usize {
        self.unknown.len()
    }

    /// Changes them. Done a second time, it changes nothing.
    pub fn change(&mut self, ask: &Ask) {
        match &ask.change {
            None => return,
            Some(HoldChange::Place(hold)) => self.place(hold),
            Some(HoldChange::Lift(what)) => {
                self.holds.remove(what);
            }
        }
        self.holds.retain(|_, hold| {
            let age_ms = ask.now_ms.saturating_sub(hold.since_ms);
            hold.by == StoppedBy::Person || age_ms <= BREAKERS_FOR_MS
        });
    }

    /// A person's word stands above a breaker's. Of two persons the first says since when, and the last one why, if at all. What a breaker has stopped
    /// stays stopped in the versions in which it was.
    fn place(&mut self, hold: &Hold) {
        let mut hold = hold.clone();
        if let Some(present) = self.holds.get(&hold.what) {
            match (&present.by, &mut hold.by) {
                (StoppedBy::Person, StoppedBy::Breaker { .. }) => return,
                (StoppedBy::Person, StoppedBy::Person) => {
                    hold.since_ms = present.since_ms;
                    if hold.detail.is_empty() {
                        hold.detail.clone_from(&present.detail);
                    }
                }
                (StoppedBy::Breaker { .. }, StoppedBy::Person) => {}
                (StoppedBy::Breaker { versions: before }, StoppedBy::Breaker { versions }) => {
                    let newer = std::mem::take(versions);
                    let older = before.iter().filter(|version| !newer.contains(version));
                    let mut all: Vec<Arc<str>> = older.cloned().collect();
                    all.extend(newer);
                    *versions = all.split_off(all.len().saturating_sub(MOST_VERSIONS));
                }
            }
        }
        self.holds.insert(hold.what.clone(), hold.clone());
        if self.holds.len() > MOST {
            let of_breakers = self
                .holds
                .values()
                .filter(|hold| hold.by != StoppedBy::Person);
            let oldest = of_breakers.min_by_key(|hold| hold.since_ms);
            let gives_way = oldest.map_or_else(|| hold.what.clone(), |hold| hold.what.clone());
            self.holds.remove(&gives_way);
        }
    }

    /// As text: a list, in JSON.
    pub fn to_text(&self) -> serde_json::Result<String> {
        let known = self.holds.values().map(serde_json::to_value);
        let unknown = self.unknown.iter().cloned().map(Ok);
        let all: Vec<Value> = known.chain(unknown).collect::<serde_json::Result<_>>()?;
        serde_json::to_string(&all)
    }

    /// Reads what [`Self::to_text`] wrote, here or in a later version: an entry that is not understood costs only itself. `None` if it is no list.
    pub fn of_text(text: &str) -> Option<Self> {
        let all: Vec<Value> = serde_json::from_str(text).ok()?;
        let mut holds = Self::default();
        for entry in all {
            match Hold::deserialize(&entry) {
                Ok(hold) => {
                    holds.holds.insert(hold.what.clone(), hold);
                }
                Err(_later) => holds.unknown.push(entry),
            }
        }
        Some(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn rule(name: &str) -> Stopped {
        Stopped::Rule(Arc::from(name))
    }

    fn hold(what: Stopped, by: StoppedBy, since_ms: i64) -> Hold {
        Hold {
            what,
            by,
            errcode: None,
            detail: "why".to_owned(),
            since_ms,
            more: BTreeMap::new(),
        }
    }

    fn of_breaker() -> StoppedBy {
        of_version("1")
    }

    fn of_version(version: &str) -> StoppedBy {
        StoppedBy::Breaker {
            versions: vec![Arc::from(version)],
        }
    }

    fn change(holds: &mut Holds, change: HoldChange) {
        holds.change(&Ask {
            change: Some(change),
            known: Arc::default(),
            now_ms: NOW_MS,
        });
    }

    #[test]
    fn a_persons_word_stands_above_a_breakers() {
        let mut holds = Holds::default();
        let breaker = hold(rule("r"), of_breaker(), NOW_MS);
        let person = hold(rule("r"), StoppedBy::Person, NOW_MS + 1);
        for (placed, stands) in [
            (&breaker, &breaker),
            (&person, &person),
            (&breaker, &person),
        ] {
            change(&mut holds, HoldChange::Place(placed.clone()));
            assert_eq!(holds.iter().collect::<Vec<_>>(), [stands]);
        }
        change(&mut holds, HoldChange::Lift(rule("other")));
        assert_eq!(holds.get(&rule("r")), Some(&person));
        change(&mut holds, HoldChange::Lift(rule("r")));
        assert_eq!(holds, Holds::default());
    }

    #[test]
    fn of_two_persons_the_first_says_since_when_and_the_last_one_why() {
        let mut holds = Holds::default();
        let mut word = hold(rule("r"), StoppedBy::Person, NOW_MS);
        for (detail, since_ms) in [("first", NOW_MS), ("second", NOW_MS + 1), ("", NOW_MS + 2)] {
            detail.clone_into(&mut word.detail);
            word.since_ms = since_ms;
            change(&mut holds, HoldChange::Place(word.clone()));
        }
        let held = holds.get(&rule("r")).unwrap();
        assert_eq!((held.detail.as_str(), held.since_ms), ("second", NOW_MS));
    }

    #[test]
    fn versions_that_run_side_by_side_stay_stopped_each() {
        let mut holds = Holds::default();
        for version in 0..12 {
            let by = of_version(&version.to_string());
            change(&mut holds, HoldChange::Place(hold(rule("r"), by, NOW_MS)));
        }
        // Again, and it is the newest.
        change(
            &mut holds,
            HoldChange::Place(hold(rule("r"), of_version("5"), NOW_MS)),
        );
        let Some(StoppedBy::Breaker { versions }) = holds.get(&rule("r")).map(|hold| &hold.by)
        else {
            panic!("{holds:?}");
        };
        let versions: Vec<&str> = versions.iter().map(AsRef::as_ref).collect();
        assert_eq!(
            versions,
            ["2", "3", "4", "6", "7", "8", "9", "10", "11", "5"]
        );
        change(&mut holds, HoldChange::Lift(rule("r")));
        assert_eq!(holds, Holds::default());
    }

    #[test]
    fn breakers_are_forgotten_and_give_way_and_persons_are_not() {
        let mut holds = Holds::default();
        let old = NOW_MS - BREAKERS_FOR_MS - 1;
        change(
            &mut holds,
            HoldChange::Place(hold(rule("old"), of_breaker(), old)),
        );
        let what = Stopped::App(Arc::from("shop"));
        change(
            &mut holds,
            HoldChange::Place(hold(what.clone(), StoppedBy::Person, old)),
        );
        assert_eq!(
            holds.iter().map(|hold| &hold.what).collect::<Vec<_>>(),
            [&what]
        );
        let mut placed = 1;
        for number in 0_i32..1_005 {
            let by = if number == 3 {
                of_breaker()
            } else {
                StoppedBy::Person
            };
            let hold = hold(rule(&format!("r{number}")), by, NOW_MS);
            change(&mut holds, HoldChange::Place(hold));
            placed += 1;
        }
        assert!(placed > MOST);
        assert_eq!(holds.iter().count(), MOST);
        assert_eq!(holds.get(&rule("r3")), None);
        assert!(holds.get(&what).is_some());
    }

    #[test]
    fn a_later_versions_entries_are_kept_and_stop_nothing() {
        let mut holds = Holds::default();
        let template = Stopped::Template {
            app: Arc::from("shop"),
            id: Arc::from("T"),
        };
        change(
            &mut holds,
            HoldChange::Place(hold(template, StoppedBy::Person, NOW_MS)),
        );
        change(
            &mut holds,
            HoldChange::Place(hold(rule("r"), of_breaker(), NOW_MS)),
        );
        let text = holds.to_text().unwrap();
        assert_eq!(Holds::of_text(&text), Some(holds.clone()));
        let later = text.replacen('[', r#"[{"what":{"user":"o1"},"by":"person"},7,"#, 1);
        let read = Holds::of_text(&later).unwrap();
        assert_eq!((read.iter().count(), read.n_unknown()), (2, 2));
        let again = read.to_text().unwrap();
        let more = text.replacen(r#""detail""#, r#""until":"noon","detail""#, 1);
        let read = Holds::of_text(&more).unwrap();
        assert_eq!((read.iter().count(), read.n_unknown()), (2, 0));
        assert!(read.to_text().unwrap().contains(r#""until":"noon""#));
        assert!(
            again.contains(r#"{"by":"person","what":{"user":"o1"}}"#),
            "{again}"
        );
        assert_eq!(Holds::of_text("{}"), None);
        assert_eq!(Holds::of_text("[]"), Some(Holds::default()));
    }
}
