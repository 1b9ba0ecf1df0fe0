//! Dead letters and outcomes back onto their source topics: counted first, each message once, and none that was not meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use wx_courier::config::Settings;

use crate::commands::{Said, command, run};
use crate::support::checks::{self, text};
use crate::support::events::order;
use crate::support::kafka::Kafka;
use crate::support::topic::{Published, Reader};
use crate::support::wait_until;
use crate::support::world::{Plan, World};

/// A second rule for orders, which writes what fits no card until an operator mends it.
const TOO_LONG: &str = r#"
on       = "order.completed"
app      = "shop"
template = "order_completed"
to       = "{{ data.openid }}"
[params]
character_string1 = "{{ data.order_no }}"
thing2            = "您心心念念的那一份美味订单 {{ data.order_no }}"
amount3           = "{{ data.amount_fen | yuan }}"
time4             = "{{ time | datetime }}"
phrase5           = "已完成"
"#;

/// A world with that rule, and so many plain orders without an id on its source topic.
fn world(name: &str, n_orders: usize, partitions: i32) -> World {
    let plan = Plan {
        partitions,
        more_rules: &[("order-vip", TOO_LONG)],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), name, plan);
    for n in 0..n_orders {
        let order = order(n);
        let mut event = order.data;
        event["type"] = order.kind.into();
        world.hand_over(&order.openid, &[], event.to_string().as_bytes());
    }
    world
}

/// Runs `replay`, and gives what it said and the document.
fn replay(world: &World, arguments: &[&str]) -> (Said, Value) {
    let fixed = ["replay", "--format", "json"];
    let arguments: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
    let mut command = command(world.folder(), &arguments);
    command.current_dir(world.folder()).stdin(Stdio::null());
    let said = Said::from(command.output().unwrap());
    let document = said.json();
    (said, document)
}

/// Holds that the count has these numbers, and zero for all others.
fn must_count(document: &Value, expected: &Value) {
    let count = document["count"].as_object().unwrap();
    for (head, number) in count {
        let expected = expected[head].as_u64().unwrap_or(0);
        assert_eq!(number.as_u64(), Some(expected), "{head} of {document:#}");
    }
}

fn source(world: &World) -> Reader {
    Reader::new(&world.brokers, world.source(), world.partitions)
}

fn mend(world: &World) {
    let mended = TOO_LONG.replace("心心念念的那一份美味", "的");
    assert_ne!(mended, TOO_LONG);
    fs::write(world.folder().join("rules/order-vip.toml"), mended).unwrap();
}

