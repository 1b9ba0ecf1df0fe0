//! Trouble over HTTP: every call can break, and with a seed it breaks the same way.

use super::*;

#[tokio::test]
async fn every_call_can_be_broken() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let base = sandbox.base_url();
    let names = [
        ("gettemplate", "/wxaapi/newtmpl/gettemplate", true),
        ("getcategory", "/wxaapi/newtmpl/getcategory", true),
        (
            "getpubtemplatetitles",
            "/wxaapi/newtmpl/getpubtemplatetitles",
            true,
        ),
        (
            "getpubtemplatekeywords",
            "/wxaapi/newtmpl/getpubtemplatekeywords",
            true,
        ),
        ("addtemplate", "/wxaapi/newtmpl/addtemplate", false),
        ("deltemplate", "/wxaapi/newtmpl/deltemplate", false),
        ("custom_send", "/cgi-bin/message/custom/send", false),
        (
            "uniform_send",
            "/cgi-bin/message/wxopen/template/uniform_send",
            false,
        ),
        (
            "template_send",
            "/cgi-bin/message/wxopen/template/send",
            false,
        ),
        ("quota_get", "/cgi-bin/openapi/quota/get", false),
        ("quota_clear", "/cgi-bin/openapi/quota/clear", false),
        ("clear_quota", "/cgi-bin/clear_quota", false),
        ("clear_quota", "/cgi-bin/clear_quota/v2", false),
        ("rid_get", "/cgi-bin/openapi/rid/get", false),
        ("token", "/cgi-bin/token", true),
        ("token", "/cgi-bin/stable_token", false),
        ("login", "/sns/jscode2session", true),
        ("any", "/sns/jscode2session", true),
    ];
    for (name, path, is_get) in names {
        let http = json!({ "status": 502, "body": "<html>Bad Gateway</html>" });
        let scripts = json!([{ "on": name, "times": 1, "answer": { "http": http } }]);
        control(&sandbox, &client, "scripts", scripts).await;
        let url = format!("{base}{path}?access_token={token}");
        let request = if is_get {
            client.get(url)
        } else {
            client.post(url)
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 502, "{name}");
        assert_eq!(answer.headers()["content-type"], "text/html");
    }
    let left = get(&client, format!("{base}/sandbox/scripts")).await;
    assert_eq!(left, json!([]));
}

#[tokio::test]
async fn answers_break_off() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let scripts = json!([
        { "times": 1, "answer": { "truncate": { "bytes": 20 } } },
        { "times": 1, "answer": { "truncate": { "bytes": 0 } } },
    ]);
    control(&sandbox, &client, "scripts", scripts).await;
    let url = format!(
        "{}/cgi-bin/message/subscribe/send?access_token={token}",
        sandbox.base_url()
    );
    for expected in [r#"{"errcode":0,"errmsg"#, ""] {
        let answer = client.post(&url).body(BODY).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.unwrap(), expected);
    }
    let accepted = sandbox.handle().accepted();
    assert_eq!(accepted.len(), 2);
    assert!(accepted.iter().all(|it| it.answered_at_ms.is_none()));
}

#[tokio::test]
async fn failures_by_chance_meet_any_call() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let failures =
        json!({ "on": "gettemplate", "ratio": 1.0, "answers": [{ "errcode": { "code": 45009 } }] });
    control(&sandbox, &client, "failures", failures).await;
    let url = format!(
        "{}/wxaapi/newtmpl/gettemplate?access_token={token}",
        sandbox.base_url()
    );
    assert_eq!(get(&client, url.clone()).await["errcode"], 45009);
    assert_eq!(
        send(&sandbox, &client, &token, BODY).await.unwrap()["errcode"],
        0
    );
    let control = format!("{}/sandbox/failures", sandbox.base_url());
    client.delete(control).send().await.unwrap();
    assert_eq!(get(&client, url).await["errcode"], 0);
}

/// Everything that a run of calls gets to see, but for the times in request ids.
async fn seen(seed: u64) -> Vec<String> {
    let failures = json!({ "ratio": 0.4, "seed": seed });
    let settings =
        json!({ "seed": seed, "failures": failures, "tail": { "slow_ratio": 0.5, "slow_ms": 1 } });
    let (sandbox, client) = given(settings).await;
    let token = token(&sandbox, &client).await;
    let mut run = vec![token.clone()];
    for n in 0..30 {
        let answer = send(&sandbox, &client, &token, BODY).await.unwrap();
        let text = answer.to_string();
        let (before, rid) = text.split_once(" rid: ").unwrap_or((&text, ""));
        run.push(format!(
            "{before} {}",
            rid.split_once('-').unwrap_or_default().1
        ));
        if n % 10 == 0 {
            let made = control(&sandbox, &client, "users/login", json!({ "openid": "o1" })).await;
            run.push(made.to_string());
            let code = made["code"].as_str().unwrap();
            let login = format!(
                "{}/sns/jscode2session?appid=wx1&secret=s&js_code={code}&grant_type=authorization_code",
                sandbox.base_url()
            );
            run.push(get(&client, login).await.to_string());
        }
    }
    let handle = sandbox.handle();
    let latencies = (0..20).map(|_| handle.next_latency_ms().to_string());
    run.extend(latencies);
    run
}

#[tokio::test]
async fn a_seed_gives_the_same_run_again() {
    let first = seen(7).await;
    assert_eq!(first, seen(7).await);
    let other = seen(8).await;
    assert_ne!(first[0], other[0]);
    assert_ne!(first[1..], other[1..]);
    let n_failed = first
        .iter()
        .filter(|line| line.contains("system error"))
        .count();
    assert!((5..20).contains(&n_failed), "{n_failed}");
}
