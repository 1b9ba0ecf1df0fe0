//! What one event takes in memory at most, measured with an allocator that counts. `cargo test --test memory -- --nocapture` shows the
//! figures.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is wrong here is a failed test"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use peak_alloc::PeakAlloc;
use wx_courier_core::catalog::{Catalog, Policies};
use wx_courier_core::document::Problems;
use wx_courier_core::event::{DataLocator, Decoded, Decoding, MOST_LEVELS, MOST_VALUES, decode};
use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::Reason;
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

/// Of what is made of an event, besides what its record takes: so many times the bytes of its value,
const MOST_TIMES: usize = 8;
/// and in no case more than this.
const MOST_BYTES: usize = 16 * MIB;
/// A small event's message takes something too.
const SLACK_BYTES: usize = 32 * 1024;

/// Rules that read a few fields, as most do.
const READING: [&str; 4] = [
    "{{ data.openid }}",
    "{{ data.odd.a }}",
    "{{ data.odd[0] | default('x') }}",
    "{{ ext.tenant | default(headers['x-tenant']) | default(topic) }}",
];

/// Rules that go through everything.
const WORKING: [&str; 7] = [
    "{{ data.odd | length }}",
    "{{ data.odd | list | length }}",
    "{{ data.odd | sort | length }}",
    "{{ data.odd | unique | list | length }}",
    "{{ data.odd | items | list | length }}",
    "{% for part in data.odd %}{% for part in part %}{% endfor %}{% endfor %}x",
    "{{ data.odd.a | string | upper | mask }}",
];

/// A rule for each template, for events of the type `t`.
fn rules(templates: &[&str]) -> RuleSet {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", "[shop.any]\nid = \"any\"");
    let source = |(index, template): (usize, &&str)| RuleSource {
        file: format!("{index}.toml"),
        name: format!("rule-{index}"),
        text: format!(
            "on = \"t\"\napp = \"shop\"\ntemplate = \"any\"\nto = \"{{{{ data.openid }}}}\"\n[params]\nthing1 = \"{template}\"\n"
        ),
    };
    let sources: Vec<_> = templates.iter().enumerate().map(source).collect();
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog.unwrap(),
        policies: &Policies::default(),
        time_zone: TimeZone::UTC,
    };
    RuleSet::compile(&mut problems, &sources, &around).unwrap_or_else(|| panic!("{problems}"))
}

/// What is to become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Rules are asked.
    Planned,
    /// It is `invalid`.
    Invalid(Reason),
}

const TOO_LARGE: End = End::Invalid(Reason::RecordTooLarge);

/// So many of these, or a MiB of them, between two brackets.
fn many(open: &str, part: impl Fn(usize) -> String, close: &str, most: usize) -> String {
    const ROOM_BYTES: usize = 1024;
    let mut text = open.to_owned();
    for number in 0..most {
        let part = part(number);
        if text.len() + part.len() + ROOM_BYTES > MIB {
            break;
        }
        if number > 0 {
            text.push(',');
        }
        text.push_str(&part);
    }
    text + close
}

fn nested(open: &str, inside: &str, close: &str, levels: usize) -> String {
    format!("{}{inside}{}", open.repeat(levels), close.repeat(levels))
}

/// How deep the deep ones go, below the event's own levels.
const DEEP: usize = MOST_LEVELS - 4;

