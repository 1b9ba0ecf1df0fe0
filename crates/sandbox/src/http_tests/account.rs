//! What the account tells of its tokens and its quota, and what another program does to them.

use super::*;

#[tokio::test]
async fn somebody_else_renews_tokens() {
    let (sandbox, client) = given(json!({ "token_overlap_ms": 0 })).await;
    let stable = token(&sandbox, &client).await;
    let url = format!(
        "{}/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=s",
        sandbox.base_url()
    );
    let classic = get(&client, url).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let renew = async |by: &str| {
        let body = json!({ "appid": "wx1", "by": by });
        control(&sandbox, &client, "tokens/renew", body).await["renewed"].clone()
    };
    let errcode =
        async |token: &str| send(&sandbox, &client, token, BODY).await.unwrap()["errcode"].clone();
    assert_eq!(renew("classic").await, true);
    assert_eq!(
        (errcode(&classic).await, errcode(&stable).await),
        (json!(40001), json!(0))
    );
    assert_eq!(renew("forced").await, true);
    assert_eq!(errcode(&stable).await, 40001);
    // Within thirty seconds the same token comes back.
    assert_eq!(renew("forced").await, false);
    let url = format!("{}/sandbox/tokens/renew", sandbox.base_url());
    let unknown = client
        .post(url)
        .body(r#"{"appid":"wx9","by":"forced"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 400);
    // What another program asked for is not among the calls.
    assert_eq!(sandbox.handle().stats().forced_refreshes, 0);
}

#[tokio::test]
async fn a_quota_ends_the_day() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let url = format!(
        "{}/cgi-bin/openapi/quota/get?access_token=",
        sandbox.base_url()
    );
    let quota = async |path: &str| {
        let body = json!({ "cgi_path": path }).to_string();
        post(&client, format!("{url}{token}"), body).await.unwrap()
    };
    let errcode = async || send(&sandbox, &client, &token, BODY).await.unwrap()["errcode"].clone();
    assert_eq!(errcode().await, 0);
    let send_path = "/cgi-bin/message/subscribe/send";
    assert_eq!(quota(send_path).await["quota"]["used"], 1);
    control(
        &sandbox,
        &client,
        "quota",
        json!({ "appid": "wx1", "daily_limit": 2 }),
    )
    .await;
    // A send that is refused counts too.
    assert_eq!(
        send(&sandbox, &client, &token, "{").await.unwrap()["errcode"],
        47001
    );
    assert_eq!(errcode().await, 45009);
    assert_eq!(
        quota(send_path).await["quota"],
        json!({ "daily_limit": 2, "used": 2, "remain": 0 })
    );
    control(
        &sandbox,
        &client,
        "quota",
        json!({ "appid": "wx1", "used": 0 }),
    )
    .await;
    assert_eq!(errcode().await, 0);
    sandbox.handle().limit_quota("wx1", 0);
    assert_eq!(errcode().await, 45009);
    sandbox.handle().lift_quotas();
    assert_eq!(errcode().await, 0);

    assert_eq!(quota("/cgi-bin/other").await["errcode"], 76021);
    let bare = async |body: &'static str, token: &str| {
        post(&client, format!("{url}{token}"), body).await.unwrap()["errcode"].clone()
    };
    assert_eq!(bare("", &token).await, 44002);
    assert_eq!(bare("[]", &token).await, 47001);
    assert_eq!(bare("{}", "").await, 41001);
    assert_eq!(bare("{}", "nonsense").await, 40014);
    assert_eq!(
        get(&client, format!("{url}{token}")).await["errcode"],
        43002
    );
}

#[tokio::test]
async fn forced_refreshes_are_counted() {
    let (sandbox, client) = given(json!({})).await;
    let first = token(&sandbox, &client).await;
    let url = format!("{}/cgi-bin/stable_token", sandbox.base_url());
    let body =
        r#"{"grant_type":"client_credential","appid":"wx1","secret":"s","force_refresh":true}"#;
    let second = post(&client, url.clone(), body).await.unwrap();
    assert_ne!(second["access_token"], first.as_str());
    let third = post(&client, url, body).await.unwrap();
    assert_eq!(third["access_token"], second["access_token"]);
    let stats = sandbox.handle().stats();
    assert_eq!((stats.forced_refreshes, stats.tokens_issued), (2, 2));
}

#[tokio::test]
async fn a_wedged_token_is_cured_by_force_and_can_be_wedged_again() {
    let (sandbox, client) = given(json!({})).await;
    let url = format!("{}/cgi-bin/stable_token", sandbox.base_url());
    let body =
        r#"{"grant_type":"client_credential","appid":"wx1","secret":"s","force_refresh":true}"#;
    let mut present = token(&sandbox, &client).await;
    let errcode =
        async |token: &str| send(&sandbox, &client, token, BODY).await.unwrap()["errcode"].clone();
    for _ in 0..2 {
        let wedged = control(&sandbox, &client, "tokens/wedge", json!(null)).await;
        assert_eq!(wedged["wedged"], 1);
        assert_eq!(errcode(&present).await, 40001);
        assert_eq!(token(&sandbox, &client).await, present);
        let forced = post(&client, url.clone(), body).await.unwrap();
        present = forced["access_token"].as_str().unwrap().to_owned();
        assert_eq!(errcode(&present).await, 0);
        control(&sandbox, &client, "clock", json!({ "forward_s": 65 })).await;
    }
}

