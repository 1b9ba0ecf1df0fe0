//! What the platform tells of an app and of its users, as a server gets it.

use super::pushes::{ended, pushing};
use super::*;

#[tokio::test]
async fn the_platform_tells_of_punishments_and_of_users_who_leave() {
    let (sandbox, client, listener) = pushing(json!({ "format": "json" })).await;
    let detail = json!({ "banned_days": [3], "banned_function_names": ["客服消息接口"] });
    let body = json!({ "event_type": 2, "detail": detail, "punish_id": "7" });
    let pushed = control(&sandbox, &client, "callbacks/punish", body).await;
    assert_eq!(pushed, json!({ "index": 0 }));
    let person = |codes: Option<&str>| match codes {
        Some(codes) => json!({ "openid": "o1", "codes": codes }),
        None => json!({ "openid": "o1" }),
    };
    control(&sandbox, &client, "users/revoke", person(Some("1"))).await;
    let give = json!([{ "openid": "o1", "template": "T" }]);
    control(&sandbox, &client, "grants", json!({ "give": give })).await;
    control(&sandbox, &client, "users/cancel", person(None)).await;
    ended(&sandbox, 3).await;
    let received = listener.received();
    let [punished, revoked, cancelled] = received.as_slice() else {
        panic!("{received:?}");
    };
    let (punished, revoked, cancelled) = (punished.json(), revoked.json(), cancelled.json());
    assert_eq!(punished["Event"], "wxa_punish_event");
    assert_eq!(punished["event_type"], 2);
    let told: Value = serde_json::from_str(punished["detail"].as_str().unwrap()).unwrap();
    assert_eq!(told, detail);
    assert_eq!(revoked["Event"], "user_authorization_revoke");
    assert_eq!(
        (&revoked["OpenID"], &revoked["RevokeInfo"]),
        (&json!("o1"), &json!("1"))
    );
    assert_ne!(revoked["FromUserName"], "o1");
    assert_eq!(cancelled["Event"], "user_authorization_cancellation");
    assert_eq!(cancelled["OpenID"], "o1");
    let users = format!("{}/sandbox/users?openid=o1", sandbox.base_url());
    let users = get(&client, users).await;
    assert_eq!(users["users"][0]["grants"], json!({}));
}
