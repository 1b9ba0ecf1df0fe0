//! Dead letters on a topic that is compacted, which operators are warned of: each arrives, whole or in part, and can be replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rdkafka::producer::Producer as _;
use serde_json::Value;

use super::{Bad, producer, publish};
use crate::commands::run;
use crate::support::LIMIT;
use crate::support::checks::{self, text};
use crate::support::kafka::Kafka;
use crate::support::topic::{Published, Reader};
use crate::support::world::{Plan, World};

#[test]
fn a_topic_that_takes_no_record_without_a_key_gets_letters_with_a_key_of_ours() {
    let world = World::new(Kafka::shared(), "compacted", Plan::default());
    world.configure(
        &world.settings.dead_letter_topic,
        "cleanup.policy",
        "compact",
    );
    let producer = producer(&world.brokers);
    let not_json = |key| Bad {
        key,
        ..Bad::value("{", "not_json")
    };
    let courier = world.courier();
    let mut letters = world.dead_letters();
    // Alone: what is in one batch is refused together, and goes out in part together.
    publish(&producer, world.source(), &not_json(Some(b"kept")));
    producer.flush(LIMIT).unwrap();
    letters.read_at_least(1);
    for _ in 0..2 {
        publish(&producer, world.source(), &not_json(None));
    }
    producer.flush(LIMIT).unwrap();
    letters.read_at_least(3);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let mut found: Vec<String> = letters
        .read_to_end()
        .iter()
        .map(|letter| letter.key_text().replace(world.source(), "t"))
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found, ["kept", "t/0/1", "t/0/2"]);
}

/// A rule that asks for what its events do not have, until an operator mends it.
const NEEDS_DATA: &str = r#"
on       = "account.closed"
app      = "shop"
template = "order_completed"
to       = "{{ data.openid }}"
[params]
character_string1 = "{{ id }}"
thing2            = "账号已注销"
amount3           = "￥0.00"
time4             = "{{ time | datetime }}"
phrase5           = "已完成"
"#;

fn mended() -> String {
    let mended = NEEDS_DATA.replace("data.openid", "subject");
    assert_ne!(mended, NEEDS_DATA);
    mended
}

/// An event in binary mode: without a value it is an event all the same, whose data is null.
fn closed(id: &'static str, key: Option<&'static [u8]>, value: Option<&[u8]>) -> Bad {
    Bad {
        key,
        headers: vec![
            ("ce_specversion", Some(b"1.0")),
            ("ce_id", Some(id.as_bytes())),
            ("ce_source", Some(b"/accounts")),
            ("ce_type", Some(b"account.closed")),
            ("ce_subject", Some(b"oUser000001_M2pxb1Q9zNjWe")),
        ],
        value: value.map(<[u8]>::to_vec),
        rule: "account-closed",
        reason: Some("value_missing"),
    }
}

fn by_event<'a>(records: impl Iterator<Item = &'a Published>) -> BTreeMap<&'a str, &'a Published> {
    records
        .map(|record| (record.header("ce_id"), record))
        .collect()
}

/// Each letter has what is left of its record, and a replay makes the same events of them.
fn letters_are_replayed(name: &str, policy: &str) {
    let plan = Plan {
        partitions: 1,
        more_rules: &[("account-closed", NEEDS_DATA)],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), name, plan);
    world.configure(&world.settings.dead_letter_topic, "cleanup.policy", policy);
    let records = [
        closed("key-and-value", Some(b"a"), Some(b"{\"why\":\"moved\"}")),
        closed("key", Some(b"b"), None),
        closed("value", None, Some(b"{\"why\":\"moved\"}")),
        closed("neither", None, None),
    ];
    let courier = world.courier();
    let producer = producer(&world.brokers);
    let mut letters = world.dead_letters();
    for (n, record) in records.iter().enumerate() {
        // Alone: what is in one batch is refused together, and goes out in part together.
        publish(&producer, world.source(), record);
        producer.flush(LIMIT).unwrap();
        letters.read_at_least(n + 1);
    }
    checks::wait_until_everything_is_committed(&world);
    assert_eq!(letters.read_to_end().len(), records.len());
    for record in &records {
        check_letter(&letters.seen, record);
    }

    fs::write(world.folder().join("rules/account-closed.toml"), mended()).unwrap();
    courier.reload();
    let said = run(world.folder(), &["replay", "--yes"]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&["4 records republished"]);
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(2 * records.len());
    courier.end_cleanly();
    let mut source = Reader::new(&world.brokers, world.source(), 1);
    let source = source.read_to_end();
    let (first, again) = source.split_at(records.len());
    let (first, again) = (by_event(first.iter()), by_event(again.iter()));
    for (id, first) in first {
        let again = again[id];
        assert_eq!(
            (&again.key, &again.value),
            (&first.key, &first.value),
            "{id}"
        );
        let replayed = &again.headers[..first.headers.len()];
        assert_eq!(replayed, first.headers, "{id}");
    }
    let found = checks::distinct(outcomes.read_to_end());
    let (sent, invalid): (Vec<_>, Vec<_>) = found
        .values()
        .partition(|outcome| text(outcome, "status") == "sent");
    let messages = |outcomes: Vec<&Value>| {
        let ids = outcomes
            .into_iter()
            .map(|outcome| text(outcome, "message_id").to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    let (sent, invalid) = (messages(sent), messages(invalid));
    assert_eq!((sent.len(), &sent), (records.len(), &invalid));
}

/// Where the record has a key, its letter is the record, without a value too. Where it has none, the topic takes no more than our headers.
fn check_letter(letters: &[Published], record: &Bad) {
    let (_, id) = record.headers[1];
    let id = std::str::from_utf8(id.unwrap()).unwrap();
    let mut of_event = letters
        .iter()
        .filter(|letter| letter.header("wx-courier-event-id") == id);
    let letter = of_event
        .next()
        .unwrap_or_else(|| panic!("no letter of {id}"));
    assert!(of_event.next().is_none(), "two letters of {id}");
    let omitted = letter.header("wx-courier-omitted");
    if let Some(key) = record.key {
        assert_eq!(letter.key.as_deref(), Some(key), "{id}");
        assert_eq!(letter.value, record.value, "{id}");
        assert_eq!(letter.header("ce_id"), id);
        assert_eq!(omitted, "");
    } else {
        let ours = letter.header("wx-courier-outcome-id");
        assert_eq!(letter.key_text(), ours, "{id}");
        // No value would be a tombstone: compaction would take this letter away too, a day later.
        assert_eq!(letter.value, Some(Vec::new()), "{id}");
        assert_eq!(letter.header("ce_id"), "");
        assert!(omitted.starts_with("value, key and headers"), "{omitted}");
    }
}

#[test]
fn on_a_compacted_topic_each_letter_arrives_and_is_the_same_event_when_it_is_replayed() {
    letters_are_replayed("letters-compact", "compact");
}

#[test]
fn the_same_on_one_that_is_compacted_and_deleted_from() {
    letters_are_replayed("letters-both", "compact,delete");
}
