//! `preview` as the author of a rule meets it: every value with what is wrong and where it is made, of one event or of many.

use std::fs;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};

use crate::commands::{Said, command, copied_sample, place_of, run, run_with_input};
use crate::support::events::{Event, class, order};
use crate::support::folder::{replace_in, sample_folder};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};

/// Previews events from standard input: exit code and JSON.
fn preview(input: &[u8]) -> (Option<i32>, Value) {
    let arguments = ["preview", "--event", "-", "--format", "json"];
    let said = run_with_input(&sample_folder(), &arguments, input);
    (said.code, said.json())
}

/// The messages of the only event.
fn messages(previews: &Value) -> &Value {
    assert_eq!(previews["summary"]["events"], 1, "{previews}");
    &previews["events"][0]["messages"]
}

/// The value of this name among those of a message.
fn value_of<'a>(message: &'a Value, name: &str) -> &'a Value {
    let mut values = message["values"].as_array().unwrap().iter();
    let found = values.find(|value| value["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not shown in {message}"))
}

#[test]
fn preview_shows_the_message_that_would_be_sent() {
    let (code, previews) = preview(&order(7).structured());
    assert_eq!(code, Some(0));
    let messages = messages(&previews);
    let preview = &messages[0];
    let expected = json!({
        "touser": "oUser000007_M2pxb1Q9zNjWe",
        "template_id": "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8",
        "page": "pages/order/detail?id=SO000007",
        "lang": "zh_CN",
        "miniprogram_state": "formal",
        "data": {
            "character_string1": { "value": "SO000007" },
            "thing2": { "value": "拿铁 等2件" },
            "amount3": { "value": "￥1.07" },
            "time4": preview["message"]["data"]["time4"],
            "phrase5": { "value": "已完成" },
        },
    });
    assert_eq!(messages.as_array().map(Vec::len), Some(1));
    assert_eq!(preview["rule"], "order-completed");
    assert_eq!(preview["status"], "would_send");
    assert_eq!(preview["message"], expected);
    let time = preview["message"]["data"]["time4"]["value"]
        .as_str()
        .unwrap();
    assert!(time.contains('年') && time.contains(':'), "{time}");
    let rule = sample_folder().join("rules/order-completed.toml");
    for (name, label, length, limit) in [
        ("character_string1", "订单编号", 8, json!(32)),
        ("thing2", "商品", 6, json!(20)),
        ("amount3", "金额", 3, json!(10)),
        ("phrase5", "状态", 3, json!(5)),
    ] {
        let value = value_of(preview, name);
        assert_eq!(value["label"], label);
        assert_eq!(value["value"], expected["data"][name]["value"]);
        assert_eq!(
            (&value["length"], &value["limit"]),
            (&json!(length), &limit)
        );
        assert_eq!(value["problem"], Value::Null);
        let said = format!("{}:{}", value["file"].as_str().unwrap(), value["line"]);
        assert_eq!(said, place_of(&rule, &format!("{name} ")));
    }
    assert_eq!(value_of(preview, "to")["value"], expected["touser"]);
    assert_eq!(value_of(preview, "page")["value"], expected["page"]);
}

#[test]
fn preview_shows_all_that_is_wrong_and_where() {
    let mut event = order(7);
    event.data["order_no"] = json!("订单");
    event.data["amount_fen"] = json!(1.5);
    event.data["items"] = json!([]);
    let (code, previews) = preview(&event.structured());
    assert_eq!(code, Some(1));
    let message = &messages(&previews)[0];
    assert_eq!(message["rule"], "order-completed");
    assert_eq!(message["status"], "invalid");
    // What the outcome would say.
    assert_eq!(message["reason"], "value_missing");
    assert_eq!(message["param"], "thing2");
    assert_eq!(message["message"], Value::Null);
    assert!(message["detail"].as_str().unwrap().contains("thing2"));
    let rule = sample_folder().join("rules/order-completed.toml");
    let wrong = [
        ("character_string1", "param_malformed", json!("订单")),
        ("thing2", "value_missing", Value::Null),
        ("amount3", "rule_error", Value::Null),
    ];
    for (name, reason, shown) in &wrong {
        let value = value_of(message, name);
        assert_eq!(value["reason"], *reason);
        assert_eq!(value["value"], *shown);
        assert!(value["problem"].as_str().unwrap().contains(name));
    }
    assert_eq!(value_of(message, "phrase5")["value"], "已完成");
    let said = run_with_input(
        &sample_folder(),
        &["preview", "--event", "-"],
        &event.structured(),
    );
    assert_eq!(said.code, Some(1));
    for (name, ..) in &wrong {
        let place = place_of(&rule, &format!("{name} "));
        let line = said.out.lines().find(|line| line.contains(&place));
        let line = line.unwrap_or_else(|| panic!("{place} is not in {}", said.out));
        assert!(line.contains('✗') && line.contains(name), "{line}");
    }
    let right = place_of(&rule, "phrase5 ");
    let line = said
        .out
        .lines()
        .find(|line| line.ends_with(&right))
        .unwrap();
    assert!(line.contains('✓') && line.contains("3/5"), "{line}");
}

