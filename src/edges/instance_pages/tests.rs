//! An instance as it is asked from outside: what goes there, what is an answer, and what no answer may cost.

use axum::Router;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

const QUICK: Patience = Patience {
    time: Duration::from_secs(8),
    most_bytes: 1000,
};

/// Says what it was asked, and with what.
async fn echo(headers: HeaderMap, Query(query): Query<Vec<(String, String)>>) -> String {
    let said = |name: &str| {
        let value = headers.get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    json!([said("x-wx-courier"), said("authorization"), query]).to_string()
}

async fn serve() -> String {
    let refuse = async || {
        (
            StatusCode::CONFLICT,
            r#"{"error":"no","message":"not now"}"#,
        )
    };
    let router = Router::new()
        .route("/echo", get(echo).post(echo))
        .route("/refuse", post(refuse))
        .route("/fails", get(async || StatusCode::BAD_GATEWAY))
        .route("/long", get(async || vec![b'x'; 1001]))
        .route("/silent", get(async || std::future::pending::<()>().await));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(socket, router).await });
    address
}

async fn pages(patience: Patience) -> InstancePages {
    let token = Some(Secret::new("0123456789abcdef"));
    InstancePages::new(&serve().await, token, patience).unwrap()
}

/// An address at which nothing listens: its port was free a moment ago.
async fn nowhere() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    socket.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_proof_is_shown_where_one_is_wanted_and_nowhere_else() {
    let pages = pages(QUICK).await;
    let query = [("rule", "订单&1")];
    let proven = json!(["1", "Bearer 0123456789abcdef", query]);
    let heard = |answer: Result<String, Unanswered>| -> Value {
        serde_json::from_str(&answer.unwrap()).unwrap()
    };
    assert_eq!(heard(pages.look("/echo").await), json!([null, null, []]));
    assert_eq!(heard(pages.ask("/echo", &query).await), proven);
    assert_eq!(heard(pages.change("/echo", &query).await), proven);
    let by_document = pages.change_by("/echo", b"[]".to_vec()).await;
    assert_eq!(heard(by_document)[1], proven[1]);
}

#[tokio::test]
async fn each_kind_of_no_answer_is_told_apart() {
    let pages = pages(QUICK).await;
    let address = pages.address().to_owned();
    let refused = pages.change("/refuse", &[]).await.unwrap_err();
    assert_eq!(refused.to_string(), "not now");
    let Unanswered::Refused { status, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status, StatusCode::CONFLICT);
    let fails = pages.look("/fails").await.unwrap_err();
    assert_eq!(
        fails.in_words(),
        format!("the service at {address} answers 502 Bad Gateway")
    );
    let long = pages.look("/long").await.unwrap_err();
    assert!(matches!(long, Unanswered::TooLong { most: 1000, .. }));
    pages.is_there().await.unwrap();

    let nowhere = nowhere().await;
    let nobody = pages.at(&nowhere).ask("/echo", &[("openid", "o-1")]).await;
    let nobody = nobody.unwrap_err();
    assert!(nobody.is_nobody() && pages.at(&nowhere).is_there().await.is_err());
    let told = nobody.in_words();
    let begin = format!("no service answers at {nowhere}: ");
    assert!(told.starts_with(&begin) && !told.contains("o-1"), "{told}");
    let no_address = pages.at("no address").change("/echo", &[]).await;
    assert!(matches!(no_address, Err(Unanswered::NoAddress { .. })));
}

#[tokio::test]
async fn an_instance_that_is_silent_costs_no_more_than_the_time_for_it() {
    let patience = Patience {
        time: Duration::from_millis(50),
        ..QUICK
    };
    let silent = pages(patience).await.look("/silent").await.unwrap_err();
    assert!(!silent.is_nobody(), "{silent:?}");
    assert!(matches!(silent, Unanswered::Unreachable { .. }));
}
