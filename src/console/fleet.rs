//! The running instances, as their pages show them. They may be of another version: what is not there is not known, and costs nothing else.

pub mod backlog;
pub mod watch;

use std::collections::BTreeMap;

use serde::Deserialize;

/// All that is known of the fleet at one moment.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// The instances, by their addresses.
    pub instances: Vec<InstanceSeen>,
    /// What the group has not read yet; `None` where that is not known.
    pub backlog: Option<backlog::Backlog>,
    /// Why that is not known.
    pub backlog_trouble: Option<String>,
    /// When this was found out, in Unix milliseconds; 0 before the first time.
    pub at_ms: i64,
}

/// An instance, as it was last seen.
#[derive(Clone, Debug, Default)]
pub struct InstanceSeen {
    /// Where it was asked: host and port. Empty for one that only the store tells of.
    pub address: String,
    /// The machine's name.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// How it is; or why that is not known.
    pub status: Option<StatusSeen>,
    /// Why it did not answer.
    pub silent: Option<String>,
    /// Its rules.
    pub rules: Vec<RuleSeen>,
}

/// What `/status` says, as far as pages show it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StatusSeen {
    /// Where the service is in its life.
    pub phase: String,
    /// The version of the program.
    pub version: String,
    /// The engine.
    pub engine: EngineSeen,
    /// How rules were read.
    pub reload: ReloadSeen,
    /// The cluster.
    pub cluster: ClusterSeen,
    /// Outcomes that Kafka does not take.
    pub unpublished: Option<serde_json::Value>,
    /// The tokens of each app.
    pub tokens: BTreeMap<String, TokenSeen>,
    /// The templates of each app.
    pub templates: BTreeMap<String, serde_json::Value>,
    /// The store.
    pub state: StateSeen,
}

/// The engine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EngineSeen {
    /// Messages that wait for their turn.
    pub waiting: u64,
    /// Calls under way.
    pub sending: u64,
    /// Messages that wait before another attempt.
    pub backing_off: u64,
    /// Outcomes that are not acknowledged.
    pub publishing: u64,
    /// Messages that wait outside of the window, by rule.
    pub set_aside: BTreeMap<String, u64>,
    /// Whether reading is paused.
    pub paused: bool,
    /// Whether the store does not answer.
    pub store_is_down: bool,
    /// Whether it shuts down.
    pub draining: bool,
    /// What must not be sent for now.
    pub pauses: Vec<PauseSeen>,
    /// What apps were warned of and punished with.
    pub punishments: Vec<PunishmentSeen>,
    /// The partitions that it reads.
    pub partitions: Vec<serde_json::Value>,
}

/// Something that is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PauseSeen {
    /// `app shop`, `template shop/ID` or `rule order-completed`.
    pub subject: String,
    /// Why, in a word.
    pub cause: String,
    /// `WeChat`'s code.
    pub errcode: Option<i64>,
    /// Why, in a sentence.
    pub detail: String,
    /// Since when: RFC 3339, UTC.
    pub since: String,
    /// What ends it.
    pub ends: String,
}

/// A punishment of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PunishmentSeen {
    /// The app.
    pub app: String,
    /// What is done, in a word.
    pub measure: String,
    /// Why, as `WeChat` says.
    pub reason: String,
    /// When it is over: RFC 3339, UTC.
    pub until: Option<String>,
}

/// How rules were read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReloadSeen {
    /// The version in force.
    pub rules_version: Option<String>,
    /// Since when: RFC 3339, UTC.
    pub in_force_since: Option<String>,
    /// The version on disk.
    pub on_disk: Option<String>,
    /// Why that is not in force.
    pub refused: Option<RefusedSeen>,
    /// Settings that wait for a restart.
    pub restart_needed: Vec<String>,
}

/// Rules that are not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RefusedSeen {
    /// Since when: RFC 3339, UTC.
    pub since: String,
    /// How many errors there are.
    pub errors: u64,
    /// The first of them.
    pub first: String,
}

/// The cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClusterSeen {
    /// Whether any broker answers.
    pub reached: bool,
    /// What keeps the service from a part of it.
    pub troubles: Vec<serde_json::Value>,
}

/// The token of an app.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenSeen {
    /// How it stands, in a word.
    pub state: String,
    /// The life that is left of it, in seconds.
    pub expires_in_s: Option<u64>,
    /// What is wrong.
    pub last_error: Option<String>,
}

/// The store.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StateSeen {
    /// What was lost.
    pub loss: Option<LossSeen>,
}

/// The end of everything that was kept before.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LossSeen {
    /// What happened.
    pub what: String,
    /// Whether sending waits for a person.
    pub paused: bool,
}

