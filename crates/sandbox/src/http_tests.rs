//! The sandbox over real HTTP: tokens, sends, control, broken connections, shutdown.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use super::*;

#[path = "http_tests/account.rs"]
mod account;
#[path = "http_tests/faults.rs"]
mod faults;
#[path = "http_tests/login.rs"]
mod logins;
#[path = "http_tests/control.rs"]
mod odd_control;
#[path = "http_tests/platform.rs"]
mod platform_tells;
#[path = "http_tests/callbacks.rs"]
mod pushes;
#[path = "http_tests/templates.rs"]
mod template_calls;
#[path = "http_tests/users.rs"]
mod user_acts;

const BODY: &str = r#"{"touser":"o1","template_id":"T","data":{"thing1":{"value":"拿铁"}}}"#;

async fn given(settings: Value) -> (Sandbox, Client) {
    let mut settings: Settings = serde_json::from_value(settings).unwrap();
    let template = Template {
        params: vec!["thing1".to_owned()],
        title: "t".to_owned(),
        ..Template::default()
    };
    let app = App {
        secret: "s".to_owned(),
        templates: [("T".to_owned(), template)].into(),
        ..App::default()
    };
    settings.apps.insert("wx1".to_owned(), app);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (Sandbox::start(listener, settings).unwrap(), Client::new())
}

async fn post(
    client: &Client,
    url: String,
    body: impl Into<reqwest::Body>,
) -> Result<Value, reqwest::Error> {
    let response = client
        .post(url)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await?;
    assert_eq!(response.status(), 200);
    Ok(serde_json::from_slice(&response.bytes().await?).unwrap())
}

