//! What the pages show can be copied: rules compile and pass their tests, settings and templates load, events become messages, outcomes fit
//! the schema. In every language.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use toml::Table;
use wx_courier::config::{Loaded, Sources, load};

use crate::commands::run_with_input;
use crate::support::folder::{APPID, Rules, SECRET, copy_sample, sample_folder};
use crate::support::pages::{self, Block, words_of};
use crate::support::schema;

/// What a block of TOML is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A rule file.
    Rule,
    /// Some lines of one: the sample rule has the rest.
    LinesOfARule,
    /// Some sections of `courier.toml`.
    Settings,
    /// A file of an app.
    App,
    /// Some templates of `templates.toml`.
    Templates,
}

/// The sections of `courier.toml`.
const SECTIONS: [&str; 19] = [
    "kafka",
    "events",
    "outcomes",
    "dead_letters",
    "audit",
    "rules",
    "send",
    "breaker",
    "refusal_wave",
    "templates",
    "engine",
    "http",
    "log",
    "apps",
    "state",
    "grants",
    "explain",
    "public",
    "miniapp",
];

const KEYS_OF_A_RULE: [&str; 15] = [
    "on",
    "when",
    "app",
    "kind",
    "template",
    "to",
    "page",
    "lang",
    "expires_after",
    "in_doubt",
    "dedupe",
    "rate",
    "priority",
    "overflow",
    "params",
];

fn part_of(table: &Table) -> Part {
    let all_are = |known: &[&str]| table.keys().all(|key| known.contains(&key.as_str()));
    let is_whole = table.contains_key("params") || table.contains_key("message");
    if table.contains_key("on") && is_whole {
        Part::Rule
    } else if all_are(&KEYS_OF_A_RULE) {
        Part::LinesOfARule
    } else if all_are(&SECTIONS) {
        Part::Settings
    } else if table.contains_key("appid") {
        Part::App
    } else {
        Part::Templates
    }
}

