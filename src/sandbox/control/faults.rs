//! Control over trouble: scripted answers, random failures, latency.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;

use crate::sandbox::control::{DONE, Done, Odd, must, read, wrong_method};
use crate::sandbox::handle::Handle;
use crate::sandbox::latency::{Latency, LogNormal, Tail};
use crate::sandbox::script::{Answer, Endpoint, Failures, Script};
use crate::sandbox::state::State;

/// Nobody waits longer for an answer, and a mistyped number should not stop a test for a day: ten minutes.
const LONGEST_MS: u64 = 600_000;

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
        check(&script.answer)?;
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

fn check(answer: &Answer) -> Result<(), Odd> {
    match answer {
        Answer::Errcode { code, .. } => must(*code != 0, || {
            "errcode 0 is success, which needs no script; `http` answers with any body".to_owned()
        }),
        Answer::Http { status, .. } => must((200..600).contains(status), || {
            format!("{status} is no HTTP status of an answer: 200 to 599")
        }),
        Answer::Hang { ms, .. } | Answer::Delay { ms } => bounded("ms", *ms),
        Answer::Drop { .. } | Answer::Reset { .. } | Answer::Truncate { .. } => Ok(()),
    }
}

fn bounded(name: &str, ms: u64) -> Result<(), Odd> {
    must(ms <= LONGEST_MS, || {
        format!("{name} is {ms}; at most {LONGEST_MS} are taken, which is ten minutes")
    })
}

fn is_share(name: &str, share: f64) -> Result<(), Odd> {
    must((0.0..=1.0).contains(&share), || {
        format!("{name} is {share}; a share is 0.0 to 1.0")
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailuresBody {
    #[serde(default)]
    on: Endpoint,
    ratio: f64,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    answers: Vec<Answer>,
}

async fn fail_randomly(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: FailuresBody = read(&body)?;
    is_share("ratio", body.ratio)?;
    body.answers.iter().try_for_each(check)?;
    let failures = Failures {
        ratio: body.ratio,
        seed: body.seed,
        answers: body.answers,
    };
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
    bounded("max_ms", latency.max_ms)?;
    if let Some(lognormal) = body.lognormal {
        must((0.0..=600_000.0).contains(&lognormal.median_ms), || {
            format!("median_ms is {}: 0 to 600000", lognormal.median_ms)
        })?;
        must((0.0..=5.0).contains(&lognormal.sigma), || {
            format!("sigma is {}: 0 to 5", lognormal.sigma)
        })?;
    }
    must(body.slow_ratio.is_some() == body.slow_ms.is_some(), || {
        "slow_ratio and slow_ms go together".to_owned()
    })?;
    let tail = Tail {
        lognormal: body.lognormal,
        slow_ratio: body.slow_ratio.unwrap_or_default(),
        slow_ms: body.slow_ms.unwrap_or_default(),
    };
    is_share("slow_ratio", tail.slow_ratio)?;
    bounded("slow_ms", tail.slow_ms)?;
    Handle::new(state).set_latency_with_tail(latency, tail);
    Ok(DONE)
}
