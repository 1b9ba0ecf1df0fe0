//! What the fuzzer throws at the core, and what must hold for every input. `fuzz/` drives it with inputs of its own; `cargo test` plays the
//! corpus that the repository keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde_json::Value;
use wx_courier_core::catalog::{Catalog, Policies};
use wx_courier_core::document::Problems;
use wx_courier_core::event::{
    Decoded, Decoding, Event, Json, Opened, Pointer, Seen, decode as decode_record,
};
use wx_courier_core::grants::{Need, Turn, Without};
use wx_courier_core::model::outcome::Reason;
use wx_courier_core::model::outcome::bounds::LARGEST_OUTCOME_BYTES;
use wx_courier_core::model::{Holder, Record};
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};
use wx_courier_core::state::encoding::{
    ledger_of_text, ledger_to_text, outcome_of_text, outcome_to_text,
};
use wx_courier_core::wechat::callback;

/// 2026-11-23, in Unix milliseconds.
const NOW_MS: i64 = 1_795_400_000_000;

/// What one attribute of an event may take: the documented limit, see `docs/settings.md`.
const LONGEST_ATTRIBUTE_BYTES: usize = 1024;

/// A sentence for a person stays one.
const LONGEST_DETAIL_BYTES: usize = 2048;

/// What is thrown at something.
type Target = fn(&[u8]);

/// Each target by the name of its folder in `fuzz/corpus`.
pub(crate) const ALL: [(&str, Target); 4] = [
    ("decode", decode),
    ("plan", plan),
    ("callback", callback),
    ("stored", stored),
];

/// A record of any bytes: headers, a blank line, the value. What is read in place says what `serde_json` says.
pub(crate) fn decode(input: &[u8]) {
    let record = Arc::new(record(input));
    let value = record.value.as_deref().unwrap_or_default();
    let value = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value);
    let is_json = serde_json::from_slice::<Value>(value).is_ok();
    match decode_record(&Decoding::default(), &record, NOW_MS) {
        Decoded::Event(event) => match event.data.open() {
            Ok(Opened { data, hint }) => {
                let theirs: Value = serde_json::from_slice(data.as_str().as_bytes()).unwrap();
                must_be_same(data.json(), &theirs);
                assert!(hint.is_none_or(|hint| hint.len() <= LONGEST_DETAIL_BYTES / 4));
            }
            Err(unreadable) => assert!(unreadable.detail.len() <= LONGEST_DETAIL_BYTES),
        },
        Decoded::Undecodable(problem) if problem.reason == Reason::NotJson => assert!(!is_json),
        Decoded::Undecodable(_) | Decoded::Tombstone => {}
    }
    decoded(&record);
}

fn must_be_same(ours: Json<'_>, theirs: &Value) {
    match (ours.seen(), theirs) {
        (Seen::Null, Value::Null) | (Seen::Bool, Value::Bool(_)) => {}
        (Seen::Number(ours), Value::Number(theirs)) => {
            let [ours, theirs] = [ours, theirs.as_str()].map(|text| text.parse::<f64>().unwrap());
            assert_eq!(ours.to_bits(), theirs.to_bits());
        }
        (Seen::Text(ours), Value::String(theirs)) => assert_eq!(ours, *theirs),
        (Seen::List, Value::Array(theirs)) => {
            for (index, theirs) in theirs.iter().enumerate() {
                match ours.find(&Pointer::new(&format!("/{index}")).unwrap()) {
                    Some(ours) => must_be_same(ours, theirs),
                    None => assert!(theirs.is_null()),
                }
            }
            let behind = Pointer::new(&format!("/{}", theirs.len())).unwrap();
            assert_eq!(ours.find(&behind), None);
        }
        (Seen::Object, Value::Object(theirs)) => {
            // Of several fields with one name the last one counts.
            let ours: BTreeMap<_, _> = ours.fields().collect();
            assert_eq!(ours.len(), theirs.len());
            for (name, ours) in ours {
                must_be_same(ours, &theirs[name.as_ref()]);
            }
        }
        (ours, theirs) => panic!("{ours:?} is {theirs:?}"),
    }
}

/// Every rule on an event of any bytes.
pub(crate) fn plan(input: &[u8]) {
    let Some(mut event) = decoded(&Arc::new(record(input))) else {
        return;
    };
    // The fuzzer need not find out the type first.
    "order.completed".clone_into(&mut event.kind);
    for planned in RULES.plan(&event) {
        match planned.result {
            Ok(made) => {
                let message = made.shown();
                assert!(message.message_id.len() <= 4 * LONGEST_ATTRIBUTE_BYTES);
                for (name, value) in message.content.values() {
                    assert!(!value.is_empty(), "{name} is empty");
                    assert!(
                        !value.chars().any(char::is_control),
                        "{name} has a control character"
                    );
                }
            }
            Err(rejection) => assert!(rejection.detail.len() <= LONGEST_DETAIL_BYTES),
        }
    }
}

/// A push of any bytes: any client that can reach the public listener writes them.
pub(crate) fn callback(input: &[u8]) {
    if let Ok(push) = callback::read(input) {
        assert!(!push.openid.is_empty());
    }
    if let Ok(Some(text)) = callback::encrypted(input) {
        assert!(text.len() <= input.len());
    }
}

/// The key of the outcomes that are read.
const OUTCOME_ID: &str = "order-events/1/123456/order-completed";

