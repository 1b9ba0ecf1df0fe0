//! Rules that send the same card twice: the same template, for the same event, to the same user.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::exclusive::exclude_each_other;
use super::recipe::{Address, Recipe};
use super::{Rule, Wants};
use crate::document::{Origin, Problem, Problems};

/// Rules that are named at most.
const MOST_NAMED: usize = 3;

/// What two rules must have in common.
#[derive(PartialEq, Eq, Hash)]
struct Card<'a> {
    app: &'a str,
    template: &'a str,
    /// The template of the recipient, as it is written.
    to: Cow<'a, str>,
}

/// The rules of one card that were seen, by their places in the list.
#[derive(Default)]
struct Seen<'a> {
    by_type: HashMap<&'a str, Vec<usize>>,
    with_globs: Vec<usize>,
    all: Vec<usize>,
}

/// Warns of each rule that does what an earlier one does already. `rules` are in the order of their names.
pub(super) fn warn(problems: &mut Problems, rules: &[Arc<Rule>]) {
    let mut seen: HashMap<Card<'_>, Seen<'_>> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let Some(card) = card_of(rule) else { continue };
        let of_card = seen.entry(card).or_default();
        let candidates = of_card.that_may_want_the_same(&rule.wants);
        let doubles = candidates
            .into_iter()
            .filter_map(|at| rules.get(at))
            .filter(|other| want_the_same(&rule.wants, &other.wants) && may_both_hold(rule, other));
        let doubles: Vec<&Arc<Rule>> = doubles.collect();
        if !doubles.is_empty() {
            problems.push(problem(rule, &doubles));
        }
        of_card.note(&rule.wants, index);
    }
}

fn card_of(rule: &Rule) -> Option<Card<'_>> {
    match &rule.recipe {
        Recipe::Subscribe(card) => {
            let (Address::Openid(to) | Address::Code(to)) = &rule.to;
            Some(Card {
                app: &rule.app,
                template: &card.template.id,
                to: to.source(),
            })
        }
        // Two of these are an answer in two parts.
        Recipe::Customer(_) => None,
    }
}

impl<'a> Seen<'a> {
    fn that_may_want_the_same(&self, wants: &Wants) -> BTreeSet<usize> {
        if !wants.globs.is_empty() {
            return self.all.iter().copied().collect();
        }
        let exact = wants.exact.iter();
        let by_type = exact.filter_map(|kind| self.by_type.get(kind.as_str()));
        by_type.flatten().chain(&self.with_globs).copied().collect()
    }

    fn note(&mut self, wants: &'a Wants, index: usize) {
        for kind in &wants.exact {
            self.by_type.entry(kind).or_default().push(index);
        }
        if !wants.globs.is_empty() {
            self.with_globs.push(index);
        }
        self.all.push(index);
    }
}

fn want_the_same(left: &Wants, right: &Wants) -> bool {
    let takes = |wants: &Wants, kind: &String| {
        wants.exact.contains(kind) || wants.globs.iter().any(|glob| glob.matches(kind))
    };
    left.exact.iter().any(|kind| takes(right, kind))
        || right.exact.iter().any(|kind| takes(left, kind))
        || left
            .globs
            .iter()
            .any(|glob| right.globs.iter().any(|other| glob.meets(other)))
}

fn may_both_hold(left: &Rule, right: &Rule) -> bool {
    match (&left.when, &right.when) {
        (Some(left), Some(right)) => !exclude_each_other(left.source(), right.source()),
        (None, _) | (_, None) => true,
    }
}

fn problem(rule: &Rule, doubles: &[&Arc<Rule>]) -> Problem {
    let named = doubles.iter().take(MOST_NAMED).map(|other| {
        let place = other.place_of("template");
        place.map_or_else(
            || other.name.to_string(),
            |place| format!("{} ({place})", other.name),
        )
    });
    let named: Vec<String> = named.collect();
    let more = match doubles.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let message = format!(
        "the same template goes to the same user for the same events by {}{more}: the customer would get it twice",
        named.join(", ")
    );
    let origin = rule.place_of("template").unwrap_or(&Origin::Default);
    Problem::warning(origin, message)
        .key("template")
        .rule(rule.name.as_ref())
        .help("keep one of them, or give them a `when` that cannot hold for one event: when = \"data.kind == 'a'\" and when = \"data.kind != 'a'\"")
}
