//! `/instances`: which instances there are, and which rules each runs.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Pages;
use super::refusal::refuse;
use wx_courier_core::instances::Instance;

/// A person waits for so long.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct All {
    instances: Vec<Instance>,
}

/// All instances that share the store.
pub(super) async fn list(State(pages): State<Pages>) -> Response {
    match tokio::time::timeout(PATIENCE, pages.instances.all()).await {
        Ok(Some(instances)) => Json(All { instances }).into_response(),
        Ok(None) | Err(_) => refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the state store does not answer, and only it knows all instances: /status tells of this one",
        ),
    }
}
