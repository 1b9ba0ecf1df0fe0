//! What the platform tells of an app, and of users who take something back: pushed by the sandbox, in the forms that WeChat has.

use serde_json::{Value, json};

use super::{AES_KEY, ANY_PORT, SECURE, SECURE_WITHOUT_GRANTS, TEMPLATE, TOKEN, outcome_of};
use crate::support::checks::text;
use crate::support::courier::Courier;
use crate::support::events::{order_of, user};
use crate::support::kafka::Kafka;
use crate::support::push::{Answer, ask, now_ms, now_s, public_address};
use crate::support::wait_until;
use crate::support::world::{Plan, World};

const WITH_SESSIONS: &str = r#"
[public]
listen = "127.0.0.1:0"
[miniapp]
session_secret = "a-secret-for-sessions-of-32-bytes"
"#;

/// The sandbox in its control, and where the service listens.
struct Stage {
    world: World,
    address: String,
}

impl Stage {
    fn new(name: &str, app: &'static str, sections: &'static str, form: &str) -> (Self, Courier) {
        let plan = Plan {
            app,
            sections,
            ..Plan::default()
        };
        let world = World::new(Kafka::shared(), name, plan);
        let courier = world.courier();
        let address = public_address(&courier);
        let stage = Self { world, address };
        stage.control(
            "callbacks",
            &json!({
                "url": format!("http://{}/wechat/shop", stage.address),
                "token": TOKEN,
                "aes_key": AES_KEY,
                "mode": "secure",
                "format": form,
            }),
        );
        (stage, courier)
    }