#[test]
fn preview_tells_of_events_that_reach_no_rule() {
    let mut event = order(7);
    event.kind = "coupon.issued";
    let (code, previews) = preview(&event.structured());
    assert_eq!(code, Some(0));
    let message = &messages(&previews)[0];
    assert_eq!(message["status"], "unmatched");
    assert_eq!(message["reason"], "no_rule");
    assert_eq!(message["rule"], Value::Null);

    event.kind = "order.complete";
    let (_, previews) = preview(&event.structured());
    let detail = messages(&previews)[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("did you mean `order.completed`"),
        "{detail}"
    );

    let (code, previews) = preview(b"{ half an ev");
    assert_eq!(code, Some(1));
    let messages = messages(&previews);
    assert_eq!(messages[0]["status"], "invalid");
    assert_eq!(messages[0]["reason"], "not_json");
    assert_eq!(messages.as_array().map(Vec::len), Some(1));
}

#[test]
fn preview_reads_files_headers_and_keys() {
    let event = class(3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    fs::write(&file, event.data.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let headers = event
        .binary_headers()
        .map(|(name, value)| format!("{name}={value}"));
    let mut arguments = vec![
        "preview", "--event", file, "--key", "any", "--format", "json",
    ];
    for header in &headers {
        arguments.extend(["--header", header]);
    }
    let said = run(&sample_folder(), &arguments);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let previews = said.json();
    let message = &messages(&previews)[0];
    assert_eq!(message["rule"], "class-starting");
    assert_eq!(message["message"]["data"]["name3"]["value"], "王芳");
    assert_eq!(previews["events"][0]["place"], format!("{file}:1"));

    let mut arguments = vec![
        "preview",
        "--no-value",
        "--topic",
        "orders",
        "--record-time",
        "2026-11-22T16:30:00+08:00",
        "--format",
        "json",
    ];
    let said = run(&sample_folder(), &arguments);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(messages(&said.json())[0]["status"], "unmatched");
    for header in &headers {
        arguments.extend(["--header", header]);
    }
    let said = run(&sample_folder(), &arguments);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert_eq!(messages(&said.json())[0]["reason"], "value_missing");

    let said = run(
        &sample_folder(),
        &["preview", "--event", "/nowhere/event.json"],
    );
    assert_eq!(said.code, Some(1));
    said.must_have(&["/nowhere/event.json"]);
}

/// Events of which each is told by its place, and a summary of all.
#[test]
fn preview_takes_many_events_in_lines_lists_and_files() {
    let mut bad = order(2);
    bad.data["order_no"] = json!("订单");
    bad.data["items"] = json!([]);
    let mut other = order(3);
    other.kind = "coupon.issued";
    let one_line = |value: &[u8]| serde_json::from_slice::<Value>(value).unwrap().to_string();
    let events = [&order(1), &bad, &other].map(|event| one_line(&event.structured()));
    let lines = format!("{}\n\n{}\nnonsense\n{}\n", events[0], events[1], events[2]);
    let list = format!("[\n{},\n{},\n{}\n]\n", events[0], events[1], events[2]);

    let (code, previews) = preview(lines.as_bytes());
    assert_eq!(code, Some(1));
    let told: Vec<(&Value, &Value)> = previews["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["place"], &event["messages"][0]["status"]))
        .collect();
    let expected = json!([
        ["standard input:1", "would_send"],
        ["standard input:3", "invalid"],
        ["standard input:4", "invalid"],
        ["standard input:5", "unmatched"],
    ]);
    assert_eq!(json!(told), expected);
    let summary = &previews["summary"];
    assert_eq!(
        summary["messages"],
        json!({ "would_send": 1, "invalid": 2, "unmatched": 1 })
    );
    let problem = |rule: Value, name: Value, reason: &str, line: u32| json!({ "rule": rule, "name": name, "reason": reason, "doubt": null, "times": 1, "first": format!("standard input:{line}") });
    let told = summary["problems"].as_array().unwrap().iter();
    let without_causes: Vec<Value> = told
        .map(|tally| {
            let mut tally = tally.as_object().unwrap().clone();
            assert_ne!(tally.remove("cause").unwrap(), Value::Null);
            Value::Object(tally)
        })
        .collect();
    let of_rule = |name: &str, reason| problem(json!("order-completed"), json!(name), reason, 3);
    assert_eq!(
        json!(without_causes),
        json!([
            of_rule("character_string1", "param_malformed"),
            of_rule("thing2", "value_missing"),
            problem(Value::Null, Value::Null, "not_json", 4),
            problem(Value::Null, Value::Null, "no_rule", 5),
        ])
    );

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let list = file("list.json", &list);
    let pretty = serde_json::from_str::<Value>(&events[0]).unwrap();
    let one = file("one.json", &serde_json::to_string_pretty(&pretty).unwrap());
    let said = run(
        &sample_folder(),
        &["preview", "--event", &list, "--event", &one],
    );
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&[
        &format!("event 1 of 4, {list}:2: order.completed"),
        &format!("event 3 of 4, {list}:4: coupon.issued"),
        &format!("event 4 of 4, {one}:1: order.completed"),
        "4 events: 2 would be sent, 1 invalid, 1 unmatched",
        &format!("1 × order-completed: value_missing: thing2: `data.items[0]` is not in the event; first at {list}:3"),
    ]);
    let good = run(&sample_folder(), &["preview", "--event", &one]);
    assert_eq!(good.code, Some(0));
    assert!(!good.out.contains("event 1"), "{}", good.out);
}

/// Two hundred events, some of them with mistakes of a few kinds.
fn many_events() -> Vec<u8> {
    let mut lines = Vec::new();
    for number in 0..200 {
        let mut event = order(number);
        match number % 20 {
            1 => event.kind = "order.complete",
            2 => event.data["order_no"] = json!(format!("订单{number}")),
            3 => event.data["order_no"] = json!("7".repeat(33 + number)),
            4 => event.data["items"] = json!([]),
            5 => event.data["items"] = json!([{ "title": "拿铁" }]),
            _ => {}
        }
        let event: Value = serde_json::from_slice(&event.structured()).unwrap();
        lines.extend(event.to_string().into_bytes());
        lines.push(b'\n');
    }
    lines
}

#[test]
fn of_many_events_the_faulty_ones_are_shown_and_each_cause_is_counted_by_itself() {
    let arguments = ["preview", "--event", "-", "--faulty"];
    let said = run_with_input(&sample_folder(), &arguments, &many_events());
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&[
        "event 2 of 200, standard input:2: order.complete",
        "200 events: 150 would be sent, 40 invalid, 10 unmatched",
        "10 × (no rule): no_rule: no rule is for events of the type \"order.complete\"; did you mean",
        "10 × order-completed: param_malformed: character_string1: ",
        "10 × order-completed: param_too_long: character_string1: at most 32 characters fit, found ",
        "10 × order-completed: value_missing: thing2: `data.items[0]` is not in the event; first at standard input:5",
        "10 × order-completed: value_missing: thing2: `data.items[0].name` is not in the event; first at standard input:6",
    ]);
    assert!(!said.out.contains('✓') && !said.out.contains("event 1 of"));
    let n_lines = said.out.lines().count();
    assert!(n_lines < 300, "{n_lines} lines");

    let json = [&arguments[..], &["--format", "json"]].concat();
    let previews = run_with_input(&sample_folder(), &json, &many_events()).json();
    assert_eq!(previews["events"].as_array().unwrap().len(), 50);
    assert_eq!(previews["events"][0]["number"], 2);
    assert_eq!(previews["summary"]["events"], 200);
}

#[test]
fn a_failing_test_of_a_rule_does_not_stand_in_the_way_of_a_preview() {
    let folder = copied_sample();
    let rule = folder.path().join("rules/order-completed.toml");
    replace_in(&rule, "phrase5 = \"已完成\" }", "phrase5 = \"完成\" }");
    let arguments = ["preview", "--event", "-"];
    let said = run_with_input(folder.path(), &arguments, &order(7).structured());
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&[
        "order-completed: would_send",
        "tests of the rules fail, the first is",
    ]);
    assert_eq!(run(folder.path(), &["check"]).code, Some(1));
}

