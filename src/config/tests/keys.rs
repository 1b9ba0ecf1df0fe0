//! Every key that is read has an item, every item is read, and its default is a value that may be said.

use std::collections::BTreeSet;

use super::{RULE, SETTINGS, load_with};
use crate::config::read::kafka::options::{ACKS, HIDING_WORDS, IDEMPOTENCE, REFUSED_OPTIONS};
use crate::config::{Loaded, tables};

/// The path with names for what the user names.
fn named(path: &str) -> String {
    let path = path.replace("users.NAME", "users.li");
    path.replace("NAME", "shop")
}

fn load_file(settings: &str) -> Loaded {
    load_with(settings, RULE, &[], Vec::new())
}

/// What the reader of a table asks for, by its own word: a key that it does not know makes it tell.
fn asked_for(told: &str, path: &str) -> BTreeSet<String> {
    let mut lines = told.lines();
    lines.find(|line| {
        line.contains(&format!(
            " {path}.nobody: the key `nobody` is not known here"
        ))
    });
    let help = lines.next().unwrap_or_default();
    let Some((_, known)) = help.split_once("known here: ") else {
        panic!("{path}: {help}\n{told}");
    };
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_that_is_read_has_an_item_and_every_item_is_read() {
    let unknown = tables().iter().map(|table| match table.path {
        "miniapp.send" => "[[miniapp.send]]\nnobody = 1\n".to_owned(),
        path => format!("[{}]\nnobody = 1\n", named(path)),
    });
    let settings: String = unknown.collect();
    let told = load_file(&settings).problems.to_string();
    for table in tables() {
        let inner = tables().iter().filter_map(|inner| {
            let below = inner.path.strip_prefix(table.path)?.strip_prefix('.')?;
            let below = below.strip_suffix(".NAME").unwrap_or(below);
            (!below.contains('.')).then(|| below.to_owned())
        });
        let items = table.rows().into_iter().map(|row| row.name.to_owned());
        let items: BTreeSet<String> = items.chain(inner).collect();
        assert_eq!(
            asked_for(&told, &named(table.path)),
            items,
            "{}",
            table.path
        );
    }
    let told = load_file("nobody = 1\n").problems.to_string();
    let read = asked_for(&told.replace(" nobody:", " .nobody:"), "");
    let first = |path: &str| path.split('.').next().unwrap().to_owned();
    let with_items: BTreeSet<String> = tables().iter().map(|table| first(table.path)).collect();
    assert_eq!(read, with_items);
}

#[test]
fn every_default_may_be_said_by_the_variable_and_changes_nothing() {
    let in_force = load_file(SETTINGS).effective;
    let mut n_said = 0;
    for table in tables() {
        for row in table.rows() {
            let key = format!("{}.{}", named(table.path), row.name);
            let Some(silent) = in_force.iter().find(|setting| setting.key == key) else {
                continue;
            };
            let Some(default) = row.default.strip_prefix('`') else {
                continue;
            };
            let default = default.trim_end_matches('`').trim_matches(['[', ']']);
            let variable = named(&table.variable(row.name)).to_uppercase();
            let said = load_with(SETTINGS, RULE, &[(&variable, default)], Vec::new());
            let setting = said.effective.iter().find(|setting| setting.key == key);
            assert_eq!(setting.unwrap().value, silent.value, "{variable}={default}");
            if !default.is_empty() {
                assert!(!said.problems.has_errors(), "{variable}: {}", said.problems);
                assert_eq!(setting.unwrap().origin, format!("environment {variable}"));
                n_said += 1;
            }
        }
    }
    assert!(n_said > 25, "only {n_said} keys were looked at");
}

/// What `config/courier.toml` says and what it shows in comments: table, key, value, and whether it is a comment.
fn sample() -> Vec<(String, String, String, bool)> {
    let mut path = String::new();
    let mut lines = Vec::new();
    for line in include_str!("../../../config/courier.toml").lines() {
        let (text, is_comment) = match line.strip_prefix("# ") {
            Some(comment) => (comment, true),
            None => (line, false),
        };
        let text = text.split(" #").next().unwrap().trim();
        if let Some(name) = text.strip_prefix('[') {
            name.trim_matches(['[', ']']).clone_into(&mut path);
            continue;
        }
        let Some((key, value)) = text.split_once('=') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim().trim_matches('"'));
        // Else it is a sentence, or a property of librdkafka.
        if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            lines.push((path.clone(), key.to_owned(), value.to_owned(), is_comment));
        }
    }
    lines
}

#[test]
fn the_sample_shows_every_key_that_has_a_default_and_which() {
    let sample = sample();
    assert!(sample.len() > 50, "only {} keys were found", sample.len());
    for (path, key, ..) in &sample {
        let mut tables = tables().iter().filter(|table| named(table.path) == *path);
        let is_known = tables.any(|table| table.rows().iter().any(|row| row.name == key));
        assert!(is_known, "{path}.{key} is no key");
    }
    for table in tables() {
        // Not all apps have a token centre, and what it needs stands in one line.
        if table.path == "apps.NAME.token" {
            continue;
        }
        for row in table.rows() {
            let Some(default) = row.default.strip_prefix('`') else {
                continue;
            };
            let mut shown = sample
                .iter()
                .filter(|(path, key, ..)| named(table.path) == *path && key == row.name);
            let Some((path, key, value, is_comment)) = shown.next() else {
                panic!("the sample does not show {}.{}", table.path, row.name);
            };
            if *is_comment {
                assert_eq!(value, default.trim_end_matches('`'), "{path}.{key}");
            }
        }
    }
}

#[test]
fn the_page_names_what_is_refused_and_what_is_hidden_of_librdkafka() {
    let page = include_str!("../../../docs/settings.md");
    let (_, section) = page.split_once("### `[kafka.options]`").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (refused, others) = section.split_once("What we set").unwrap();
    for (text, names) in [
        (refused, REFUSED_OPTIONS.as_slice()),
        (others, HIDING_WORDS.as_slice()),
    ] {
        for name in names {
            assert!(text.contains(&format!("`{name}`")), "{name}");
        }
    }
    for name in ACKS.iter().chain([&IDEMPOTENCE]) {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
}
