//! WeChat's callbacks over HTTP: the sender of a push is checked, what is pushed reaches the ledger or the outcome topic, once.

mod platform;

use serde_json::{Value, json};
use wx_courier_sandbox::{Latency, Settings as SandboxSettings};

use crate::support::checks::text;
use crate::support::events::{order_of, user};
use crate::support::folder::APPID;
use crate::support::kafka::Kafka;
use crate::support::push::{
    self, AES_KEY, TOKEN, ask, encrypt, now_s, popup, public_address, push, push_at, secure_path,
    signed_query,
};
use crate::support::redis::Redis;
use crate::support::topic::{Published, Reader};
use crate::support::world::{Plan, World};
use crate::support::{schema, wait_until};

/// The template of the rule `order-completed`.
const TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";

const SECURE: &str = r#"
grants = "enforce"
[apps.shop.callbacks]
token   = "pushToken1"
aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
"#;

const SECURE_WITHOUT_GRANTS: &str = r#"
[apps.shop.callbacks]
token   = "pushToken1"
aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
"#;

const PLAIN: &str = r#"
[apps.shop.callbacks]
token = "pushToken1"
mode  = "plain"
"#;

const COMPATIBLE: &str = r#"
[apps.shop.callbacks]
token   = "pushToken1"
aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
mode    = "compatible"
"#;

const ANY_PORT: &str = "[public]\nlisten = \"127.0.0.1:0\"\n";

fn world(name: &str, app: &'static str) -> World {
    let plan = Plan {
        app,
        sections: ANY_PORT,
        ..Plan::default()
    };
    World::new(Kafka::shared(), name, plan)
}

/// The outcome of the message of this event, as soon as it is there.
fn outcome_of(outcomes: &mut Reader, event_id: &str) -> Value {
    let is_meant = |published: &Published| {
        published.header("ce_type").contains(".outcome.")
            && published.json()["event_id"] == event_id
    };
    outcomes.read_until("the outcome is there", |seen| seen.iter().any(is_meant));
    let found = outcomes.seen.iter().find(|published| is_meant(published));
    found.unwrap().json()
}

/// As WeChat does: what is not answered with success is pushed again. A busy machine may need that.
fn push_until_taken(address: &str, message: &Value) {
    wait_until("the push is taken", || {
        let answer = push(address, APPID, message);
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        answer.body == "success"
    });
}

fn receipts(outcomes: &Reader) -> Vec<&Published> {
    let is_receipt = |published: &&Published| published.header("ce_type").contains(".receipt.");
    outcomes.seen.iter().filter(is_receipt).collect()
}

