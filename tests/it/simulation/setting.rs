//! What every world is set up with: its rules, its engines, its records.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use wx_courier_core::catalog::{Catalog, Policy};
use wx_courier_core::document::Problems;
use wx_courier_core::event::{Decoding, Pointer};
use wx_courier_core::flow::attempt::RetryPlan;
use wx_courier_core::flow::{Engine, Setup, Unmatched};
use wx_courier_core::grants::{AnswerEvents, AppOf, Policies};
use wx_courier_core::model::outcome::{RecipientKey, RecipientStyle};
use wx_courier_core::model::{Partition, Rate, Record};
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};
use wx_courier_core::schedule::admission::AppBounds;
use wx_courier_core::schedule::pauses::{Threshold, Unheard};
use wx_courier_core::wechat::Word;

use super::world::{APP_BURST, APP_RATE, BEGAN_UNIX_MS, MAX_MESSAGES};

const TEMPLATES: &str = r#"
[shop.note]
id = "T"
[shop.pass]
id = "P"
kind = "one-time"
grants = "enforce"
[shop.free]
id = "L"
kind = "long-term"
grants = "enforce"
"#;
const SLOW_RULE: &str = r#"
on = ["slow", "both"]
app = "shop"
template = "note"
to = "{{ data.to }}"
rate = { per_second = 4 }
in_doubt = "leave"
expires_after = "20s"
[params]
thing1 = "{{ data.text }}"
"#;
const QUICK_RULE: &str = r#"
on = ["quick", "both"]
app = "shop"
template = "note"
to = "{{ data.to }}"
expires_after = "1h"
[params]
thing1 = "{{ data.text }}"
"#;
/// Through another API, to the same users.
const CHAT_RULE: &str = r#"
on = ["chat", "both"]
app = "shop"
kind = "customer"
to = "{{ data.to }}"
expires_after = "1h"
[message]
text = "{{ data.text }}"
"#;
const PASS_RULE: &str = r#"
on = ["pass", "answer"]
when = "data.pays"
app = "shop"
template = "pass"
to = "{{ data.to }}"
expires_after = "1m"
[params]
thing1 = "好的"
"#;
const CODE_RULE: &str = r#"
on = "code"
app = "shop"
template = "free"
to = { js_code = "{{ data.js_code }}" }
in_doubt = "leave"
expires_after = "1h"
[params]
thing1 = "{{ data.text }}"
"#;

/// The template whose messages need a grant, and the one whose ledger is only looked at.
pub(super) const PASS_TEMPLATE: &str = "P";
pub(super) const NOTE_TEMPLATE: &str = "T";

/// Rules, each by the name of its file.
pub(super) const RULES: [(&str, &str); 5] = [
    ("slow", SLOW_RULE),
    ("quick", QUICK_RULE),
    ("pass", PASS_RULE),
    ("code", CODE_RULE),
    ("chat", CHAT_RULE),
];

/// What the events of a world are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trade {
    /// A bit of everything.
    Mixed,
    /// Nearly all users are named by login codes.
    Logins,
}

/// For how long records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retention {
    /// Until no process has begun with them, or a process has ended them.
    Long,
    /// Whatever has become of them. Such worlds also repeat more of their events, and stop processes for longer.
    Short,
}

/// No call of a world takes longer.
pub(super) const CALL_LIMIT_MS: u64 = 5_000;

/// Names one life of one member.
pub(super) fn process(member: usize, incarnation: u64) -> u64 {
    incarnation * 100 + u64::try_from(member).unwrap()
}

pub(super) fn record(
    random: &mut fastrand::Rng,
    trade: Trade,
    partition: &Partition,
    offset: i64,
) -> Record {
    let kinds = match trade {
        Trade::Mixed => ["slow", "quick", "quick", "chat", "both", "nobody", "code"],
        Trade::Logins => ["quick", "code", "code", "code", "code", "code", "code"],
    };
    let kind = kinds[random.usize(..7)];
    let to = format!("o{}", random.u8(..6));
    let text = if random.u8(..12) == 0 { "" } else { "好的" };
    let code = match random.u8(..20) {
        0 => "late",
        1 => "risk",
        _ => "code",
    };
    let value = match random.u8(..15) {
        0 => None,
        1 => Some("not json".to_owned()),
        _ => Some(format!(
            r#"{{"id":"e-{partition}-{offset}","type":"{kind}","to":"{to}","text":"{text}","js_code":"{code}-{partition}-{offset}"}}"#
        )),
    };
    record_of(partition, offset, value)
}

/// A record that was published when the world began.
pub(super) fn record_of(partition: &Partition, offset: i64, value: Option<String>) -> Record {
    Record {
        topic: Arc::clone(&partition.topic),
        partition: partition.number,
        offset,
        key: None,
        headers: Vec::new(),
        value: value.map(String::into_bytes),
        timestamp_ms: Some(BEGAN_UNIX_MS),
    }
}

