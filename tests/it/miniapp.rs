//! The mini program's three requests over HTTP: log in, report an answer, publish an event. What it may not do is refused, and no user is named.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::courier::Courier;
use crate::support::kafka::Kafka;
use crate::support::push::{Answer, ask, public_address};
use crate::support::redis::Redis;
use crate::support::topic::Reader;
use crate::support::world::{Plan, World};

const TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
const SECRET: &str = "a-secret-for-sessions-of-32-bytes";

const SECTIONS: &str = r#"
[public]
listen = "127.0.0.1:0"
client_address = "x-forwarded-for"

[miniapp]
session_secret = "a-secret-for-sessions-of-32-bytes"
max_body       = 1024
per_address    = { per_second = 0.001, burst = 60 }
per_session    = { per_second = 0.001, burst = 8 }
allow_origins  = ["https://h5.example.com"]

[[miniapp.send]]
type = "reminder.requested"
"#;

/// `sns/jscode2session` as WeChat answers it: a code `user-X` is the user X, once; the others are refused by their number.
fn start_wechat() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the process of the tests.
    thread::spawn(move || {
        let mut used = BTreeSet::new();
        for stream in listener.incoming() {
            answer_login(&stream.unwrap(), &mut used);
        }
    });
    url
}

fn answer_login(mut stream: &TcpStream, used: &mut BTreeSet<String>) {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap().unwrap();
    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    let (_, code) = request.split_once("js_code=").unwrap();
    let code = code.split(['&', ' ']).next().unwrap();
    let body = match code.split_once("user-") {
        Some(_) if !used.insert(code.to_owned()) => {
            json!({ "errcode": 40163, "errmsg": "code been used rid: 1-2" })
        }
        Some((_, openid)) => json!({ "openid": openid, "session_key": "c2Vzc2lvbi1rZXk=" }),
        None => json!({ "errcode": code.parse::<i64>().unwrap(), "errmsg": "refused rid: 1-2" }),
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
}

struct Stage {
    world: World,
    courier: Courier,
    address: String,
}

impl Stage {
    fn new(name: &str, app: &'static str, state: String) -> Self {
        let plan = Plan {
            app,
            sections: SECTIONS,
            state: Some(state),
            ..Plan::default()
        };
        let world = World::new(Kafka::shared(), name, plan);
        let wechat = start_wechat();
        let sandbox = format!("http://{}", world.sandbox_address());
        world.rewrite("courier.toml", &sandbox, &wechat);
        let courier = world.courier();
        let address = public_address(&courier);
        Self {
            world,
            courier,
            address,
        }
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|bearer| ("authorization", bearer.as_str()))
            .collect();
        ask(
            &self.address,
            "POST",
            path,
            &headers,
            body.to_string().as_bytes(),
        )
    }

    fn log_in(&self, openid: &str) -> String {
        let body = json!({ "code": format!("user-{openid}") });
        let answer = self.post("/miniapp/login", None, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["expires_in"], 7200);
        assert!(!answer.body.contains(openid));
        // Nothing of WeChat's own answer: its session key above all. The letters of a token may spell any word.
        let body = answer.json();
        let mut names: Vec<&str> = body
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["expires_in", "token"]);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Whatever a request carried that names or admits a user must not be in the log.
    fn end(self, secrets: &[&str]) {
        let log = self.courier.log();
        for secret in secrets.iter().chain(&[SECRET, "c2Vzc2lvbi1rZXk", "user-"]) {
            assert!(!log.contains(secret), "{secret} is in the log");
        }
        self.courier.end_cleanly();
    }
}

fn expect(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json()["error"], error);
    assert!(answer.json()["message"].is_string());
}

#[test]
fn logins_that_fail_say_why() {
    let stage = Stage::new("miniapp-login", "", "memory:".to_owned());
    let login = |body: Value| stage.post("/miniapp/login", None, &body);
    let cases = [
        ("40029", 401, "login_code_expired"),
        ("40163", 401, "login_code_used"),
        ("40226", 403, "user_blocked"),
        ("45011", 429, "too_many_requests"),
        ("-1", 503, "wechat_unavailable"),
        ("40125", 503, "wechat_unavailable"),
    ];
    for (code, status, error) in cases {
        expect(&login(json!({ "code": code })), status, error);
    }
    for body in [
        json!({}),
        json!([]),
        json!({ "code": "" }),
        json!({ "code": "a b" }),
        json!({ "code": "x".repeat(257) }),
        json!({ "code": "user-o1", "app": "other" }),
    ] {
        expect(&login(body), 400, "bad_request");
    }
    expect(
        &login(json!({ "code": "x".repeat(2000) })),
        413,
        "too_large",
    );
    let get = ask(&stage.address, "GET", "/miniapp/login", &[], b"");
    expect(&get, 405, "method_not_allowed");
    let token = stage.log_in("oUserOfTheLogin_0001");
    let said = token.split('.').nth(1).unwrap();
    let said = String::from_utf8(URL_SAFE_NO_PAD.decode(said).unwrap()).unwrap();
    assert!(!said.contains("oUserOfTheLogin"), "{said}");
    stage.end(&[&token, "oUserOfTheLogin"]);
}

