//! How the private listener says no: `{"error":"…","message":"…"}`, by whatever a request was found wrong, and counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::telemetry::Metrics;

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    message: &'a str,
}

/// Marks an answer that is a refusal: `/readyz` says 503 as well, and refuses nothing.
#[derive(Clone, Copy)]
struct Refused;

/// A refusal in the word of its status.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    let error = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "bad_request",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "refused",
    };
    refuse_as(status, error, message)
}

/// A refusal in a word of its own.
pub(super) fn refuse_as(status: StatusCode, error: &str, message: &str) -> Response {
    let mut response = (status, Json(Body { error, message })).into_response();
    response.extensions_mut().insert(Refused);
    response
}

/// Counts refusals, whichever part made them.
pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<Refused>().is_some() {
        metrics.private_refusal(response.status().as_u16());
    }
    response
}
