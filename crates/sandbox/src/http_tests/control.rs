//! Odd control calls are refused with a sentence, and change nothing.

use super::*;

async fn check(sandbox: &Sandbox, client: &Client, path: &str, body: &str, expected: &str) {
    let url = format!("{}/sandbox/{path}", sandbox.base_url());
    let answer = client.post(url).body(body.to_owned()).send().await.unwrap();
    assert_eq!(answer.status(), 400, "{path} {body}");
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains(expected), "{path} {body}: {error}");
}

/// A call, a body that makes no sense, and a part of the sentence that says so.
const ODD: &[(&str, &str, &str)] = &[
    ("scripts", "", "the body is empty"),
    ("scripts", "{}", "the body does not fit"),
    (
        "scripts",
        r#"[{"times":0,"answer":{"drop":{}}}]"#,
        "times 0",
    ),
    (
        "scripts",
        r#"[{"answer":{"errcode":{"code":0}}}]"#,
        "errcode 0 is success",
    ),
    (
        "scripts",
        r#"[{"answer":{"http":{"status":99}}}]"#,
        "99 is no HTTP status",
    ),
    (
        "scripts",
        r#"[{"answer":{"delay":{"ms":600001}}}]"#,
        "600001",
    ),
    (
        "scripts",
        r#"[{"on":"sends","answer":{"drop":{}}}]"#,
        "unknown variant `sends`",
    ),
    ("failures", r#"{"ratio":1.5}"#, "ratio is 1.5"),
    ("failures", r#"{"ratio":-1}"#, "ratio is -1"),
    (
        "failures",
        r#"{"ratio":1,"answers":[{"errcode":{"code":0}}]}"#,
        "errcode 0",
    ),
    (
        "latency",
        r#"{"min_ms":5,"max_ms":4}"#,
        "min_ms 5 is more than max_ms 4",
    ),
    ("latency", r#"{"min_ms":700000}"#, "ten minutes"),
    (
        "latency",
        r#"{"lognormal":{"median_ms":-1,"sigma":1}}"#,
        "median_ms is -1",
    ),
    (
        "latency",
        r#"{"lognormal":{"median_ms":1,"sigma":9}}"#,
        "sigma is 9",
    ),
    ("latency", r#"{"slow_ratio":0.5}"#, "go together"),
    (
        "latency",
        r#"{"slow_ratio":2,"slow_ms":1}"#,
        "slow_ratio is 2",
    ),
    ("openids", r#"{"only":["x"]}"#, "\"x\" is no openid"),
    ("grants", "{}", "say `check`"),
    (
        "grants",
        r#"{"give":[{"openid":"o1","template":"X"}]}"#,
        "no app has a template X",
    ),
    (
        "grants",
        r#"{"give":[{"openid":"o1","template":"T","times":0}]}"#,
        "0 grants",
    ),
    ("users", r#"{"openid":"o1"}"#, "say `standing`"),
    ("users/login", r#"{"openid":"o 1"}"#, "is no openid"),
    (
        "users/login",
        r#"{"openid":"o1","appid":"wx9"}"#,
        "there is no app wx9; there is wx1",
    ),
    (
        "users/subscribe",
        r#"{"openid":"o1","answers":{"T":"maybe"}}"#,
        "begins with accept, reject, ban or filter, not `maybe`",
    ),
    ("users/settings", r#"{"openid":"o1"}"#, "say `main_switch`"),
    (
        "users/settings",
        r#"{"openid":"o1","templates":{"X":"off"}}"#,
        "wx1 has no template X",
    ),
    (
        "users/message",
        r#"{"openid":"o1","text":""}"#,
        "the text is empty",
    ),
    ("quota", r#"{"appid":"wx1"}"#, "at least one of"),
    (
        "quota",
        r#"{"cgi_path":"/x","used":1}"#,
        "/x is not served here",
    ),
    (
        "templates",
        r#"{"templates":{"":{}}}"#,
        "a template id is empty",
    ),
    (
        "templates",
        r#"{"templates":{"U":{"params":["thing 1"]}}}"#,
        "is no key",
    ),
    (
        "templates",
        r#"{"templates":{"U":{"params":["a1","a1"]}}}"#,
        "a1 twice",
    ),
    (
        "templates",
        r#"{"templates":{"U":{"params":["a1"],"enums":{"b2":[]}}}}"#,
        "b2",
    ),
    ("clock", r#"{"forward_s":99999999999}"#, "at most"),
];

#[tokio::test]
async fn odd_values_are_refused() {
    let (sandbox, client) = given(json!({})).await;
    for (path, body, expected) in ODD {
        check(&sandbox, &client, path, body, expected).await;
    }
}

#[tokio::test]
async fn unknown_calls_and_queries_are_refused_with_a_sentence() {
    let (sandbox, client) = given(json!({})).await;
    let base = sandbox.base_url();
    let status = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(answer["error"].is_string(), "{answer}");
        status
    };
    assert_eq!(
        status(client.post(format!("{base}/sandbox/nothing"))).await,
        404
    );
    assert_eq!(
        status(client.get(format!("{base}/sandbox/reset"))).await,
        405
    );
    assert_eq!(
        status(client.get(format!("{base}/sandbox/log?since=x"))).await,
        400
    );
    assert_eq!(
        status(client.get(format!("{base}/sandbox/log?from=1"))).await,
        400
    );
    assert_eq!(
        status(client.get(format!("{base}/sandbox/log?limit=0"))).await,
        400
    );
}

#[tokio::test]
async fn one_app_needs_no_name_and_several_do() {
    let settings = json!({ "apps": { "wx2": {} } });
    let (sandbox, client) = given(settings).await;
    check(
        &sandbox,
        &client,
        "users/login",
        r#"{"openid":"o1"}"#,
        "there are several apps",
    )
    .await;
    let named = json!({ "openid": "o1", "appid": "wx2" });
    assert!(control(&sandbox, &client, "users/login", named).await["code"].is_string());
}
