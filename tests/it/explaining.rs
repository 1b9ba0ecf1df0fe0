//! `explain` as support meets it: one question about one event, whatever became of it, after a restart and without the service.

use serde_json::{Value, json};

use crate::commands::{Said, run};
use crate::support::courier::Courier;
use crate::support::events::{Event, TRACEPARENT, class, order};
use crate::support::kafka::Kafka;
use crate::support::redis::Redis;
use crate::support::world::{Plan, World, refuse};

const KEYS: &str = "[explain]\nkeys = [\"/data/order_no\", \"/data/title\"]\n";

/// A world in which eight events have met eight fates.
struct Fates {
    world: World,
    courier: Courier,
    sent: Event,
    trimmed: Event,
    expired: Event,
    refused: Event,
    duplicate: Event,
    unmatched: Event,
    invalid: Event,
    paused: Event,
}

/// How many outcomes they have: a duplicate has two, what no rule wants and what is paused have none.
const N_OUTCOMES: usize = 7;

impl Fates {
    fn new(name: &str, state: Option<String>) -> Self {
        let plan = Plan {
            sections: KEYS,
            app: "grants = \"advise\"",
            state,
            ..Plan::default()
        };
        let world = World::new(Kafka::shared(), name, plan);
        let courier = world.courier();
        courier.post("/pause?rule=class-starting&why=wrong%20room");
        courier.wait_until_paused("rule class-starting", "person");
        let [
            sent,
            mut trimmed,
            expired,
            refused,
            duplicate,
            mut unmatched,
            mut invalid,
        ] = [1, 2, 3, 4, 5, 6, 7].map(order);
        trimmed.data["items"][0]["name"] = json!("云南高山日晒单品手冲咖啡豆中度烘焙半磅装");
        unmatched.data["amount_fen"] = json!(0);
        invalid.data["order_no"] = json!("订单七");
        let paused = class(8);
        world
            .wechat
            .script(refuse(43101).for_openid(&refused.openid));
        let mut outcomes = world.outcomes();
        let ordinary = [
            &sent, &trimmed, &refused, &duplicate, &duplicate, &unmatched, &invalid, &paused,
        ];
        for event in ordinary {
            world.hand_over(&event.openid, &[], &event.structured());
        }
        let mut old: Value = serde_json::from_slice(&expired.structured()).unwrap();
        old["time"] = json!("2026-01-01T00:00:00Z");
        world.hand_over(&expired.openid, &[], old.to_string().as_bytes());
        world.flush();
        outcomes.read_at_least(N_OUTCOMES);
        courier.wait_until_waiting(1);
        Self {
            world,
            courier,
            sent,
            trimmed,
            expired,
            refused,
            duplicate,
            unmatched,
            invalid,
            paused,
        }
    }

    /// Ends the service and starts another one, which has heard what was paused.
    fn restart(&mut self) {
        let courier = self.world.courier_at_once(&[]);
        std::mem::replace(&mut self.courier, courier).end_cleanly();
        self.courier.wait_until_ready();
        self.courier
            .wait_until_paused("rule class-starting", "person");
    }

    /// The answer of the running service and of Kafka.
    fn explain(&self, id: &str) -> Value {
        let said = self.said(id, &["--format", "json"]);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said.json()
    }

    fn said(&self, id: &str, more: &[&str]) -> Said {
        let arguments = ["explain", id, "--at", self.courier.address()];
        run(self.world.folder(), &[&arguments, more].concat())
    }
}

/// The only event.
fn event(told: &Value) -> &Value {
    assert_eq!(told["events"].as_array().map(Vec::len), Some(1), "{told}");
    &told["events"][0]
}

/// The only message of the only event.
fn message(told: &Value) -> &Value {
    let messages = &event(told)["messages"];
    assert_eq!(messages.as_array().map(Vec::len), Some(1), "{told}");
    &messages[0]
}

fn ended(told: &Value, reason: &str) {
    let message = message(told);
    assert_eq!(message["outcome"]["reason"], reason, "{told}");
    for words in ["ops", "next", "customer"] {
        assert!(
            message["words"][words]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{told}"
        );
    }
}

fn key_of(event: &Event) -> &str {
    let key = event
        .data
        .get("order_no")
        .or_else(|| event.data.get("title"));
    key.unwrap().as_str().unwrap()
}

