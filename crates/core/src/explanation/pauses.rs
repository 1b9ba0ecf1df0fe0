//! What the store's holds stop, rule by rule: what is known of pauses where no instance answers.

use std::collections::BTreeMap;

use super::{PauseTold, RuleNow};
use crate::flow::{PauseStatus, is_of_rules};
use crate::holds::Holds;
use crate::rules::RuleSet;
use crate::schedule::pauses::Subject;

/// What holds each rule, by its name.
pub fn held_rules(rules: &RuleSet, holds: &Holds) -> BTreeMap<String, RuleNow> {
    let in_force = holds.iter().filter(|hold| is_of_rules(rules, hold));
    let told: Vec<(Subject, PauseTold)> = in_force
        .map(|hold| {
            (
                Subject::from(&hold.what),
                PauseTold::from(PauseStatus::from(hold)),
            )
        })
        .collect();
    let of_rule = rules.rules().iter().map(|rule| {
        let covering: Vec<Subject> = Subject::covering(rule).collect();
        let held = told
            .iter()
            .filter(|(subject, _)| covering.contains(subject));
        let held = held.map(|(_, pause)| pause.clone());
        let now = RuleNow {
            paused_by: held.collect(),
            line: None,
        };
        (rule.name.to_string(), now)
    });
    of_rule
        .filter(|(_, now)| !now.paused_by.is_empty())
        .collect()
}

impl From<PauseStatus> for PauseTold {
    fn from(status: PauseStatus) -> Self {
        Self {
            subject: status.subject,
            cause: status.cause.to_owned(),
            errcode: status.errcode,
            detail: status.detail,
            since: status.since,
            ends: status.ends.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap as More;
    use std::sync::Arc;

    use super::*;
    use crate::holds::{Ask, Hold, HoldChange, Stopped, StoppedBy};
    use crate::testing;

    #[test]
    fn a_hold_of_an_app_holds_its_rules_and_a_breakers_only_its_version() {
        let rules = testing::rules(&[("a", "shop", ""), ("b", "shop", ""), ("c", "school", "")]);
        let mut holds = Holds::default();
        let mut place = |what, by| {
            let hold = Hold {
                what,
                by,
                errcode: None,
                detail: "why".to_owned(),
                since_ms: 1,
                more: More::new(),
            };
            holds.change(&Ask {
                change: Some(HoldChange::Place(hold)),
                known: Arc::default(),
                now_ms: 1,
            });
        };
        place(Stopped::App(Arc::from("shop")), StoppedBy::Person);
        let versions = vec![Arc::from("another")];
        place(
            Stopped::Rule(Arc::from("c")),
            StoppedBy::Breaker { versions },
        );
        let held = held_rules(&rules, &holds);
        assert_eq!(held.keys().collect::<Vec<_>>(), ["a", "b"]);
        let pause = &held["a"].paused_by[0];
        assert_eq!(
            (pause.subject.as_str(), pause.cause.as_str()),
            ("app shop", "person")
        );
        assert_eq!(pause.detail, "why");
    }
}
