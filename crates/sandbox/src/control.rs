//! The control API under `/sandbox/`: what a test or an operator says to the sandbox from outside. The module's own page
//! lists the calls.

mod account;
mod callbacks;
mod faults;
mod templates;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State as Shared};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::handle::Handle;
use crate::log::Accepted;
use crate::server::BODY_LIMIT;
use crate::state::State;
use crate::stats::Stats;

/// Entries of one page of the log unless the caller says otherwise.
const PAGE: usize = 1000;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .merge(account::router())
        .merge(callbacks::router())
        .merge(faults::router())
        .merge(templates::router())
        .merge(users::router())
        .route("/log", get(log).fallback(wrong_method))
        .route("/stats", get(stats).fallback(wrong_method))
        .route("/clock", post(put_clock_forward).fallback(wrong_method))
        .route("/reset", post(reset).fallback(wrong_method))
        .fallback(no_such_call)
        .layer(map_response(too_large))
}

/// A body that the framework did not take, in the form of all other errors.
pub(super) fn unread(rejection: &BytesRejection) -> Response {
    Odd(rejection.status(), rejection.body_text()).into_response()
}

/// No call of ours answers 413: this one is the framework's.
async fn too_large(response: Response) -> Response {
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let why = format!("the body has more than {BODY_LIMIT} bytes");
        return Odd(StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
    }
    response
}

async fn wrong_method(method: Method, uri: Uri) -> Odd {
    Odd(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not for /sandbox{}", uri.path()),
    )
}

async fn no_such_call(method: Method, uri: Uri) -> Odd {
    let path = uri.path();
    Odd(
        StatusCode::NOT_FOUND,
        format!("there is no control call {method} /sandbox{path}: docs/sandbox.md lists them"),
    )
}

/// The answer of a call that only changes something: an empty object.
#[derive(Serialize)]
struct Done {}

const DONE: Json<Done> = Json(Done {});

/// A call that makes no sense, and why.
#[derive(Debug)]
struct Odd(StatusCode, String);

#[derive(Serialize)]
struct OddBody {
    error: String,
}

impl IntoResponse for Odd {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (status, Json(OddBody { error })).into_response()
    }
}

fn odd(why: impl Into<String>) -> Odd {
    Odd(StatusCode::BAD_REQUEST, why.into())
}

/// Refuses unless it holds.
fn must(holds: bool, why: impl FnOnce() -> String) -> Result<(), Odd> {
    if holds { Ok(()) } else { Err(odd(why())) }
}

/// Reads JSON whatever its content type says, so that a bare `curl -d` works.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Odd> {
    if body.is_empty() {
        return Err(odd("the body is empty: this call wants JSON"));
    }
    serde_json::from_slice(body).map_err(|error| odd(format!("the body does not fit: {error}")))
}

/// A query that may be malformed.
type Parsed<T> = Result<Query<T>, QueryRejection>;

fn given<T: DeserializeOwned>(query: Parsed<T>) -> Result<T, Odd> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(odd(format!(
            "the query does not fit: {}",
            rejection.body_text()
        ))),
    }
}

/// The app that is meant; without a name the only one there is.
fn app(state: &State, appid: Option<String>) -> Result<String, Odd> {
    let apps = &state.settings.apps;
    let Some(appid) = appid else {
        let mut appids = apps.keys();
        return match (appids.next(), appids.next()) {
            (Some(only), None) => Ok(only.clone()),
            (Some(_), Some(_)) => Err(odd("there are several apps: say which with `appid`")),
            (None, _) => Err(odd("the sandbox has no apps: see its settings")),
        };
    };
    must(apps.contains_key(&appid), || {
        let known: Vec<&str> = apps.keys().map(String::as_str).collect();
        format!("there is no app {appid}; there is {}", known.join(", "))
    })?;
    Ok(appid)
}

/// An openid that could be one, whether or not the user exists at the moment.
fn openid(openid: &str) -> Result<(), Odd> {
    must(crate::settings::is_openid(openid), || {
        format!("{openid:?} is no openid: it begins with o and has at most 64 of A-Z a-z 0-9 _ -")
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    #[serde(default)]
    since: u64,
    limit: Option<usize>,
}

impl LogQuery {
    fn limit(&self) -> Result<usize, Odd> {
        let limit = self.limit.unwrap_or(PAGE);
        must(limit > 0, || "a page has at least 1 entry".to_owned())?;
        Ok(limit)
    }
}

#[derive(Serialize)]
struct LogBody {
    /// The `since` of the next page.
    next: u64,
    /// Accepted sends in all, kept or not.
    total: u64,
    /// Answers to sends by code, from the start on.
    errcodes: BTreeMap<i64, u64>,
    accepted: Vec<Accepted>,
}

async fn log(
    Shared(state): Shared<Arc<State>>,
    query: Parsed<LogQuery>,
) -> Result<Json<LogBody>, Odd> {
    let query = given(query)?;
    let handle = Handle::new(state);
    let accepted = handle.accepted_since(query.since, query.limit()?);
    let Stats {
        accepted: total,
        errcodes,
        ..
    } = handle.stats();
    let next = accepted.last().map_or(query.since, |last| last.index + 1);
    Ok(Json(LogBody {
        next,
        total,
        errcodes,
        accepted,
    }))
}

async fn stats(Shared(state): Shared<Arc<State>>) -> Json<Stats> {
    Json(Handle::new(state).stats())
}

async fn reset(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    state.reset();
    DONE
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    forward_s: u64,
}

#[derive(Serialize)]
struct ClockReading {
    now_ms: u64,
}

/// A hundred years, which is more than any test is about and keeps the calendar in its range.
const FARTHEST_S: u64 = 100 * 366 * 24 * 3600;

async fn put_clock_forward(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<ClockReading>, Odd> {
    let ClockBody { forward_s } = read(&body)?;
    must(forward_s <= FARTHEST_S, || {
        format!("forward_s is at most {FARTHEST_S}")
    })?;
    let now_ms = state.clock.now_ms();
    Handle::new(state).put_clock_forward(Duration::from_secs(forward_s));
    Ok(Json(ClockReading {
        now_ms: now_ms.saturating_add(forward_s.saturating_mul(1000)),
    }))
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    #[tokio::test]
    async fn what_the_framework_does_not_take_is_told_as_json() {
        let response = too_large(StatusCode::PAYLOAD_TOO_LARGE.into_response()).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}