/// Stored rows of any bytes. What can be read says the same after it is written and read again, and bears whatever happens to it.
pub(crate) fn stored(input: &[u8]) {
    let text = std::str::from_utf8(input).ok();
    if let Some(outcome) = text.and_then(|text| outcome_of_text(OUTCOME_ID, text)) {
        let text = outcome_to_text(&outcome).unwrap();
        let again = outcome_of_text(&outcome.id, &text);
        assert_eq!(again.as_ref(), Some(&outcome));
        let mut bounded = outcome;
        bounded.bound();
        assert!(bounded.is_bounded());
        let bytes = serde_json::to_vec(&bounded).unwrap().len();
        assert!(bytes <= LARGEST_OUTCOME_BYTES, "{bytes} bytes");
    }
    if let Some(mut ledger) = text.and_then(ledger_of_text) {
        let text = ledger_to_text(&ledger).unwrap();
        assert_eq!(ledger_of_text(&text).as_ref(), Some(&ledger));
        let message_id = Arc::from("message");
        ledger.tidy(NOW_MS);
        let turn = Need::Turn(Turn {
            value: Arc::from("v"),
            per_ms: 1,
        });
        for need in [Need::Grant(Without::Skip), turn] {
            if ledger.reserve(&message_id, &need, NOW_MS).is_ok() {
                ledger.use_up(&message_id, NOW_MS);
            }
        }
        ledger.reject(NOW_MS);
        ledger.set(1, NOW_MS);
        assert!(ledger.balance().left <= 1);
    }
    if let Some(holder) = text.and_then(Holder::parse) {
        assert_eq!(Holder::parse(&holder.to_string()), Some(holder));
    }
}

fn record(input: &[u8]) -> Record {
    let mut headers = Vec::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            // The blank line, if it is one.
            rest = if line.is_empty() { &after[1..] } else { rest };
            break;
        };
        // A value without quotes may have colons: the headers' part ends at the first line that cannot be a header.
        let (name, value) = line.split_at(colon);
        let Ok(name) = std::str::from_utf8(name) else {
            break;
        };
        if name.contains(['{', '[', '"']) {
            break;
        }
        headers.push((name.to_owned(), Some(value[1..].to_vec())));
        rest = &after[1..];
    }
    Record {
        topic: Arc::from("order-events"),
        partition: 0,
        offset: 1,
        key: None,
        headers,
        value: Some(rest.to_vec()),
        timestamp_ms: Some(NOW_MS),
    }
}

fn decoded(record: &Arc<Record>) -> Option<Event> {
    match decode_record(&Decoding::default(), record, NOW_MS) {
        Decoded::Event(event) => {
            let attributes = [
                ("id", Some(&event.id)),
                ("type", Some(&event.kind)),
                ("source", Some(&event.source)),
                ("time", Some(&event.time)),
                ("subject", event.subject.as_ref()),
                ("traceparent", event.traceparent.as_ref()),
            ];
            for (name, text) in attributes {
                let bytes = text.map_or(0, String::len);
                assert!(bytes <= LONGEST_ATTRIBUTE_BYTES, "{name} has {bytes} bytes");
            }
            Some(*event)
        }
        Decoded::Undecodable(problem) => {
            assert!(problem.detail.len() <= LONGEST_DETAIL_BYTES);
            let glimpse = problem.glimpse;
            for text in [glimpse.id, glimpse.kind, glimpse.source] {
                let bytes = text.map_or(0, |text| text.len());
                assert!(bytes <= LONGEST_ATTRIBUTE_BYTES, "{bytes} bytes");
            }
            None
        }
        Decoded::Tombstone => None,
    }
}

/// The rules that come along, and one that uses every filter.
static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let source = |name: &str, text: &str| RuleSource {
        file: format!("rules/{name}.toml"),
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let sources = [
        source(
            "order-completed",
            include_str!("../../../config/rules/order-completed.toml"),
        ),
        source("filters", EVERY_FILTER),
    ];
    let mut problems = Problems::default();
    let templates = include_str!("../../../config/templates.toml").to_owned() + ANY_TEMPLATE;
    let catalog = Catalog::read(&mut problems, "templates.toml", &templates).unwrap();
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
    };
    let rules = RuleSet::compile(&mut problems, &sources, &around);
    rules.unwrap_or_else(|| panic!("{problems}"))
});

const ANY_TEMPLATE: &str = "\n[shop.any]\nid = \"any\"\n";

const EVERY_FILTER: &str = r#"
on       = "order.completed"
app      = "shop"
template = "any"
to       = "{{ data.openid | default('oFuzzer') }}"
page     = "pages/x?id={{ data.order_no | default(id) | urlencode }}"
dedupe   = "{{ data.order_no | default(id) }}"
overflow = "trim"

[params]
thing1            = "{{ data.items | default(data) | length }} {{ data.name | default('-') | fit(suffix='等') }}"
amount2           = "{{ data.amount_fen | default(1) | yuan }}"
time3             = "{{ time | datetime }}"
date4             = "{{ data.day | default(time) | date }}"
phone_number5     = "{{ data.phone | default('13800000000') | phone }}"
character_string6 = "{{ data.order_no | default(id) | mask }}"
thing7            = "{{ data.status | lookup({'a': '甲', 'b': '乙'}, default='丙') }}"
thing9            = "{{ ext.tenant | default(headers['x-tenant']) | default(key) | default(topic) }}"
time10            = "{{ record_time | datetime(from='UTC') }}"
thing11           = "{{ (data.text | default('{}') | fromjson).a | default('-') }}"
thing8            = "{% for item in data.items | default([]) %}{{ item.name }},{% endfor %}."
"#;