/// Name, values in a part, and a part of what lies between these brackets.
type Repeated = (&'static str, usize, fn(usize) -> String);

const LISTS: [Repeated; 8] = [
    ("[0,0,…]", 1, |_| "0".to_owned()),
    ("[[],[],…]", 1, |_| "[]".to_owned()),
    ("[{},{},…]", 1, |_| "{}".to_owned()),
    ("[[0],[0],…]", 2, |_| "[0]".to_owned()),
    ("[{\"a\":1},…]", 3, |_| "{\"a\":1}".to_owned()),
    ("[long texts]", 1, |_| format!("\"{}\"", "x".repeat(257))),
    ("[[[…]],…]", DEEP, |_| nested("[", "", "]", DEEP)),
    ("[{\"a\":{…}},…]", 2 * DEEP, |_| {
        nested("{\"a\":", "{}", "}", DEEP - 1)
    }),
];

const OBJECTS: [Repeated; 4] = [
    ("{\"\":0,…}", 2, |_| "\"\":0".to_owned()),
    ("{\"a\":{},…}", 2, |n| format!("\"{n:x}\":{{}}")),
    ("{…} backwards", 2, |n| {
        format!("\"{:08}\":0", 99_999_999 - n)
    }),
    ("{…} long names", 2, |n| {
        format!("\"{}{:08}\":0", "a".repeat(300), n * 7919 % 100_000)
    }),
];

/// Of each part as many as are allowed, a few, and a MiB of them.
fn repeated() -> Vec<(String, String, End)> {
    let lists = LISTS.map(|repeated| (repeated, "[", "]"));
    let objects = OBJECTS.map(|repeated| (repeated, "{", "}"));
    let mut shapes = Vec::new();
    for ((name, n_values, part), open, close) in lists.into_iter().chain(objects) {
        for most in [MOST_VALUES - 20, 1_000] {
            let text = many(open, part, close, most / n_values);
            shapes.push((format!("{name} of {most}"), text, End::Planned));
        }
        let all = many(open, part, close, MIB);
        if all.matches([',', '{', '[']).count() > MOST_VALUES {
            shapes.push((format!("{name} of a MiB"), all, TOO_LARGE));
        }
    }
    shapes
}

/// What is large or deep once.
fn single() -> Vec<(String, String, End)> {
    let in_object = |value: String| format!("{{\"a\":{value}}}");
    let text = |text: String| format!("\"{text}\"");
    let shapes = [
        ("lists too deep", nested("[", "", "]", 400_000), TOO_LARGE),
        (
            "objects too deep",
            nested("{\"a\":", "1", "}", 150_000),
            TOO_LARGE,
        ),
        ("digits", in_object("9".repeat(900_000)), End::Planned),
        (
            "a fraction",
            in_object(format!("0.{}", "1".repeat(900_000))),
            End::Planned,
        ),
        (
            "escapes",
            in_object(text("\\u0061".repeat(174_000))),
            End::Planned,
        ),
        (
            "escaped emoji",
            in_object(text("\\ud83d\\ude00".repeat(87_000))),
            End::Planned,
        ),
        ("text", in_object(text("茶".repeat(349_000))), End::Planned),
        (
            "a long name",
            format!("{{{}:0}}", text("a".repeat(1_040_000))),
            End::Planned,
        ),
    ];
    let named = shapes.map(|(name, text, end)| (format!("{name} of a MiB"), text, end));
    named.into()
}

/// A form of event: its name, the record, how it is read, and how often its bytes are taken before a rule is asked.
type Form = (&'static str, Record, Decoding, usize);

/// The same data in every form of event.
fn events(odd: &str) -> [Form; 6] {
    let data = format!("\"openid\":\"oUser-0001\",\"odd\":{odd}");
    let record = |headers: &[(&str, &str)], value: String| Record {
        topic: Arc::from("t"),
        partition: 0,
        offset: 0,
        key: None,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())))
            .collect(),
        value: Some(value.into_bytes()),
        timestamp_ms: Some(0),
    };
    let structured = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{{{data}}}}}"
    );
    let binary = [
        ("ce_specversion", "1.0"),
        ("ce_type", "t"),
        ("ce_id", "1"),
        ("ce_source", "/s"),
    ];
    let plain = format!("{{\"type\":\"t\",{data}}}");
    // What is packed is longer than what is in it: that is what counts here.
    let packed = Decoding {
        max_bytes: 4 * MIB,
        ..Decoding::default()
    };
    let in_text = Decoding {
        data: DataLocator::new("json:/text").unwrap(),
        ..packed.clone()
    };
    let text = serde_json::to_string(&format!("{{{data}}}")).unwrap();
    let base64 = STANDARD.encode(format!("{{{data}}}"));
    let base64 = format!("{{\"specversion\":\"1.0\",\"type\":\"t\",\"data_base64\":\"{base64}\"}}");
    let twice = serde_json::to_string(&plain).unwrap();
    let usual = Decoding::default;
    [
        ("structured", record(&[], structured), usual(), 0),
        ("binary", record(&binary, format!("{{{data}}}")), usual(), 0),
        ("plain", record(&[], plain), usual(), 0),
        ("base64", record(&[], base64), packed.clone(), 0),
        (
            "in a text",
            record(&[], format!("{{\"type\":\"t\",\"text\":{text}}}")),
            in_text,
            0,
        ),
        // Its type can be read only after it is unpacked: once as text, and once as what keeps it.
        ("written twice", record(&[], twice), packed, 3),
    ]
}

/// What becomes of a record, and the most memory that it took beside the record.
fn measure(rules: &RuleSet, record: &Arc<Record>, decoding: &Decoding) -> (End, usize) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let end = match decode(decoding, record, 0) {
        Decoded::Event(event) => match rules.plan(&event).first().map(|planned| &planned.result) {
            Some(Err(rejection)) if rejection.reason == Reason::RecordTooLarge => TOO_LARGE,
            _ => End::Planned,
        },
        Decoded::Undecodable(problem) => End::Invalid(problem.reason),
        Decoded::Tombstone => panic!("it has a value"),
    };
    (end, ALLOCATED.peak_usage() - before)
}

/// One test, so that nothing else takes memory at the same time.
#[test]
fn an_event_takes_no_more_than_a_few_times_its_bytes() {
    let (reading, working, others) = (rules(&READING), rules(&WORKING), rules(&[]));
    let mut wrong = Vec::new();
    let mut worst = [(0, String::new()), (0, String::new()), (0, String::new())];
    for (name, odd, expected) in repeated().into_iter().chain(single()) {
        for (form, record, decoding, n_before) in events(&odd) {
            let record = Arc::new(record);
            let n_bytes = record.content_bytes();
            let of_bytes = MOST_BYTES.min(MOST_TIMES * n_bytes + SLACK_BYTES);
            let unasked = match form {
                // Packed data is looked through where a rule wants it.
                "base64" | "in a text" => End::Planned,
                _ => expected,
            };
            let measured = [
                (&reading, of_bytes, expected),
                (&working, MOST_BYTES, expected),
                (&others, n_before * n_bytes + SLACK_BYTES, unasked),
            ];
            for ((rules, allowed, expected), worst) in measured.into_iter().zip(&mut worst) {
                let (end, most) = measure(rules, &record, &decoding);
                let line = format!("{name}, {form}, {n_bytes} bytes: {most} bytes, {end:?}");
                if end != expected || most > allowed {
                    wrong.push(format!("{line}; allowed are {allowed}, {expected:?}"));
                }
                if most > worst.0 {
                    *worst = (most, line);
                }
            }
        }
    }
    let [reading, working, others] = worst.map(|(_, line)| line);
    println!("rules that read fields:   {reading}");
    println!("rules that read it all:   {working}");
    println!("no rule wants it:         {others}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
