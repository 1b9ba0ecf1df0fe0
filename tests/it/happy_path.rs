//! An event in any of the three forms becomes a message and an outcome; and every way in which a message can end.

#![expect(
    clippy::disallowed_methods,
    reason = "a test writes events of now and of an hour ago"
)]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wx_courier_sandbox::{Accepted, Answer, Fate, Script};

use crate::support::checks::{self, text};
use crate::support::courier::Courier;
use crate::support::events::{self, Event, SOURCE, TRACEPARENT, mark_of, order, shipment};
use crate::support::folder::Rules;
use crate::support::kafka::Kafka;
use crate::support::topic::Published;
use crate::support::wait_until;
use crate::support::world::{Plan, World};

const POINTERS: &str = r#"
[events]
id     = "/meta/no"
type   = "/meta/kind"
source = "/meta/from"
time   = "/meta/at"
"#;

#[test]
fn three_forms_of_events_and_three_rules() {
    let plan = Plan {
        rules: Rules::Sample,
        sections: POINTERS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "happy-path", plan);
    let events = events::mixed(0..45);
    for (n, event) in events.iter().enumerate() {
        publish_in_form(&world, n / 3 % 3, event);
    }
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    let accepted = world.wechat.accepted();
    let accepted: BTreeMap<&str, &Accepted> =
        accepted.iter().map(|sent| (mark_of(sent), sent)).collect();
    let by_message: BTreeMap<&str, (usize, &Event)> = (0..)
        .zip(&events)
        .map(|(n, event)| (event.message_id.as_str(), (n, event)))
        .collect();
    for published in &outcomes.seen {
        let (n, event) = by_message[published.key_text()];
        check_fields(
            &world,
            event,
            &published.json(),
            accepted[event.mark.as_str()],
        );
        check_headers(&world, published);
        let is_binary = n / 3 % 3 == 1;
        let expected = if is_binary { TRACEPARENT } else { "" };
        assert_eq!(published.header("traceparent"), expected);
    }
}

const OUTBOX: &str = r#"
[events]
id       = "header:id"
type     = "header:eventType"
source   = "const:/tests"
data     = "json:/payload"
envelope = "debezium"
"#;

#[test]
fn events_as_other_tools_write_them() {
    let plan = Plan {
        rules: Rules::Sample,
        sections: OUTBOX,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "other-tools", plan);
    let events = events::mixed(0..24);
    for (n, event) in events.iter().enumerate() {
        publish_as_a_tool(&world, n / 3 % 4, event);
    }
    // A row that was deleted, and a key: neither owes anything.
    world.hand_over("k", &[], br#"{"before":{"id":1},"after":null,"op":"d"}"#);
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}

fn publish_as_a_tool(world: &World, tool: usize, event: &Event) {
    let key = &event.openid;
    let data = event.data.to_string();
    let headers = [("id", event.id.as_str()), ("eventType", event.kind)];
    let row = json!({ "id": event.id, "aggregateid": event.mark, "payload": data });
    match tool {
        // CloudEvents' SDKs, of bytes in structured mode.
        0 => {
            let structured = json!({
                "specversion": "1.0", "id": event.id, "type": event.kind, "source": SOURCE,
                "datacontenttype": "application/json", "data_base64": STANDARD.encode(data),
            });
            let content_type = [("content-type", "application/cloudevents+json")];
            world.hand_over(key, &content_type, structured.to_string().as_bytes());
        }
        // Debezium, of a row of an outbox table.
        1 => {
            let change = json!({ "before": null, "after": row, "op": "c", "ts_ms": 1 });
            world.hand_over(key, &headers, change.to_string().as_bytes());
        }
        // Kafka Connect, with headers as JSON.
        2 => {
            let quoted = headers.map(|(name, value)| (name, format!("\"{value}\"")));
            let quoted = quoted
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            world.hand_over(key, &quoted, row.to_string().as_bytes());
        }
        // A producer that writes JSON twice.
        _ => {
            let twice = Value::from(row.to_string());
            world.hand_over(key, &headers, twice.to_string().as_bytes());
        }
    }
}

fn publish_in_form(world: &World, form: usize, event: &Event) {
    let key = &event.openid;
    match form {
        0 => world.hand_over(key, &[], &event.structured()),
        1 => {
            let mut headers = event.binary_headers().to_vec();
            headers.push(("traceparent", TRACEPARENT));
            world.hand_over(key, &headers, event.data.to_string().as_bytes());
        }
        _ => {
            let mut plain = event.data.clone();
            let now_ms = jiff::Timestamp::now().as_millisecond();
            plain["meta"] =
                json!({ "no": event.id, "kind": event.kind, "from": SOURCE, "at": now_ms });
            world.hand_over(key, &[], plain.to_string().as_bytes());
        }
    }
}

fn check_fields(world: &World, event: &Event, outcome: &Value, accepted: &Accepted) {
    let template = event.rule.replace('-', "_");
    let position = format!(
        "{}/{}/{}",
        world.source(),
        outcome["partition"],
        outcome["offset"]
    );
    let openid = &event.openid;
    let (first, _) = openid.split_at(3);
    let (_, last) = openid.split_at(openid.len() - 3);
    let masked = format!("{first}***{last}");
    let expected = [
        ("id", format!("{position}/{}", event.rule)),
        ("message_id", event.message_id.clone()),
        ("status", "sent".to_owned()),
        ("reason", "ok".to_owned()),
        ("rule", event.rule.to_owned()),
        ("app", "shop".to_owned()),
        ("template", template),
        ("template_id", accepted.template_id.clone()),
        ("recipient", masked),
        ("event_id", event.id.clone()),
        ("event_type", event.kind.to_owned()),
        ("event_source", SOURCE.to_owned()),
        ("topic", world.source().to_owned()),
        ("msgid", accepted.msgid.to_string()),
    ];
    for (field, value) in expected {
        assert_eq!(text(outcome, field), value, "{field} of {outcome:#}");
    }
    assert_eq!(outcome["attempts"], 1);
    for absent in ["errcode", "errmsg", "rid", "param", "duplicate_of"] {
        assert_eq!(outcome.get(absent), None, "{outcome:#}");
    }
    let moment = |field| text(outcome, field).parse::<jiff::Timestamp>().unwrap();
    assert!(moment("event_time") <= moment("received_at"), "{outcome:#}");
    assert!(moment("received_at") <= moment("settled_at"), "{outcome:#}");
    assert_eq!(accepted.openid, *openid);
}

fn check_headers(world: &World, published: &Published) {
    let outcome = published.json();
    let source = format!("/wx-courier/{}", world.settings.kafka.group);
    let kind = format!("wx-courier.outcome.{}", text(&outcome, "status"));
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", text(&outcome, "id")),
        ("ce_source", &source),
        ("ce_type", &kind),
        ("ce_time", text(&outcome, "settled_at")),
        ("content-type", "application/json"),
    ];
    for (name, value) in expected {
        assert_eq!(published.header(name), value, "header {name}");
    }
}

