//! What every world is set up with: its rules, its engines, its records.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use wx_courier::document::Problems;
use wx_courier::pipeline::admission::AppBounds;
use wx_courier::pipeline::catalog::Catalog;
use wx_courier::pipeline::delivery::RetryPlan;
use wx_courier::pipeline::engine::{Engine, Setup, Unmatched};
use wx_courier::pipeline::event::{Decoding, Record};
use wx_courier::pipeline::limits::Rate;
use wx_courier::pipeline::offsets::Partition;
use wx_courier::pipeline::outcome::RecipientStyle;
use wx_courier::pipeline::pauses::BreakerPlan;
use wx_courier::pipeline::rules::{RuleSet, RuleSource, Surroundings};

use super::world::{APP_BURST, APP_RATE, BEGAN_UNIX_MS, MAX_MESSAGES};

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

/// No call of a world takes longer.
pub(super) const CALL_LIMIT_MS: u64 = 5_000;

/// Names one life of one member.
pub(super) fn process(member: usize, incarnation: u64) -> u64 {
    incarnation * 100 + u64::try_from(member).unwrap()
}

pub(super) fn record(random: &mut fastrand::Rng, partition: &Partition, offset: i64) -> Record {
    let kind = ["slow", "quick", "quick", "chat", "both", "nobody"][random.usize(..6)];
    let to = format!("o{}", random.u8(..6));
    let text = if random.u8(..12) == 0 { "" } else { "好的" };
    let value = match random.u8(..15) {
        0 => None,
        1 => Some("not json".to_owned()),
        _ => Some(format!(
            r#"{{"id":"e-{partition}-{offset}","type":"{kind}","to":"{to}","text":"{text}"}}"#
        )),
    };
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

pub(super) fn engine(rules: &Arc<RuleSet>, process: u64, seed: u64) -> Engine {
    let rate = |per_second: u32, burst| Rate {
        per_second: f64::from(per_second),
        burst: NonZeroU32::new(burst).unwrap(),
    };
    let bounds = AppBounds {
        rate: Some(rate(APP_RATE, APP_BURST)),
        max_in_flight: 8,
    };
    let setup = Setup {
        decoding: Decoding::default(),
        apps: BTreeMap::from([(Arc::from("shop"), bounds)]),
        retry: RetryPlan::default(),
        max_messages: MAX_MESSAGES,
        max_bytes: 1_000_000,
        recipient_style: RecipientStyle::Masked,
        unmatched: Unmatched::Count,
        grants: BTreeMap::new(),
        answers: None,
        receipts: BTreeSet::new(),
        breaker: BreakerPlan {
            count: 5,
            ratio: 0.5,
        },
        call_limit: Duration::from_millis(CALL_LIMIT_MS),
        process,
        seed,
    };
    Engine::new(setup, Arc::clone(rules))
}

/// The rules; every edition has other texts, and makes the same messages.
pub(super) fn rules(edition: u32) -> Arc<RuleSet> {
    let mut problems = Problems::default();
    let catalog =
        Catalog::read(&mut problems, "templates.toml", "[shop.note]\nid = \"T\"\n").unwrap();
    let source = |name: &str, text: &str| RuleSource {
        file: format!("{name}.toml"),
        name: name.to_owned(),
        text: format!("# Edition {edition}\n{text}"),
    };
    let sources = [
        source("slow", SLOW_RULE),
        source("quick", QUICK_RULE),
        source("chat", CHAT_RULE),
    ];
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        time_zone: jiff::tz::TimeZone::UTC,
    };
    let rules = RuleSet::compile(&mut problems, &sources, &around);
    Arc::new(rules.unwrap_or_else(|| panic!("{problems}")))
}