#[test]
fn the_address_is_checked_and_strangers_are_refused() {
    assert_eq!((TOKEN, AES_KEY.len()), ("pushToken1", 43));
    let world = world("callback-check", SECURE);
    let courier = world.courier();
    let address = public_address(&courier);
    let get = |path: &str| ask(&address, "GET", path, &[], b"");
    let query = signed_query(now_s(0));
    let checked = get(&format!("/wechat/shop?{query}&echostr=4375120948345356249"));
    assert_eq!(
        (checked.status, checked.body.as_str()),
        (200, "4375120948345356249")
    );
    let other = get(&format!("/wechat/other?{query}&echostr=1"));
    assert_eq!(other.status, 404);
    let wrong = query.replace("n0nce", "nonce");
    let old = signed_query(now_s(-301));
    let coming = signed_query(now_s(302));
    for refused in [wrong, old, coming, "signature=&timestamp=0".to_owned()] {
        let answer = get(&format!("/wechat/shop?{refused}&echostr=1"));
        assert_eq!(answer.status, 403, "{refused}");
        assert_eq!(answer.json()["error"], "forbidden");
    }
    // A push whose body was exchanged, for another app, too old, or not encrypted at all.
    let message = popup("oUser", TEMPLATE, "accept", now_s(0));
    assert_eq!(push(&address, "wx00000000000000ff", &message).status, 403);
    assert_eq!(push_at(&address, APPID, &message, now_s(-301)).status, 403);
    let (path, _) = secure_path(&encrypt(b"{}", APPID), now_s(0));
    let exchanged = json!({ "Encrypt": encrypt(message.to_string().as_bytes(), APPID) });
    let exchanged = exchanged.to_string();
    let answer = ask(&address, "POST", &path, &[], exchanged.as_bytes());
    assert_eq!(answer.status, 403);
    let bare = ask(&address, "POST", &path, &[], message.to_string().as_bytes());
    assert_eq!(bare.status, 403);
    let large = vec![b' '; 64 * 1024 + 1];
    assert_eq!(ask(&address, "POST", &path, &[], &large).status, 413);
    let put = ask(&address, "PUT", "/wechat/shop", &[], b"");
    assert_eq!(
        (put.status, put.json()["error"].as_str()),
        (405, Some("method_not_allowed"))
    );
    let nowhere = ask(&address, "GET", "/metrics", &[], b"");
    assert_eq!(
        (nowhere.status, nowhere.json()["error"].as_str()),
        (404, Some("not_found"))
    );
    let unreadable = push(&address, APPID, &json!({ "MsgType": "event" }));
    assert_eq!(unreadable.status, 400);
    assert!(courier.measures(r#"wx_courier_pushes_total{app="shop",kind="unreadable"} 1"#));
    courier.end_cleanly();
}

#[test]
fn an_accept_that_is_pushed_is_one_message() {
    let world = world("callback-grant", SECURE);
    let courier = world.courier();
    let address = public_address(&courier);
    let mut outcomes = world.outcomes();
    let openid = user(1);
    let (first, second) = (order_of(1, &openid), order_of(2, &openid));
    let accepted = popup(&openid, TEMPLATE, "acceptWithForcePush", now_s(0));
    for _ in 0..3 {
        push_until_taken(&address, &accepted);
    }
    // An event that is not known is taken, and told by its name.
    let mut strange = accepted;
    strange["Event"] = json!("wxa_something_new");
    push_until_taken(&address, &strange);
    let told = json!([{ "kind": "event", "name": "wxa_something_new", "count": 1 }]);
    assert_eq!(courier.report()["unknown"], told);
    let line = r#"wx_courier_unknown_total{kind="event",name="wxa_something_new"} 1"#;
    assert!(courier.measures(line));
    world.publish(std::slice::from_ref(&first));
    let outcome = outcome_of(&mut outcomes, &first.id);
    assert_eq!(text(&outcome, "status"), "sent");
    world.publish(std::slice::from_ref(&second));
    let outcome = outcome_of(&mut outcomes, &second.id);
    assert_eq!(
        (text(&outcome, "status"), text(&outcome, "reason")),
        ("skipped", "no_grant")
    );
    assert!(
        courier.measures(r#"wx_courier_public_requests_total{route="callback",status="200"} 4"#)
    );
    let log = courier.log();
    assert_eq!(log.matches("does not know").count(), 1, "{log}");
    assert!(!log.contains(&openid), "the log names a user");
    courier.end_cleanly();
}

#[test]
fn a_reject_takes_back_what_was_accepted() {
    let world = world("callback-reject", SECURE);
    let courier = world.courier();
    let address = public_address(&courier);
    let mut outcomes = world.outcomes();
    let openid = user(1);
    let accepted = popup(&openid, TEMPLATE, "accept", now_s(-60));
    push_until_taken(&address, &accepted);
    let mut refused = popup(&openid, TEMPLATE, "reject", now_s(0));
    refused["Event"] = json!("subscribe_msg_change_event");
    push_until_taken(&address, &refused);
    let event = order_of(1, &openid);
    world.publish(std::slice::from_ref(&event));
    let outcome = outcome_of(&mut outcomes, &event.id);
    assert_eq!(text(&outcome, "reason"), "no_grant");
    courier.end_cleanly();
}

#[test]
fn plain_and_compatible_mode_are_understood() {
    let message = popup("oUserOfThePlainMode_000000", TEMPLATE, "accept", now_s(0));
    for (name, app) in [("callback-plain", PLAIN), ("callback-both", COMPATIBLE)] {
        let world = world(name, app);
        let courier = world.courier();
        let address = public_address(&courier);
        let path = format!("/wechat/shop?{}", signed_query(now_s(0)));
        let xml = include_bytes!("../cases/callbacks/popup-two.xml");
        let taken = || ask(&address, "POST", &path, &[], xml).status == 200;
        wait_until("the push is taken", taken);
        let unsigned = ask(&address, "POST", "/wechat/shop?timestamp=1", &[], xml);
        assert_eq!(unsigned.status, 403, "{name}");
        if name == "callback-both" {
            // Both forms of the body: what is signed counts.
            let encrypted = encrypt(message.to_string().as_bytes(), APPID);
            let mut both = message.clone();
            both["Encrypt"] = json!(encrypted);
            let (signed, _) = secure_path(&encrypted, now_s(0));
            let body = both.to_string();
            let taken = || ask(&address, "POST", &signed, &[], body.as_bytes()).status == 200;
            wait_until("the push is taken", taken);
            assert_eq!(
                ask(&address, "POST", &path, &[], body.as_bytes()).status,
                403
            );
        }
        courier.end_cleanly();
    }
}

#[test]
fn a_receipt_is_joined_to_its_outcome_and_published_once() {
    let world = world("callback-receipt", PLAIN);
    let courier = world.courier();
    let address = public_address(&courier);
    let mut outcomes = world.outcomes();
    let openid = user(1);
    let event = order_of(1, &openid);
    world.publish(std::slice::from_ref(&event));
    let outcome = outcome_of(&mut outcomes, &event.id);
    let msgid = text(&outcome, "msgid").to_owned();
    let tell = |msgid: &str, errcode: i64| {
        let path = format!("/wechat/shop?{}", signed_query(now_s(0)));
        let body = push::sent(&openid, TEMPLATE, msgid, errcode).to_string();
        ask(&address, "POST", &path, &[], body.as_bytes())
    };
    for _ in 0..3 {
        wait_until("the receipt is published", || {
            tell(&msgid, 0).body == "success"
        });
    }
    // No outcome has this number: it is published by itself, after a while in which its outcome might have come.
    assert_eq!(tell("77", 3).status, 503);
    outcomes.read_until("both receipts are there", |seen| {
        let is_last = |published: &Published| published.header("ce_type").ends_with("undelivered");
        seen.iter().any(is_last)
    });
    wait_until("told again, it is done", || tell("77", 3).body == "success");
    outcomes.read_to_end();
    let receipts = receipts(&outcomes);
    assert_eq!(receipts.len(), 2, "{receipts:?}");
    let (joined, alone) = (receipts[0], receipts[1]);
    assert_eq!(joined.header("ce_type"), "wx-courier.receipt.delivered");
    assert_eq!(
        joined.key_text(),
        format!("{}/receipt", text(&outcome, "message_id"))
    );
    assert_eq!(alone.key_text(), "shop/77/receipt");
    assert_eq!(joined.header("ce_id"), format!("shop/{msgid}/receipt"));
    let said = joined.json();
    schema::receipt_must_fit(&said);
    schema::receipt_must_fit(&alone.json());
    assert_eq!(said["outcome_id"], outcome["id"]);
    for field in [
        "message_id",
        "rule",
        "template",
        "template_id",
        "recipient",
        "event_id",
        "event_type",
        "event_source",
        "msgid",
        "app",
    ] {
        assert_eq!(said[field], outcome[field], "{field}");
    }
    assert_eq!(
        (text(&said, "status"), said["errcode"].as_i64()),
        ("delivered", Some(0))
    );
    let said = alone.json();
    assert_eq!(
        (text(&said, "status"), said["errcode"].as_i64()),
        ("undelivered", Some(3))
    );
    assert!(said.get("outcome_id").is_none());
    courier.end_cleanly();
}

#[test]
fn a_receipt_that_comes_before_the_answer_of_its_call_finds_its_outcome() {
    let plan = Plan {
        app: SECURE_WITHOUT_GRANTS,
        sections: ANY_PORT,
        sandbox: SandboxSettings {
            latency: Latency::fixed(2_000),
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "callback-early", plan);
    let courier = world.courier();
    let address = public_address(&courier);
    let mut outcomes = world.outcomes();
    let event = order_of(1, &user(1));
    world.publish(std::slice::from_ref(&event));
    wait_until("WeChat has the message", || {
        !world.wechat.accepted().is_empty()
    });
    let accepted = &world.wechat.accepted()[0];
    let (openid, msgid) = (&accepted.openid, accepted.msgid.to_string());
    let message = push::sent(openid, TEMPLATE, &msgid, 0);
    wait_until("told again, it is done", || {
        push(&address, APPID, &message).status == 200
    });
    let outcome = outcome_of(&mut outcomes, &event.id);
    outcomes.read_to_end();
    let [receipt] = receipts(&outcomes)[..] else {
        panic!("there is one receipt");
    };
    assert_eq!(receipt.json()["outcome_id"], outcome["id"]);
    assert!(
        courier
            .measures(r#"wx_courier_receipts_total{app="shop",joined="yes",status="delivered"} 1"#)
    );
    courier.end_cleanly();
}

#[test]
fn a_store_that_hangs_keeps_nobody_waiting() {
    let redis = Redis::start();
    let plan = Plan {
        app: SECURE,
        sections: ANY_PORT,
        state: Some(redis.url()),
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "callback-stalled", plan);
    let courier = world.courier();
    let address = public_address(&courier);
    let mut outcomes = world.outcomes();
    let openid = user(1);
    redis.freeze();
    let accepted = popup(&openid, TEMPLATE, "accept", now_s(0));
    for _ in 0..3 {
        // Answered while it hangs. That this takes less than a second, the constant says.
        let answer = push(&address, APPID, &accepted);
        assert_eq!(
            answer.status, 503,
            "nothing is kept yet, so WeChat must ask again"
        );
    }
    redis.thaw();
    push_until_taken(&address, &accepted);
    let (first, second) = (order_of(1, &openid), order_of(2, &openid));
    world.publish(std::slice::from_ref(&first));
    assert_eq!(
        text(&outcome_of(&mut outcomes, &first.id), "status"),
        "sent"
    );
    world.publish(std::slice::from_ref(&second));
    assert_eq!(
        text(&outcome_of(&mut outcomes, &second.id), "reason"),
        "no_grant"
    );
    courier.end_cleanly();
}