const EVERY_END: &str = r#"
[send]
backoff_base = "10ms"
timeout      = "500ms"
"#;

/// What the service says of the one event that no rule wants: its type is misspelt.
fn why_unmatched(courier: &Courier) -> String {
    let metric = "wx_courier_unmatched_events_total{type=\"order.complete\"} 1";
    wait_until("the unmatched event is counted", || {
        courier.measures(metric)
    });
    let types = courier.engine()["unmatched_types"].clone();
    let why = text(&types[0], "why");
    assert!(why.contains("did you mean `order.completed`"), "{types}");
    why.to_owned()
}

#[test]
fn every_way_in_which_a_message_can_end() {
    let plan = Plan {
        outcomes: "unmatched = \"publish\"",
        sections: EVERY_END,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "every-end", plan);
    let code = |code| Answer::Errcode {
        code,
        message: None,
    };
    let script = |event: &Event, answer| {
        let script = Script::every_send(answer).for_openid(&*event.openid);
        world.wechat.script(script);
    };
    let sent = order(0);
    let rejected = order(1);
    script(&rejected, code(43101));
    let mut invalid = order(2);
    invalid.data["order_no"] = json!("订单");
    let mut expired = order(3);
    expired.data["meta"] = json!("an hour ago");
    let failed = order(4);
    script(&failed, code(-1));
    let unknown = shipment(5);
    let fate = Fate::Accepted;
    script(&unknown, Answer::Drop { fate });
    let mut unmatched = order(6);
    unmatched.kind = "order.complete";
    let refused_param = order(7);
    script(&refused_param, code(47003));
    let not_authorised = order(8);
    script(&not_authorised, code(50001));
    let ends = [
        (&sent, "sent", "ok"),
        (&rejected, "rejected", "user_refused"),
        (&invalid, "invalid", "param_malformed"),
        (&expired, "expired", "expired"),
        (&failed, "failed", "attempts_used"),
        (&unknown, "unknown", "in_doubt"),
        (&unmatched, "unmatched", "no_rule"),
        (&refused_param, "rejected", "param_refused"),
        (&not_authorised, "failed", "account_fault"),
    ];
    let an_hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let an_hour_ago = an_hour_ago.to_string();
    for (event, ..) in ends {
        let mut headers = event.binary_headers().to_vec();
        if event.id == expired.id {
            headers.push(("ce_time", &an_hour_ago));
        }
        world.hand_over(&event.openid, &headers, event.data.to_string().as_bytes());
    }
    world.flush();
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(ends.len());
    let why = why_unmatched(&courier);
    courier.end_cleanly();

    let found = checks::distinct(outcomes.read_to_end());
    let says_why = |outcome: &Value| text(outcome, "detail") == why;
    assert!(found.values().any(says_why), "{why}: {found:?}");
    let found: BTreeSet<(&str, &str, &str)> = found
        .values()
        .map(|outcome| {
            (
                text(outcome, "event_id"),
                text(outcome, "status"),
                text(outcome, "reason"),
            )
        })
        .collect();
    let expected: BTreeSet<(&str, &str, &str)> = ends
        .iter()
        .map(|(event, status, reason)| (event.id.as_str(), *status, *reason))
        .collect();
    assert_eq!(found, expected);
    for published in &outcomes.seen {
        check_headers(&world, published);
    }
    checks::everything_is_committed(&world);
}
