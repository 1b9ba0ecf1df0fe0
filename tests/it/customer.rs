//! Customer-service messages: a user who has written is answered, as often as WeChat allows, and no other user.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wx_courier_sandbox::{Endpoint, Script};

use crate::support::checks::{self, text};
use crate::support::courier::Courier;
use crate::support::events::{Event, SOURCE, order, order_of, user};
use crate::support::kafka::Kafka;
use crate::support::topic::Reader;
use crate::support::world::{Plan, World, refuse};

const RULE: &str = r#"
on            = "ticket.answered"
app           = "shop"
kind          = "customer"
to            = "{{ data.openid }}"
expires_after = "1h"
[message]
text = """
您好，您的工单 {{ data.ticket_no }} 有新回复：
{{ data.answer }}
"""
[[tests]]
event  = { data = { openid = "o1", ticket_no = "T1", answer = "已退款" } }
expect = { text = "您好，您的工单 T1 有新回复：\n已退款" }
"#;

const WITH_PICTURE: &str = r#"
on   = "ticket.pictured"
app  = "shop"
kind = "customer"
to   = "{{ data.openid }}"
[message]
image = { media_id = "{{ data.answer }}" }
[[tests]]
event  = { data = { openid = "o1", answer = "media-1" } }
expect = { media_id = "media-1" }
"#;

fn world(name: &str) -> World {
    let plan = Plan {
        more_rules: &[("ticket-answered", RULE), ("ticket-pictured", WITH_PICTURE)],
        ..Plan::default()
    };
    World::new(Kafka::shared(), name, plan)
}

/// An answer to a user's ticket, by the rule for this type of event.
fn ticket(
    n: usize,
    openid: &str,
    answer: &str,
    (kind, rule): (&'static str, &'static str),
) -> Event {
    let (id, mark) = (format!("ticket-{n}"), format!("T{n:06}"));
    Event {
        message_id: format!("{rule}|{SOURCE}|{id}"),
        data: json!({ "openid": openid, "ticket_no": mark, "answer": answer }),
        id,
        kind,
        openid: openid.to_owned(),
        rule,
        mark,
    }
}

fn answer(n: usize, openid: &str) -> Event {
    ticket(n, openid, "已退款", ("ticket.answered", "ticket-answered"))
}

/// Ends the service, and gives the outcomes by their `id`.
fn end(world: &World, courier: Courier, outcomes: &mut Reader) -> BTreeMap<String, Value> {
    checks::wait_until_everything_is_committed(world);
    courier.end_cleanly();
    checks::distinct(outcomes.read_to_end())
}

fn outcomes_of<'a>(
    found: &'a BTreeMap<String, Value>,
    events: &'a [Event],
) -> impl Iterator<Item = &'a Value> {
    let messages = events.iter();
    messages.flat_map(|event| checks::of_message(found, event))
}

#[test]
fn who_has_written_is_answered_five_times_and_who_has_not_is_not() {
    let world = world("customer-windows");
    let wechat = &world.wechat;
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let (talks, silent, shows) = (user(1), user(2), user(3));
    for openid in [&talks, &shows] {
        wechat.customer_message(&world.appid(0), openid, "在吗");
    }
    let answered: Vec<Event> = (0..6).map(|n| answer(n, &talks)).collect();
    let unasked = [answer(6, &silent)];
    let pictured = ("ticket.pictured", "ticket-pictured");
    let pictured = [
        ticket(7, &shows, "media-1", pictured),
        ticket(8, &shows, "gone-1", pictured),
    ];
    let ordered = [order_of(9, &talks)];
    for events in [&answered[..], &unasked, &pictured, &ordered] {
        world.publish(events);
    }
    outcomes.read_at_least(10);
    let found = end(&world, courier, &mut outcomes);
    assert_eq!(found.len(), 10);
    checks::has_ended(outcomes_of(&found, &answered), 5, ("sent", "ok"));
    let used_up = ("rejected", "window_used_up");
    checks::has_ended(outcomes_of(&found, &answered), 1, used_up);
    let closed = ("rejected", "window_closed");
    checks::has_ended(outcomes_of(&found, &unasked), 1, closed);
    let unknown = ("rejected", "media_unknown");
    checks::has_ended(outcomes_of(&found, &pictured), 1, unknown);
    checks::has_ended(outcomes_of(&found, &pictured), 1, ("sent", "ok"));
    checks::has_ended(outcomes_of(&found, &ordered), 1, ("sent", "ok"));
    for outcome in outcomes_of(&found, &answered).chain(outcomes_of(&found, &unasked)) {
        assert_eq!(outcome["app"], "shop");
        for absent in ["template", "template_id"] {
            assert_eq!(outcome.get(absent), None, "{outcome:#}");
        }
        let errcode = match text(outcome, "reason") {
            "ok" => None,
            "window_used_up" => Some(45047),
            _ => Some(45015),
        };
        let found = outcome.get("errcode").and_then(Value::as_i64);
        assert_eq!(found, errcode, "{outcome:#}");
    }
    for outcome in found.values() {
        assert_eq!(outcome["attempts"], 1, "{outcome:#}");
    }
    let accepted = wechat.accepted();
    let bodies = accepted.iter().filter_map(|sent| sent.message.as_ref());
    let (texts, images): (Vec<&Value>, Vec<&Value>) =
        bodies.partition(|body| body["msgtype"] == "text");
    assert_eq!((texts.len(), images.len()), (5, 1));
    for body in texts {
        let content = text(&body["text"], "content");
        assert_eq!(body["touser"], *talks);
        assert!(
            content.starts_with("您好，您的工单 T00000") && content.ends_with("有新回复：\n已退款"),
            "{content}"
        );
    }
    let image = json!({ "touser": shows, "msgtype": "image", "image": { "media_id": "media-1" } });
    assert_eq!(*images[0], image);
}

#[test]
fn a_quota_of_one_api_holds_nothing_of_the_other() {
    let world = world("customer-quota");
    let wechat = &world.wechat;
    world.rewrite("rules/ticket-answered.toml", "\"1h\"", "\"5s\"");
    let refusal = Script {
        on: Endpoint::CustomSend,
        ..refuse(45009)
    };
    wechat.script(refusal.times(1));
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let openid = user(1);
    wechat.customer_message(&world.appid(0), &openid, "在吗");
    let answered = [answer(1, &openid), answer(2, &openid)];
    world.publish(&answered[..1]);
    let pause = courier.wait_until_paused("api shop/customer", "daily_quota");
    assert_eq!(pause["errcode"], 45009);
    world.publish(&answered[1..]);
    let ordered: Vec<Event> = (10..20).map(order).chain([order_of(20, &openid)]).collect();
    world.publish(&ordered);
    outcomes.read_at_least(ordered.len() + answered.len());
    // It is still so: the service has not asked for the quota yet.
    courier.wait_until_paused("api shop/customer", "daily_quota");
    let found = end(&world, courier, &mut outcomes);
    checks::has_ended(outcomes_of(&found, &ordered), 11, ("sent", "ok"));
    checks::has_ended(outcomes_of(&found, &answered), 2, ("expired", "expired"));
    for outcome in outcomes_of(&found, &answered) {
        let detail = text(outcome, "detail");
        let why = "api shop/customer is paused (daily_quota, 45009)";
        assert!(detail.contains(why), "{detail}");
    }
    assert_eq!(wechat.stats().other_errcodes.get(&45009), Some(&1));
    checks::each_was_accepted_once(wechat, &ordered);
}
