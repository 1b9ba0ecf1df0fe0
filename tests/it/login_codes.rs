//! Recipients that are named by a login code of the mini program.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::checks::{self, text};
use crate::support::events::{SOURCE, order};
use crate::support::folder::SECRET;
use crate::support::kafka::Kafka;
use crate::support::push::ask;
use crate::support::world::{Plan, World};
use wx_courier_sandbox::{Answer, Endpoint, Script};

const RULE: &str = r#"
on = "table.booked"
app = "shop"
template = "class_starting"
to = { js_code = "{{ data.js_code }}" }
[params]
thing1 = "靠窗的桌子"
date2 = "2026年11月22日 18:30"
name3 = "王芳"
thing4 = "{{ data.mark }}"
thing5 = "请准时"
[[tests]]
event = { data = { js_code = "0a1b", mark = "x" } }
expect = { thing4 = "x" }
"#;

fn book(world: &World, id: &str, code: &str) {
    let event = json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": "table.booked",
        "data": { "js_code": code, "mark": id },
    });
    world.hand_over(id, &[], event.to_string().as_bytes());
    world.flush();
}

/// Another program exchanges a code.
fn spend(world: &World, code: &str) {
    let (address, appid) = (world.sandbox_address().to_string(), world.appid(0));
    let path = format!(
        "/sns/jscode2session?appid={appid}&secret={SECRET}&js_code={code}&grant_type=authorization_code"
    );
    let answer = ask(&address, "GET", &path, &[], b"").json();
    assert!(answer["openid"].is_string(), "{answer}");
}

#[test]
fn a_code_is_exchanged_once_and_its_failures_are_outcomes() {
    let plan = Plan {
        more_rules: &[("table-booked", RULE)],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "login-codes", plan);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let (code, spent) = ("js-oUserWithACode0001", "js-oElsewhere00000001");
    spend(&world, spent);
    book(&world, "b1", code);
    outcomes.read_at_least(1);
    book(&world, "b2", code);
    book(&world, "b3", "no-such-code");
    book(&world, "b4", spent);
    outcomes.read_at_least(4);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let of = |id: &str| {
        let mut found = found.values().filter(|outcome| outcome["event_id"] == id);
        found.next().unwrap().clone()
    };
    // Both messages share the one exchange of their code.
    for id in ["b1", "b2"] {
        assert_eq!(
            (text(&of(id), "status"), text(&of(id), "reason")),
            ("sent", "ok")
        );
        assert_eq!(text(&of(id), "recipient"), "oUs***001");
    }
    assert_eq!(
        (text(&of("b4"), "status"), text(&of("b4"), "reason")),
        ("rejected", "login_code_used")
    );
    assert_eq!(of("b4")["errcode"], 40163);
    assert_eq!(
        (text(&of("b3"), "status"), text(&of("b3"), "reason")),
        ("rejected", "login_code_expired")
    );
    let accepted = world.wechat.accepted();
    let users: Vec<&str> = accepted.iter().map(|sent| sent.openid.as_str()).collect();
    assert_eq!(users, ["oUserWithACode0001"; 2]);
    let everything = serde_json::to_string(&found.values().collect::<Vec<_>>()).unwrap();
    assert!(!everything.contains(code), "{everything}");
}

#[test]
fn an_account_in_trouble_pauses_the_exchanges_and_nothing_else() {
    let plan = Plan {
        more_rules: &[("table-booked", RULE)],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "login-account", plan);
    let (app, short_lived) = ("app = \"shop\"", "app = \"shop\"\nexpires_after = \"4s\"");
    world.rewrite("rules/table-booked.toml", app, short_lived);
    let answer = Answer::Errcode {
        code: 50004,
        message: None,
    };
    world.wechat.script(Script {
        on: Endpoint::Login,
        ..Script::every_send(answer).times(1)
    });
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    book(&world, "b1", "js-oUserOfAFrozenOne1");
    courier.wait_until_paused("logins shop", "account");
    // A message whose user is known goes on.
    let known = order(1);
    world.publish(std::slice::from_ref(&known));
    outcomes.read_at_least(2);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let ended: BTreeSet<(&str, &str)> = found
        .values()
        .map(|outcome| (text(outcome, "event_id"), text(outcome, "status")))
        .collect();
    assert_eq!(
        ended,
        BTreeSet::from([("b1", "expired"), (known.id.as_str(), "sent")])
    );
    let waited = found.values().find(|found| found["event_id"] == "b1");
    let detail = text(waited.unwrap(), "detail");
    assert!(
        detail.contains("logins shop is paused (account, 50004)"),
        "{detail}"
    );
}
