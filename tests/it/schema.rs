//! `docs/outcome.schema.json`, `docs/receipt.schema.json` and `docs/audit.schema.json` are what the types give. `WX_COURIER_WRITE_SCHEMA=1 cargo test schema` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use wx_courier_core::model::outcome::{Reason, read_word};

use crate::support::schema::{generated, generated_for_audit, generated_for_receipts};

#[test]
fn the_published_schemas_are_those_of_the_types() {
    check("docs/outcome.schema.json", &generated());
    check("docs/receipt.schema.json", &generated_for_receipts());
    check("docs/audit.schema.json", &generated_for_audit());
}

fn check(file: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let expected = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("WX_COURIER_WRITE_SCHEMA").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == expected,
        "{file} is not what its type gives.\n\
         If the change is meant: WX_COURIER_WRITE_SCHEMA=1 cargo test schema, and a line in CHANGELOG.md"
    );
}

/// The reasons that the table of a page lists, each with its status.
fn listed_reasons(page: &str) -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("| status | reason |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let mut status = String::new();
    let mut listed = BTreeMap::new();
    for row in table.lines().skip(2) {
        let mut cells = row
            .split('|')
            .skip(1)
            .map(|cell| cell.trim().trim_matches('`'));
        let (begins, reason) = (cells.next().unwrap(), cells.next().unwrap());
        if !begins.is_empty() {
            begins.clone_into(&mut status);
        }
        let twice = listed.insert(reason.to_owned(), status.clone());
        assert_eq!(twice, None, "{reason} stands twice");
    }
    listed
}

/// For people, for readers of the schema and in the code: the same reasons, each of the same status.
#[test]
fn every_reason_is_explained_and_has_the_status_of_its_row() {
    let listed = listed_reasons("docs/outcomes.md");
    assert_eq!(listed_reasons("docs/outcomes.zh-CN.md"), listed);
    let schema = generated();
    let reasons = schema["$defs"]["Reason"]["oneOf"].as_array().unwrap();
    assert_eq!(reasons.len(), listed.len(), "{listed:?}");
    for entry in reasons {
        let word = entry["const"].as_str().unwrap();
        let description = entry["description"].as_str().unwrap();
        let status = listed
            .get(word)
            .unwrap_or_else(|| panic!("docs/outcomes.md does not list {word}"));
        let reason: Reason = read_word(word).unwrap();
        assert_eq!(reason.status().as_str(), status, "{word}");
        assert_eq!(reason.as_str(), word);
        assert!(
            description.starts_with(&format!("`{status}`: ")),
            "{word}: {description}"
        );
    }
}

/// The pages for support name statuses and reasons that there are, the same ones in both languages.
#[test]
fn what_support_is_told_of_is_there() {
    let listed = listed_reasons("docs/outcomes.md");
    let told = ["docs/support.md", "docs/support.zh-CN.md"].map(|page| {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let (_, table) = text.split_once("\n## 2. ").unwrap();
        let (table, _) = table.split_once("\n## 3. ").unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let words = rows.map(|row| -> Vec<String> {
            let cell = row.split('|').nth(1).unwrap();
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        });
        words.collect::<Vec<_>>()
    });
    for words in &told[0] {
        let (status, reasons) = words.split_first().unwrap();
        assert!(listed.values().any(|known| known == status), "{status}");
        for reason in reasons {
            assert_eq!(listed.get(reason), Some(status), "{reason}");
        }
    }
    assert!(told[0].len() > 12);
    assert_eq!(told[0], told[1]);
}
