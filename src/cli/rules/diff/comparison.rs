//! Two versions of the rules over the same events: what stays, what changes, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::preview::report::{Event, Preview, WOULD_SEND};
use wx_courier_core::explanation::Shown;
use wx_courier_core::model::outcome::Status;
use wx_courier_core::rules::RuleSet;

/// In place of a rule's name, where the event itself cannot be read.
const WHOLE_EVENT: &str = "(the event itself)";

/// So many samples of each kind are shown.
const SAMPLES: usize = 3;

/// What becomes of one message under the other version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// It would be sent, and cannot be any more.
    BecomesInvalid,
    /// It was not made before, and cannot be sent.
    NewAndInvalid,
    /// It is made by no rule any more.
    NoLongerMade,
    /// Another message is sent.
    Changed,
    /// It was not made before.
    New,
    /// It could not be sent, and can be.
    BecomesValid,
    /// It cannot be sent, as before.
    StaysInvalid,
    /// The very same is sent.
    Same,
}

impl Fate {
    pub(super) const ALL: [Self; 8] = [
        Self::BecomesInvalid,
        Self::NewAndInvalid,
        Self::NoLongerMade,
        Self::Changed,
        Self::New,
        Self::BecomesValid,
        Self::StaysInvalid,
        Self::Same,
    ];

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::BecomesInvalid => "becomes invalid",
            Self::NewAndInvalid => "new and invalid",
            Self::NoLongerMade => "no longer made",
            Self::Changed => "changed",
            Self::New => "new",
            Self::BecomesValid => "becomes valid",
            Self::StaysInvalid => "stays invalid",
            Self::Same => "same",
        }
    }

    /// Whether a message that cannot be sent is the other version's doing.
    fn is_newly_invalid(self) -> bool {
        match self {
            Self::BecomesInvalid | Self::NewAndInvalid => true,
            Self::NoLongerMade
            | Self::Changed
            | Self::New
            | Self::BecomesValid
            | Self::StaysInvalid
            | Self::Same => false,
        }
    }
}

/// What two versions of the rules make of the same events.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) before: Version,
    pub(super) after: Version,
    pub(super) events: usize,
    /// Rules of one version only, and those that are not the same in both.
    pub(super) rules: RuleChanges,
    /// By rule and fate, the gravest first.
    pub(super) messages: Vec<Tally>,
}

#[derive(Debug, Serialize)]
pub(super) struct Version {
    pub(super) rules_version: String,
    pub(super) rules: usize,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct RuleChanges {
    pub(super) gone: Vec<String>,
    pub(super) new: Vec<String>,
    pub(super) changed: Vec<String>,
}

/// How often messages of a rule have one fate, and the first of them.
#[derive(Debug, Serialize)]
pub(super) struct Tally {
    pub(super) rule: String,
    pub(super) fate: Fate,
    pub(super) count: usize,
    pub(super) samples: Vec<Sample>,
}

/// One message, before and after.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sample {
    /// Where its event is.
    pub(super) place: String,
    pub(super) event_id: Option<String>,
    /// Why it cannot be sent under the other version.
    pub(super) problem: Option<String>,
    /// What differs: of a message that is new, or not made any more, all.
    pub(super) values: Vec<Difference>,
}

/// A value, before and after; nothing where it is not made.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// `to`, `page`, or the name of a param or field; `app` and `template`.
    pub(super) name: String,
    /// What the template calls it.
    pub(super) label: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// What one version makes of an event.
pub(super) struct Side {
    event_id: Option<String>,
    messages: BTreeMap<String, Message>,
}

struct Message {
    is_sent: bool,
    /// What decides whether two messages are the same: app and call.
    call: (String, Option<String>),
    problem: Option<String>,
    /// In their order: name, label, value.
    values: Vec<(String, Option<String>, Option<String>)>,
}