#[test]
fn answers_of_users_become_grants() {
    let stage = Stage::new(
        "miniapp-grant",
        "grants = \"enforce\"",
        "memory:".to_owned(),
    );
    let openid = "oUserWhoAnswers_0001";
    let token = stage.log_in(openid);
    let report =
        |token: Option<&str>, body: Value| stage.post("/miniapp/subscriptions", token, &body);
    expect(&report(None, json!({})), 401, "session_expired");
    expect(&report(Some("x.y.z"), json!({})), 401, "session_expired");
    let mut answers = json!({ TEMPLATE: "acceptWithForcePush", "unknown": "accept" });
    answers["dN8rQ2wXkL5vHj1TzYpB7mCe4sGfA9oU3iRxK6tWq0E"] = json!("reject");
    answers["pVsEvYJLfQd3mKTq0aQvN2yWlR7c1xUoZ9hBt4gSe6k"] = json!("ban");
    // What is not understood costs only itself.
    answers["odd-word"] = json!("perhaps");
    answers["no-word"] = json!(7);
    // Told again it counts no more.
    for counted in [1, 0] {
        let body = json!({ "id": "tap-1", "answers": answers });
        let answer = report(Some(&token), body);
        assert_eq!(
            (answer.status, answer.json()),
            (
                200,
                json!({ "counted": counted, "unknown": ["no-word", "odd-word"] })
            )
        );
    }
    for (name, count) in [("perhaps", 2), ("other", 2)] {
        let line = format!(r#"wx_courier_unknown_total{{kind="word",name="{name}"}} {count}"#);
        assert!(stage.courier.measures(&line), "{line}");
    }
    for id in ["", "a b", &"x".repeat(65)] {
        let body = json!({ "id": id, "answers": {} });
        expect(&report(Some(&token), body), 400, "bad_request");
    }
    let many: serde_json::Map<String, Value> = (0..21)
        .map(|n| (format!("t{n}"), json!("accept")))
        .collect();
    expect(
        &report(Some(&token), json!({ "id": "1", "answers": many })),
        400,
        "bad_request",
    );
    // Six requests so far, and eight are allowed.
    for _ in 0..2 {
        assert_eq!(
            report(Some(&token), json!({ "id": "2", "answers": {} })).status,
            200
        );
    }
    let limited = report(Some(&token), json!({ "id": "3", "answers": {} }));
    expect(&limited, 429, "too_many_requests");
    assert!(
        limited.head.contains("\r\nretry-after: "),
        "{}",
        limited.head
    );
    let line = r#"wx_courier_public_requests_total{route="subscriptions",status="429"} 1"#;
    assert!(stage.courier.measures(line));
    stage.end(&[&token, openid]);
}

#[test]
fn an_event_of_the_mini_program_is_published_for_its_user() {
    let stage = Stage::new("miniapp-send", "", "memory:".to_owned());
    let openid = "oUserWhoPublishes_01";
    let token = stage.log_in(openid);
    let send = |body: Value| stage.post("/miniapp/send", Some(&token), &body);
    let body = json!({ "type": "reminder.requested", "id": "r-1", "data": { "openid": "oSomebodyElse", "n": 12_345_678_901_234_567_890_u64 } });
    let published = send(body);
    let half = Sha256::digest(openid)[..8].to_vec();
    let hex = |hex: String, byte: &u8| format!("{hex}{byte:02x}");
    let user = half.iter().fold(String::new(), hex);
    let id = format!("{user}-r-1");
    assert_eq!(
        (published.status, published.json()),
        (202, json!({ "id": id }))
    );
    let body = json!({ "type": "order.completed", "id": "r-2", "data": {} });
    expect(&send(body), 403, "type_not_allowed");
    let body = json!({ "type": "reminder.requested", "id": "r-3", "data": [1] });
    expect(&send(body), 400, "bad_request");
    let unsigned = stage.post("/miniapp/send", None, &json!({}));
    expect(&unsigned, 401, "session_expired");
    let world = &stage.world;
    let mut source = Reader::new(&world.brokers, world.source(), world.partitions);
    source.read_at_least(1);
    let [event] = source.read_to_end() else {
        panic!("one event is there, and no other");
    };
    let source = format!("/miniapp/shop/{user}");
    let headers = [
        ("ce_id", id.as_str()),
        ("ce_type", "reminder.requested"),
        ("ce_source", source.as_str()),
        ("ce_specversion", "1.0"),
        ("content-type", "application/json"),
    ];
    for (name, value) in headers {
        assert_eq!(event.header(name), value, "{name}");
    }
    assert_eq!(event.key_text(), user);
    let value = String::from_utf8(event.value.clone().unwrap()).unwrap();
    assert_eq!(
        value,
        format!("{{\"n\":12345678901234567890,\"openid\":\"{openid}\"}}")
    );
    stage.end(&[&token, openid]);
}

#[test]
fn a_user_who_logs_in_again_has_no_more_room_than_before() {
    let stage = Stage::new("miniapp-relogin", "", "memory:".to_owned());
    let openid = "oUserOfManySessions1";
    let body = json!({ "type": "unknown", "id": "r-1", "data": {} });
    // WeChat gives a new code for each call of wx.login; here a code is its user.
    let first = stage.log_in(openid);
    let second = {
        let code = json!({ "code": format!("again-user-{openid}") });
        let answer = stage.post("/miniapp/login", None, &code);
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    for _ in 0..8 {
        let answer = stage.post("/miniapp/send", Some(&first), &body);
        expect(&answer, 403, "type_not_allowed");
    }
    let answer = stage.post("/miniapp/send", Some(&second), &body);
    expect(&answer, 429, "too_many_requests");
    let other = stage.log_in("oUserOfOneSession_01");
    let answer = stage.post("/miniapp/send", Some(&other), &body);
    expect(&answer, 403, "type_not_allowed");
    stage.end(&[&first, &second, openid]);
}

#[test]
fn pages_of_known_origins_may_call_and_addresses_are_limited() {
    let stage = Stage::new("miniapp-origin", "", "memory:".to_owned());
    let options = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        ask(&stage.address, "OPTIONS", "/miniapp/send", &headers, b"")
    };
    let allowed = options("https://h5.example.com");
    assert_eq!(allowed.status, 204);
    assert!(
        allowed
            .head
            .contains("access-control-allow-origin: https://h5.example.com")
    );
    let refused = options("https://evil.example.com");
    assert_eq!(refused.status, 405);
    assert!(!refused.head.contains("access-control"));
    let from = |address: &str| {
        let headers = [("x-forwarded-for", address)];
        ask(&stage.address, "POST", "/miniapp/login", &headers, b"{}").status
    };
    for n in 0..60 {
        // What the client itself wrote does not make it another client.
        assert_eq!(from(&format!("198.51.100.{n}, 203.0.113.7")), 400, "{n}");
    }
    assert_eq!(from("203.0.113.7"), 429);
    assert_eq!(from("203.0.113.8"), 400);
    stage.end(&[]);
}

#[test]
fn what_the_framework_refuses_looks_like_everything_else_and_counts() {
    let stage = Stage::new("miniapp-framework", "", "memory:".to_owned());
    let get = |path: &str| ask(&stage.address, "GET", path, &[], b"");
    expect(&get("/wechat/shop?nonce=1&nonce=2"), 400, "bad_request");
    expect(&get("/wechat/%FF"), 404, "not_found");
    for status in [400, 404] {
        let line =
            format!(r#"wx_courier_public_requests_total{{route="callback",status="{status}"}} 1"#);
        assert!(stage.courier.measures(&line), "{line}");
    }
    let headers = [("x-wx-courier", "1")];
    let inside = |method, path| ask(stage.courier.address(), method, path, &headers, b"");
    for (method, path, status, error) in [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/resume?rule=a", 405, "method_not_allowed"),
        ("POST", "/resume", 400, "bad_request"),
        ("POST", "/resume?rule=a", 404, "not_found"),
        ("GET", "/grants?app=shop", 400, "bad_request"),
        ("POST", "/grants", 415, "not_json"),
    ] {
        expect(&inside(method, path), status, error);
    }
    for (status, count) in [(400, 2), (404, 2), (405, 1), (415, 1)] {
        let line = format!(r#"wx_courier_private_refusals_total{{status="{status}"}} {count}"#);
        assert!(stage.courier.measures(&line), "{line}");
    }
    stage.end(&[]);
}

#[test]
fn while_the_store_hangs_nothing_is_promised() {
    let redis = Redis::start();
    let stage = Stage::new("miniapp-stalled", "grants = \"enforce\"", redis.url());
    let token = stage.log_in("oUserWhoWaits_000001");
    redis.freeze();
    let body = json!({ "id": "tap-1", "answers": { TEMPLATE: "accept" } });
    let answer = stage.post("/miniapp/subscriptions", Some(&token), &body);
    expect(&answer, 503, "unavailable");
    let answer = stage.post("/miniapp/login", None, &json!({ "code": "user-o2" }));
    expect(&answer, 503, "unavailable");
    redis.thaw();
    let mut answer = stage.post("/miniapp/subscriptions", Some(&token), &body);
    for _ in 0..4 {
        if answer.status == 200 {
            break;
        }
        answer = stage.post("/miniapp/subscriptions", Some(&token), &body);
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({ "counted": 1 }));
    // The code of the login that failed is as good as it was.
    stage.log_in("o2");
    stage.end(&[&token]);
}
