//! Sends judged without a server: the order of the checks, the texts of 47003, grants and scripts.

use std::time::Duration;

use super::*;
use crate::script::{Answer, Fate, Script};
use crate::settings::{Openids, Settings};
use crate::token::Refresh;

/// A server with one app, and a token for it.
fn given(change: impl FnOnce(&mut Settings)) -> (Arc<State>, String) {
    let mut settings: Settings = serde_json::from_str(
        r#"{"apps": {"wx1": {"secret": "s", "pages": ["pages/order/detail"], "templates": {
            "T": {"params": ["thing2", "amount3", "enum_string6"], "enums": {"enum_string6": ["待发货"]}},
            "FREE": {"kind": "long-term"}}}}}"#,
    )
    .unwrap();
    change(&mut settings);
    let state = Arc::new(State::new(settings));
    let granted = lock(&state.tokens)
        .stable("wx1", Refresh::Normal, state.clock.now_ms())
        .unwrap();
    (state, granted.token)
}

fn body(data: &str) -> String {
    format!(r#"{{"touser":"o1","template_id":"T","page":"pages/order/detail?id=1","data":{data}}}"#)
}

fn good() -> String {
    body(
        r#"{"amount3":{"value":"￥9.9"},"thing2":{"value":"拿铁"},"enum_string6":{"value":"待发货"}}"#,
    )
}

/// The code, and the message up to its rid.
fn outcome(state: &Arc<State>, token: &str, body: &str) -> (i64, String) {
    match judge(state, Some(token), body.as_bytes()).reply {
        Reply::Json { errcode, body, .. } => {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["errcode"], errcode);
            let message = body["errmsg"].as_str().unwrap();
            (errcode, message.split(" rid: ").next().unwrap().to_owned())
        }
        Reply::Raw { .. } | Reply::Cut | Reply::Reset => panic!("no errcode"),
    }
}

fn check(body: &str, expected: i64) {
    let (state, token) = given(|_| {});
    assert_eq!(outcome(&state, &token, body).0, expected, "{body}");
}

fn check_argument(data: &str, expected: &str) {
    let (state, token) = given(|_| {});
    assert_eq!(
        outcome(&state, &token, &body(data)),
        (47003, format!("argument invalid! data.{expected}")),
        "{data}"
    );
}

#[test]
fn a_good_send_is_accepted_and_logged() {
    let (state, token) = given(|_| {});
    let Reply::Json {
        errcode: 0, body, ..
    } = judge(&state, Some(&token), good().as_bytes()).reply
    else {
        panic!("refused")
    };
    let accepted = lock(&state.log).from(0, 10).read();
    assert_eq!(accepted.len(), 1);
    assert!(accepted[0].msgid > 1 << 53);
    assert_eq!(
        body,
        format!(
            r#"{{"errcode":0,"errmsg":"ok","msgid":{}}}"#,
            accepted[0].msgid
        )
    );
    assert_eq!(
        (
            accepted[0].appid.as_str(),
            accepted[0].data["amount3"].as_str()
        ),
        ("wx1", "￥9.9")
    );
}

#[test]
fn the_token_comes_first() {
    let (state, _) = given(|_| {});
    for (token, code) in [(None, 41001), (Some(""), 41001), (Some("x"), 40014)] {
        let Reply::Json { errcode, .. } = judge(&state, token, b"").reply else {
            panic!("no errcode")
        };
        assert_eq!(errcode, code);
    }
}