impl Side {
    pub(super) fn new(event: &Event, rules: &RuleSet) -> Self {
        let messages = event.messages.iter().filter_map(|preview| {
            // An event that cannot be read is as bad as a message that cannot be sent.
            let is_invalid = preview.status == Status::Invalid.as_str();
            let whole = is_invalid.then(|| WHOLE_EVENT.to_owned());
            let name = preview.rule.clone().or(whole)?;
            Some((name, Message::new(preview, rules)))
        });
        Self {
            event_id: event.id.clone(),
            messages: messages.collect(),
        }
    }
}

impl Message {
    /// Whether all values are the same, whatever the templates call them.
    fn says_as(&self, other: &Self) -> bool {
        let said = |message: &Self| -> Vec<(String, Option<String>)> {
            let values = message.values.iter();
            values
                .map(|(name, _, value)| (name.clone(), value.clone()))
                .collect()
        };
        said(self) == said(other)
    }

    fn new(preview: &Preview, rules: &RuleSet) -> Self {
        let rule = preview.rule.as_deref().and_then(|name| rules.get(name));
        let app = rule.map(|rule| rule.app.to_string()).unwrap_or_default();
        let template = rule
            .and_then(|rule| rule.template())
            .map(|template| template.name.to_string());
        let of_rule = [("app", Some(app.clone())), ("template", template)];
        let of_rule = of_rule.map(|(name, value)| (name.to_owned(), None, value));
        let shown = preview.values.iter().map(
            |Shown {
                 name, label, value, ..
             }| { (name.clone(), label.clone(), value.clone()) },
        );
        let values = of_rule.into_iter().chain(shown).collect();
        Self {
            is_sent: preview.status == WOULD_SEND,
            call: (app, preview.body.clone()),
            problem: preview.detail.clone(),
            values,
        }
    }
}

