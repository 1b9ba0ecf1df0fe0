//! A rule file → a [`Rule`], with every mistake of the file at once.

mod card;
mod customer;
mod kind;
mod params;
mod sight;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::context::Belongings;
use super::glob::Glob;
use super::inspect::{Finding, Tables};
use super::recipe::Address;
use super::template::{Condition, Text};
use super::version::{Fingerprint, version_of_rule};
use super::{InDoubt, Priority, Rule, RuleSource, Surroundings, Wants, proof};
use crate::document::{Item, Node, Origin, Problem, Problems, Said, Section, nearest, parse};
use crate::message::Api;
use crate::model::Rate;
use crate::model::outcome::bounds;

/// How old an event may be unless the rule says otherwise: also within the window of customer-service messages.
const EXPIRES_AFTER: Duration = Duration::from_hours(24);

/// For so long a user may be answered after the user has written. What is older than that answers nothing any more. `WeChat`: custom/send, 45015.
const CUSTOMER_WINDOW: Duration = Duration::from_hours(48);

/// Reads one rule file. `None` if there is an error in it; whatever is wrong is in `problems`.
pub(super) fn read(
    problems: &mut Problems,
    source: &RuleSource,
    around: &Surroundings<'_>,
) -> Option<Rule> {
    let start = problems.len();
    let mut found = Problems::default();
    check_name(&mut found, source);
    let rule = parse(&mut found, &source.file, &source.text).and_then(|node| {
        let mut reader = Reader {
            problems: &mut found,
            source,
            around,
            entries: BTreeMap::new(),
            places: BTreeMap::new(),
            told: BTreeSet::new(),
            has_tests: false,
        };
        reader.rule(node)
    });
    let sound = !found.has_errors();
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|problem| problem.line);
    for problem in found {
        problems.push(problem);
    }
    problems.name_rule(start, &source.name);
    rule.filter(|_| sound)
}

fn check_name(problems: &mut Problems, source: &RuleSource) {
    let known = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'/')
    };
    if source.name.is_empty() || !source.name.bytes().all(known) {
        let message = "the name of a rule, which is the path of its file, has only a-z, 0-9, `-`, `_` and `/`";
        problems.push(Problem::in_file(&source.file, message).help("rename the file"));
    }
    if let Some(message) = bounds::name_too_long(&source.name) {
        let problem = Problem::in_file(&source.file, message);
        problems.push(
            problem.help(
                "a rule is named by the path of its file below rules/: give it a shorter one",
            ),
        );
    }
}

struct Reader<'a> {
    problems: &'a mut Problems,
    source: &'a RuleSource,
    around: &'a Surroundings<'a>,
    /// Where the entries of the rule's tables stand, by table and key.
    entries: BTreeMap<(String, String), Origin>,
    /// Where what the rule says stands, by key: `params.thing2`.
    places: BTreeMap<String, Origin>,
    /// What was told of its values: the name of one and a sentence.
    told: BTreeSet<(String, String)>,
    has_tests: bool,
}