/// A rule as an instance runs it: what `/rules` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RuleSeen {
    /// Its name.
    pub rule: String,
    /// Its version.
    pub version: String,
    /// The app that sends.
    pub app: String,
    /// The template's name.
    pub template: Option<String>,
    /// Messages that wait, in the window.
    pub waiting: u64,
    /// Messages that wait outside of it.
    pub set_aside: u64,
    /// When the oldest of those in the window came: RFC 3339, UTC.
    pub waiting_since: Option<String>,
    /// What holds them.
    pub paused_by: Vec<PauseSeen>,
}

impl Fleet {
    /// The instances that are known by their own word, those that were asked first before the others.
    pub fn answering(&self) -> impl Iterator<Item = &InstanceSeen> {
        self.instances.iter().filter(|it| it.status.is_some())
    }

    /// What is paused anywhere, each once.
    pub fn pauses(&self) -> Vec<&PauseSeen> {
        let all = self.instances.iter().filter_map(|it| it.status.as_ref());
        let mut pauses: Vec<&PauseSeen> = Vec::new();
        for pause in all.flat_map(|status| &status.engine.pauses) {
            let mut known = pauses.iter();
            if !known.any(|it| it.subject == pause.subject && it.cause == pause.cause) {
                pauses.push(pause);
            }
        }
        pauses.sort_by(|left, right| left.since.cmp(&right.since));
        pauses
    }

    /// The rules of the whole fleet: those that wait are added up, what holds them is told once.
    pub fn rules(&self) -> Vec<RuleSeen> {
        let mut rules: BTreeMap<&str, RuleSeen> = BTreeMap::new();
        for seen in self.instances.iter().flat_map(|it| &it.rules) {
            let rule = rules.entry(&seen.rule).or_insert_with(|| RuleSeen {
                waiting: 0,
                set_aside: 0,
                paused_by: Vec::new(),
                ..seen.clone()
            });
            rule.waiting += seen.waiting;
            rule.set_aside += seen.set_aside;
            let since = [rule.waiting_since.take(), seen.waiting_since.clone()];
            rule.waiting_since = since.into_iter().flatten().min();
            for pause in &seen.paused_by {
                if !rule
                    .paused_by
                    .iter()
                    .any(|known| known.subject == pause.subject)
                {
                    rule.paused_by.push(pause.clone());
                }
            }
        }
        rules.into_values().collect()
    }

    /// The versions of the rules in force.
    pub fn versions(&self) -> Vec<&str> {
        let all = self.instances.iter().filter_map(|it| it.status.as_ref());
        let mut versions: Vec<&str> = all
            .filter_map(|status| status.reload.rules_version.as_deref())
            .collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(waiting: u64, since: &str, version: &str) -> InstanceSeen {
        let pause = PauseSeen {
            subject: "rule a".to_owned(),
            cause: "person".to_owned(),
            since: since.to_owned(),
            ..PauseSeen::default()
        };
        let rule = RuleSeen {
            rule: "a".to_owned(),
            waiting,
            waiting_since: Some(since.to_owned()),
            paused_by: vec![pause.clone()],
            ..RuleSeen::default()
        };
        InstanceSeen {
            rules: vec![rule],
            status: Some(StatusSeen {
                engine: EngineSeen {
                    pauses: vec![pause],
                    ..EngineSeen::default()
                },
                reload: ReloadSeen {
                    rules_version: Some(version.to_owned()),
                    ..ReloadSeen::default()
                },
                ..StatusSeen::default()
            }),
            ..InstanceSeen::default()
        }
    }

    #[test]
    fn a_fleet_is_told_as_one() {
        let fleet = Fleet {
            instances: vec![instance(3, "b", "v1"), instance(4, "a", "v1")],
            ..Fleet::default()
        };
        let rules = fleet.rules();
        let [rule] = rules.as_slice() else {
            panic!("{rules:?}");
        };
        assert_eq!(
            (rule.waiting, rule.waiting_since.as_deref()),
            (7, Some("a"))
        );
        assert_eq!(rule.paused_by.len(), 1);
        assert_eq!(fleet.pauses().len(), 1);
        assert_eq!(fleet.versions(), ["v1"]);
    }

    #[test]
    fn what_another_version_says_costs_nothing_else() {
        let text = r#"{"phase":"hovering","engine":{"waiting":3,"more":[1]},"tokens":{"shop":{"state":"new"}}}"#;
        let status: StatusSeen = serde_json::from_str(text).unwrap();
        assert_eq!(
            (status.phase.as_str(), status.engine.waiting),
            ("hovering", 3)
        );
        assert_eq!(status.tokens["shop"].state, "new");
    }
}