/// One of the few users whose permission counts.
pub(super) fn user(number: u8) -> String {
    format!("u{number}")
}

/// An event that becomes a message which needs a grant.
pub(super) fn order(user: &str, number: u64) -> String {
    format!(r#"{{"id":"o-{number}","type":"pass","to":"{user}","pays":true}}"#)
}

/// An event that tells what a user answered, in one of the shapes that are understood.
pub(super) fn answer(
    user: &str,
    event_id: &str,
    word: Word,
    at_ms: i64,
    pays: bool,
    shape: u8,
) -> String {
    let word = word.as_str();
    let said = match shape {
        0 => format!(r#""template":"pass","answer":"{word}""#),
        1 => format!(r#""template":"P","answer":"{word}""#),
        _ => format!(
            r#""answer":{{"P":"{word}","T":"{word}","L":"ban","errMsg":"requestSubscribeMessage:ok"}}"#
        ),
    };
    format!(
        r#"{{"id":"{event_id}","type":"answer","time":{at_ms},"to":"{user}","pays":{pays},{said}}}"#
    )
}

/// An event that should tell it, and does not.
pub(super) fn mumble(user: &str, number: u64, pays: bool) -> String {
    format!(
        r#"{{"id":"m-{number}","type":"answer","to":"{user}","pays":{pays},"template":"pass","answer":"perhaps"}}"#
    )
}

/// There are three users whose grants are enforced.
pub(super) const WAVE: Threshold = Threshold {
    count: 2,
    ratio: 0.5,
};

fn bounds(max_in_flight: usize) -> AppBounds {
    AppBounds {
        rate: Some(Rate {
            per_second: f64::from(APP_RATE),
            burst: NonZeroU32::new(APP_BURST).unwrap(),
        }),
        max_in_flight,
    }
}

/// The apps as they come with the second edition of the rules: less at once, and one that no rule names.
pub(super) fn apps_of_second_edition() -> BTreeMap<Arc<str>, AppBounds> {
    BTreeMap::from([
        (Arc::from("club"), bounds(1)),
        (Arc::from("shop"), bounds(3)),
    ])
}

pub(super) fn engine(rules: &Arc<RuleSet>, process: u64, seed: u64) -> Engine {
    let pointer = |path| Pointer::new(path).unwrap();
    let setup = Setup {
        decoding: Decoding::default(),
        apps: BTreeMap::from([(Arc::from("shop"), bounds(8))]),
        retry: RetryPlan::default(),
        max_messages: MAX_MESSAGES,
        max_bytes: 1_000_000,
        recipient_style: RecipientStyle::Masked,
        recipient_key: Some(RecipientKey::new("of all worlds")),
        unmatched: Unmatched::Count,
        answers: Some(AnswerEvents {
            kind: "answer".to_owned(),
            app: AppOf::Always(Arc::from("shop")),
            openid: pointer("/to"),
            template: pointer("/template"),
            answer: pointer("/answer"),
        }),
        receipts: BTreeSet::new(),
        breaker: Threshold {
            count: 5,
            ratio: 0.5,
        },
        refusal_wave: WAVE,
        call_limit: Duration::from_millis(CALL_LIMIT_MS),
        unheard: Unheard::Holds,
        process,
        seed,
    };
    Engine::new(setup, Arc::clone(rules))
}

/// The rules as they are at first.
static FIRST_EDITION: LazyLock<Arc<RuleSet>> = LazyLock::new(|| compile(1));
/// Other texts, and the same messages.
static SECOND_EDITION: LazyLock<Arc<RuleSet>> = LazyLock::new(|| compile(2));

/// The rules, compiled once for all worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    First,
    Second,
}

pub(super) fn rules(edition: Edition) -> Arc<RuleSet> {
    Arc::clone(match edition {
        Edition::First => &FIRST_EDITION,
        Edition::Second => &SECOND_EDITION,
    })
}

fn compile(edition: u32) -> Arc<RuleSet> {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", TEMPLATES).unwrap();
    let source = |name: &str, text: &str| RuleSource {
        file: format!("{name}.toml"),
        name: name.to_owned(),
        text: format!("{text}\n[tables.edition]\nnumber = \"{edition}\"\n"),
    };
    let sources = RULES.map(|(name, text)| source(name, text));
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        // A template that says nothing of grants is looked at.
        policies: &Policies::from(BTreeMap::from([(Arc::from("shop"), Policy::Advise)])),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    let rules = RuleSet::compile(&mut problems, &sources, &around);
    Arc::new(rules.unwrap_or_else(|| panic!("{problems}")))
}
