//! What users do in the mini program, over HTTP.

use super::*;

#[tokio::test]
async fn accepts_add_up_and_sends_use_them_up() {
    let (sandbox, client) = given(json!({ "grants": "on" })).await;
    let token = token(&sandbox, &client).await;
    let errcode = async || send(&sandbox, &client, &token, BODY).await.unwrap()["errcode"].clone();
    let accept = json!({ "openid": "o1", "answers": { "T": "accept" } });
    assert_eq!(errcode().await, 43101);
    for _ in 0..2 {
        assert_eq!(
            control(&sandbox, &client, "users/subscribe", accept.clone()).await,
            json!({ "errMsg": "requestSubscribeMessage:ok", "T": "accept" })
        );
    }
    assert_eq!((errcode().await, errcode().await), (json!(0), json!(0)));
    assert_eq!(errcode().await, 43101);

    control(&sandbox, &client, "users/subscribe", accept.clone()).await;
    let url = format!("{}/sandbox/users?openid=o1", sandbox.base_url());
    assert_eq!(
        get(&client, url).await["users"][0]["grants"],
        json!({ "T": 1 })
    );
    let off = json!({ "openid": "o1", "templates": { "T": "off" } });
    control(&sandbox, &client, "users/settings", off).await;
    assert_eq!(errcode().await, 43101);
    control(&sandbox, &client, "users/subscribe", accept.clone()).await;
    assert_eq!(errcode().await, 0);

    control(&sandbox, &client, "users/subscribe", accept.clone()).await;
    let off = json!({ "openid": "o1", "main_switch": "off" });
    control(&sandbox, &client, "users/settings", off).await;
    assert_eq!(errcode().await, 43101);
    assert_eq!(
        control(&sandbox, &client, "users/subscribe", accept).await["errCode"],
        20004
    );
    let all = format!("{}/sandbox/users", sandbox.base_url());
    assert_eq!(get(&client, all).await["users"][0]["main_switch"], "off");
}

#[tokio::test]
async fn a_popup_that_cannot_come_says_why() {
    let (sandbox, client) = given(json!({})).await;
    let ask = json!({ "openid": "o1", "answers": { "X": "accept" } });
    assert_eq!(
        control(&sandbox, &client, "users/subscribe", ask).await,
        json!({
            "errMsg": "requestSubscribeMessage:fail No template data return, verify the template id exist",
            "errCode": 20001,
        })
    );
}

#[tokio::test]
async fn a_user_writes_and_is_answered() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let url = format!(
        "{}/cgi-bin/message/custom/send?access_token={token}",
        sandbox.base_url()
    );
    let body = r#"{"touser":"o1","msgtype":"text","text":{"content":"在的"}}"#;
    let errcode = async || post(&client, url.clone(), body).await.unwrap()["errcode"].clone();
    assert_eq!(errcode().await, 45015);
    let said = json!({ "openid": "o1", "text": "在吗" });
    let windows = control(&sandbox, &client, "users/message", said).await;
    assert_eq!(windows["windows"]["message"]["left"], 5);
    for _ in 0..5 {
        assert_eq!(errcode().await, 0);
    }
    assert_eq!(errcode().await, 45047);
    control(&sandbox, &client, "users/enter", json!({ "openid": "o1" })).await;
    assert_eq!((errcode().await, errcode().await), (json!(0), json!(0)));
    assert_eq!(errcode().await, 45047);
    control(
        &sandbox,
        &client,
        "clock",
        json!({ "forward_s": 48 * 3600 }),
    )
    .await;
    // The token is over by then, too.
    assert_eq!(errcode().await, 42001);

    let accepted = sandbox.handle().accepted();
    assert_eq!(accepted.len(), 7);
    assert_eq!(accepted[0].kind, MessageKind::Custom);
    assert_eq!(
        accepted[0].message.as_ref().unwrap()["text"]["content"],
        "在的"
    );
    assert!(accepted[0].answered_at_ms.is_some());
    let stats = sandbox.handle().stats();
    assert_eq!(stats.calls["/cgi-bin/message/custom/send"], 11);
}

#[tokio::test]
async fn customer_messages_are_scripted_by_user() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    let url = format!(
        "{}/cgi-bin/message/custom/send?access_token={token}",
        sandbox.base_url()
    );
    let scripts =
        json!([{ "on": "custom_send", "openid": "o2", "answer": { "errcode": { "code": -1 } } }]);
    control(&sandbox, &client, "scripts", scripts).await;
    let errcode = async |body: &'static str| {
        post(&client, url.clone(), body).await.unwrap()["errcode"].clone()
    };
    assert_eq!(errcode(r#"{"touser":"o2"}"#).await, -1);
    assert_eq!(errcode(r#"{"touser":"o1"}"#).await, 40008);
    assert_eq!(errcode(r#"{"touser":"x"}"#).await, 40003);
}

#[tokio::test]
async fn withdrawn_messages_are_refused() {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    for (path, code) in [("uniform_send", 45109), ("send", 45103)] {
        let url = format!(
            "{}/cgi-bin/message/wxopen/template/{path}?access_token={token}",
            sandbox.base_url()
        );
        assert_eq!(post(&client, url, "{}").await.unwrap()["errcode"], code);
    }
}
