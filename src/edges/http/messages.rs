//! `/messages`: what the state store knows of one message, for `wx-courier explain`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Pages;
use super::refusal::refuse;
use wx_courier_core::state::Look;

/// The page.
pub const LOOK_PAGE: &str = "/messages";

/// The caller hears by then that the store is down.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// By which ids: at least one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    outcome_id: Option<Arc<str>>,
    message_id: Option<Arc<str>>,
}

/// The outcome and the claim of a message, and whether its receipt was published.
pub(super) async fn look(
    State(pages): State<Pages>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Asked {
        outcome_id,
        message_id,
    } = match query {
        Ok(Query(asked)) => asked,
        Err(rejection) => {
            let why = format!("the request cannot be read: {}", rejection.body_text());
            return refuse(rejection.status(), &why);
        }
    };
    if outcome_id.is_none() && message_id.is_none() {
        let why = "which message? say ?outcome_id=ID or ?message_id=ID";
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    let look = Look {
        outcome_id,
        message_id,
        now_ms: pages.clock.now_ms(),
    };
    match tokio::time::timeout(STORE_TIMEOUT, pages.store.ask(look)).await {
        Ok(Ok(Ok(looked))) => Json(looked).into_response(),
        Ok(Ok(Err(row))) => {
            let why = format!("the {} of the message cannot be read", row.as_str());
            refuse(StatusCode::SERVICE_UNAVAILABLE, &why)
        }
        Ok(Err(error)) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(_) => refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the state store does not answer",
        ),
    }
}
