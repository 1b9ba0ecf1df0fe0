//! Every rule that is for a type of event, with what its `when` says of one: each part of it, and the values that it looks at. For people.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::Value;
use serde::Serialize;

use super::context::{self, EventValues};
use super::recipe::Address;
use super::template::{Condition, expression_value};
use super::{Diagnosis, Planned, Rule, RuleSet, inspect};
use crate::event::Event;
use crate::message::To;

/// Values of a condition that are shown, at most.
const MOST_VALUES: usize = 20;

/// What stands in place of a login code.
const HIDDEN: &str = "(hidden)";

/// So much of a value is shown, in characters.
const SHOWN: usize = 120;

/// A rule that is for the type of an event.
#[derive(Clone, Debug)]
pub struct Considered {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What it does with the event.
    pub verdict: Verdict,
    /// The parts of its `when` that must all hold. None without a `when`, and where the event's data cannot be read.
    pub parts: Vec<Part>,
    /// What it makes of the event, where it wants it.
    pub diagnosis: Option<Diagnosis>,
    openid: Option<String>,
}

/// What a rule does with an event of a type that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It wants it: a message is made, or could not be made.
    Wants,
    /// Its `when` does not hold.
    WhenDoesNotHold,
    /// The record was published again for other rules.
    NotMeant,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// As it stands in the rule.
    pub text: String,
    /// What comes of it.
    pub holds: Holds,
    /// Why it has no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What it looks at in the event, and what is there.
    pub values: Vec<SeenValue>,
}

/// What comes of a part of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told: the message is `invalid`.
    Failed,
    /// It cannot be told, and need not be: a part before it does not hold.
    NotReached,
}

/// A value that a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenValue {
    /// As the condition names it: `data.amount_fen`.
    pub name: String,
    /// What is there, as far as it is short; `None` where nothing is.
    pub value: Option<String>,
}

impl RuleSet {
    /// What every rule of the event's type does with it, in the order of their names. It costs more than [`plan`](Self::plan), and is not for
    /// the service.
    pub fn consider(&self, event: &Event) -> Vec<Considered> {
        let values = EventValues::of(event);
        let rules = self.rules_for(&event.kind);
        let considered = rules.map(|rule| {
            let parts = match &values {
                Ok(values) => rule.parts_of_when(values),
                Err(_) => Vec::new(),
            };
            let of_rule = |verdict, diagnosis| Considered {
                rule: Arc::clone(rule),
                verdict,
                parts,
                diagnosis,
                openid: values
                    .as_ref()
                    .ok()
                    .and_then(|values| rule.named_user(values)),
            };
            if !event.wish.means(&rule.name) {
                return of_rule(Verdict::NotMeant, None);
            }
            match rule.diagnosed(event, &values) {
                Some(diagnosis) => of_rule(Verdict::Wants, Some(diagnosis)),
                None => of_rule(Verdict::WhenDoesNotHold, None),
            }
        });
        considered.collect()
    }
}

impl Considered {
    /// What the service makes of it, if the rule wants it.
    pub fn planned(&self) -> Option<&Planned> {
        self.diagnosis.as_ref().map(|diagnosis| &diagnosis.planned)
    }

    /// The user that the rule takes from the event, whether it wants it or not: who shows something of the event may have to hide that.
    pub fn openid(&self) -> Option<&str> {
        self.openid.as_deref()
    }
}

impl Rule {
    /// What `to` gives, be it well formed or not: it may be a user all the same.
    fn named_user(&self, event: &Arc<EventValues>) -> Option<String> {
        let root = context::root(event, &self.belongings);
        match self.to.render(&root) {
            Ok(To::Openid(openid)) => Some(openid.trim().to_owned()),
            Ok(To::Code(_)) | Err(_) => None,
        }
    }

    fn parts_of_when(&self, event: &Arc<EventValues>) -> Vec<Part> {
        let Some(when) = &self.when else {
            return Vec::new();
        };
        let root = context::root(event, &self.belongings);
        let compile = |text: &str| Condition::compile(text, &self.belongings.tables).ok();
        let texts = inspect::conjuncts(when.source());
        let conditions: Option<Vec<Condition>> = texts.iter().map(|text| compile(text)).collect();
        let conditions = conditions.unwrap_or_default();
        let parts = match conditions.as_slice() {
            [] | [_] => vec![when],
            several => several.iter().collect(),
        };
        let mut all_held = true;
        let parts = parts.into_iter();
        let parts = parts.map(|condition| part(condition, &root, &mut all_held));
        let mut parts: Vec<Part> = parts.collect();
        if let (Address::Code(_), Ok(To::Code(code))) = (&self.to, self.to.render(&root)) {
            let values = parts.iter_mut().flat_map(|part| &mut part.values);
            for value in values {
                value.hide(code.trim());
            }
        }
        parts
    }
}

