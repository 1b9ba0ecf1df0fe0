//! What the account tells of its tokens and its quota, and what somebody else does to them.

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
    // What somebody else asked for is not among the calls.
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
