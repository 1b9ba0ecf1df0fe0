//! Logins over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

async fn login(sandbox: &Sandbox, client: &Client, query: &str) -> Value {
    let url = format!("{}/sns/jscode2session?{query}", sandbox.base_url());
    get(client, url).await
}

async fn exchange(sandbox: &Sandbox, client: &Client, code: &str) -> Value {
    let query = format!("appid=wx1&secret=s&js_code={code}&grant_type=authorization_code");
    login(sandbox, client, &query).await
}

async fn code_of(sandbox: &Sandbox, client: &Client, openid: &str) -> String {
    let made = control(sandbox, client, "users/login", json!({ "openid": openid })).await;
    made["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_is_exchanged_once() {
    let (sandbox, client) = given(json!({})).await;
    let code = code_of(&sandbox, &client, "o1").await;
    assert_eq!(code.len(), 32);
    let session = exchange(&sandbox, &client, &code).await;
    assert_eq!(session["openid"], "o1");
    let key = STANDARD.decode(session["session_key"].as_str().unwrap());
    assert_eq!(key.unwrap().len(), 16);
    assert!(session.get("errcode").is_none() && session.get("unionid").is_none());
    let again = exchange(&sandbox, &client, &code).await;
    assert_eq!(again["errcode"], 40163);
    assert!(
        again["errmsg"]
            .as_str()
            .unwrap()
            .starts_with("code been used rid: ")
    );
    assert_eq!(
        exchange(&sandbox, &client, "nobodys").await["errcode"],
        40029
    );
    assert_eq!(exchange(&sandbox, &client, "js-x1").await["errcode"], 40029);
}

#[tokio::test]
async fn a_code_lives_five_minutes() {
    let (sandbox, client) = given(json!({})).await;
    let codes = [
        code_of(&sandbox, &client, "o1").await,
        code_of(&sandbox, &client, "o1").await,
    ];
    control(&sandbox, &client, "clock", json!({ "forward_s": 240 })).await;
    assert_eq!(exchange(&sandbox, &client, &codes[0]).await["openid"], "o1");
    control(&sandbox, &client, "clock", json!({ "forward_s": 60 })).await;
    assert_eq!(
        exchange(&sandbox, &client, &codes[1]).await["errcode"],
        40029
    );
}

#[tokio::test]
async fn users_are_blocked_and_bound() {
    let (sandbox, client) = given(json!({})).await;
    let described = json!({ "openid": "o1", "standing": "blocked", "unionid": "u1" });
    control(&sandbox, &client, "users", described).await;
    assert_eq!(
        exchange(&sandbox, &client, "js-o1-1").await["errcode"],
        40226
    );
    let described = json!({ "openid": "o1", "standing": "good" });
    control(&sandbox, &client, "users", described).await;
    assert_eq!(
        exchange(&sandbox, &client, "js-o1-2").await["unionid"],
        "u1"
    );
    assert_eq!(
        exchange(&sandbox, &client, "js-o1-1").await["errcode"],
        40163
    );
}

#[tokio::test]
async fn a_user_who_logs_in_too_often_waits_and_keeps_his_code() {
    let (sandbox, client) = given(json!({})).await;
    // One more than two full minutes of logins: the limit is met wherever the minute begins.
    let mut refused = None;
    for n in 0..=200 {
        let code = format!("js-o1-{n}");
        let answer = exchange(&sandbox, &client, &code).await;
        if answer["errcode"] == 45011 {
            refused = Some(code);
            break;
        }
        assert_eq!(answer["openid"], "o1");
    }
    let code = refused.expect("somebody was told to wait");
    assert_eq!(exchange(&sandbox, &client, "js-o2").await["openid"], "o2");
    control(&sandbox, &client, "clock", json!({ "forward_s": 60 })).await;
    assert_eq!(exchange(&sandbox, &client, &code).await["openid"], "o1");
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    let (sandbox, client) = given(json!({})).await;
    for (query, code) in [
        ("", 40002),
        ("grant_type=authorization_code", 41002),
        ("grant_type=authorization_code&appid=wx1", 41004),
        (
            "grant_type=authorization_code&appid=wx9&secret=s&js_code=js-o1",
            40013,
        ),
        (
            "grant_type=authorization_code&appid=wx1&secret=x&js_code=js-o1",
            40125,
        ),
        ("grant_type=authorization_code&appid=wx1&secret=s", 41008),
    ] {
        let answer = login(&sandbox, &client, query).await;
        assert_eq!(answer["errcode"], code, "{query}");
    }
    assert_eq!(exchange(&sandbox, &client, "js-o1").await["openid"], "o1");
}

#[tokio::test]
async fn an_exchange_can_be_lost_with_and_without_its_code() {
    let (sandbox, client) = given(json!({})).await;
    let scripts = json!([
        { "on": "login", "times": 1, "answer": { "drop": { "fate": "lost" } } },
        { "on": "login", "times": 1, "answer": { "reset": { "fate": "accepted" } } },
    ]);
    control(&sandbox, &client, "scripts", scripts).await;
    let url = format!(
        "{}/sns/jscode2session?appid=wx1&secret=s&js_code=js-o1&grant_type=authorization_code",
        sandbox.base_url()
    );
    for _ in 0..2 {
        assert!(client.get(&url).send().await.is_err());
    }
    assert_eq!(exchange(&sandbox, &client, "js-o1").await["errcode"], 40163);
}
