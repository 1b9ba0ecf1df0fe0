//! `tests/cases`: one file is an event or a record, the rules, and what shall become of it; or rules alone, and what `check` says of them.
//!
//! ```toml
//! about     = "what this case shows"
//! event     = '''{ "type": "…", "data": { … } }'''   # JSON text, so that numbers keep their digits
//! templates = '''…'''                                 # a templates.toml; without it, the app `shop` has a template `any`
//! problems  = ["…"]                                   # what `check` says, besides that a rule has no tests
//! [rules]
//! name = '''…'''                                      # a rule file
//! [[plan]]                                            # what becomes of the event: each message or rejection, whole
//! [record]                                            # in place of the event
//! value   = "…"                                       # without it there is none
//! headers = { name = "…" }
//! key     = "…"
//! [events]                                            # the settings of that name by which the record is read
//! [refused]                                           # what is told of a record that is no event; empty if it tells of none
//! ```
//!
//! The settings know the app `shop`, and the time zone is Asia/Shanghai.

#![expect(
    clippy::unwrap_used,
    reason = "a file of the project's own that cannot be read is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use toml::Table;
use wx_courier_core::catalog::{Catalog, Policies};
use wx_courier_core::document::{Problems, Severity};
use wx_courier_core::event::{
    Carrier, DataLocator, Decoded, Decoding, Envelope, Event, Locator, Opened, Wish, decode,
};
use wx_courier_core::message::{Content, Lang, Made, Rejection};
use wx_courier_core::model::{Record, rfc3339_ms};
use wx_courier_core::rules::{Planned, RuleSet, RuleSource, Surroundings};

const TEMPLATES: &str = "[shop.any]\nid = \"any\"";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    event: Option<String>,
    record: Option<RecordCase>,
    #[serde(default)]
    events: BTreeMap<String, String>,
    templates: Option<String>,
    #[serde(default)]
    rules: Table,
    #[serde(default)]
    plan: Vec<Table>,
    refused: Option<Table>,
    #[serde(default)]
    problems: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordCase {
    value: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    key: Option<String>,
}

#[test]
fn every_case_ends_as_written() {
    let mut files = Vec::new();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for folder in ["plan", "check", "record"] {
        collect(&cases.join(folder), &mut files);
    }
    assert!(files.len() >= 20, "found only {} cases", files.len());
    let mut failures = Vec::new();
    for file in &files {
        if let Err(difference) = run(&fs::read_to_string(file).unwrap()) {
            failures.push(format!("{}\n{difference}", file.display()));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases differ:\n\n{}",
        failures.len(),
        files.len(),
        failures.join("\n\n")
    );
}

#[test]
fn the_rules_that_come_along_pass_their_own_tests() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut files = Vec::new();
    collect(&config.join("rules"), &mut files);
    let name = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let sources: Vec<_> = files
        .iter()
        .map(|file| source(&name(file), &fs::read_to_string(file).unwrap()))
        .collect();
    let mut problems = Problems::default();
    let catalog = Catalog::read(
        &mut problems,
        "templates.toml",
        &fs::read_to_string(config.join("templates.toml")).unwrap(),
    );
    let set = compile(&mut problems, &catalog.unwrap_or_default(), &sources);
    assert_eq!(problems.to_string(), "");
    for result in set.unwrap().run_tests() {
        assert!(
            result.passed(),
            "{} {}: {}",
            result.rule,
            result.name,
            result.failures.join("; ")
        );
    }
}

/// A record as an SDK of `CloudEvents` hands it to a producer.
#[derive(Deserialize)]
struct OfSdk {
    sdk: String,
    data: String,
    mode: String,
    headers: BTreeMap<String, String>,
    value: Option<String>,
}