#[test]
fn preview_reads_records_from_kafka() {
    let world = World::new(Kafka::shared(), "preview", Plan::default());
    let mut bad = order(2);
    bad.data["order_no"] = json!("订单");
    world.publish(&[order(1), bad]);
    let read = |partition: &str, offset: &str, more: &[&str]| {
        let mut arguments = vec![
            "preview",
            "--topic",
            world.source(),
            "--partition",
            partition,
            "--offset",
            offset,
        ];
        arguments.extend(more);
        run(world.folder(), &arguments)
    };
    let ends = world.ends();
    let mut statuses = Vec::new();
    for (partition, end) in &ends {
        let more = ["--count", "10", "--format", "json"];
        let said = read(&partition.to_string(), "0", &more);
        if *end == 0 {
            said.must_have(&["the partition is empty", "check --broker"]);
            assert_eq!(said.code, Some(1));
            continue;
        }
        let beyond = read(&partition.to_string(), &end.to_string(), &[]);
        assert_eq!(beyond.code, Some(1));
        beyond.must_have(&[&format!("the partition has offsets 0 to {}", end - 1)]);
        for event in said.json()["events"].as_array().unwrap() {
            let place = event["place"].as_str().unwrap();
            assert!(place.starts_with(&format!("{}/{partition}/", world.source())));
            statuses.push(event["messages"][0]["status"].as_str().unwrap().to_owned());
        }
    }
    statuses.sort();
    assert_eq!(statuses, ["invalid", "would_send"]);

    let said = read(&ends.len().to_string(), "0", &[]);
    assert_eq!(said.code, Some(1));
    said.must_have(&["has no partition", "check --broker"]);
    let said = run(
        world.folder(),
        &["preview", "--offset", "0", "--topic", "x"],
    );
    assert_eq!(said.code, Some(2));
    said.must_have(&["--partition"]);
}

