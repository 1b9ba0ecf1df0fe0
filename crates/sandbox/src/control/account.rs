//! Control over tokens and quotas.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::control::{DONE, Done, Odd, app, must, odd, read, wrong_method};
use crate::handle::Handle;
use crate::path::Path;
use crate::settings::Renewal;
use crate::state::{State, lock};

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/tokens/expire", post(expire_tokens).fallback(wrong_method))
        .route(
            "/tokens/invalidate",
            post(invalidate_tokens).fallback(wrong_method),
        )
        .route("/tokens/wedge", post(wedge_tokens).fallback(wrong_method))
        .route("/tokens/renew", post(renew_token).fallback(wrong_method))
        .route(
            "/quota",
            post(set_quota).delete(lift_quotas).fallback(wrong_method),
        )
}

#[derive(Serialize)]
struct EndedBody {
    ended: usize,
}

async fn expire_tokens(Shared(state): Shared<Arc<State>>) -> Json<EndedBody> {
    Json(EndedBody {
        ended: Handle::new(state).expire_tokens(),
    })
}

async fn invalidate_tokens(Shared(state): Shared<Arc<State>>) -> Json<EndedBody> {
    Json(EndedBody {
        ended: Handle::new(state).invalidate_tokens(),
    })
}

#[derive(Serialize)]
struct WedgedBody {
    wedged: usize,
}

async fn wedge_tokens(Shared(state): Shared<Arc<State>>) -> Json<WedgedBody> {
    Json(WedgedBody {
        wedged: Handle::new(state).wedge_tokens(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewBody {
    appid: Option<String>,
    by: Renewal,
}

#[derive(Serialize)]
struct RenewedBody {
    renewed: bool,
}

async fn renew_token(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<RenewedBody>, Odd> {
    let RenewBody { appid, by } = read(&body)?;
    let appid = app(&state, appid)?;
    let renewed = Handle::new(state).renew_token(&appid, by);
    Ok(Json(RenewedBody { renewed }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    appid: Option<String>,
    cgi_path: Option<String>,
    daily_limit: Option<u64>,
    minute_limit: Option<u64>,
    used: Option<u64>,
}

async fn set_quota(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let quota: QuotaBody = read(&body)?;
    let appid = app(&state, quota.appid)?;
    let path = match &quota.cgi_path {
        None => Path::Send,
        Some(name) => Path::of(name).ok_or_else(|| {
            let served: Vec<&str> = Path::served().map(Path::as_str).collect();
            odd(format!(
                "{name} is not served here; these are: {}",
                served.join(", ")
            ))
        })?,
    };
    must(
        quota.daily_limit.is_some() || quota.minute_limit.is_some() || quota.used.is_some(),
        || "say at least one of daily_limit, minute_limit and used".to_owned(),
    )?;
    let now_ms = state.clock.now_ms();
    let mut quotas = lock(&state.quotas);
    if let Some(limit) = quota.daily_limit {
        quotas.limit(&appid, path, limit);
    }
    if let Some(limit) = quota.minute_limit {
        quotas.limit_minute(&appid, path, limit);
    }
    if let Some(used) = quota.used {
        quotas.set_used(&appid, path, used, now_ms);
    }
    Ok(DONE)
}

async fn lift_quotas(Shared(state): Shared<Arc<State>>) -> Json<Done> {
    Handle::new(state).lift_quotas();
    DONE
}