#[test]
fn what_the_sdks_of_cloudevents_write_is_read() {
    const RULE: &str = "on = \"order.completed\"\napp = \"shop\"\ntemplate = \"any\"\nto = \"{{ subject }}\"\n[params]\nthing1 = \"{{ ext.tenant }}\"\ntime2 = \"{{ time | datetime }}\"";
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", TEMPLATES).unwrap_or_default();
    let rules = compile(&mut problems, &catalog, &[source("sdk", RULE)]).unwrap();
    let lines = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/sdks.jsonl");
    let lines = fs::read_to_string(lines).unwrap();
    for line in lines.lines() {
        let OfSdk {
            sdk,
            data,
            mode,
            headers,
            value,
        } = serde_json::from_str(line).unwrap();
        let name = format!("{sdk}, {mode}, {data}");
        let value = value.map(|value| STANDARD.decode(value).unwrap());
        let Decoded::Event(event) = decode(&Decoding::default(), &record(headers, value), 0) else {
            panic!("{name}: {line}");
        };
        let Opened { data: found, hint } = event.data.open().unwrap();
        let found: serde_json::Value = serde_json::from_str(found.as_str()).unwrap();
        match data.as_str() {
            "text" => assert_eq!(found, "12.50 拿铁", "{name}"),
            "octets" | "none" => assert!(found.is_null(), "{name}: {found}"),
            _ => assert_eq!(found["openid"], "o1", "{name}"),
        }
        assert_eq!(hint.is_some(), data == "octets", "{name}");
        let planned = rules.plan(&event);
        let message = describe(&planned[0]);
        assert_eq!(message["to"].as_str(), Some("SO1"), "{name}");
        let params = &message["params"];
        assert_eq!(params["thing1"].as_str(), Some("上海"), "{name}");
        assert_eq!(
            params["time2"].as_str(),
            Some("2026年11月22日 16:30"),
            "{name}"
        );
    }
    assert_eq!(lines.lines().count(), 50);
}

fn record(headers: BTreeMap<String, String>, value: Option<Vec<u8>>) -> Arc<Record> {
    let headers = headers.into_iter();
    Arc::new(Record {
        topic: Arc::from("order-events"),
        partition: 3,
        offset: 17,
        key: None,
        headers: headers
            .map(|(name, value)| (name, Some(value.into_bytes())))
            .collect(),
        value,
        timestamp_ms: Some(1_795_336_200_123),
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files);
        } else {
            assert_eq!(path.extension().unwrap(), "toml", "{}", path.display());
            files.push(path);
        }
    }
}

const TWICE: &str = "the customer would get it twice";

fn run(text: &str) -> Result<(), String> {
    let case: Case = toml::from_str(text).map_err(|error| error.to_string())?;
    assert!(!case.about.is_empty());
    let mut problems = Problems::default();
    let catalog = Catalog::read(
        &mut problems,
        "templates.toml",
        case.templates.as_deref().unwrap_or(TEMPLATES),
    )
    .unwrap_or_default();
    let sources: Vec<_> = case
        .rules
        .iter()
        .map(|(name, text)| source(name, text.as_str().unwrap()))
        .collect();
    let set = compile(&mut problems, &catalog, &sources);

    let said: Vec<_> = problems
        .iter()
        .filter(|problem| problem.message != "the rule has no tests")
        // A plan shows what several rules make of one event.
        .filter(|problem| case.plan.is_empty() || !problem.message.ends_with(TWICE))
        .map(ToString::to_string)
        .collect();
    same(&case.problems, &said, |problem| format!("  {problem}"))?;
    assert_eq!(set.is_none(), problems.count(Severity::Error) > 0);
    let event = match (case.event, case.record) {
        (Some(event), _) => Some(read_event(&event)),
        (None, Some(record)) => match decoded(&case.events, record) {
            Ok(event) => Some(*event),
            Err(found) => {
                let expected = case.refused.unwrap_or_default();
                let show = |table: &Table| serde_json::to_string(table).unwrap();
                return same(&[expected], &[found], show);
            }
        },
        (None, None) => None,
    };
    let (Some(set), Some(event)) = (set, event) else {
        return if case.plan.is_empty() {
            Ok(())
        } else {
            Err("a plan needs an event, and rules without errors".to_owned())
        };
    };
    if case.refused.is_some() {
        return Err("it is an event".to_owned());
    }
    diagnosis_must_agree(&set, &event);
    let planned: Vec<_> = set.plan(&event).iter().map(describe).collect();
    same(&case.plan, &planned, |table| {
        format!("  {}", serde_json::to_string(table).unwrap())
    })
}

/// What `preview` shows has a fault exactly where the service makes no message, and shows the message's own values.
fn diagnosis_must_agree(set: &RuleSet, event: &Event) {
    let (planned, shown) = (set.plan(event), set.diagnose(event));
    assert_eq!(planned.len(), shown.len());
    for (planned, shown) in planned.iter().zip(&shown) {
        assert_eq!(planned.result, shown.planned.result);
        match &planned.result {
            Ok(made) => {
                assert!(shown.faults().is_empty(), "{:?}", shown.faults());
                for (name, value) in made.shown().content.values() {
                    let found = shown.values.iter().find(|shown| shown.name == name);
                    let found = found.unwrap_or_else(|| panic!("{name} is not shown"));
                    assert_eq!(found.found.value.as_deref(), Some(value), "{name}");
                }
            }
            Err(rejection) => assert_eq!(shown.faults().first(), Some(&rejection)),
        }
    }
}