    fn control(&self, what: &str, body: &Value) -> Value {
        let sandbox = self.world.sandbox_address().to_string();
        let path = format!("/sandbox/{what}");
        let answer = ask(&sandbox, "POST", &path, &[], body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn punish(&self, event_type: u64, id: &str, detail: &Value) {
        let body = json!({ "event_type": event_type, "punish_id": id, "detail": detail });
        self.control("callbacks/punish", &body);
    }

    fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let body = body.to_string();
        ask(&self.address, "POST", path, &headers, body.as_bytes())
    }

    /// A session of the user, which begins in a second of its own.
    fn log_in(&self, openid: &str) -> String {
        wait_for_the_next_second();
        let code = self.control("users/login", &json!({ "openid": openid }));
        let answer = self.post("/miniapp/login", "none", &json!({ "code": code["code"] }));
        assert_eq!(answer.status, 200, "{answer:?}");
        text(&answer.json(), "token").to_owned()
    }

    /// Reports an accept. WeChat names whole seconds: what is told of this one comes in the next.
    fn accept(&self, token: &str, id: &str) {
        let body = json!({ "id": id, "answers": { TEMPLATE: "accept" } });
        let answer = self.post("/miniapp/subscriptions", token, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        wait_for_the_next_second();
    }

    fn is_over(&self, token: &str) -> bool {
        let nothing = json!({ "id": "nothing", "answers": {} });
        self.post("/miniapp/subscriptions", token, &nothing).status == 401
    }

    fn wait_until_over(&self, token: &str) {
        wait_until("the session is over", || self.is_over(token));
    }
}

/// And a little more: the sandbox counts milliseconds from its start, in whole ones, and is some behind.
fn wait_for_the_next_second() {
    let next_ms = (now_ms() / 1_000 + 1) * 1_000 + 100;
    wait_until("the next second", || now_ms() > next_ms);
}

fn punishments(courier: &Courier) -> Vec<Value> {
    let told = courier.engine()["punishments"].clone();
    told.as_array().cloned().unwrap_or_default()
}

#[test]
fn a_ban_of_subscribe_messages_pauses_them_and_other_punishments_are_told() {
    let (stage, courier) = Stage::new("callback-ban", SECURE_WITHOUT_GRANTS, ANY_PORT, "xml");
    let world = &stage.world;
    let mut outcomes = world.outcomes();
    let deadline_s = now_s(3 * 86_400);
    stage.punish(
        1,
        "649551",
        &json!({
            "warned_type": 2, "rectify_deadline": deadline_s,
            "warned_function_names": ["订阅消息接口"], "warned_ban_days": [7],
        }),
    );
    stage.punish(
        2,
        "13577492",
        &json!({ "banned_days": [3], "banned_function_names": ["支付"] }),
    );
    wait_until("both are told", || punishments(&courier).len() == 2);
    let told = punishments(&courier);
    let warning = told
        .iter()
        .find(|told| told["measure"] == "warning")
        .unwrap();
    assert_eq!(warning["threat"], "functions_banned");
    assert_eq!(warning["functions"], json!(["订阅消息接口"]));
    assert!(warning["until"].is_string() && warning["reason"].is_string());
    let line = format!(
        r#"wx_courier_punishment_end_timestamp_seconds{{app="shop",measure="warning"}} {deadline_s}"#
    );
    assert!(courier.measures(&line));
    assert!(courier.measures(r#"wx_courier_unknown_total{kind="function",name="支付"} 1"#));
    let event = order_of(1, &user(1));
    world.publish(std::slice::from_ref(&event));
    let outcome = outcome_of(&mut outcomes, &event.id);
    assert_eq!(text(&outcome, "status"), "sent", "nothing is paused");

    stage.punish(
        2,
        "13577493",
        &json!({ "banned_days": [3], "banned_function_names": ["订阅消息接口"] }),
    );
    let pause = courier.wait_until_paused("api shop/subscribe", "ban");
    assert!(text(&pause, "detail").contains("13577493"), "{pause}");
    assert!(courier.measures(r#"wx_courier_pause{cause="ban",subject="api shop/subscribe"} 1"#));
    let event = order_of(2, &user(2));
    world.publish(std::slice::from_ref(&event));
    courier.wait_until_waiting(1);
    assert_eq!(world.wechat.accepted().len(), 1);
    let log = courier.log();
    for line in [
        "WeChat warns of a punishment",
        "WeChat has punished the app",
        "a person has to look",
    ] {
        assert!(log.contains(line), "no {line} in {log}");
    }
    courier.end_cleanly();
    // Pauses end with their process: then the first message finds out, and here WeChat takes it.
    let courier = world.courier();
    let outcome = outcome_of(&mut outcomes, &event.id);
    assert_eq!(text(&outcome, "status"), "sent");
    courier.end_cleanly();
}

#[test]
fn what_a_user_takes_back_is_over_and_what_follows_counts() {
    let (stage, courier) = Stage::new("callback-withdrawal", SECURE, WITH_SESSIONS, "json");
    let world = &stage.world;
    let mut outcomes = world.outcomes();
    let openid = user(1);
    let mut becomes = |number: usize| {
        let event = order_of(number, &openid);
        world.publish(std::slice::from_ref(&event));
        let outcome = outcome_of(&mut outcomes, &event.id);
        format!("{} {}", text(&outcome, "status"), text(&outcome, "reason"))
    };
    // A telephone number: the session is over, and what the user has allowed stays.
    let token = stage.log_in(&openid);
    stage.accept(&token, "first");
    stage.control("users/revoke", &json!({ "openid": openid, "codes": "8" }));
    stage.wait_until_over(&token);
    assert_eq!(becomes(1), "sent ok");
    // A code that is on no list may mean everything.
    let token = stage.log_in(&openid);
    stage.accept(&token, "second");
    stage.control("users/revoke", &json!({ "openid": openid, "codes": "99" }));
    stage.wait_until_over(&token);
    assert_eq!(becomes(2), "skipped no_grant");
    assert!(courier.measures(r#"wx_courier_unknown_total{kind="revoke_code",name="99"} 1"#));
    // The account is closed, and WeChat tells it twice.
    let token = stage.log_in(&openid);
    stage.accept(&token, "third");
    stage.control("users/cancel", &json!({ "openid": openid }));
    stage.wait_until_over(&token);
    assert_eq!(becomes(3), "skipped no_grant");
    // The user comes back.
    let token = stage.log_in(&openid);
    stage.accept(&token, "fourth");
    let last = world.wechat.pushes().len() - 1;
    stage.control("callbacks/push", &json!({ "again": last }));
    wait_until("it is told again", || {
        courier.measures(r#"wx_courier_pushes_total{app="shop",kind="cancelled"} 2"#)
    });
    assert_eq!(becomes(4), "sent ok");
    assert!(!stage.is_over(&token));
    assert!(courier.measures(r#"wx_courier_pushes_total{app="shop",kind="revoked"} 2"#));
    let log = courier.log();
    assert!(
        log.contains("a user has taken back") && !log.contains(&openid),
        "{log}"
    );
    courier.end_cleanly();
}