async fn get(client: &Client, url: String) -> Value {
    let bytes = client.get(url).send().await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

async fn token(sandbox: &Sandbox, client: &Client) -> String {
    let body = r#"{"grant_type":"client_credential","appid":"wx1","secret":"s"}"#;
    let answer = post(
        client,
        format!("{}/cgi-bin/stable_token", sandbox.base_url()),
        body,
    )
    .await
    .unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn send(
    sandbox: &Sandbox,
    client: &Client,
    token: &str,
    body: &'static str,
) -> Result<Value, reqwest::Error> {
    let url = format!(
        "{}/cgi-bin/message/subscribe/send?access_token={token}",
        sandbox.base_url()
    );
    post(client, url, body).await
}

#[tokio::test]
async fn an_unreadable_control_call_says_why() {
    let (sandbox, client) = given(json!({})).await;
    let url = format!("{}/sandbox/scripts", sandbox.base_url());
    let response = client
        .post(url)
        .body(r#"[{"answers":1}]"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("unknown field `answers`")
    );
}

#[tokio::test]
async fn an_odd_query_is_answered_like_a_missing_one() {
    let (sandbox, client) = given(json!({})).await;
    let url = format!(
        "{}/cgi-bin/message/subscribe/send?access_token=a&access_token=b",
        sandbox.base_url()
    );
    assert_eq!(post(&client, url, BODY).await.unwrap()["errcode"], 41001);
}

async fn control(sandbox: &Sandbox, client: &Client, path: &str, body: Value) -> Value {
    post(
        client,
        format!("{}/sandbox/{path}", sandbox.base_url()),
        body.to_string(),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_message_goes_through_and_is_remembered() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let answer = send(&sandbox, &client, &token, BODY).await.unwrap();
    assert_eq!(
        (&answer["errcode"], &answer["errmsg"]),
        (&json!(0), &json!("ok"))
    );
    let accepted = sandbox.handle().accepted();
    assert_eq!(answer["msgid"].as_u64(), Some(accepted[0].msgid));
    let log = get(
        &client,
        format!("{}/sandbox/log?since=0", sandbox.base_url()),
    )
    .await;
    assert_eq!(
        (&log["next"], &log["errcodes"]["0"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(log["accepted"][0]["data"]["thing1"], "拿铁");
    let stats = sandbox.handle().stats();
    assert_eq!(
        (
            stats.accepted,
            stats.max_concurrency,
            stats.token_fetches,
            stats.tokens_issued
        ),
        (1, 1, 1, 1)
    );
    sandbox.shutdown().await;
}

#[tokio::test]
async fn token_endpoints_check_credentials() {
    let (sandbox, client) = given(json!({})).await;
    let url = format!("{}/cgi-bin/token", sandbox.base_url());
    let code = async |query: &str| get(&client, format!("{url}?{query}")).await["errcode"].as_i64();
    assert_eq!(code("").await, Some(40002));
    assert_eq!(code("grant_type=client_credential").await, Some(41002));
    assert_eq!(
        code("grant_type=client_credential&appid=wx1").await,
        Some(41004)
    );
    assert_eq!(
        code("grant_type=client_credential&appid=wx2&secret=s").await,
        Some(40013)
    );
    assert_eq!(
        code("grant_type=client_credential&appid=wx1&secret=x").await,
        Some(40125)
    );
    assert_eq!(
        code("grant_type=client_credential&appid=wx1&secret=s").await,
        None
    );
    let stable = format!("{}/cgi-bin/stable_token", sandbox.base_url());
    assert_eq!(
        post(&client, stable.clone(), "").await.unwrap()["errcode"],
        44002
    );
    assert_eq!(
        post(&client, stable.clone(), "{").await.unwrap()["errcode"],
        47001
    );
    assert_eq!(get(&client, stable).await["errcode"], 43002);
    assert_eq!(
        get(&client, format!("{}/cgi-bin/none", sandbox.base_url())).await["errcode"],
        40066
    );
}

#[tokio::test]
async fn tokens_end_on_command() {
    let (sandbox, client) = given(json!({})).await;
    let first = token(&sandbox, &client).await;
    assert_eq!(
        control(&sandbox, &client, "tokens/invalidate", json!(null)).await["ended"],
        1
    );
    assert_eq!(
        send(&sandbox, &client, &first, BODY).await.unwrap()["errcode"],
        40001
    );
    let second = token(&sandbox, &client).await;
    assert_eq!(
        send(&sandbox, &client, &second, BODY).await.unwrap()["errcode"],
        0
    );
    assert_eq!(sandbox.handle().expire_tokens(), 1);
    assert_eq!(
        send(&sandbox, &client, &second, BODY).await.unwrap()["errcode"],
        42001
    );
}

#[tokio::test]
async fn scripts_break_answers_and_connections() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let scripts = json!([
        { "times": 1, "answer": { "http": { "status": 200, "body": r#"{"errcode":0,"#, "fate": "accepted" } } },
        { "times": 1, "answer": { "drop": { "fate": "accepted" } } },
        { "times": 1, "answer": { "drop": {} } },
        { "times": 1, "answer": { "hang": { "ms": 60 } } },
    ]);
    control(&sandbox, &client, "scripts", scripts).await;
    let url = format!(
        "{}/cgi-bin/message/subscribe/send?access_token={token}",
        sandbox.base_url()
    );
    let broken = client.post(url).body(BODY).send().await.unwrap();
    assert_eq!(broken.text().await.unwrap(), r#"{"errcode":0,"#);
    for (n_accepted, least_ms) in [(2, 0), (2, 0), (2, 60)] {
        let started = tokio::time::Instant::now();
        assert!(send(&sandbox, &client, &token, BODY).await.is_err());
        assert!(started.elapsed() >= Duration::from_millis(least_ms));
        assert_eq!(sandbox.handle().stats().accepted, n_accepted);
    }
    assert_eq!(
        send(&sandbox, &client, &token, BODY).await.unwrap()["errcode"],
        0
    );
    assert_eq!(sandbox.handle().stats().cut, 3);
}

#[tokio::test]
async fn sends_to_one_user_collide_only_while_one_is_in_progress() {
    let (sandbox, client) = given(json!({ "latency": { "min_ms": 300 } })).await;
    let token = token(&sandbox, &client).await;
    let (first, second) = tokio::join!(
        send(&sandbox, &client, &token, BODY),
        send(&sandbox, &client, &token, BODY),
    );
    let mut codes = [
        first.unwrap()["errcode"].as_i64(),
        second.unwrap()["errcode"].as_i64(),
    ];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(43108)]);
    control(&sandbox, &client, "latency", json!({ "min_ms": 0 })).await;
    assert_eq!(
        send(&sandbox, &client, &token, BODY).await.unwrap()["errcode"],
        0
    );
    assert_eq!(sandbox.handle().stats().max_concurrency, 2);
}

#[tokio::test]
async fn control_switches_and_resets() {
    let (sandbox, client) = given(json!({})).await;
    control(&sandbox, &client, "grants", json!({ "check": "on" })).await;
    control(&sandbox, &client, "openids", json!({ "except": ["o2"] })).await;
    let first = token(&sandbox, &client).await;
    assert_eq!(
        send(&sandbox, &client, &first, BODY).await.unwrap()["errcode"],
        43101
    );
    control(
        &sandbox,
        &client,
        "grants",
        json!({ "give": [{ "openid": "o1", "template": "T" }] }),
    )
    .await;
    assert_eq!(
        send(&sandbox, &client, &first, BODY).await.unwrap()["errcode"],
        0
    );
    control(
        &sandbox,
        &client,
        "failures",
        json!({ "ratio": 1.0, "seed": 3 }),
    )
    .await;
    assert_eq!(
        send(&sandbox, &client, &first, BODY).await.unwrap()["errcode"],
        -1
    );
    control(&sandbox, &client, "reset", json!(null)).await;
    assert_eq!(
        send(&sandbox, &client, &first, BODY).await.unwrap()["errcode"],
        40001
    );
    let second = token(&sandbox, &client).await;
    assert_eq!(
        send(&sandbox, &client, &second, BODY).await.unwrap()["errcode"],
        0
    );
    assert_eq!(sandbox.handle().stats().accepted, 1);
}

#[tokio::test]
async fn the_account_lists_templates_and_exchanges_codes_once() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let url = sandbox.base_url();
    let list = get(
        &client,
        format!("{url}/wxaapi/newtmpl/gettemplate?access_token={token}"),
    )
    .await;
    assert_eq!(
        (&list["data"][0]["priTmplId"], &list["data"][0]["type"]),
        (&json!("T"), &json!(2))
    );
    assert_eq!(list["data"][0]["content"], "thing1:{{thing1.DATA}}\n");
    let login = format!(
        "{url}/sns/jscode2session?grant_type=authorization_code&appid=wx1&secret=s&js_code=js-o1"
    );
    assert_eq!(get(&client, login.clone()).await["openid"], "o1");
    assert_eq!(get(&client, login).await["errcode"], 40163);
}

#[tokio::test]
async fn shutdown_cuts_what_is_in_progress() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    sandbox.handle().set_latency(Latency::fixed(60_000));
    let handle = sandbox.handle();
    let url = format!(
        "{}/cgi-bin/message/subscribe/send?access_token={token}",
        sandbox.base_url()
    );
    let waiting = tokio::spawn(async move { post(&client, url, BODY).await });
    while handle.stats().concurrency == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let addr = sandbox.addr();
    tokio::time::timeout(Duration::from_secs(5), sandbox.shutdown())
        .await
        .unwrap();
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(handle.accepted().len(), 1);
    TcpListener::bind(addr).await.unwrap();
}