fn compile(problems: &mut Problems, catalog: &Catalog, sources: &[RuleSource]) -> Option<RuleSet> {
    let apps = BTreeSet::from(["shop".to_owned()]);
    let time_zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    RuleSet::compile(
        problems,
        sources,
        &Surroundings {
            apps: &apps,
            catalog,
            policies: &Policies::default(),
            time_zone,
        },
    )
}

fn same<T: PartialEq>(
    expected: &[T],
    found: &[T],
    show: impl Fn(&T) -> String,
) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let all = |list: &[T]| list.iter().map(&show).collect::<Vec<_>>().join("\n");
    Err(format!(
        "expected:\n{}\nfound:\n{}",
        all(expected),
        all(found)
    ))
}

fn source(name: &str, text: &str) -> RuleSource {
    RuleSource {
        file: format!("rules/{name}.toml"),
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn read_event(json: &str) -> Event {
    let event: serde_json::Value = serde_json::from_str(json).unwrap();
    let text = |key: &str, other: &str| {
        event
            .get(key)
            .map_or(other, |value| value.as_str().unwrap())
            .to_owned()
    };
    Event {
        id: text("id", "e1"),
        kind: text("type", "order"),
        source: text("source", "/shop"),
        time: text("time", "2026-11-22T08:30:00Z"),
        time_ms: 0,
        subject: event
            .get("subject")
            .map(|subject| subject.as_str().unwrap().to_owned()),
        data: event.get("data").cloned().unwrap_or_default().into(),
        traceparent: None,
        wish: Wish::default(),
        carrier: Carrier::default(),
        keys: None,
    }
}

/// The event in a record, or what is told of the record.
fn decoded(settings: &BTreeMap<String, String>, record: RecordCase) -> Result<Box<Event>, Table> {
    let mut decoding = Decoding::default();
    for (key, text) in settings {
        let locator = || Locator::new(text).unwrap();
        match key.as_str() {
            "id" => decoding.id = locator(),
            "type" => decoding.kind = locator(),
            "time" => decoding.time = locator(),
            "source" => decoding.source = locator(),
            "subject" => decoding.subject = locator(),
            "data" => decoding.data = DataLocator::new(text).unwrap(),
            "envelope" if text == "debezium" => decoding.envelope = Envelope::Debezium,
            other => panic!("the settings have no events.{other} that says {text}"),
        }
    }
    let key = record.key.map(String::into_bytes);
    let mut record = self::record(record.headers, record.value.map(String::into_bytes));
    Arc::make_mut(&mut record).key = key;
    match decode(&decoding, &record, 0) {
        Decoded::Event(event) => Ok(event),
        Decoded::Tombstone => Err(Table::new()),
        Decoded::Undecodable(problem) => {
            let glimpse = problem.glimpse;
            let said = [
                ("reason", Some(problem.reason.as_str().to_owned())),
                ("detail", Some(problem.detail)),
                ("event_id", glimpse.id),
                ("event_type", glimpse.kind),
                ("event_source", glimpse.source),
                ("event_time", glimpse.time_ms.map(rfc3339_ms)),
            ];
            let said = said.into_iter();
            Err(said
                .filter_map(|(name, text)| Some((name.to_owned(), text?.into())))
                .collect())
        }
    }
}

fn describe(planned: &Planned) -> Table {
    let mut table = match &planned.result {
        Ok(made) => describe_message(made),
        Err(rejection) => describe_rejection(rejection),
    };
    table.insert("rule".to_owned(), planned.rule.name.as_ref().into());
    table
}

fn describe_message(made: &Made) -> Table {
    let message = made.shown();
    let values = message.content.values().into_iter();
    let values: Table = values
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut table = Table::new();
    table.insert("message_id".to_owned(), message.message_id.as_str().into());
    match made {
        Made::Message(message) => table.insert("to".to_owned(), message.recipient.as_str().into()),
        Made::Unaddressed(letter) => {
            table.insert("js_code".to_owned(), letter.code().expose().into())
        }
    };
    match &message.content {
        Content::Customer(_) => {
            table.insert("message".to_owned(), values.into());
        }
        Content::Subscribe(card) => {
            table.insert("params".to_owned(), values.into());
            if let Some(page) = card.page.as_deref() {
                table.insert("page".to_owned(), page.into());
            }
            if card.lang != Lang::ZhCn {
                table.insert("lang".to_owned(), card.lang.as_str().into());
            }
        }
    }
    table
}

fn describe_rejection(rejection: &Rejection) -> Table {
    let mut table = Table::new();
    table.insert("reason".to_owned(), rejection.reason.as_str().into());
    table.insert("detail".to_owned(), rejection.detail.as_str().into());
    if let Some(param) = &rejection.param {
        table.insert("param".to_owned(), param.as_ref().into());
    }
    table
}
