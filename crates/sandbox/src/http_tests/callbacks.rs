//! Pushes to a server that listens: the URL check, signatures, modes, repeats.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::routing::get;

use super::*;
use crate::callbacks::crypt::signature;
use crate::callbacks::crypt::tests::decrypt;
use crate::state::lock;

const TOKEN: &str = "AAAAA";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// One post as it came in.
#[derive(Clone, Debug)]
pub(super) struct Received {
    query: HashMap<String, String>,
    body: String,
}

impl Received {
    fn is_signed(&self) -> bool {
        let token_time_nonce = [TOKEN, &self.query["timestamp"], &self.query["nonce"]];
        self.query["signature"] == signature(&token_time_nonce)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server of an app: what it got, and what it answers instead of `success`.
#[derive(Clone, Default)]
pub(super) struct Listener {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
}

impl Listener {
    async fn start() -> (Self, String) {
        let listener = Self::default();
        let routes = get(check).post(receive);
        let app = Router::new()
            .route("/wechat", routes)
            .with_state(listener.clone());
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/wechat?own=1", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, app).await });
        (listener, url)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        lock(&self.received).clone()
    }

    fn answer(&self, answers: &[(u16, &'static str)]) {
        lock(&self.answers).extend(answers);
    }
}

type Pairs = Query<HashMap<String, String>>;

async fn check(Shared(listener): Shared<Listener>, Query(query): Pairs) -> (StatusCode, String) {
    let (body, echostr) = (String::new(), query["echostr"].clone());
    assert_eq!(query["own"], "1");
    assert!(Received { query, body }.is_signed());
    match lock(&listener.answers).pop_front() {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body.to_owned()),
        None => (StatusCode::OK, echostr),
    }
}

async fn receive(
    Shared(listener): Shared<Listener>,
    Query(query): Pairs,
    body: String,
) -> (StatusCode, &'static str) {
    lock(&listener.received).push(Received { query, body });
    let answer = lock(&listener.answers).pop_front();
    let (status, body) = answer.unwrap_or((200, "success"));
    if body == "late" {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    (StatusCode::from_u16(status).unwrap(), body)
}

/// A sandbox that pushes to a listener.
pub(super) async fn pushing(settings: Value) -> (Sandbox, Client, Listener) {
    let (sandbox, client) = given(json!({ "seed": 7 })).await;
    let (listener, url) = Listener::start().await;
    let mut callback = json!({ "url": url, "token": TOKEN, "aes_key": KEY });
    for (name, value) in settings.as_object().unwrap() {
        callback[name] = value.clone();
    }
    let registered = control(&sandbox, &client, "callbacks", callback).await;
    assert_eq!(registered, json!({ "appid": "wx1", "url_check": "passed" }));
    (sandbox, client, listener)
}

/// The first `n` pushes, when all of them have ended.
pub(super) async fn ended(sandbox: &Sandbox, n: usize) -> Vec<Push> {
    let limit = Duration::from_secs(20);
    let all = async {
        loop {
            let pushes = sandbox.handle().pushes();
            let n_ended = pushes.iter().filter(|it| it.fate != PushFate::Waiting);
            if n_ended.count() >= n {
                return pushes;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(limit, all).await.unwrap()
}

#[tokio::test]
async fn an_address_has_to_prove_itself() {
    let (sandbox, client) = given(json!({})).await;
    let (listener, url) = Listener::start().await;
    let register = async |body: Value| {
        let control = format!("{}/sandbox/callbacks", sandbox.base_url());
        let answer = client
            .post(control)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    };
    let plain = json!({ "url": url, "token": TOKEN });
    listener.answer(&[(200, "hello"), (404, "")]);
    for why in ["nothing else; it is \\\"hello\\\"", "status 404"] {
        let (status, error) = register(plain.clone()).await;
        assert_eq!(status, 400);
        assert!(
            error.contains("the URL check failed") && error.contains(why),
            "{error}"
        );
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for (body, why) in [
        (
            json!({ "url": format!("http://{closed}/"), "token": TOKEN }),
            "the URL check failed",
        ),
        (json!({ "url": "ftp://x/", "token": TOKEN }), "http://"),
        (json!({ "url": url, "token": "a b" }), "letters and digits"),
        (
            json!({ "url": url, "token": TOKEN, "mode": "secure" }),
            "needs an aes_key",
        ),
        (json!({ "url": url, "token": TOKEN, "aes_key": "x" }), "43"),
        (
            json!({ "url": url, "token": TOKEN, "mode": "open" }),
            "unknown variant",
        ),
        (
            json!({ "url": url, "token": TOKEN, "appid": "wx9" }),
            "there is no app wx9",
        ),
    ] {
        let (status, error) = register(body).await;
        assert!(status == 400 && error.contains(why), "{status} {error}");
        assert!(!error.contains("signature="), "{error}");
    }
    assert_eq!(register(plain).await.0, 200);
    let url = format!("{}/sandbox/callbacks", sandbox.base_url());
    let shown = get_json(&client, url).await;
    assert!(shown["wx1"]["mode"] == "plain" && shown["wx1"].get("token").is_none());
}

async fn get_json(client: &Client, url: String) -> Value {
    super::get(client, url).await
}

#[tokio::test]
async fn what_users_do_is_told() {
    let (sandbox, client, listener) = pushing(json!({ "format": "json" })).await;
    let told = async |path: &str, body: Value| {
        let n_before = listener.received().len();
        control(&sandbox, &client, path, body).await;
        ended(&sandbox, n_before + 1).await;
        let received = listener.received();
        assert_eq!(received.len(), n_before + 1, "{path}");
        let last = received.last().unwrap();
        assert!(last.is_signed() && last.query["openid"] == "o1");
        last.json()
    };
    let accept = json!({ "openid": "o1", "answers": { "T": "accept" } });
    let popup = told("users/subscribe", accept).await;
    assert_eq!(popup["FromUserName"], "o1");
    assert_eq!(popup["ToUserName"], "gh_wx1");
    assert_eq!(popup["Event"], "subscribe_msg_popup_event");
    assert_eq!(
        popup["List"],
        json!({ "TemplateId": "T", "SubscribeStatusString": "accept", "PopupScene": "0" })
    );
    let strong = json!({ "openid": "o1", "answers": { "T": "acceptWithForcePush" } });
    let popup = told("users/subscribe", strong).await;
    assert_eq!(
        popup["List"]["SubscribeStatusString"],
        "acceptWithForcePush"
    );
    let off = json!({ "openid": "o1", "templates": { "T": "off" } });
    let changed = told("users/settings", off).await;
    assert_eq!(changed["Event"], "subscribe_msg_change_event");
    assert_eq!(
        changed["List"],
        json!({ "TemplateId": "T", "SubscribeStatusString": "reject" })
    );
    let text = told("users/message", json!({ "openid": "o1", "text": "在吗" })).await;
    assert_eq!(
        (&text["MsgType"], &text["Content"]),
        (&json!("text"), &json!("在吗"))
    );
    let enter = told(
        "users/enter",
        json!({ "openid": "o1", "session_from": "cart" }),
    )
    .await;
    assert_eq!(enter["Event"], "user_enter_tempsession");
    assert_eq!(enter["SessionFrom"], "cart");
    // The listener is told neither of a popup that no user saw, nor of a switch that was turned on.
    let banned = json!({ "openid": "o1", "answers": { "T": "ban" } });
    control(&sandbox, &client, "users/subscribe", banned).await;
    let on = json!({ "openid": "o1", "templates": { "T": "on" } });
    control(&sandbox, &client, "users/settings", on).await;
    assert_eq!(sandbox.handle().pushes().len(), 5);
}

#[tokio::test]
async fn receipts_follow_accepted_sends() {
    let (sandbox, client, listener) = pushing(json!({ "mode": "secure", "format": "json" })).await;
    let failures = json!([{ "times": 1, "code": "-1", "status": "system failed" }]);
    let events = json!({ "delay_ms": 5, "failures": failures });
    control(&sandbox, &client, "callbacks/sent_events", events).await;
    let token = token(&sandbox, &client).await;
    for expected in ["-1", "0"] {
        let n_before = listener.received().len();
        let answer = send(&sandbox, &client, &token, BODY).await.unwrap();
        ended(&sandbox, n_before + 1).await;
        let received = listener.received().pop().unwrap();
        let outer = received.json();
        let encrypt = outer["Encrypt"].as_str().unwrap();
        assert_eq!(outer.as_object().unwrap().len(), 2);
        assert_eq!(received.query["encrypt_type"], "aes");
        assert_eq!(
            received.query["msg_signature"],
            signature(&[
                TOKEN,
                &received.query["timestamp"],
                &received.query["nonce"],
                encrypt
            ])
        );
        let (_, message, appid) = decrypt(KEY, encrypt);
        assert_eq!(appid, "wx1");
        let message: Value = serde_json::from_str(&message).unwrap();
        assert_eq!(message["List"]["MsgID"], answer["msgid"].to_string());
        assert_eq!(message["List"]["ErrorCode"], expected);
    }
    // A send that is refused has no receipt.
    send(&sandbox, &client, &token, "{}").await.unwrap();
    assert_eq!(sandbox.handle().pushes().len(), 2);
}

#[tokio::test]
async fn a_push_is_tried_three_times() {
    let (sandbox, client, listener) = pushing(json!({ "timeout_ms": 500 })).await;
    listener.answer(&[(500, ""), (200, "late"), (200, "")]);
    let enter = json!({ "openid": "o1" });
    control(&sandbox, &client, "users/enter", enter.clone()).await;
    let push = ended(&sandbox, 1).await.remove(0);
    let results: Vec<&str> = push.tries.iter().map(|it| it.result.as_str()).collect();
    assert_eq!(
        results,
        ["status 500", "no answer within 500 ms", "delivered"]
    );
    assert_eq!(push.fate, PushFate::Delivered);
    let received = listener.received();
    assert_eq!(received.len(), 3);
    assert!(
        received
            .iter()
            .all(|it| it.body == push.body && it.is_signed())
    );
    assert_ne!(received[0].query["nonce"], received[1].query["nonce"]);

    listener.answer(&[(200, "no"), (302, ""), (404, "success")]);
    control(&sandbox, &client, "users/enter", enter).await;
    let push = ended(&sandbox, 2).await.remove(1);
    assert_eq!((push.fate, push.tries.len()), (PushFate::GivenUp, 3));
    assert!(push.tries[0].result.contains("neither empty nor success"));
}

#[tokio::test]
async fn anything_can_be_pushed_again_and_wrongly() {
    let (sandbox, client, listener) = pushing(json!({ "mode": "compatible" })).await;
    let push = async |body: Value| {
        let n_before = listener.received().len();
        control(&sandbox, &client, "callbacks/push", body).await;
        ended(&sandbox, n_before + 1).await;
        listener.received().pop().unwrap()
    };
    let message = json!({ "MsgType": "event", "Event": "debug_demo", "debug_str": "hello" });
    let demo = push(json!({ "openid": "o1", "message": message })).await;
    assert!(
        demo.body
            .contains("<debug_str><![CDATA[hello]]></debug_str>")
    );
    assert!(demo.body.contains("<Encrypt>") && demo.query.contains_key("msg_signature"));
    let again = push(json!({ "again": 0 })).await;
    assert_eq!(again.body, demo.body);
    assert_ne!(again.query["nonce"], demo.query["nonce"]);
    assert_eq!(sandbox.handle().pushes()[1].repeats, Some(0));
    let stale = json!({ "openid": "o1", "message": {}, "timestamp_s": 1, "signature": "forged" });
    let stale = push(stale).await;
    assert!(stale.query["timestamp"] == "1" && !stale.is_signed());
    let raw = push(json!({ "raw": "<xml>" })).await;
    assert!(raw.body == "<xml>" && raw.is_signed());

    let log = format!(
        "{}/sandbox/callbacks/log?since=1&limit=2",
        sandbox.base_url()
    );
    let log = super::get(&client, log).await;
    assert_eq!((&log["next"], &log["dropped"]), (&json!(3), &json!(0)));
    assert_eq!(log["pushes"][0]["fate"], "delivered");
    let url = format!("{}/sandbox/callbacks", sandbox.base_url());
    client.delete(&url).send().await.unwrap();
    control(&sandbox, &client, "users/enter", json!({ "openid": "o1" })).await;
    assert_eq!(sandbox.handle().pushes().len(), 4);
    for (body, why) in [
        (json!({}), "say one of"),
        (json!({ "again": 0 }), "no address"),
        (json!({ "message": {} }), "say whom"),
        (
            json!({ "openid": "o1", "message": { "a b": 1 } }),
            "element of XML",
        ),
        (json!({ "openid": "o1", "message": {} }), "has no address"),
    ] {
        let answer = client
            .post(format!("{url}/push"))
            .body(body.to_string())
            .send();
        let error = answer.await.unwrap().text().await.unwrap();
        assert!(error.contains(why), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_reset_forgets_the_address_and_what_waits() {
    let (sandbox, client, listener) = pushing(json!({})).await;
    control(
        &sandbox,
        &client,
        "callbacks/sent_events",
        json!({ "delay_ms": 200 }),
    )
    .await;
    let token = token(&sandbox, &client).await;
    send(&sandbox, &client, &token, BODY).await.unwrap();
    assert_eq!(sandbox.handle().pushes()[0].fate, PushFate::Waiting);
    control(&sandbox, &client, "reset", json!(null)).await;
    assert!(sandbox.handle().pushes().is_empty() && listener.received().is_empty());
    control(&sandbox, &client, "users/enter", json!({ "openid": "o1" })).await;
    let log = format!("{}/sandbox/callbacks/log", sandbox.base_url());
    let all_ended = async {
        while super::get(&client, log.clone()).await["waiting"] != 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_ended)
        .await
        .unwrap();
    assert!(sandbox.handle().pushes().is_empty() && listener.received().is_empty());
    tokio::time::timeout(Duration::from_secs(5), sandbox.shutdown())
        .await
        .unwrap();
}