impl Comparison {
    pub(super) fn new(before: &RuleSet, after: &RuleSet) -> Self {
        let version = |rules: &RuleSet| Version {
            rules_version: rules.version().to_string(),
            rules: rules.rules().len(),
        };
        let mut changes = RuleChanges::default();
        let names = |rules: &RuleSet| -> BTreeSet<Arc<str>> {
            rules
                .rules()
                .iter()
                .map(|rule| Arc::clone(&rule.name))
                .collect()
        };
        for name in names(before).union(&names(after)) {
            match (before.get(name), after.get(name)) {
                (Some(_), None) => changes.gone.push(name.to_string()),
                (None, Some(_)) => changes.new.push(name.to_string()),
                (Some(one), Some(other)) if one.version != other.version => {
                    changes.changed.push(name.to_string());
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Self {
            before: version(before),
            after: version(after),
            events: 0,
            rules: changes,
            messages: Vec::new(),
        }
    }

    /// Whether the other version makes messages that cannot be sent, where this one did not.
    pub(super) fn has_newly_invalid(&self) -> bool {
        let mut fates = self.messages.iter().map(|tally| tally.fate);
        fates.any(Fate::is_newly_invalid)
    }

    /// Whether there are events, and no version can read one of them.
    pub(super) fn is_unreadable(&self) -> bool {
        let of_events = self
            .messages
            .iter()
            .filter(|tally| tally.rule == WHOLE_EVENT && tally.fate == Fate::StaysInvalid);
        let unreadable: usize = of_events.map(|tally| tally.count).sum();
        self.events > 0 && unreadable == self.events
    }

    /// How many messages have this fate.
    pub(super) fn count(&self, fate: Fate) -> usize {
        let of_fate = self.messages.iter().filter(|tally| tally.fate == fate);
        of_fate.map(|tally| tally.count).sum()
    }

    /// One more event.
    pub(super) fn add(&mut self, place: &str, before: Side, after: Side) {
        self.events += 1;
        let event_id = after.event_id.or(before.event_id);
        let (mut before, mut after) = (before.messages, after.messages);
        pass_over_new_names(&mut before, &mut after);
        let rules: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
        for rule in rules {
            let (one, other) = (before.get(&rule), after.get(&rule));
            let Some(fate) = fate(one, other) else {
                continue;
            };
            let sample = || Sample {
                place: place.to_owned(),
                event_id: event_id.clone(),
                problem: other
                    .filter(|it| !it.is_sent)
                    .and_then(|it| it.problem.clone()),
                values: differences(one, other),
            };
            self.tally(rule, fate, sample);
        }
    }

    fn tally(&mut self, rule: String, fate: Fate, sample: impl FnOnce() -> Sample) {
        let place = self
            .messages
            .binary_search_by(|tally| (tally.fate, tally.rule.as_str()).cmp(&(fate, &rule)));
        let index = match place {
            Ok(index) => index,
            Err(index) => {
                self.messages.insert(
                    index,
                    Tally {
                        rule,
                        fate,
                        count: 0,
                        samples: Vec::new(),
                    },
                );
                index
            }
        };
        if let Some(tally) = self.messages.get_mut(index) {
            tally.count += 1;
            if tally.samples.len() < SAMPLES && fate != Fate::Same {
                tally.samples.push(sample());
            }
        }
    }
}

/// A rule that has another name and makes the same message is no change: it is counted under its new name.
fn pass_over_new_names(
    before: &mut BTreeMap<String, Message>,
    after: &mut BTreeMap<String, Message>,
) {
    let new: Vec<String> = after
        .keys()
        .filter(|name| !before.contains_key(*name))
        .cloned()
        .collect();
    for name in new {
        let Some(message) = after.get(&name).filter(|message| message.is_sent) else {
            continue;
        };
        let mut olds = before.iter().filter(|(old, _)| !after.contains_key(*old));
        let same = olds.find(|(_, old)| old.is_sent && old.call == message.call);
        if let Some(old) = same.map(|(old, _)| old.clone())
            && let Some(old) = before.remove(&old)
        {
            before.insert(name, old);
        }
    }
}

fn fate(before: Option<&Message>, after: Option<&Message>) -> Option<Fate> {
    Some(match (before, after) {
        (None, None) => return None,
        (Some(_), None) => Fate::NoLongerMade,
        (None, Some(after)) if after.is_sent => Fate::New,
        (None, Some(_)) => Fate::NewAndInvalid,
        (Some(before), Some(after)) => match (before.is_sent, after.is_sent) {
            (true, false) => Fate::BecomesInvalid,
            (false, true) => Fate::BecomesValid,
            (false, false) => Fate::StaysInvalid,
            (true, true) if before.call == after.call && before.says_as(after) => Fate::Same,
            (true, true) => Fate::Changed,
        },
    })
}

fn differences(before: Option<&Message>, after: Option<&Message>) -> Vec<Difference> {
    let values =
        |message: Option<&Message>| message.map(|it| it.values.clone()).unwrap_or_default();
    let (before, after) = (values(before), values(after));
    let mut all = Vec::new();
    for (name, label, value) in &before {
        let now = after.iter().find(|(other, ..)| other == name);
        let now = now.and_then(|(.., now)| now.clone());
        if *value != now {
            all.push(Difference {
                name: name.clone(),
                label: label.clone(),
                before: value.clone(),
                after: now,
            });
        }
    }
    for (name, label, value) in after {
        if value.is_some() && !before.iter().any(|(other, ..)| *other == name) {
            all.push(Difference {
                name,
                label,
                before: None,
                after: value,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: Option<&str>) -> Message {
        Message {
            is_sent: value.is_some(),
            call: ("shop".to_owned(), value.map(str::to_owned)),
            problem: value.is_none().then(|| "it is empty".to_owned()),
            values: vec![(
                "thing1".to_owned(),
                Some("商品".to_owned()),
                value.map(str::to_owned),
            )],
        }
    }

    fn side(messages: &[(&str, Option<&str>)]) -> Side {
        let messages = messages.iter();
        Side {
            event_id: Some("e-1".to_owned()),
            messages: messages
                .map(|(rule, value)| ((*rule).to_owned(), message(*value)))
                .collect(),
        }
    }

    fn compared(pairs: &[(Side, Side)]) -> Comparison {
        let version = || Version {
            rules_version: String::new(),
            rules: 0,
        };
        let mut comparison = Comparison {
            before: version(),
            after: version(),
            events: 0,
            rules: RuleChanges::default(),
            messages: Vec::new(),
        };
        for (before, after) in pairs {
            let again = |side: &Side| Side {
                event_id: side.event_id.clone(),
                messages: side
                    .messages
                    .iter()
                    .map(|(rule, it)| (rule.clone(), message(it.call.1.as_deref())))
                    .collect(),
            };
            comparison.add("events/0/1", again(before), again(after));
        }
        comparison
    }

    fn fates(
        before: &[(&str, Option<&str>)],
        after: &[(&str, Option<&str>)],
    ) -> Vec<(String, Fate)> {
        let comparison = compared(&[(side(before), side(after))]);
        let tallies = comparison.messages.into_iter();
        tallies.map(|tally| (tally.rule, tally.fate)).collect()
    }

    #[test]
    fn each_pair_has_its_fate() {
        let (good, other, bad) = (Some("tea"), Some("coffee"), None);
        for (before, after, expected) in [
            (good, good, Fate::Same),
            (good, other, Fate::Changed),
            (good, bad, Fate::BecomesInvalid),
            (bad, good, Fate::BecomesValid),
            (bad, bad, Fate::StaysInvalid),
        ] {
            let found = fates(&[("a", before)], &[("a", after)]);
            assert_eq!(found, [("a".to_owned(), expected)]);
        }
        assert_eq!(
            fates(&[("a", good)], &[]),
            [("a".to_owned(), Fate::NoLongerMade)]
        );
        assert_eq!(fates(&[], &[("a", good)]), [("a".to_owned(), Fate::New)]);
        assert_eq!(
            fates(&[], &[("a", bad)]),
            [("a".to_owned(), Fate::NewAndInvalid)]
        );
        assert_eq!(fates(&[], &[]), []);
    }

    #[test]
    fn another_name_alone_is_no_change() {
        let found = fates(&[("a", Some("tea"))], &[("b", Some("tea"))]);
        assert_eq!(found, [("b".to_owned(), Fate::Same)]);
        let found = fates(&[("a", Some("tea"))], &[("b", Some("coffee"))]);
        let expected = [
            ("a".to_owned(), Fate::NoLongerMade),
            ("b".to_owned(), Fate::New),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_gravest_comes_first_and_samples_show_what_differs() {
        let (good, other, bad) = (Some("tea"), Some("coffee"), None);
        let pair = |after| (side(&[("a", good)]), side(&[("a", after)]));
        let pairs: Vec<(Side, Side)> = [good, other, bad, bad, bad, bad].map(pair).into();
        let comparison = compared(&pairs);
        assert!(comparison.has_newly_invalid());
        assert_eq!(comparison.events, 6);
        let counts: Vec<(Fate, usize, usize)> = comparison
            .messages
            .iter()
            .map(|tally| (tally.fate, tally.count, tally.samples.len()))
            .collect();
        let expected = [
            (Fate::BecomesInvalid, 4, SAMPLES),
            (Fate::Changed, 1, 1),
            (Fate::Same, 1, 0),
        ];
        assert_eq!(counts, expected);
        let invalid = &comparison.messages[0].samples[0];
        assert_eq!(invalid.problem.as_deref(), Some("it is empty"));
        let changed = &comparison.messages[1].samples[0].values;
        let expected = Difference {
            name: "thing1".to_owned(),
            label: Some("商品".to_owned()),
            before: Some("tea".to_owned()),
            after: Some("coffee".to_owned()),
        };
        assert_eq!(*changed, [expected]);
    }
}
