//! The tests that a rule brings along: an event, and what shall become of it.

mod carrier;

use std::sync::Arc;

use jiff::Timestamp;

use super::context::EventValues;
use super::diagnosis::new_doubts;
use super::{Rule, Wants};
use crate::document::{Item, Node, Origin, Problem, Problems, Said, Section, nearest};
use crate::event::{Event, Payload, Wish};
use crate::message::{Field, Made, Rejection};

/// The time of a test's event that names none: a test must say the same every day.
const TEST_TIME: &str = "2026-01-02T03:04:05Z";

/// What a test expects to become of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    WouldSend,
    Invalid,
    Unmatched,
}

/// What a test may expect of the message of its rule.
pub(super) enum Outline {
    /// The params of a card, and its page.
    Card { params: Vec<String> },
    /// The fields of a customer-service message; `None` where it cannot be said which those are.
    Customer { fields: Option<Vec<Field>> },
}

/// One `[[tests]]` of a rule.
#[derive(Debug)]
pub(super) struct RuleTest {
    name: String,
    origin: Origin,
    key: String,
    event: Event,
    values: Vec<(String, String)>,
    to: Option<String>,
    page: Option<String>,
    status: Expected,
    reason: Option<String>,
}

/// How a rule's test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The rule.
    pub rule: Arc<str>,
    /// The test's name; without one, its number.
    pub name: String,
    /// Where it is written.
    pub origin: Origin,
    /// Its key in the file: `tests[0]`.
    pub key: String,
    /// What was expected and what was found; empty if the test passed.
    pub failures: Vec<String>,
    /// What `WeChat` may refuse of the message, though nothing is known against it.
    pub doubts: Vec<String>,
}

impl TestResult {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The failures as errors in the rule's file, and the doubts as warnings.
    pub fn problems(&self) -> impl Iterator<Item = Problem> {
        let failed = |failure: &String| {
            Problem::error(
                &self.origin,
                format!("test \"{}\" failed: {failure}", self.name),
            )
        };
        let doubted = |doubt: &String| {
            Problem::warning(&self.origin, format!("test \"{}\": {doubt}", self.name))
        };
        let failures = self.failures.iter().map(failed);
        let problems = failures.chain(self.doubts.iter().map(doubted));
        problems.map(|problem| problem.key(self.key.clone()).rule(self.rule.as_ref()))
    }
}

/// Reads `[[tests]]`.
pub(super) fn read(
    problems: &mut Problems,
    file: &mut Section,
    wants: &Wants,
    outline: &Outline,
) -> Vec<RuleTest> {
    let Some(said) = file.take("tests") else {
        return Vec::new();
    };
    let Item::Array(nodes) = said.value.item else {
        let problem = Problem::error(
            &said.origin,
            format!("expected a list of tests, found {}", said.value.item.kind()),
        );
        problems.push(
            problem
                .key(said.key)
                .help("write [[tests]] before each test"),
        );
        return Vec::new();
    };
    let mut tests = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        tests.extend(read_test(problems, index, node, wants, outline));
    }
    tests
}

fn read_test(
    problems: &mut Problems,
    index: usize,
    node: Node,
    wants: &Wants,
    outline: &Outline,
) -> Option<RuleTest> {
    const STATUSES: [(&str, Expected); 3] = [
        ("would_send", Expected::WouldSend),
        ("invalid", Expected::Invalid),
        ("unmatched", Expected::Unmatched),
    ];
    let key = format!("tests[{index}]");
    let mut section = Section::new(problems, key.clone(), node);
    let origin = section.origin().clone();
    let name = section
        .take_string(problems, "name")
        .map_or_else(|| (index + 1).to_string(), |said| said.value);
    let event = if let Some(event) = section.take_section(problems, "event") {
        read_event(problems, event, wants)
    } else {
        problems.push(
            section
                .error("`event` is missing")
                .help("write event = { data = { openid = \"o1\" } }"),
        );
        None
    };
    let expect = section
        .take_section(problems, "expect")
        .map(|expect| read_expect(problems, expect, outline))
        .unwrap_or_default();
    let to = section.take_string(problems, "expect_to");
    let page = section.take_string(problems, "expect_page");
    if let (Some(page), Outline::Customer { .. }) = (&page, outline) {
        problems.push(
            page.error("only the card of a subscribe message has a page of its own")
                .help("write it into `expect`: expect = { pagepath = \"…\" }"),
        );
    }
    let reason = section.take_string(problems, "expect_reason");
    let status = section
        .take_choice(problems, "expect_status", &STATUSES)
        .map(|said| said.value);
    let status = status.unwrap_or(if reason.is_some() {
        Expected::Invalid
    } else {
        Expected::WouldSend
    });
    section.finish(problems);
    let value = |said: Option<Said<String>>| said.map(|said| said.value);
    Some(RuleTest {
        name,
        origin,
        key,
        event: event?,
        values: expect,
        to: value(to),
        page: value(page),
        status,
        reason: value(reason),
    })
}

fn read_event(problems: &mut Problems, mut section: Section, wants: &Wants) -> Option<Event> {
    let kind = section
        .take_string(problems, "type")
        .map(|said| said.value)
        .or_else(|| wants.exact.first().cloned());
    let is_for_nothing = wants.exact.is_empty() && wants.globs.is_empty();
    let mut text = |key: &'static str| section.take_string(problems, key);
    let (id, source, subject, time) = (text("id"), text("source"), text("subject"), text("time"));
    let data = section
        .take("data")
        .map(|said| Payload::from(said.value.to_json()))
        .unwrap_or_default();
    let time_ms = read_time(problems, time.as_ref());
    let carrier = carrier::read(problems, &mut section);
    // Where `on` itself is wrong, that has been said.
    if kind.is_none() && !is_for_nothing {
        problems.push(
            section
                .error("`type` is missing")
                .help("the rule is for a pattern of types, so a test must name one"),
        );
    }
    section.finish(problems);
    let or = |said: Option<Said<String>>, other: &str| {
        said.map_or_else(|| other.to_owned(), |said| said.value)
    };
    Some(Event {
        id: or(id, "test"),
        kind: kind?,
        source: or(source, "test"),
        time: or(time, TEST_TIME),
        time_ms: time_ms?,
        subject: subject.map(|said| said.value),
        data,
        traceparent: None,
        wish: Wish::default(),
        carrier: carrier?,
        keys: None,
    })
}