#[test]
fn the_form_of_the_body() {
    check("", 44002);
    check("{", 47001);
    check("[]", 47001);
    check("\"x\"", 47001);
    check(r#"["o1","T"]"#, 47001);
    check(&(good() + "x"), 47001);
    check(&good().replace("拿铁", r"\u62ff"), 47002);
    check(&good().replace("拿铁", r"\\u62"), 0);
    check(&body("[]"), 47001);
}

#[test]
fn user_template_and_page() {
    for openid in ["", "x1", "o 1", "o1é"] {
        check(&good().replace("o1", openid), 40003);
    }
    check(&good().replace("\"o1\"", "7"), 40003);
    check(&good().replace("\"T\"", "\"U\""), 40037);
    for page in ["/pages/order/detail", "pages/other", "../x", "https://x"] {
        check(&good().replace("pages/order/detail?id=1", page), 41030);
    }
    check(&good().replace("pages/order/detail?id=1", ""), 0);
}

#[test]
fn the_first_bad_value_of_the_template_is_named() {
    let rest = r#""enum_string6":{"value":"待发货"}"#;
    check_argument(
        &format!(r#"{{"amount3":{{"value":"x"}},"thing2":{{"value":""}},{rest}}}"#),
        "thing2.value is empty",
    );
    check_argument(
        &format!(r#"{{"amount3":{{"value":"x"}},{rest}}}"#),
        "thing2.value is empty",
    );
    check_argument(
        &format!(r#"{{"amount3":{{"value":9}},"thing2":{{"value":"a"}},{rest}}}"#),
        "amount3.value invalid",
    );
    check_argument(
        &format!(r#"{{"amount3":"9","thing2":{{"value":"a"}},{rest}}}"#),
        "amount3.value invalid",
    );
    check_argument(
        &format!(r#"{{"amount3":{{"value":null}},"thing2":{{"value":"a"}},{rest}}}"#),
        "amount3.value is empty",
    );
    check_argument(
        r#"{"thing2":{"value":"a"},"amount3":{"value":"9"},"enum_string6":{"value":"待收货"}}"#,
        "enum_string6.value invalid",
    );
}

#[test]
fn an_unknown_template_is_checked_by_prefix() {
    let free = |data: &str| body(data).replace("\"T\"", "\"FREE\"");
    check(
        &free(r#"{"phrase9":{"value":"已完成"},"site01":{"value":"x"}}"#),
        0,
    );
    check(&free(r#"{"phrase9":{"value":"done"}}"#), 47003);
    check(&free("{}"), 47003);
}

#[test]
fn bytes_that_are_not_utf8_are_an_invalid_value() {
    let (state, token) = given(|_| {});
    let mut raw = good().into_bytes();
    let at = raw
        .windows(3)
        .position(|window| window == "拿".as_bytes())
        .unwrap();
    raw[at] = 0xff;
    let Reply::Json { body, .. } = judge(&state, Some(&token), &raw).reply else {
        panic!("no errcode")
    };
    assert!(body.contains("data.thing2.value invalid"), "{body}");
}

#[test]
fn users_can_be_listed() {
    let (state, token) =
        given(|settings| settings.openids = Openids::Except(["o1".to_owned()].into()));
    assert_eq!(
        outcome(&state, &token, &good()),
        (40003, "invalid openid".to_owned())
    );
    assert_eq!(outcome(&state, &token, &good().replace("o1", "o2")).0, 0);
}

#[test]
fn grants_are_used_up_only_by_accepted_sends() {
    let (state, token) = given(|settings| settings.grants = GrantCheck::On);
    assert_eq!(
        outcome(&state, &token, &good()),
        (43101, "user refuse to accept the msg".to_owned())
    );
    lock(&state.grants).give("o1", "T", 1);
    assert_eq!(
        outcome(&state, &token, &good().replace("拿铁", "")).0,
        47003
    );
    assert_eq!(outcome(&state, &token, &good()).0, 0);
    assert_eq!(outcome(&state, &token, &good()).0, 43101);
    assert!(!lock(&state.grants).take("o1", "T", Kind::OneTime));
}

#[test]
fn two_sends_to_one_user_at_once_are_refused() {
    let (state, token) = given(|_| {});
    let first = judge(&state, Some(&token), good().as_bytes());
    assert_eq!(outcome(&state, &token, &good()).0, 43108);
    assert_eq!(outcome(&state, &token, &good().replace("o1", "o2")).0, 0);
    drop(first);
    assert_eq!(outcome(&state, &token, &good()).0, 0);
}

#[test]
fn a_script_replaces_the_answer_and_decides_the_fate() {
    let (state, token) = given(|_| {});
    let errcode = |code, message: Option<&str>| Answer::Errcode {
        code,
        message: message.map(str::to_owned),
    };
    state
        .scripts
        .add(Script::every_send(errcode(45011, None)).times(1));
    state
        .scripts
        .add(Script::every_send(errcode(47003, Some("as is"))).times(1));
    state
        .scripts
        .add(Script::every_send(Answer::Drop { fate: Fate::Lost }).times(1));
    state.scripts.add(
        Script::every_send(Answer::Drop {
            fate: Fate::Accepted,
        })
        .times(1),
    );
    state
        .scripts
        .add(Script::every_send(Answer::Delay { ms: 70 }).times(1));
    assert_eq!(outcome(&state, &token, &good()).0, 45011);
    assert_eq!(
        outcome(&state, &token, &good()),
        (47003, "as is".to_owned())
    );
    assert!(matches!(
        judge(&state, Some(&token), good().as_bytes()).reply,
        Reply::Cut
    ));
    assert_eq!(lock(&state.log).n_accepted(), 0);
    assert!(matches!(
        judge(&state, Some(&token), good().as_bytes()).reply,
        Reply::Cut
    ));
    assert_eq!(lock(&state.log).n_accepted(), 1);
    assert_eq!(
        judge(&state, Some(&token), good().as_bytes()).delay,
        Duration::from_millis(70)
    );
    assert_eq!(outcome(&state, &token, &good()).0, 0);
}

#[test]
fn a_limited_template_is_sent_once_for_each_user_value_and_period() {
    let limited = r#"{"kind": "long-term-limited", "params": ["character_string1", "thing2"], "key": "character_string1", "per_ms": 3600000}"#;
    let (state, token) = given(|settings| {
        let templates = &mut settings.apps.get_mut("wx1").unwrap().templates;
        templates.insert("L".to_owned(), serde_json::from_str(limited).unwrap());
    });
    let send = |openid: &str, loan: &str| {
        let body = format!(
            r#"{{"touser":"{openid}","template_id":"L","data":{{"character_string1":{{"value":"{loan}"}},"thing2":{{"value":"还款提醒"}}}}}}"#
        );
        outcome(&state, &token, &body).0
    };
    assert_eq!(send("o1", "A-1"), 0);
    assert_eq!(send("o1", "A-1"), 43101);
    // Another value and another user have a turn of their own, and a refused message closes none.
    assert_eq!((send("o1", "A-2"), send("o2", "A-1")), (0, 0));
    assert_eq!((send("o3", ""), send("o3", "A-1")), (47003, 0));
    state.clock.put_forward(3_599_000);
    assert_eq!(send("o1", "A-1"), 43101);
    state.clock.put_forward(2_000);
    assert_eq!((send("o1", "A-1"), send("o1", "A-1")), (0, 43101));
}