/// Every fate, told by the event's id and by its business key.
fn each_is_told(fates: &Fates) {
    for (fate, reason) in [
        (&fates.sent, "ok"),
        (&fates.trimmed, "ok"),
        (&fates.expired, "expired"),
        (&fates.refused, "user_refused"),
        (&fates.invalid, "param_malformed"),
    ] {
        for id in [&fate.id, key_of(fate)] {
            let told = fates.explain(id);
            ended(&told, reason);
            let event = event(&told);
            assert_eq!(event["id"], *fate.id, "{told}");
            assert_eq!(event["business_key"], key_of(fate), "{told}");
            assert_eq!(event["rules"][0]["verdict"], "wants", "{told}");
            assert_eq!(event["rules"][0]["when"][0]["holds"], "true", "{told}");
            assert!(!told.to_string().contains(&fate.openid), "{told}");
        }
    }
    let expired = fates.explain(&fates.expired.id);
    assert!(message(&expired)["published_late_ms"].is_u64(), "{expired}");
    let refused = fates.explain(&fates.refused.id);
    let refused = message(&refused);
    assert_eq!(refused["outcome"]["errcode"], 43101);
    assert!(refused["outcome"]["rid"].is_string(), "{refused}");
    let trimmed = fates.explain(key_of(&fates.trimmed));
    let values = message(&trimmed)["values"].as_array().unwrap();
    let cut = values
        .iter()
        .find(|value| value["name"] == "thing2")
        .unwrap();
    assert_eq!(
        cut["before"],
        "云南高山日晒单品手冲咖啡豆中度烘焙半磅装 等2件"
    );
    assert_eq!(cut["length"], cut["limit"]);

    let twice = fates.explain(&fates.duplicate.id);
    let events = twice["events"].as_array().unwrap();
    let reasons: Vec<&str> = events
        .iter()
        .map(|event| event["messages"][0]["outcome"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["ok", "duplicate"], "{twice}");
    let of = &events[1]["messages"][0]["outcome"]["duplicate_of"];
    assert_eq!(*of, events[0]["messages"][0]["outcome_id"]);

    let unmatched = fates.explain(key_of(&fates.unmatched));
    let rule = &event(&unmatched)["rules"][0];
    assert_eq!(rule["verdict"], "when_does_not_hold", "{unmatched}");
    let seen = json!([{ "name": "data.amount_fen", "value": "0" }]);
    assert_eq!(rule["when"][0]["values"], seen);
    assert_eq!(message(&unmatched)["pending"], "not_wanted");

    let paused = fates.explain(key_of(&fates.paused));
    let waits = message(&paused);
    assert_eq!(waits["pending"], "paused", "{paused}");
    assert_eq!(waits["paused_by"][0]["subject"], "rule class-starting");
    assert_eq!(waits["paused_by"][0]["detail"], "wrong room");
    assert_eq!(waits["line"]["waiting"], 1, "{paused}");
    assert!(waits["expires_at"].is_string(), "{paused}");
    assert_eq!(event(&paused)["is_past"], false);
    let when = event(&paused)["rules"][0]["when"].as_array().unwrap();
    assert_eq!(when.len(), 2, "each part of the `and`: {paused}");
}

/// By the `id` of an outcome and by the message id the store knows it at once, and no topic is searched.
fn the_store_tells_at_once(fates: &Fates) {
    let told = fates.explain(&fates.sent.id);
    let outcome_id = message(&told)["outcome_id"].as_str().unwrap().to_owned();
    for id in [&outcome_id, &fates.sent.message_id] {
        let told = fates.explain(id);
        ended(&told, "ok");
        assert_eq!(message(&told)["is_in_store"], true);
        let read = told["read"].as_array().unwrap();
        assert!(
            read.iter().all(|source| source.get("since").is_none()),
            "{told}"
        );
    }
    let said = fates.said(&outcome_id, &[]);
    let first = said.out.lines().next().unwrap();
    assert_eq!(
        first,
        format!("the state store knows {outcome_id}: sent (ok)")
    );
    said.must_have(&[
        "✓ order-completed",
        "data.amount_fen > 0",
        "data.amount_fen = 101",
        "in the state store",
        "this record has sent it",
        "what happened",
        "next message",
        "通知已经发到您的微信",
    ]);
}

#[test]
fn explain_tells_every_fate_before_and_after_a_restart() {
    let mut fates = Fates::new("explain", None);
    each_is_told(&fates);
    the_store_tells_at_once(&fates);
    fates.restart();
    each_is_told(&fates);
    the_store_tells_at_once(&fates);

    let beyond = fates.said(
        &fates.sent.id,
        &["--since", "2099-01-01T00:00:00Z", "--format", "json"],
    );
    assert_eq!(beyond.code, Some(1), "{}", beyond.out);
    let told = beyond.json();
    assert_eq!(told["events"], json!([]));
    let read = told["read"].as_array().unwrap();
    assert!(read.iter().all(|source| source["read"] == 0), "{told}");
    let nothing = fates.said("no-such-id", &[]);
    assert_eq!(nothing.code, Some(1));
    nothing.must_have(&[
        "nothing is known of no-such-id",
        "read:",
        "look further back with --since",
    ]);
    what_is_not_there_promises_nothing(&fates);
    a_broken_rule_costs_only_what_rules_say(&fates);
}

/// Beyond the end, in a partition that does not exist, and by a user.
fn what_is_not_there_promises_nothing(fates: &Fates) {
    let source = fates.world.source();
    for (place, why) in [
        (format!("{source}/0/99999"), "will have the offset"),
        (format!("{source}/99/0"), "has no partition 99"),
    ] {
        let said = fates.said(&place, &[]);
        assert_eq!(said.code, Some(1), "{}", said.out);
        said.must_have(&["there is no such record (yet)", why]);
        assert!(!said.out.contains("to customer"), "{}", said.out);
    }
    let user = fates.said("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", &[]);
    user.must_have(&["users are not searched", "docs/support.md"]);
}

fn a_broken_rule_costs_only_what_rules_say(fates: &Fates) {
    std::fs::write(fates.world.folder().join("rules/broken.toml"), "on = ").unwrap();
    let refused = fates.said(&fates.refused.id, &[]);
    assert_eq!(refused.code, Some(0), "{}{}", refused.out, refused.err);
    refused.must_have(&["user_refused", "43101", "cannot be used", "broken.toml"]);
    let unmatched = fates.said(key_of(&fates.unmatched), &[]);
    unmatched.must_have(&["whether a rule wants the event cannot be told"]);
    assert!(!unmatched.out.contains("没有设置通知"), "{}", unmatched.out);
}

/// The service has the file, and the settings do not say where it listens: what the topics tell is told, and why it is not more.
#[test]
fn explain_without_the_store_tells_what_the_topics_know() {
    let fates = Fates::new("explain-memory", Some("memory:".to_owned()));
    let said = run(
        fates.world.folder(),
        &["explain", &fates.refused.id, "--format", "json"],
    );
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let told = said.json();
    ended(&told, "user_refused");
    assert_eq!(message(&told)["published"], 1);
    assert_eq!(message(&told)["is_in_store"], Value::Null);
    let notes = told["notes"].to_string();
    assert!(notes.contains("the state store is not asked"), "{notes}");
}

/// The instance that read the events is gone: Redis and Kafka tell all, pauses included.
#[test]
fn explain_asks_redis_itself_where_no_instance_answers() {
    let redis = Redis::start();
    let fates = Fates::new("explain-redis", Some(redis.url()));
    let Fates {
        world,
        courier,
        sent,
        paused,
        invalid,
        ..
    } = fates;
    courier.end_cleanly();
    let explain = |id: &str| {
        let said = run(world.folder(), &["explain", id, "--format", "json"]);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said.json()
    };
    let told = explain(&sent.message_id);
    ended(&told, "ok");
    assert_eq!(message(&told)["claim"]["state"], "sent", "{told}");
    let grant = &message(&told)["grant"];
    assert_eq!(
        (&grant["template"], &grant["used"]),
        (&json!("order_completed"), &json!(1)),
        "{told}"
    );
    ended(&explain(key_of(&invalid)), "param_malformed");
    let told = explain(&paused.id);
    assert_eq!(message(&told)["pending"], "paused", "{told}");
    assert_eq!(message(&told)["paused_by"][0]["cause"], "person");
}

#[test]
fn explain_tells_of_a_record_that_is_no_event_and_of_a_trace() {
    let plan = Plan {
        sections: KEYS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "explain-broken", plan);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    world.hand_over(
        "k",
        &[],
        b"{\"id\":\"broken-1\",\"type\":\"order.completed\",\"data\":{\"order_no\":",
    );
    let traced = order(1);
    world.hand_over("k", &[("traceparent", TRACEPARENT)], &traced.structured());
    world.flush();
    outcomes.read_at_least(2);
    let explain = |id: &str| {
        let said = run(
            world.folder(),
            &["explain", id, "--at", courier.address(), "--format", "json"],
        );
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said.json()
    };
    let told = explain("broken-1");
    let broken = event(&told);
    assert_eq!(
        (&broken["state"], &broken["reason"]),
        (&json!("undecodable"), &json!("not_json"))
    );
    assert_eq!(broken["type"], "order.completed");
    ended(&told, "not_json");
    let place = broken["place"].as_str().unwrap();
    // By its place the store answers at once, with the same outcome.
    let by_place = explain(place);
    assert_eq!(message(&by_place)["outcome"], message(&told)["outcome"]);
    assert_eq!(event(&explain(&traced.id))["traceparent"], TRACEPARENT);
}
