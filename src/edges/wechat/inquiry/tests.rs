//! Inquiries against a server that answers what the test says, and against the sandbox.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::edges::wechat::{Quota, Show, test_app};
use wx_courier_core::message::Api;
use wx_courier_core::wechat::logins::JsCode;

/// What the server was asked, and what it still has to answer.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<(Vec<String>, VecDeque<Value>)>>);

impl Stub {
    #[expect(clippy::unused_async, reason = "a handler is async")]
    async fn answer(State(stub): State<Self>, uri: Uri, body: Bytes) -> String {
        if uri.path().ends_with("token") {
            return json!({ "access_token": "TOKEN", "expires_in": 7200 }).to_string();
        }
        let body = String::from_utf8_lossy(&body);
        let mut stub = stub.0.lock().unwrap();
        stub.0.push(format!("{uri} {body}"));
        stub.1.pop_front().unwrap().to_string()
    }
}

async fn stub(answers: impl IntoIterator<Item = Value>) -> (WeChat, Stub) {
    let stub = Stub::default();
    stub.0.lock().unwrap().1.extend(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .fallback(Stub::answer)
        .with_state(stub.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (test_app::wechat(format!("http://{address}")), stub)
}

#[tokio::test]
async fn each_inquiry_goes_where_wechat_wants_it() {
    let ok = || json!({ "errcode": 0, "errmsg": "ok" });
    let quota = json!({ "errcode": 0, "quota": { "daily_limit": 9, "used": 1, "remain": 8 } });
    let request = json!({ "errcode": 0, "request": { "cost_in_ms": 3 } });
    let (wechat, stub) = stub([quota, ok(), ok(), ok(), request]).await;
    let quota = wechat.quota_of("shop", "/cgi-bin/x").await.unwrap();
    assert_eq!((quota.remain, quota.rate), (8, None));
    wechat.clear_quota("shop", "/cgi-bin/x").await.unwrap();
    wechat.clear_quotas("shop").await.unwrap();
    assert!(wechat.templates("shop").await.unwrap().templates.is_empty());
    let traced = wechat.trace("shop", "a-b-c", Show::Masked).await.unwrap();
    assert_eq!(traced.cost_ms, Some(3));
    let asked = stub.0.lock().unwrap().0.clone();
    assert_eq!(
        asked,
        [
            r#"/cgi-bin/openapi/quota/get?access_token=TOKEN {"cgi_path":"/cgi-bin/x"}"#,
            r#"/cgi-bin/openapi/quota/clear?access_token=TOKEN {"cgi_path":"/cgi-bin/x"}"#,
            r#"/cgi-bin/clear_quota?access_token=TOKEN {"appid":"wx1"}"#,
            "/wxaapi/newtmpl/gettemplate?access_token=TOKEN ",
            r#"/cgi-bin/openapi/rid/get?access_token=TOKEN {"rid":"a-b-c"}"#,
        ]
    );
}

#[tokio::test]
async fn a_code_that_is_not_known_is_counted_by_its_name() {
    let refusal = |errcode: i64| json!({ "errcode": errcode, "errmsg": "x" });
    // One that is not known anywhere, one that only these calls answer, one of the table of sends; then two of logins.
    let codes = [54321, 76001, 48001, 54322, 40029];
    let (wechat, _) = stub(codes.map(refusal)).await;
    for _ in 0..3 {
        let answered = wechat.trace("shop", "a-b-c", Show::Masked).await;
        assert!(answered.is_err());
    }
    for _ in 0..2 {
        let code = JsCode::new("c");
        wechat.exchange("shop", &code).await;
    }
    let names = wechat.app("shop").unwrap().unknown.list();
    let names: Vec<_> = names
        .iter()
        .map(|it| (it.kind.as_str(), it.name.as_str(), it.count))
        .collect();
    let expected = [
        ("login_errcode", "54322", 1),
        ("inquiry_errcode", "54321", 1),
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_refusal_is_a_sentence_with_what_helps() {
    let refusal = json!({ "errcode": 76001, "errmsg": "rid not found" });
    let (wechat, _) = stub([refusal, json!({}), json!({ "errcode": 0, "quota": {} })]).await;
    let refused = wechat.trace("shop", "x", Show::Masked).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "rid/get answers errcode 76001: rid not found"
    );
    assert!(refused.help().unwrap().contains("seven days"));
    let odd = wechat.templates("shop").await.unwrap_err();
    assert_eq!(
        (odd.to_string().as_str(), odd.help()),
        (
            "gettemplate was not answered as it must be: JSON without a list",
            None
        )
    );
    let odd = wechat.quota("shop", Api::Subscribe).await.unwrap_err();
    assert_eq!(
        odd.to_string(),
        "quota/get was not answered as it must be: JSON without a quota"
    );
    let nobody = wechat.quota("club", Api::Subscribe).await.unwrap_err();
    assert_eq!(nobody.to_string(), "the settings have no app club");
}

#[tokio::test]
async fn a_token_that_is_refused_is_dropped_and_the_question_asked_again() {
    let settings = wx_courier_sandbox::Settings {
        apps: [(
            "wx1".to_owned(),
            wx_courier_sandbox::App {
                secret: "s".to_owned(),
                daily_quota: Some(7),
                ..Default::default()
            },
        )]
        .into(),
        ..Default::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sandbox = wx_courier_sandbox::Sandbox::start(listener, settings).unwrap();
    let wechat = test_app::wechat(sandbox.base_url());
    let Quota { used, remain, .. } = wechat.quota("shop", Api::Subscribe).await.unwrap();
    assert_eq!((used, remain), (0, 7));
    sandbox.handle().invalidate_tokens();
    assert!(wechat.quota("shop", Api::Subscribe).await.is_ok());
    let status = wechat.tokens()["shop"].clone();
    assert_eq!((status.fetched, status.invalidated), (2, 1));
    sandbox.shutdown().await;
    let unanswered = wechat
        .quota("shop", Api::Subscribe)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        unanswered.starts_with("quota/get was not answered: ")
            && !unanswered.contains("access_token"),
        "{unanswered}"
    );
}
