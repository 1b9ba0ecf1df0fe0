//! The control API under `/sandbox/`: what a test or an operator says to the sandbox from outside. The module's own page
//! lists the calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sandbox::Handle;
use crate::sandbox::log::Accepted;
use crate::sandbox::script::{Failures, Script};
use crate::sandbox::settings::{GrantCheck, Latency, Openids, Renewal};
use crate::sandbox::state::State;
use crate::sandbox::stats::Stats;

/// Entries of one page of the log unless the caller says otherwise.
const PAGE: usize = 1000;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route(
            "/scripts",
            get(scripts).post(add_scripts).delete(clear_scripts),
        )
        .route("/failures", post(fail_randomly).delete(fail_no_more))
        .route("/latency", post(set_latency))
        .route("/openids", post(set_openids))
        .route("/grants", post(grant))
        .route("/tokens/expire", post(expire_tokens))
        .route("/tokens/invalidate", post(invalidate_tokens))
        .route("/tokens/renew", post(renew_token))
        .route("/quota", post(set_quota).delete(lift_quotas))
        .route("/log", get(log))
        .route("/stats", get(stats))
        .route("/reset", post(reset))
}

/// The answer of a call that only changes something: an empty object.
#[derive(Serialize)]
struct Done {}

const DONE: Json<Done> = Json(Done {});

/// A body that cannot be read, and why.
type Unread = (StatusCode, Json<UnreadBody>);

#[derive(Serialize)]
struct UnreadBody {
    error: String,
}

/// Reads JSON whatever its content type says, so that a bare `curl -d` works.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unread> {
    serde_json::from_slice(body).map_err(|error| {
        let error = error.to_string();
        (StatusCode::BAD_REQUEST, Json(UnreadBody { error }))
    })
}

async fn scripts(Shared(state): Shared<Arc<State>>) -> Json<Vec<Script>> {
    Json(state.scripts.pending())
}

async fn add_scripts(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Unread> {
    let scripts: Vec<Script> = read(&body)?;
    for script in scripts {
        state.scripts.add(script);
    }
    Ok(DONE)
}

async fn clear_scripts(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    state.scripts.clear();
    DONE
}

async fn fail_randomly(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<Done>, Unread> {
    let failures: Failures = read(&body)?;
    state.scripts.fail_randomly(Some(failures));
    Ok(DONE)
}

async fn fail_no_more(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    state.scripts.fail_randomly(None);
    DONE
}

async fn set_latency(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Unread> {
    let latency: Latency = read(&body)?;
    Handle(state).set_latency(latency);
    Ok(DONE)
}

async fn set_openids(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Unread> {
    let openids: Openids = read(&body)?;
    Handle(state).set_openids(openids);
    Ok(DONE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantsBody {
    check: Option<GrantCheck>,
    #[serde(default)]
    give: Vec<GrantBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    openid: String,
    template: String,
    #[serde(default = "once")]
    times: u64,
}

fn once() -> u64 {
    1
}

async fn grant(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Unread> {
    let grants: GrantsBody = read(&body)?;
    let handle = Handle(state);
    for grant in grants.give {
        handle.grant(&grant.openid, &grant.template, grant.times);
    }
    if let Some(check) = grants.check {
        handle.check_grants(check);
    }
    Ok(DONE)
}

#[derive(Serialize)]
struct EndedBody {
    ended: usize,
}

async fn expire_tokens(Shared(state): Shared<Arc<State>>) -> Json<EndedBody> {
    Json(EndedBody {
        ended: Handle(state).expire_tokens(),
    })
}

async fn invalidate_tokens(Shared(state): Shared<Arc<State>>) -> Json<EndedBody> {
    Json(EndedBody {
        ended: Handle(state).invalidate_tokens(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewBody {
    appid: String,
    by: Renewal,
}

#[derive(Serialize)]
struct RenewedBody {
    renewed: bool,
}

async fn renew_token(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<RenewedBody>, Unread> {
    let RenewBody { appid, by } = read(&body)?;
    known(&state, &appid)?;
    let renewed = Handle(state).renew_token(&appid, by);
    Ok(Json(RenewedBody { renewed }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    appid: String,
    daily_limit: Option<u64>,
    used: Option<u64>,
}

async fn set_quota(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Unread> {
    let quota: QuotaBody = read(&body)?;
    known(&state, &quota.appid)?;
    let handle = Handle(state);
    if let Some(limit) = quota.daily_limit {
        handle.limit_quota(&quota.appid, limit);
    }
    if let Some(used) = quota.used {
        handle.set_quota_used(&quota.appid, used);
    }
    Ok(DONE)
}

async fn lift_quotas(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    Handle(state).lift_quotas();
    DONE
}

/// A call about an app that is not there would change nothing and say nothing.
fn known(state: &State, appid: &str) -> Result<(), Unread> {
    if state.app(appid).is_some() {
        return Ok(());
    }
    let error = format!("there is no app {appid}");
    Err((StatusCode::BAD_REQUEST, Json(UnreadBody { error })))
}

#[derive(Deserialize)]
struct LogQuery {
    #[serde(default)]
    since: u64,
    limit: Option<usize>,
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

async fn log(Shared(state): Shared<Arc<State>>, Query(query): Query<LogQuery>) -> Json<LogBody> {
    let handle = Handle(state);
    let accepted = handle.accepted_since(query.since, query.limit.unwrap_or(PAGE));
    let Stats {
        accepted: total,
        errcodes,
        ..
    } = handle.stats();
    let next = accepted.last().map_or(query.since, |last| last.index + 1);
    Json(LogBody {
        next,
        total,
        errcodes,
        accepted,
    })
}

async fn stats(Shared(state): Shared<Arc<State>>) -> Json<Stats> {
    Json(Handle(state).stats())
}

async fn reset(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    state.reset();
    DONE
}
