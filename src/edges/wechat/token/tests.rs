//! One app's tokens against the sandbox.

use tokio::net::TcpListener;
use wx_courier_sandbox::{App as SandboxApp, Sandbox, Settings as SandboxSettings};

use super::super::client::{AppClient, Endpoint};
use super::*;
use crate::edges::wechat::test_app;

async fn given() -> (Sandbox, Arc<AppClient>) {
    let app = SandboxApp {
        secret: "s".to_owned(),
        ..SandboxApp::default()
    };
    let settings = SandboxSettings {
        apps: [("wx1".to_owned(), app)].into(),
        ..SandboxSettings::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sandbox = Sandbox::start(listener, settings).unwrap();
    let client = test_app::client(sandbox.base_url());
    (sandbox, client)
}

/// Calls until a token is taken, and says how many were refused before.
async fn call(client: &AppClient) -> usize {
    const LIST: Endpoint = Endpoint::new("/wxaapi/newtmpl/gettemplate");
    for n_refused in 0..10 {
        let token = client.tokens.token().await.unwrap();
        let answer = client.call(&token, LIST, None, |_| Ok(())).await;
        if answer.is_ok() {
            return n_refused;
        }
    }
    panic!("no token is taken: {:?}", client.tokens.status());
}

#[tokio::test]
async fn a_wedged_token_is_forced_and_late_answers_to_calls_with_it_accuse_no_program() {
    let (sandbox, client) = given().await;
    assert_eq!(call(&client).await, 0);
    let under_way = client.tokens.token().await.unwrap();
    assert_eq!(sandbox.handle().wedge_tokens(), 1);
    assert_eq!(call(&client).await, 2);
    // Our forced refresh has ended their token.
    for _ in 0..5 {
        client.tokens.refuse(&under_way, 40001);
    }
    assert_eq!(call(&client).await, 0);
    let status = client.tokens.status();
    assert_eq!(status.state, TokenState::Holding, "{status:?}");
    assert_eq!((status.forced, status.invalidated), (1, 0), "{status:?}");
    assert_eq!(sandbox.handle().stats().forced_refreshes, 1);
}

#[tokio::test]
async fn young_tokens_that_are_said_to_have_expired_were_ended_by_another_program() {
    let (sandbox, client) = given().await;
    assert_eq!(call(&client).await, 0);
    for n_died in 1..=3 {
        assert_eq!(sandbox.handle().expire_tokens(), 1);
        assert_eq!(call(&client).await, 1);
        assert_eq!(client.tokens.status().invalidated, n_died);
    }
    let status = client.tokens.status();
    assert_eq!(status.state, TokenState::InvalidatedByOthers, "{status:?}");
    assert_eq!(status.forced, 0, "{status:?}");
}