/// A moment in Unix milliseconds.
fn read_time(problems: &mut Problems, said: Option<&Said<String>>) -> Option<i64> {
    let text = said.map_or(TEST_TIME, |said| said.value.as_str());
    let moment = text.parse::<Timestamp>();
    if let (Err(_), Some(said)) = (&moment, said) {
        problems.push(
            said.error("this is no time")
                .help("write it like \"2026-11-22T16:30:00+08:00\""),
        );
    }
    Some(moment.ok()?.as_millisecond())
}

fn read_expect(
    problems: &mut Problems,
    mut section: Section,
    outline: &Outline,
) -> Vec<(String, String)> {
    let (what, known) = outline.names();
    let mut expect = Vec::new();
    for (name, said) in section.take_rest() {
        let Item::String(value) = &said.value.item else {
            let found = said.value.item.kind();
            problems.push(said.error(format!(
                "expected text, found {found}: the values of a message are text"
            )));
            continue;
        };
        // Where it cannot be said what is known, the mistake has been told.
        let Some(known) = &known else { continue };
        if known.contains(&name.as_str()) {
            expect.push((name, value.clone()));
            continue;
        }
        let problem = said.error(format!("the {what} `{name}`"));
        problems.push(match nearest(&name, known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    expect
}

/// Runs the tests of one rule: only this rule looks at their events.
pub(super) fn run(rule: &Arc<Rule>) -> Vec<TestResult> {
    let mut results = Vec::with_capacity(rule.tests.len());
    for test in &rule.tests {
        let values = EventValues::of(&test.event);
        let planned = if rule.wants(&test.event.kind) {
            rule.apply(&test.event, &values)
                .map(|planned| planned.result)
        } else {
            None
        };
        let doubts = match (&planned, &values) {
            (Some(Ok(_)), Ok(values)) => new_doubts(rule, values),
            (Some(Err(_)) | None, _) | (_, Err(_)) => Vec::new(),
        };
        results.push(TestResult {
            rule: Arc::clone(&rule.name),
            name: test.name.clone(),
            origin: test.origin.clone(),
            key: test.key.clone(),
            failures: judge(test, planned.as_ref()),
            doubts: doubts
                .into_iter()
                .map(|(name, doubt)| format!("{name}: {doubt}"))
                .collect(),
        });
    }
    results
}

fn judge(test: &RuleTest, planned: Option<&Result<Made, Rejection>>) -> Vec<String> {
    match (test.status, planned) {
        (Expected::WouldSend, Some(Ok(made))) => compare(test, made),
        (Expected::Unmatched, None) => Vec::new(),
        (Expected::Invalid, Some(Err(rejection))) => match &test.reason {
            Some(reason) if reason != rejection.reason.as_str() => {
                vec![format!(
                    "expected the reason {reason}, found {} ({})",
                    rejection.reason.as_str(),
                    rejection.detail
                )]
            }
            _ => Vec::new(),
        },
        (expected, found) => vec![format!(
            "expected {}, found {}",
            expected.describe(),
            describe(found)
        )],
    }
}

fn compare(test: &RuleTest, made: &Made) -> Vec<String> {
    let message = made.shown();
    let to = match made {
        Made::Message(message) => message.recipient.as_str(),
        Made::Unaddressed(unaddressed) => unaddressed.code().expose(),
    };
    let mut failures = Vec::new();
    let mut check = |what: &str, expected: Option<&str>, found: Option<&str>| {
        if let Some(expected) = expected.filter(|expected| *expected != found.unwrap_or_default()) {
            failures.push(format!(
                "{what}: expected \"{expected}\", found \"{}\"",
                found.unwrap_or_default()
            ));
        }
    };
    let content = &message.content;
    for (name, expected) in &test.values {
        check(name, Some(expected), content.value(name));
    }
    check("to", test.to.as_deref(), Some(to));
    check("page", test.page.as_deref(), content.page());
    failures
}

impl Outline {
    /// How a name is refused that is none of these, and these, if they are known.
    fn names(&self) -> (&'static str, Option<Vec<&str>>) {
        match self {
            Self::Card { params } => {
                let names = params.iter().map(String::as_str);
                ("rule has no param", Some(names.collect()))
            }
            Self::Customer { fields } => {
                let fields = fields.as_ref();
                let names =
                    fields.map(|fields| fields.iter().map(|field| field.as_str()).collect());
                ("message has no field", names)
            }
        }
    }
}

impl Expected {
    fn describe(self) -> &'static str {
        match self {
            Self::WouldSend => "a message",
            Self::Invalid => "an invalid message",
            Self::Unmatched => "that the rule does not want the event",
        }
    }
}

fn describe(planned: Option<&Result<Made, Rejection>>) -> String {
    match planned {
        None => "that the rule does not want the event".to_owned(),
        Some(Ok(_)) => "a message".to_owned(),
        Some(Err(rejection)) => format!(
            "it is invalid: {} ({})",
            rejection.reason.as_str(),
            rejection.detail
        ),
    }
}