impl SeenValue {
    /// A login code is a key to its user.
    fn hide(&mut self, code: &str) {
        let has_code = |value: &str| !code.is_empty() && value.contains(code);
        if self.value.as_deref().is_some_and(has_code) {
            self.value = Some(HIDDEN.to_owned());
        }
    }
}

fn part(condition: &Condition, root: &Value, all_held: &mut bool) -> Part {
    let (holds, problem) = match condition.holds(root) {
        Ok(true) => (Holds::True, None),
        Ok(false) => (Holds::False, None),
        Err(failure) if *all_held => (Holds::Failed, Some(failure.detail)),
        Err(failure) => (Holds::NotReached, Some(failure.detail)),
    };
    *all_held &= holds == Holds::True;
    // In an order of their own: the engine gives them in none.
    let names: BTreeSet<String> = condition.names().into_iter().collect();
    let values = names.into_iter().take(MOST_VALUES).map(|name| SeenValue {
        value: expression_value(&name, root).and_then(|value| shown(&value)),
        name,
    });
    Part {
        text: condition.source().to_owned(),
        holds,
        problem,
        values: values.collect(),
    }
}

/// A value as a person reads it in a line; `None` where nothing is.
fn shown(value: &Value) -> Option<String> {
    if value.is_undefined() || value.is_none() {
        return None;
    }
    let text = serde_json::to_string(value).unwrap_or_else(|_| value.to_string());
    let mut chars = text.chars();
    let begin: String = chars.by_ref().take(SHOWN).collect();
    Some(match chars.next() {
        None => begin,
        Some(_) => begin + "…",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn considered(when: &str, data: serde_json::Value) -> Considered {
        let lines = format!("when = {}", json!(when));
        let rules = testing::rules(&[("a", "shop", &lines), ("b", "shop", "")]);
        let mut considered = rules.consider(&testing::event("a", data));
        assert_eq!(considered.len(), 1, "b is for another type");
        considered.remove(0)
    }

    fn parts(when: &str, data: serde_json::Value) -> Vec<(String, Holds)> {
        let parts = considered(when, data).parts.into_iter();
        parts.map(|part| (part.text, part.holds)).collect()
    }

    #[test]
    fn each_part_of_an_and_has_its_value() {
        let when = "data.n > 0 and (data.kind == 'x and y' or data.vip) and not data.test";
        let found = considered(
            when,
            json!({ "n": 2, "kind": "z", "vip": false, "test": false, "to": "o1" }),
        );
        assert_eq!(found.verdict, Verdict::WhenDoesNotHold);
        assert!(found.planned().is_none());
        let texts: Vec<_> = found
            .parts
            .iter()
            .map(|part| (&*part.text, part.holds))
            .collect();
        assert_eq!(
            texts,
            [
                ("data.n > 0", Holds::True),
                ("(data.kind == 'x and y' or data.vip)", Holds::False),
                ("not data.test", Holds::True),
            ]
        );
        let seen = |name: &str, value: &str| SeenValue {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        };
        assert_eq!(
            found.parts[1].values,
            [seen("data.kind", "\"z\""), seen("data.vip", "false")]
        );
    }

    #[test]
    fn a_part_that_is_not_reached_is_no_failure() {
        let when = "data.a is defined and data.a > 3";
        assert_eq!(
            parts(when, json!({})),
            [
                ("data.a is defined".to_owned(), Holds::False),
                ("data.a > 3".to_owned(), Holds::NotReached),
            ]
        );
        let found = considered("data.a > 3", json!({}));
        assert_eq!(found.parts[0].holds, Holds::Failed);
        assert_eq!(found.parts[0].values[0].value, None);
        assert!(found.parts[0].problem.as_ref().unwrap().contains("data.a"));
        assert_eq!(found.verdict, Verdict::Wants, "it is invalid");
    }

    #[test]
    fn what_is_no_and_is_one_part() {
        for when in [
            "data.a or data.b and data.c",
            "(data.a and data.b)",
            "data.a",
        ] {
            let parts = parts(when, json!({ "a": true, "b": true, "c": true }));
            assert_eq!(parts, [(when.to_owned(), Holds::True)]);
        }
        assert_eq!(
            considered("data.a", json!({"a": "长".repeat(200)})).parts[0].values[0]
                .value
                .as_ref()
                .unwrap()
                .chars()
                .count(),
            121
        );
    }

    #[test]
    fn data_that_cannot_be_read_has_no_parts_and_is_wanted() {
        let rules = testing::rules(&[("a", "shop", "")]);
        let found = rules.consider(&testing::event(
            "a",
            json!({ "to": "oABCD1234567890xyz", "text": "好" }),
        ));
        assert_eq!((found.len(), found[0].parts.len()), (1, 0));
        assert!(found[0].planned().unwrap().result.is_ok());
    }
}