/// Publishes each order in a transaction of its own: behind each lies a mark, which has an offset and is no record.
fn publish_in_transactions(world: &World, orders: &[Event]) {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &world.brokers);
    settings.set("transactional.id", world.source());
    let producer: BaseProducer = settings.create().unwrap();
    let limit = Duration::from_mins(1);
    producer.init_transactions(limit).unwrap();
    for order in orders {
        producer.begin_transaction().unwrap();
        let value = order.structured();
        let record = BaseRecord::<(), [u8]>::to(world.source());
        let record = record.partition(0).payload(value.as_slice());
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.commit_transaction(limit).unwrap();
    }
}

#[test]
fn preview_says_where_an_offset_has_no_record_and_shows_users_as_outcomes_do() {
    let world = World::new(Kafka::shared(), "preview-marks", Plan::default());
    publish_in_transactions(&world, &[order(1), order(2)]);
    let of_user = "dedupe = \"{{ data.openid }}/{{ data.order_no }}\"\n\n[params]";
    world.rewrite("rules/order-completed.toml", "[params]", of_user);
    let read = |offset: &str, more: &[&str]| {
        let place = ["preview", "--topic", world.source(), "--partition", "0"];
        let mut arguments = place.to_vec();
        arguments.extend(["--offset", offset]);
        arguments.extend(more);
        run(world.folder(), &arguments)
    };
    let place = |offset: i64| format!("{}/0/{offset}", world.source());
    let first = read("0", &[]);
    assert_eq!(first.code, Some(0), "{}{}", first.out, first.err);
    first.must_have(&[&format!("event 1 of 1, {}: order.completed", place(0))]);
    assert!(!first.out.contains("note:"), "{}", first.out);

    let behind = read("1", &[]);
    assert_eq!(behind.code, Some(0), "{}{}", behind.out, behind.err);
    behind.must_have(&[
        &format!("note: there is no record at {}", place(1)),
        &format!("the next one is {}", place(2)),
        &format!("event 1 of 1, {}: order.completed", place(2)),
        "oUs***jWe",
    ]);
    let json = read("1", &["--count", "5", "--format", "json"]).json();
    assert_eq!(json["notes"].as_array().map(Vec::len), Some(1), "{json}");
    let message = &messages(&json)[0];
    assert_eq!(message["message"]["touser"], "oUs***jWe");
    assert_eq!(value_of(message, "to")["value"], "oUs***jWe");
    assert_eq!(value_of(message, "dedupe")["value"], "oUs***jWe/SO000002");
    for shown in [first.out, behind.out, json.to_string()] {
        assert!(!shown.contains("_M2pxb1Q9zNjWe"), "{shown}");
    }

    let last = read("3", &[]);
    assert_eq!(last.code, Some(1), "{}", last.out);
    last.must_have(&[
        &format!("there is no record at {}", place(3)),
        "the partition has offsets 0 to 3",
    ]);
}