#[tokio::test]
async fn each_path_has_its_quota_and_its_minute() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let base = sandbox.base_url();
    let list = async || {
        let url = format!("{base}/wxaapi/newtmpl/gettemplate?access_token={token}");
        get(&client, url).await["errcode"].clone()
    };
    let ask = async |path: &str, body: Value| {
        let url = format!("{base}/cgi-bin/{path}?access_token={token}");
        post(&client, url, body.to_string()).await.unwrap()
    };
    let path = json!({ "cgi_path": "/wxaapi/newtmpl/gettemplate" });
    control(
        &sandbox,
        &client,
        "quota",
        json!({ "cgi_path": path["cgi_path"], "daily_limit": 3, "minute_limit": 2 }),
    )
    .await;
    // Wherever the minute begins, three calls within it are one too many, and a fourth one in all is.
    let codes = [list().await, list().await, list().await, list().await];
    assert!(
        codes.contains(&json!(45011)) || codes.contains(&json!(45009)),
        "{codes:?}"
    );
    let quota = ask("openapi/quota/get", path.clone()).await;
    assert_eq!(quota["quota"]["daily_limit"], 3);
    let rate = json!({ "call_count": 2, "refresh_second": 60 });
    assert_eq!(
        (&quota["rate_limit"], &quota["component_rate_limit"]),
        (&rate, &rate)
    );

    control(&sandbox, &client, "clock", json!({ "forward_s": 60 })).await;
    let cleared = ask("openapi/quota/clear", path.clone()).await;
    assert_eq!(cleared, json!({ "errcode": 0, "errmsg": "ok" }));
    assert_eq!(
        ask("openapi/quota/get", path.clone()).await["quota"]["used"],
        0
    );
    assert_eq!(list().await, 0);
    assert_eq!(
        ask("clear_quota", json!({ "appid": "wx1" })).await["errcode"],
        0
    );
    assert_eq!(
        ask("openapi/quota/get", path.clone()).await["quota"]["used"],
        0
    );
    assert_eq!(
        ask("clear_quota", json!({ "appid": "wx9" })).await["errcode"],
        40013
    );
    assert_eq!(ask("clear_quota", json!({})).await["errcode"], 41002);
    let v2 = async |body: Value| {
        let url = format!("{base}/cgi-bin/clear_quota/v2");
        post(&client, url, body.to_string()).await.unwrap()["errcode"].clone()
    };
    assert_eq!(v2(json!({ "appid": "wx1", "appsecret": "s" })).await, 0);
    assert_eq!(v2(json!({ "appid": "wx1", "appsecret": "x" })).await, 40125);
    for _ in 0..8 {
        assert_eq!(v2(json!({ "appid": "wx1", "appsecret": "s" })).await, 0);
    }
    assert_eq!(v2(json!({ "appid": "wx1", "appsecret": "s" })).await, 48006);
    assert_eq!(
        ask("clear_quota", json!({ "appid": "wx1" })).await["errcode"],
        48006
    );
    let sns = json!({ "cgi_path": "/sns/jscode2session" });
    assert_eq!(ask("openapi/quota/get", sns).await["errcode"], 76021);
}

#[tokio::test]
async fn a_rid_explains_its_call() {
    let (sandbox, client) = given(json!({ "apps": { "wx2": { "secret": "s" } } })).await;
    let token = token(&sandbox, &client).await;
    let base = sandbox.base_url();
    let explain = async |token: &str, rid: &str| {
        let url = format!("{base}/cgi-bin/openapi/rid/get?access_token={token}");
        post(&client, url, json!({ "rid": rid }).to_string())
            .await
            .unwrap()
    };
    let refused = send(&sandbox, &client, &token, "{").await.unwrap();
    let rid = refused["errmsg"]
        .as_str()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    let explained = explain(&token, &rid).await;
    let request = &explained["request"];
    assert_eq!(
        request["request_url"],
        "https://api.weixin.qq.com/cgi-bin/message/subscribe/send?access_token=***"
    );
    assert_eq!(request["request_body"], "{");
    assert_eq!(request["response_body"], refused.to_string());
    assert_eq!(request["client_ip"], "127.0.0.1");
    assert!(request["invoke_time"].is_u64() && request["cost_in_ms"].is_u64());

    assert_eq!(
        explain(&token, "00000000-00000000-00000000").await["errcode"],
        76001
    );
    assert_eq!(explain(&token, "nonsense").await["errcode"], 76002);
    let other = r#"{"grant_type":"client_credential","appid":"wx2","secret":"s"}"#;
    let other = post(&client, format!("{base}/cgi-bin/stable_token"), other)
        .await
        .unwrap();
    let other = other["access_token"].as_str().unwrap();
    assert_eq!(explain(other, &rid).await["errcode"], 76003);
    control(
        &sandbox,
        &client,
        "clock",
        json!({ "forward_s": 8 * 24 * 3600 }),
    )
    .await;
    let fresh = super::token(&sandbox, &client).await;
    assert_eq!(explain(&fresh, &rid).await["errcode"], 76004);
}
