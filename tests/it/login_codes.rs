//! Recipients that are named by a login code of the mini program.

use serde_json::json;

use crate::support::checks::{self, text};
use crate::support::events::SOURCE;
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};

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

#[test]
fn a_code_is_exchanged_once_and_its_failures_are_outcomes() {
    let plan = Plan {
        more_rules: &[("table-booked", RULE)],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "login-codes", plan);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let code = "js-oUserWithACode0001";
    book(&world, "b1", code);
    outcomes.read_at_least(1);
    book(&world, "b2", code);
    book(&world, "b3", "no-such-code");
    outcomes.read_at_least(3);
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    let of = |id: &str| {
        let mut found = found.values().filter(|outcome| outcome["event_id"] == id);
        found.next().unwrap().clone()
    };
    assert_eq!(
        (text(&of("b1"), "status"), text(&of("b1"), "reason")),
        ("sent", "ok")
    );
    assert_eq!(text(&of("b1"), "recipient"), "oUs***001");
    assert_eq!(
        (text(&of("b2"), "status"), text(&of("b2"), "reason")),
        ("rejected", "login_code_used")
    );
    assert_eq!(of("b2")["errcode"], 40163);
    assert_eq!(
        (text(&of("b3"), "status"), text(&of("b3"), "reason")),
        ("rejected", "login_code_expired")
    );
    let accepted = world.wechat.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].openid, "oUserWithACode0001");
    let everything = serde_json::to_string(&found.values().collect::<Vec<_>>()).unwrap();
    assert!(!everything.contains(code), "{everything}");
}