#[test]
fn preview_shows_no_login_code() {
    let folder = copied_sample();
    let rule = "on = \"table.booked\"\napp = \"shop\"\ntemplate = \"class_starting\"\n\
        to = { js_code = \"{{ data.js_code }}\" }\ndedupe = \"{{ data.js_code }}\"\npage = \"pages/a?code={{ data.js_code }}\"\n[params]\n\
        thing1 = \"靠窗的桌子\"\ndate2 = \"2026年11月22日 18:30\"\nname3 = \"王芳\"\nthing4 = \"二楼\"\nthing5 = \"请准时\"\n";
    fs::write(folder.path().join("rules/table-booked.toml"), rule).unwrap();
    let event = json!({
        "specversion": "1.0", "id": "b1", "source": "s", "type": "table.booked",
        "data": { "js_code": "0a1bCODEcodeCODE" },
    });
    for format in ["text", "json"] {
        let arguments = ["preview", "--event", "-", "--format", format];
        let said = run_with_input(folder.path(), &arguments, event.to_string().as_bytes());
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said.must_have(&["would_send", "pages/a?code=(hidden)"]);
        assert!(!said.out.contains("CODEcode"), "{}", said.out);
    }
}

/// A secret that is not there is no matter for who only looks at files.
#[test]
fn neither_check_nor_preview_wants_a_secret() {
    let folder = copied_sample();
    let settings = folder.path().join("courier.toml");
    replace_in(
        &settings,
        "secret = \"sandbox-secret\"",
        "secret_file = \"/run/secrets/nowhere\"",
    );
    let callbacks = "\n[apps.shop.callbacks]\n[miniapp]\n[kafka.options]\n\"sasl.username\" = \"u\"\n\"sasl.mechanism\" = \"PLAIN\"\n\"security.protocol\" = \"SASL_SSL\"\n\"ssl.ca.location\" = \"/run/secrets/ca.pem\"\n";
    let text = fs::read_to_string(&settings).unwrap() + callbacks;
    let text = text.replace(
        "topics = [",
        "password_file = \"/run/secrets/kafka\"\ntopics = [",
    );
    fs::write(&settings, text).unwrap();

    let said = run(folder.path(), &["check"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    for (text, times) in [
        ("/run/secrets/nowhere cannot be read", 1),
        ("/run/secrets/kafka cannot be read", 1),
        ("the token of the page for message push is missing", 1),
        (
            "the EncodingAESKey of the page for message push is missing",
            1,
        ),
        ("warning", 6),
    ] {
        let found = said.out.matches(text).count();
        assert_eq!(found, times, "{text}: {}", said.out);
    }
    said.must_have(&["`run` does not", "ok: 0 errors"]);
    let said = run_with_input(
        folder.path(),
        &["preview", "--event", "-"],
        &order(1).structured(),
    );
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(said.err, "");

    for arguments in [&["run"][..], &["check", "--remote"], &["topics", "create"]] {
        let said = run(folder.path(), arguments);
        let expected = if arguments[0] == "check" { 1 } else { 64 };
        assert_eq!(said.code, Some(expected), "{arguments:?}");
        said.must_have(&["error", "/run/secrets/nowhere cannot be read"]);
    }
    // The cluster wants to see its own secret, and no other.
    let kafka = [
        "preview",
        "--topic",
        "t",
        "--partition",
        "0",
        "--offset",
        "0",
    ];
    let said = run(folder.path(), &kafka);
    assert_eq!(said.code, Some(64), "{}", said.err);
    said.must_have(&["/run/secrets/kafka cannot be read"]);
    assert!(!said.err.contains("/run/secrets/nowhere"), "{}", said.err);

    // A build server may have the variable, and nothing in it.
    let mut command = command(folder.path(), &["check"]);
    let said = Said::from(
        command
            .env("WX_COURIER__APPS__SHOP__SECRET", "")
            .output()
            .unwrap(),
    );
    assert_eq!(said.code, Some(0), "{}", said.out);
    said.must_have(&["the secret is empty"]);
}
