//! Control over trouble: scripted answers, random failures, latency.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;

use crate::control::{DONE, Done, Odd, must, odd, read, wrong_method};
use crate::handle::Handle;
use crate::latency::{self, Latency, LogNormal, Tail};
use crate::script::{Answer, Endpoint, Failures, Script};
use crate::state::State;

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route(
            "/scripts",
            get(scripts)
                .post(add_scripts)
                .delete(clear_scripts)
                .fallback(wrong_method),
        )
        .route(
            "/failures",
            post(fail_randomly)
                .delete(fail_no_more)
                .fallback(wrong_method),
        )
        .route("/latency", post(set_latency).fallback(wrong_method))
}

async fn scripts(Shared(state): Shared<Arc<State>>) -> Json<Vec<Script>> {
    Json(state.scripts.pending())
}

async fn add_scripts(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let scripts: Vec<Script> = read(&body)?;
    for script in &scripts {
        must(script.times != Some(0), || {
            "a script with times 0 never answers: leave it out".to_owned()
        })?;
        script.answer.check().map_err(odd)?;
    }
    for script in scripts {
        state.scripts.add(script);
    }
    Ok(DONE)
}

async fn clear_scripts(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    state.scripts.clear();
    DONE
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailuresBody {
    #[serde(default)]
    on: Endpoint,
    ratio: f64,
    /// The sandbox's own, unless said otherwise.
    seed: Option<u64>,
    #[serde(default)]
    answers: Vec<Answer>,
}

async fn fail_randomly(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: FailuresBody = read(&body)?;
    let seed = body.seed.or(state.settings.seed);
    let failures = Failures {
        ratio: body.ratio,
        seed: seed.unwrap_or_default(),
        answers: body.answers,
    };
    failures.check().map_err(odd)?;
    state.scripts.fail_randomly(body.on, Some(failures));
    Ok(DONE)
}

async fn fail_no_more(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    state.scripts.fail_nowhere();
    DONE
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyBody {
    #[serde(default)]
    min_ms: u64,
    max_ms: Option<u64>,
    lognormal: Option<LogNormal>,
    slow_ratio: Option<f64>,
    slow_ms: Option<u64>,
}

async fn set_latency(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: LatencyBody = read(&body)?;
    let latency = Latency {
        min_ms: body.min_ms,
        max_ms: body.max_ms.unwrap_or(body.min_ms),
    };
    must(latency.min_ms <= latency.max_ms, || {
        format!(
            "min_ms {} is more than max_ms {}",
            latency.min_ms, latency.max_ms
        )
    })?;
    must(body.slow_ratio.is_some() == body.slow_ms.is_some(), || {
        "slow_ratio and slow_ms go together".to_owned()
    })?;
    let tail = Tail {
        lognormal: body.lognormal,
        slow_ratio: body.slow_ratio.unwrap_or_default(),
        slow_ms: body.slow_ms.unwrap_or_default(),
    };
    latency::check(latency, tail).map_err(odd)?;
    Handle::new(state).set_latency_with_tail(latency, tail);
    Ok(DONE)
}
