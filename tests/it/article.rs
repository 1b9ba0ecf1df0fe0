//! The whole way of a subscribe message, from the button in the mini program to the delivery receipt: the mini program's own code logs the
//! user in and asks for permission, an order is completed, the message reaches the user, and WeChat's receipt comes back. The second order
//! finds no permission left.

use serde_json::{Value, json};
use wx_courier_sandbox::GrantCheck;

use crate::grants::ORDER_TEMPLATE;
use crate::support::checks::{self, text};
use crate::support::courier::Courier;
use crate::support::events::{order_of, user};
use crate::support::kafka::Kafka;
use crate::support::mini_program::Drive;
use crate::support::push::{AES_KEY, TOKEN, ask, public_address};
use crate::support::topic::Published;
use crate::support::world::{Plan, World};
use crate::support::{schema, wait_until};

const SECTIONS: &str = r#"
[public]
listen = "127.0.0.1:0"

[miniapp]
session_secret = "a-secret-for-sessions-of-32-bytes"

[[miniapp.send]]
type = "order.completed"

[apps.shop.callbacks]
token   = "pushToken1"
aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
mode    = "secure"
"#;

fn is_receipt(published: &Published) -> bool {
    published
        .header("ce_type")
        .starts_with("wx-courier.receipt.")
}

/// Types the service's address into the console of the sandbox's mini program, which checks it first.
fn register_callbacks(world: &World, public: &str) {
    let body = json!({
        "url": format!("http://{public}/wechat/shop"),
        "token": TOKEN, "aes_key": AES_KEY, "mode": "secure", "format": "json",
    });
    let address = world.sandbox_address().to_string();
    let answer = ask(
        &address,
        "POST",
        "/sandbox/callbacks",
        &[],
        body.to_string().as_bytes(),
    );
    assert_eq!(answer.json()["url_check"], "passed", "{answer:?}");
}

/// Waits until the service has answered so many pushes of an event with `success`.
fn wait_until_pushed(world: &World, event: &str, count: usize) {
    let address = world.sandbox_address().to_string();
    wait_until(&format!("{count} pushes of {event} are taken"), || {
        let answer = ask(&address, "GET", "/sandbox/callbacks/log", &[], b"");
        let log = answer.json();
        let pushes = log["pushes"].as_array().unwrap().iter();
        let is_taken =
            |push: &&Value| push["message"]["Event"] == event && push["fate"] == "delivered";
        pushes.filter(is_taken).count() >= count
    });
}

fn metric(courier: &Courier, line: &str) {
    wait_until(line, || courier.measures(line));
}

#[test]
fn from_the_button_to_the_receipt() {
    let plan = Plan {
        app: "grants = \"enforce\"",
        sections: SECTIONS,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "article", plan);
    let wechat = &world.wechat;
    wechat.check_grants(GrantCheck::On);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let public = public_address(&courier);
    register_callbacks(&world, &public);

    // The user opens the order page, taps the button, and accepts in the popup.
    let openid = user(1);
    let (courier_url, sandbox_url) = (
        format!("http://{public}"),
        format!("http://{}", world.sandbox_address()),
    );
    let mut drive = Drive {
        courier_url: &courier_url,
        sandbox_url: &sandbox_url,
        openid: &openid,
        template_id: ORDER_TEMPLATE,
        steps: "login,subscribe",
        event_type: "order.completed",
    };
    let shown = drive.play();
    assert_eq!(shown["ok"], true, "{shown:#}");
    // Both have told of the same accept.
    wait_until_pushed(&world, "subscribe_msg_popup_event", 1);

    // The order service knows nothing of all that.
    let order = order_of(1, &openid);
    world.publish(std::slice::from_ref(&order));
    outcomes.read_until("outcome and receipt are there", |seen| seen.len() >= 2);
    wait_until_pushed(&world, "subscribe_msg_sent_event", 1);
    checks::each_was_accepted_once(wechat, std::slice::from_ref(&order));

    // The user buys again without being asked again: the mini program itself publishes the event this time.
    drive.steps = "login,send";
    let shown = drive.play();
    assert_eq!(shown["ok"], true, "{shown:#}");
    outcomes.read_at_least(3);
    metric(
        &courier,
        "wx_courier_grant_reports_total{source=\"callback\"} 1",
    );
    courier.end_cleanly();
    outcomes.read_to_end();

    let (receipts, ends): (Vec<&Published>, Vec<&Published>) = outcomes
        .seen
        .iter()
        .partition(|published| is_receipt(published));
    let ends: Vec<Value> = ends.into_iter().map(checks::read).collect();
    let [sent, skipped] = ends.as_slice() else {
        panic!("not two outcomes: {ends:#?}");
    };
    assert_eq!(
        (text(sent, "status"), text(sent, "message_id")),
        ("sent", order.message_id.as_str())
    );
    assert_eq!(
        (text(skipped, "status"), text(skipped, "reason")),
        ("skipped", "no_grant")
    );
    assert!(text(skipped, "event_source").starts_with("/miniapp/shop/"));
    let [receipt] = receipts.as_slice() else {
        panic!("not one receipt: {receipts:#?}");
    };
    assert_eq!(receipt.header("ce_type"), "wx-courier.receipt.delivered");
    let receipt = receipt.json();
    schema::receipt_must_fit(&receipt);
    assert_eq!(receipt["outcome_id"], sent["id"]);
    assert_eq!(receipt["msgid"], sent["msgid"]);
    assert_eq!(
        wechat.stats().errcodes.get(&43101),
        None,
        "no call was spent on the second order"
    );
}