#[test]
fn a_mended_rule_gets_its_messages_out_and_no_other_rule_sends_twice() {
    let world = world("replay", 5, 4);
    world.hand_over("k", &[], b"{ half an ev");
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(11);

    let (said, document) = replay(&world, &["--dry-run"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    must_count(&document, &json!({ "selected": 6, "still_invalid": 6 }));

    mend(&world);
    courier.reload();
    let (said, document) = replay(&world, &["--rule", "order-vip"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["--yes"]);
    must_count(
        &document,
        &json!({ "selected": 5, "to_replay": 5, "records": 5 }),
    );
    assert_eq!(document["published"], Value::Null);

    let (said, document) = replay(&world, &["--yes", "--since", "1h"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = json!({ "selected": 6, "still_invalid": 1, "to_replay": 5, "records": 5 });
    must_count(&document, &expected);
    assert_eq!(document["published"]["republished"], 5);
    assert!(
        document["first_still_invalid"]["detail"]
            .as_str()
            .unwrap()
            .contains("not JSON")
    );

    outcomes.read_at_least(16);
    let (said, document) = replay(&world, &["--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = json!({ "selected": 6, "still_invalid": 1, "already_sent": 5 });
    must_count(&document, &expected);
    courier.end_cleanly();

    let found = checks::distinct(outcomes.read_to_end());
    assert_eq!(found.len(), 16);
    let of_vip = found
        .values()
        .filter(|outcome| outcome["rule"] == "order-vip");
    let (sent, invalid): (Vec<_>, Vec<_>) =
        of_vip.partition(|outcome| text(outcome, "status") == "sent");
    let ids = |outcomes: &[&Value]| -> BTreeSet<(String, String)> {
        let id = |outcome: &&Value| {
            let (message, event) = (text(outcome, "message_id"), text(outcome, "event_id"));
            (message.to_owned(), event.to_owned())
        };
        outcomes.iter().map(id).collect()
    };
    assert_eq!(
        ids(&sent),
        ids(&invalid),
        "the identity of what was replayed"
    );
    assert_eq!(sent.len(), 5);
    let times: Vec<usize> = checks::accepted_by_mark(&world.wechat)
        .into_values()
        .collect();
    assert_eq!(times, [2; 5], "one message of each rule");
    let leftover = fs::read_dir(world.folder().join("data")).unwrap();
    let leftover = leftover.filter(|file| {
        file.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|kind| kind == "jsonl")
    });
    assert_eq!(leftover.count(), 0, "state files of runs that are through");
}

#[test]
fn what_was_found_is_listed_before_anything_is_published() {
    let world = world("replay-list", 5, 4);
    world.hand_over("k", &[], b"{ half an ev");
    world.flush();
    let courier = world.courier();
    world.outcomes().read_at_least(11);
    courier.end_cleanly();
    let groups = |document: &Value| -> Vec<Value> {
        let keys = ["rule", "reason", "topic", "selected", "to_replay"];
        let row = |group: &Value| keys.iter().map(|key| group[*key].clone()).collect();
        document["found"]
            .as_array()
            .unwrap()
            .iter()
            .map(row)
            .collect()
    };
    let of_vip = |selected: u64, to_replay: u64| {
        json!([
            "order-vip",
            "param_too_long",
            world.source(),
            selected,
            to_replay
        ])
    };
    let of_no_rule = json!([null, "not_json", world.source(), 1, 0]);
    let (_, document) = replay(&world, &["--dry-run"]);
    assert_eq!(groups(&document), [of_vip(5, 0), of_no_rule.clone()]);

    mend(&world);
    let (_, document) = replay(&world, &["--dry-run"]);
    assert_eq!(groups(&document), [of_vip(5, 5), of_no_rule]);
    let said = run(world.folder(), &["replay", "--dry-run"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let row = said
        .out
        .lines()
        .find(|line| line.contains("param_too_long"));
    let cells: Vec<&str> = row.unwrap().split_whitespace().collect();
    let expected = ["5", "5", "order-vip", "param_too_long", world.source()];
    assert_eq!(cells[..5], expected);
    assert_eq!(
        cells.len(),
        9,
        "three names, and that there are more: {cells:?}"
    );
    // Each name selects its message.
    let (_, document) = replay(
        &world,
        &["--dry-run", "--id", cells[5].trim_end_matches(',')],
    );
    assert_eq!(groups(&document), [of_vip(1, 1)]);
    // What support asks: all that became of one event, sent or not.
    let of_event = event_id(cells[5]);
    let said = run(
        world.folder(),
        &[
            "replay",
            "--dry-run",
            "--from",
            "outcomes",
            "--id",
            &of_event,
        ],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&["order-completed", "ok", "order-vip", "param_too_long"]);
    assert!(replayed(source(&world).read_to_end()).is_empty());
}

/// The id of an event that brings none: the place of its record, which an outcome's `id` begins with.
fn event_id(outcome: &str) -> String {
    let (place, _rule) = outcome.trim_end_matches(',').rsplit_once('/').unwrap();
    place.to_owned()
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    const N_ORDERS: usize = 60;
    let world = world("replay-resume", N_ORDERS, 4);
    world.flush();
    let courier = world.courier();
    world.outcomes().read_at_least(2 * N_ORDERS);
    courier.end_cleanly();
    mend(&world);

    let state = world.folder().join("run.jsonl");
    let name = state.to_str().unwrap();
    let arguments = ["replay", "--yes", "--rate", "10", "--state", name];
    let mut child = command(world.folder(), &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("some records are republished", || {
        fs::read_to_string(&state).is_ok_and(|text| text.contains("\"done\""))
    });
    let sent = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    wait_until("the replay has ended", || {
        child.try_wait().unwrap().is_some()
    });
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["stopped:", &format!("wx-courier replay --resume {name}")]);
    let n_first = replayed(source(&world).read_to_end()).len();
    assert!((1..N_ORDERS).contains(&n_first), "{n_first}");
    said.must_have(&[
        &format!("{n_first} record"),
        &format!("{} left", N_ORDERS - n_first),
    ]);

    let again = run(
        world.folder(),
        &["replay", "--resume", name, "--yes", "--rate", "1000"],
    );
    assert_eq!(again.code, Some(0), "{}", again.err);
    again.must_have(&[&format!("done: {} record", N_ORDERS - n_first)]);
    assert!(!state.exists());
    let mut source = source(&world);
    let replayed = replayed(source.read_to_end());
    let distinct: BTreeSet<&str> = replayed
        .iter()
        .map(|record| record.header("wx-courier-replay-of"))
        .collect();
    assert_eq!((replayed.len(), distinct.len()), (N_ORDERS, N_ORDERS));
    for record in replayed {
        let of = record.header("wx-courier-replay-of");
        let partition = of.rsplit('/').nth(1).unwrap();
        assert_eq!(
            partition,
            record.partition.to_string(),
            "a key stays in its partition"
        );
        assert_eq!(record.header("wx-courier-replay-rule"), "order-vip");
    }
}

fn replayed(records: &[Published]) -> Vec<&Published> {
    let is_replayed = |record: &&Published| !record.header("wx-courier-replay-of").is_empty();
    records.iter().filter(is_replayed).collect()
}

/// What that rule has sent.
const SENT: [&str; 6] = [
    "--from",
    "outcomes",
    "--status",
    "sent",
    "--rule",
    "order-vip",
];

#[test]
fn what_was_sent_is_sent_again_only_on_purpose_and_only_while_it_is_there() {
    let world = world("replay-again", 3, 1);
    mend(&world);
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(6);
    delete_first_record(&world.settings);

    let (said, document) = replay(&world, &[&SENT[..], &["--yes"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    must_count(&document, &json!({ "selected": 3, "already_sent": 3 }));

    let (said, document) = replay(&world, &[&SENT[..], &["--again", "--yes"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected =
        json!({ "selected": 3, "original_gone": 1, "to_replay": 2, "again": 2, "records": 2 });
    must_count(&document, &expected);
    outcomes.read_at_least(8);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let run = text(&document, "run");
    let again = found.values().map(|outcome| text(outcome, "message_id"));
    let again: BTreeSet<&str> = again
        .filter(|id| id.ends_with(&format!("#again-{run}")))
        .collect();
    assert_eq!((found.len(), again.len()), (8, 2));
    let mut times: Vec<usize> = checks::accepted_by_mark(&world.wechat)
        .into_values()
        .collect();
    times.sort_unstable();
    assert_eq!(times, [2, 3, 3]);
}

#[test]
fn what_two_runs_selected_is_sent_once() {
    let world = world("replay-twice", 3, 2);
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(6);
    courier.end_cleanly();
    mend(&world);
    // Nothing of the first run has an outcome when the second one counts.
    for _ in 0..2 {
        let (said, document) = replay(&world, &["--yes"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let expected = json!({ "selected": 3, "to_replay": 3, "records": 3 });
        must_count(&document, &expected);
    }
    let courier = world.courier();
    outcomes.read_at_least(12);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let of_vip = found.values();
    let of_vip = of_vip.filter(|outcome| outcome["rule"] == "order-vip");
    let mut by_message: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for outcome in of_vip {
        let message = text(outcome, "message_id");
        by_message.entry(message).or_default().push(outcome);
    }
    assert_eq!(by_message.len(), 3);
    for outcomes in by_message.into_values() {
        let is_first = |outcome: &&&Value| outcome["status"] == "invalid";
        assert_eq!(outcomes.iter().filter(is_first).count(), 1);
        let replayed = outcomes.iter().filter(|outcome| !is_first(outcome));
        checks::one_is_sent_and_the_others_repeat_it(replayed.copied(), 2);
    }
    let times: Vec<usize> = checks::accepted_by_mark(&world.wechat)
        .into_values()
        .collect();
    assert_eq!(times, [2; 3], "one message of each rule");
}

#[test]
fn each_run_with_again_sends_once_more_however_often_its_records_are_read() {
    let world = world("replay-again-twice", 2, 1);
    mend(&world);
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(4);
    let mut n_outcomes = 4;
    for n_run in 1..=2 {
        let (said, document) = replay(&world, &[&SENT[..], &["--again", "--yes"]].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        let run = text(&document, "run");
        let mut source = source(&world);
        let of_run: Vec<&Published> = source
            .read_to_end()
            .iter()
            .filter(|record| record.header("wx-courier-replay-again") == run)
            .collect();
        assert_eq!(of_run.len(), 2, "{document:#}");
        // As after a crash of `replay` itself: the records of its last second are there twice.
        for record in of_run {
            let headers = record.headers.iter();
            let headers: Vec<(&str, &str)> = headers
                .map(|(name, _)| (name.as_str(), record.header(name)))
                .collect();
            let value = record.value.as_deref().unwrap();
            world.hand_over(record.key_text(), &headers, value);
        }
        n_outcomes += 4;
        outcomes.read_at_least(n_outcomes);
        let seen: Vec<Value> = outcomes.seen.iter().map(checks::read).collect();
        for n in 0..2 {
            let of_message = seen.iter().filter(|outcome| {
                let id = text(outcome, "message_id");
                id.ends_with(&format!("/{n}#again-{run}"))
            });
            checks::one_is_sent_and_the_others_repeat_it(of_message, 2);
        }
        let times: Vec<usize> = checks::accepted_by_mark(&world.wechat)
            .into_values()
            .collect();
        assert_eq!(
            times,
            [2 + n_run; 2],
            "one of each rule, and one of each run"
        );
    }
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    assert_eq!(found.len(), n_outcomes);
}

/// As retention would.
fn delete_first_record(settings: &Settings) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka.brokers)
        .create()
        .unwrap();
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset(&settings.kafka.topics[0], 0, Offset::Offset(1))
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = AdminOptions::new();
    runtime
        .block_on(admin.delete_records(&before, &options))
        .unwrap();
}