/// A configuration that has all that an example leaves out.
struct Around {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

impl Around {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_sample(folder.path(), Rules::Sample);
        fs::write(folder.path().join("courier.toml"), "").unwrap();
        let environment = [
            ("WX_COURIER__KAFKA__TOPICS", "order-events"),
            ("WX_COURIER__APPS__SHOP__APPID", APPID),
            ("WX_COURIER__APPS__SHOP__SECRET", SECRET),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            folder,
            environment: environment.into(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the example where it belongs.
    fn place(&mut self, part: Part, block: &Block, table: &Table) {
        let text = &block.text;
        match part {
            Part::Rule => fs::write(self.path("rules/example.toml"), text).unwrap(),
            Part::LinesOfARule => {
                let path = self.path("rules/order-completed.toml");
                let rule = merge_lines(&fs::read_to_string(&path).unwrap(), text, table);
                fs::write(path, rule).unwrap();
            }
            Part::Settings => {
                let text = self.with_secrets(text);
                fs::write(self.path("courier.toml"), text).unwrap();
                self.let_example_speak(table);
            }
            Part::App => {
                fs::create_dir_all(self.path("apps")).unwrap();
                fs::write(self.path("apps/example.toml"), self.with_secrets(text)).unwrap();
            }
            Part::Templates => {
                let path = self.path("templates.toml");
                let known = fs::read_to_string(&path).unwrap();
                fs::write(path, merge_templates(&known, text, table)).unwrap();
            }
        }
    }

    /// What the example says itself, the surroundings do not say.
    fn let_example_speak(&mut self, table: &Table) {
        let says = |section: &str, key: &str| {
            let at = section
                .split('.')
                .try_fold(table, |table, name| table.get(name)?.as_table());
            at.is_some_and(|section| section.contains_key(key))
        };
        for (section, key, variable) in [
            ("kafka", "topics", "WX_COURIER__KAFKA__TOPICS"),
            ("apps.shop", "appid", "WX_COURIER__APPS__SHOP__APPID"),
            ("apps.shop", "secret_file", "WX_COURIER__APPS__SHOP__SECRET"),
        ] {
            if says(section, key) {
                self.environment.remove(variable);
            }
        }
    }

    /// Files of secrets that the example names are there.
    fn with_secrets(&self, text: &str) -> String {
        let folder = self.path("secrets");
        fs::create_dir_all(&folder).unwrap();
        for named in text.split("/run/secrets/").skip(1) {
            let (name, _) = named.split_once('"').unwrap();
            // 43 letters, so that it is a key of callbacks, and a token of them is shorter.
            let secret = if name.ends_with("token") {
                &SECRET.replace('-', "")
            } else {
                "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
            };
            fs::write(folder.join(name), secret).unwrap();
        }
        text.replace("/run/secrets", folder.to_str().unwrap())
    }

    fn load(&self) -> Loaded {
        load(&Sources {
            folder: self.folder.path().to_owned(),
            working_folder: self.folder.path().to_owned(),
            environment: self.environment.clone(),
            flags: Vec::new(),
        })
    }
}

/// Some lines of a rule in place of the sample's own lines of those keys.
fn merge_lines(rule: &str, lines: &str, table: &Table) -> String {
    let is_replaced = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        !(line.contains('=') && table.contains_key(key))
    };
    let (head, tables) = rule.split_at(rule.find("\n[").unwrap());
    let head: Vec<&str> = head.lines().filter(is_replaced).collect();
    let (keys, sections) = if lines.starts_with('[') {
        ("", lines)
    } else {
        (lines, "")
    };
    format!("{}\n{keys}{tables}\n{sections}", head.join("\n"))
}

/// Templates beside those of the sample; what an example says of one that the sample has goes to its keys, or in its place.
fn merge_templates(known: &str, text: &str, table: &Table) -> String {
    let mut merged = known.to_owned();
    let mut is_new = true;
    for (app, templates) in table {
        for (name, template) in templates.as_table().unwrap() {
            let head = format!("[{app}.{name}]");
            let Some(at) = merged.find(&head) else {
                continue;
            };
            is_new = false;
            let (_, from_head) = merged.split_at(at);
            let end = from_head.find("\n[");
            let end = end.map_or(merged.len(), |end| at + end);
            let whole = template.as_table().unwrap().contains_key("id");
            if whole {
                merged.replace_range(at..end, text);
            } else {
                merged.replace_range(at..at + head.len(), text);
            }
        }
    }
    if is_new { merged + "\n" + text } else { merged }
}

#[test]
fn every_example_in_toml_can_be_used() {
    let mut tried: BTreeMap<Part, usize> = BTreeMap::new();
    for page in pages::all() {
        for block in page.blocks().iter().filter(|block| block.kind == "toml") {
            let table: Table = block
                .text
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", block.place));
            let part = part_of(&table);
            *tried.entry(part).or_default() += 1;
            let mut around = Around::new();
            around.place(part, block, &table);
            let loaded = around.load();
            let place = &block.place;
            assert!(
                !loaded.problems.has_errors(),
                "{place} ({part:?}):\n{}",
                loaded.problems
            );
            let rules = loaded.rules.unwrap_or_else(|| panic!("{place}: no rules"));
            if part == Part::LinesOfARule {
                // They read fields that the events of the sample's tests do not have.
                continue;
            }
            for test in rules.run_tests() {
                let problems: Vec<String> = test.problems().map(|it| it.to_string()).collect();
                assert!(test.passed(), "{place}: {problems:?}");
            }
        }
    }
    let n = |part| tried.get(&part).copied().unwrap_or_default();
    assert!(
        n(Part::Rule) >= 6
            && n(Part::Settings) >= 12
            && n(Part::Templates) >= 3
            && n(Part::App) >= 1,
        "{tried:?}"
    );
}

/// The event that a line of a shell publishes: the value, and `NAME=VALUE` of each header.
fn published_by(line: &str) -> Option<(String, Vec<String>)> {
    let commands = words_of(line);
    let [echo, kcat, ..] = commands.as_slice() else {
        return None;
    };
    let is_published = echo[0] == "echo" && kcat[0] == "kcat" && kcat.contains(&"-P".to_owned());
    let after_flags = kcat.windows(2).filter(|pair| pair[0] == "-H");
    is_published.then(|| {
        (
            echo[1].clone(),
            after_flags.map(|pair| pair[1].clone()).collect(),
        )
    })
}

#[test]
fn every_event_that_a_page_publishes_becomes_a_message() {
    let mut n_events = BTreeMap::new();
    for page in ["README.md", "README.zh-CN.md"].map(pages::page) {
        for block in page.blocks().iter().filter(|block| block.kind == "sh") {
            let text = block.text.replace("\\\n", " ");
            for (value, headers) in text.lines().filter_map(published_by) {
                let mut arguments = vec!["preview", "--event", "-", "--format", "json"];
                for header in &headers {
                    arguments.extend(["--header", header]);
                }
                let said = run_with_input(&sample_folder(), &arguments, value.as_bytes());
                assert_eq!(said.code, Some(0), "{}: {value}\n{}", block.place, said.err);
                assert_eq!(
                    said.json()["events"][0]["messages"][0]["status"],
                    "would_send",
                    "{}: {value}",
                    block.place
                );
                *n_events.entry(page.path.clone()).or_insert(0) += 1;
            }
        }
    }
    let each = BTreeMap::from([
        ("README.md".to_owned(), 3),
        ("README.zh-CN.md".to_owned(), 3),
    ]);
    assert_eq!(n_events, each);
}

#[test]
fn every_record_of_ours_that_a_page_shows_fits_its_schema() {
    let mut n_found = 0;
    for page in pages::all() {
        for block in page.blocks().iter().filter(|block| block.kind == "json") {
            let Ok(shown) = serde_json::from_str::<Value>(&block.text) else {
                // A part of a document, or with `…` in it.
                continue;
            };
            if shown.get("what").is_some() {
                schema::audit_must_fit(&shown);
                n_found += 1;
            } else if shown.get("outcome_id").is_some() {
                schema::receipt_must_fit(&shown);
                n_found += 1;
            } else if shown.get("reason").is_some() {
                schema::must_fit(&shown);
                n_found += 1;
            }
        }
    }
    assert!(n_found >= 8, "found only {n_found}");
}

#[test]
fn lines_of_a_rule_replace_those_of_the_sample() {
    let rule = "on = \"a\"\ndedupe = \"x\"\n\n[params]\nthing1 = \"y\"\n";
    let merged = |lines: &str| {
        let table: Table = lines.parse().unwrap();
        let merged: Table = merge_lines(rule, lines, &table).parse().unwrap();
        merged
    };
    let with_key = merged("dedupe = \"z\"\n");
    assert_eq!(with_key["dedupe"].as_str(), Some("z"));
    assert_eq!(with_key["on"].as_str(), Some("a"));
    assert!(with_key.contains_key("params"));
    let with_table = merged("[overflow]\nthing1 = \"trim\"\n");
    assert_eq!(with_table["overflow"]["thing1"].as_str(), Some("trim"));
}
