//! The rules: which event becomes which message. Files go in, a compiled set comes out, whole or not at all.
//!
//! A [`RuleSet`] never changes: new rules are a new set. Planning an event costs what its own rules cost, however many others
//! there are.

mod carried;
mod considered;
mod constants;
mod context;
mod currency;
mod diagnosis;
mod doubles;
mod emptiness;
mod exclusive;
mod file;
mod filters;
mod fixed;
mod glob;
mod inspect;
mod number;
mod plan;
mod proof;
pub mod proposal;
mod rate;
mod recipe;
mod template;
mod tree;
mod unencoded;
mod unmatched;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::catalog::{Catalog, Policies, Template};
use crate::document::{Origin, Problems};
use crate::event::Event;
use crate::message::{Api, Made, Overflow, Rejection};
use crate::model::Rate;
use context::{Belongings, EventValues};
use glob::Glob;
use recipe::{Address, Recipe};
use template::{Condition, Text};
use version::version_of;

pub use considered::{Considered, Holds, Part, SeenValue, Verdict};
pub use diagnosis::{Diagnosis, RuleValue};
pub use proof::TestResult;

/// A rule file, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSource {
    /// The file as errors shall name it.
    pub file: String,
    /// The rule's name: the path below the folder of rules, without `.toml`.
    pub name: String,
    /// What is in the file.
    pub text: String,
}

/// What rules are checked against.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The apps that the settings know.
    pub apps: &'a BTreeSet<String>,
    /// The templates of those apps.
    pub catalog: &'a Catalog,
    /// What is made of users' grants.
    pub policies: &'a Policies,
    /// The zone in which `datetime` and `date` write.
    pub time_zone: TimeZone,
}

/// What happens to a message after a crash between its attempt and the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InDoubt {
    /// It is sent again: perhaps twice, never not at all.
    #[default]
    Resend,
    /// It is left: perhaps not at all, never twice. Its outcome is `unknown`.
    Leave,
}

/// Which rules' messages go first under the limits of an app. No rule is left out: of 21 turns that all want, `high` has 16, `normal` 4, `low` 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// What a user waits for: a code, a change of plans.
    High,
    /// Everything else.
    #[default]
    Normal,
    /// What may come later: a reminder of points.
    Low,
}

/// A rule that passed every check.
pub struct Rule {
    /// Its name: the path of its file below the folder of rules.
    pub name: Arc<str>,
    /// Changes with what it sends, and to whom: with what its file says, with its template, with what is made of grants, and with the time zone.
    /// How the files are written does not matter: comments, line ends, the order of keys.
    pub version: Arc<str>,
    /// The app that sends.
    pub app: Arc<str>,
    /// How old an event may be when its message's turn comes.
    pub expires_after: Duration,
    /// What a crash between attempt and answer means.
    pub in_doubt: InDoubt,
    /// The most sends of this rule a second, over the whole fleet.
    pub rate: Option<Rate>,
    /// Which rule goes first under the app's limits.
    pub priority: Priority,
    wants: Wants,
    when: Option<Condition>,
    to: Address,
    dedupe: Option<Text>,
    recipe: Recipe,
    belongings: Arc<Belongings>,
    /// Where its keys stand that make something of an event: `params.thing2`.
    places: BTreeMap<String, Origin>,
    /// What was told of its values where they are written: the name of one and a sentence.
    told: BTreeSet<(String, String)>,
    tests: Vec<proof::RuleTest>,
}

/// The types of events that a rule is for.
#[derive(Debug, Default)]
struct Wants {
    exact: Vec<String>,
    globs: Vec<Glob>,
}

/// What one rule makes of an event.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What is sent once, even where no message came of it: see [`crate::message::message_id`].
    pub message_id: String,
    /// The message, or why there is none.
    pub result: Result<Made, Rejection>,
    /// The openid that `to` gives where no message came for another reason: the outcome names the user all the same.
    pub refused_for: Option<String>,
}

impl Rule {
    /// The API that its messages go through.
    pub fn api(&self) -> Api {
        match &self.recipe {
            Recipe::Subscribe(_) => Api::Subscribe,
            Recipe::Customer(_) => Api::Customer,
        }
    }

    /// The template that it fills, if its messages are of a kind that has one.
    pub fn template(&self) -> Option<&Arc<Template>> {
        match &self.recipe {
            Recipe::Subscribe(card) => Some(&card.template),
            Recipe::Customer(_) => None,
        }
    }