impl Reader<'_> {
    fn rule(&mut self, node: Node) -> Option<Rule> {
        let said = Fingerprint::of(&node);
        let mut file = Section::new(self.problems, "", node);
        self.has_tests = file.says("tests");
        let tables = file
            .take_section(self.problems, "tables")
            .map(|tables| self.tables(tables))
            .unwrap_or_default();
        let wants = self.wants(&mut file);
        let when = file
            .take_string(self.problems, "when")
            .and_then(|said| self.condition(&said, &tables));
        let app = self.app(&mut file);
        let to = self.to(&mut file, &tables);
        let api = self.kind(&mut file);
        let expires_after = self.expires_after(&mut file, api);
        let in_doubt = file.take_choice(
            self.problems,
            "in_doubt",
            &[("resend", InDoubt::Resend), ("leave", InDoubt::Leave)],
        );
        let dedupe = file
            .take_string(self.problems, "dedupe")
            .and_then(|said| self.dedupe(&said, &tables));
        let rate = file
            .take_section(self.problems, "rate")
            .and_then(|section| Rate::read(self.problems, section));
        let priority = file.take_choice(
            self.problems,
            "priority",
            &[
                ("high", Priority::High),
                ("normal", Priority::Normal),
                ("low", Priority::Low),
            ],
        );
        let (recipe, outline) = match api {
            Api::Subscribe => self.card(&mut file, app.as_deref(), &tables),
            Api::Customer => self.customer(&mut file, &tables),
        };
        let tests = proof::read(self.problems, &mut file, &wants, &outline);
        if !self.has_tests {
            let help = "add [[tests]] with an event and what you expect: `check` runs it, see docs/rules.md";
            self.problems
                .push(Problem::warning(file.origin(), "the rule has no tests").help(help));
        }
        file.finish(self.problems);
        let recipe = recipe?;
        Some(Rule {
            name: Arc::from(self.source.name.as_str()),
            version: version_of_rule(said, &recipe, self.around),
            app: Arc::from(app?),
            expires_after,
            in_doubt: in_doubt.map(|said| said.value).unwrap_or_default(),
            rate,
            priority: priority.map(|said| said.value).unwrap_or_default(),
            wants,
            when,
            to: to?,
            dedupe,
            recipe,
            belongings: Arc::new(Belongings {
                tables,
                time_zone: self.around.time_zone.clone(),
            }),
            places: std::mem::take(&mut self.places),
            told: std::mem::take(&mut self.told),
            tests,
        })
    }

    fn wants(&mut self, file: &mut Section) -> Wants {
        const HELP: &str =
            "name the type of the events, a list of types, or a pattern: on = \"order.*\"";
        let mut wants = Wants::default();
        let Some(said) = file.take_strings(self.problems, "on") else {
            if !self
                .problems
                .iter()
                .any(|problem| problem.key.as_deref() == Some("on"))
            {
                self.problems.push(file.error("`on` is missing").help(HELP));
            }
            return wants;
        };
        if said.value.is_empty() || said.value.iter().any(String::is_empty) {
            self.problems
                .push(said.error("this is for no event at all").help(HELP));
        }
        for pattern in &said.value {
            let stray = pattern
                .chars()
                .find(|c| c.is_whitespace() || "[](){}?+|^$\\".contains(*c));
            if let Some(stray) = stray {
                let problem = said.error(format!("`{stray}` in \"{pattern}\" has no meaning here"));
                self.problems
                    .push(problem.help("only `*` is a wildcard, for any run of characters"));
            }
        }
        for pattern in said.value {
            match Glob::read(&pattern) {
                Some(glob) => wants.globs.push(glob),
                None => wants.exact.push(pattern),
            }
        }
        wants
    }

    fn app(&mut self, file: &mut Section) -> Option<String> {
        let said = file.require_string(
            self.problems,
            "app",
            "the app that sends, by its name in courier.toml: app = \"shop\"",
        )?;
        if self.around.apps.contains(&said.value) {
            return Some(said.value);
        }
        let known: Vec<_> = self.around.apps.iter().map(String::as_str).collect();
        let help = match nearest(&said.value, &known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if known.is_empty() => format!("add [apps.{}] to courier.toml", said.value),
            None => format!("courier.toml knows: {}", known.join(", ")),
        };
        self.problems.push(
            said.error(format!("there is no app \"{}\"", said.value))
                .help(help),
        );
        None
    }

    fn to(&mut self, file: &mut Section, tables: &Tables) -> Option<Address> {
        const HELP: &str = "the openid of the user: to = \"{{ data.openid }}\"";
        let Some(said) = file.take("to") else {
            self.problems.push(file.error("`to` is missing").help(HELP));
            return None;
        };
        if let Item::String(text) = &said.value.item {
            let said = Said {
                value: text.clone(),
                origin: said.origin,
                key: said.key,
            };
            let text = self.text("to", &said, tables)?;
            self.look_at_recipient(&said, &text);
            return Some(Address::Openid(text));
        }
        if let Item::Table(_) = &said.value.item {
            let mut section = Section::new(self.problems, said.key, said.value);
            let help = "a code of wx.login, exchanged for the user: to = { js_code = \"{{ data.js_code }}\" }";
            let code = section.require_string(self.problems, "js_code", help);
            section.finish(self.problems);
            let code = code?;
            let text = self.text("to", &code, tables)?;
            self.look_at_code(&code, &text);
            return Some(Address::Code(text));
        }
        let problem = said.error(format!("expected text, found {}", said.value.item.kind()));
        self.problems.push(problem.help(HELP));
        None
    }

    fn expires_after(&mut self, file: &mut Section, api: Api) -> Duration {
        let Some(said) = file.take_duration(self.problems, "expires_after") else {
            return EXPIRES_AFTER;
        };
        if api == Api::Customer && said.value > CUSTOMER_WINDOW {
            let problem = said.error(
                "WeChat takes a customer-service message for 48 hours after the user has written",
            );
            self.problems
                .push(problem.help("write \"48h\" or less, or leave it out: it is 24h then"));
        }
        said.value
    }

    fn tables(&mut self, mut section: Section) -> Tables {
        let mut tables = Tables::new();
        for (name, said) in section.take_rest() {
            let mut entries = BTreeMap::new();
            for (key, entry) in Section::new(self.problems, said.key, said.value).take_rest() {
                if let Item::String(text) = &entry.value.item {
                    let place = (name.clone(), key.clone());
                    self.entries.insert(place, entry.origin.clone());
                    entries.insert(key, text.clone());
                } else {
                    self.problems.push(
                        entry.error(format!("expected text, found {}", entry.value.item.kind())),
                    );
                }
            }
            tables.insert(name, entries);
        }
        tables
    }

    fn text(&mut self, key: &str, said: &Said<String>, tables: &Tables) -> Option<Text> {
        self.note_place(said);
        match Text::compile(key, &said.value, tables) {
            Ok(text) => Some(text),
            Err(findings) => self.report(said, findings),
        }
    }

    /// Remembers where a value stands, for those who look for it later.
    fn note_place<T>(&mut self, said: &Said<T>) {
        self.places.insert(said.key.clone(), said.origin.clone());
    }

    fn condition(&mut self, said: &Said<String>, tables: &Tables) -> Option<Condition> {
        self.note_place(said);
        match Condition::compile(&said.value, tables) {
            Ok(condition) => Some(condition),
            Err(findings) => self.report(said, findings),
        }
    }

    fn report<T>(&mut self, said: &Said<String>, findings: Vec<Finding>) -> Option<T> {
        for finding in findings {
            let mut problem = said.error(finding.message);
            problem.line = self.line_of(said, finding.line);
            problem.help = finding.help;
            self.problems.push(problem);
        }
        None
    }

    /// The line of the file on which a line of a value's text stands, both counted from 1.
    fn line_of(&self, said: &Said<String>, line: u32) -> Option<u32> {
        let Origin::File { line: key_line, .. } = &said.origin else {
            return None;
        };
        Some(self.first_line(&said.origin, *key_line) + line.saturating_sub(1))
    }

    /// The line on which a value's text begins: a text in triple quotes usually begins below its key.
    fn first_line(&self, origin: &Origin, key_line: u32) -> u32 {
        let index = usize::try_from(key_line.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = self
            .source
            .text
            .lines()
            .nth(index)
            .unwrap_or_default()
            .trim_end();
        let below = matches!(origin, Origin::File { .. })
            && (line.ends_with("\"\"\"") || line.ends_with("'''"));
        if below { key_line + 1 } else { key_line }
    }
}

fn with_nearest(problem: Problem, name: &str, known: &[&str]) -> Problem {
    match nearest(name, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("known here: {}", known.join(", "))),
    }
}