    /// What happens to a value that is too long for this param.
    pub fn overflow_of(&self, param: &str) -> Overflow {
        match &self.recipe {
            Recipe::Subscribe(card) => card.overflow_of(param),
            Recipe::Customer(_) => Overflow::Reject,
        }
    }

    /// Whether its recipients are named by login codes.
    pub fn is_by_code(&self) -> bool {
        matches!(self.to, Address::Code(_))
    }

    /// How many tests its file has.
    pub fn n_tests(&self) -> usize {
        self.tests.len()
    }

    fn wants(&self, event_type: &str) -> bool {
        self.wants.exact.iter().any(|exact| exact == event_type)
            || self.wants.globs.iter().any(|glob| glob.matches(event_type))
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

/// Every rule, compiled. Immutable: it is swapped whole.
#[derive(Debug)]
pub struct RuleSet {
    version: Arc<str>,
    catalog: Arc<Catalog>,
    policies: Policies,
    /// By name, so that an index is also a place in the order of plans.
    rules: Vec<Arc<Rule>>,
    by_type: HashMap<String, Vec<usize>>,
    with_globs: Vec<usize>,
}

impl RuleSet {
    /// Compiles every rule. All mistakes of all files are reported; `None` if any of them is an error.
    pub fn compile(
        problems: &mut Problems,
        sources: &[RuleSource],
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        let mut found = Problems::default();
        let mut rules = Vec::new();
        for source in sources {
            rules.extend(file::read(&mut found, source, around).map(Arc::new));
        }
        rules.sort_by(|left: &Arc<Rule>, right| left.name.cmp(&right.name));
        doubles::warn(&mut found, &rules);
        let sound = !found.has_errors();
        problems.extend(found);
        sound.then(|| Self::of(around, rules))
    }

    /// The set of these rules, which are in the order of their names.
    fn of(around: &Surroundings<'_>, rules: Vec<Arc<Rule>>) -> Self {
        let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
        let mut with_globs = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            for exact in rule.wants.exact.iter().collect::<BTreeSet<_>>() {
                by_type.entry(exact.clone()).or_default().push(index);
            }
            if !rule.wants.globs.is_empty() {
                with_globs.push(index);
            }
        }
        Self {
            version: version_of(&rules),
            catalog: Arc::new(around.catalog.clone()),
            policies: around.policies.clone(),
            rules,
            by_type,
            with_globs,
        }
    }

    /// The rule of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Rule>> {
        let found = self
            .rules
            .binary_search_by(|rule| rule.name.as_ref().cmp(name));
        self.rules.get(found.ok()?)
    }

    /// A short hash over the names and versions of all rules: sets that send the same have the same version everywhere, however their files
    /// are written.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The templates that the rules were checked against.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What is made of users' grants.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Every rule, by name.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rules that are for a type of event, whatever their `when` says, in the order of their names.
    pub fn rules_for(&self, event_type: &str) -> impl Iterator<Item = &Arc<Rule>> {
        let mut wanted: Vec<usize> = self.by_type.get(event_type).cloned().unwrap_or_default();
        let by_glob = self.with_globs.iter().filter(|index| {
            let rule = self.rules.get(**index);
            rule.is_some_and(|rule| rule.wants(event_type))
        });
        wanted.extend(by_glob);
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().filter_map(|index| self.rules.get(index))
    }

    /// What becomes of an event, in the order of the rules' names; empty if no rule wants it. Of an event that was published again only
    /// the rules that the replay means.
    pub fn plan(&self, event: &Event) -> Vec<Planned> {
        let rules = self.rules_for(&event.kind);
        let mut rules = rules.filter(|rule| event.wish.means(&rule.name)).peekable();
        if rules.peek().is_none() {
            return Vec::new();
        }
        let values = EventValues::of(event);
        rules
            .filter_map(|rule| rule.apply(event, &values))
            .collect()
    }

    /// The same, for one of the rules.
    pub fn plan_one(&self, event: &Event, rule: &str) -> Option<Planned> {
        let mut rules = self.rules_for(&event.kind);
        let rule = rules.find(|of_set| of_set.name.as_ref() == rule)?;
        if !event.wish.means(&rule.name) {
            return None;
        }
        rule.apply(event, &EventValues::of(event))
    }

    /// Runs the tests that the rules bring along.
    pub fn run_tests(&self) -> Vec<TestResult> {
        self.rules.iter().flat_map(proof::run).collect()
    }
}

#[cfg(test)]
mod tests;
