//! Control over pushes: where they go, what is pushed, and what became of it.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::callbacks::{self, Callback, Punishment, Push, SentEvents, Signature, Stamp};
use crate::control::{
    DONE, Done, LogQuery, Odd, Parsed, app, given, must, odd, openid, read, wrong_method,
};
use crate::state::{State, lock};

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route(
            "/callbacks",
            get(registered)
                .post(register)
                .delete(unregister)
                .fallback(wrong_method),
        )
        .route(
            "/callbacks/sent_events",
            post(set_sent_events).fallback(wrong_method),
        )
        .route("/callbacks/push", post(push).fallback(wrong_method))
        .route("/callbacks/punish", post(punish).fallback(wrong_method))
        .route("/callbacks/log", get(log).fallback(wrong_method))
}

#[derive(Serialize)]
struct RegisteredBody {
    appid: String,
    url_check: &'static str,
}

async fn register(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<RegisteredBody>, Odd> {
    let mut body: Map<String, Value> = read(&body)?;
    let appid = match body.remove("appid") {
        None | Some(Value::Null) => None,
        Some(Value::String(appid)) => Some(appid),
        Some(other) => return Err(odd(format!("appid is {other}, which is no text"))),
    };
    let appid = app(&state, appid)?;
    let callback: Callback = serde_json::from_value(Value::Object(body))
        .map_err(|error| odd(format!("the body does not fit: {error}")))?;
    callbacks::register(&state, &appid, callback)
        .await
        .map_err(odd)?;
    Ok(Json(RegisteredBody {
        appid,
        url_check: "passed",
    }))
}

async fn registered(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let callbacks = lock(&state.callbacks);
    let registered = callbacks.registered();
    let registered: Map<String, Value> = registered
        .map(|(appid, callback)| {
            let shown = serde_json::to_value(callback.as_ref()).unwrap_or_default();
            (appid.clone(), shown)
        })
        .collect();
    Json(Value::Object(registered))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppQuery {
    appid: Option<String>,
}

async fn unregister(
    Shared(state): Shared<Arc<State>>,
    query: Parsed<AppQuery>,
) -> Result<Json<Done>, Odd> {
    let appid = app(&state, given(query)?.appid)?;
    must(lock(&state.callbacks).unregister(&appid), || {
        format!("{appid} has no address")
    })?;
    Ok(DONE)
}

async fn set_sent_events(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<Done>, Odd> {
    let events: SentEvents = read(&body)?;
    must(events.delay_ms <= 600_000, || {
        "delay_ms is more than ten minutes".to_owned()
    })?;
    for failure in &events.failures {
        must(failure.times != Some(0), || {
            "a failure with times 0 never happens: leave it out".to_owned()
        })?;
        must(failure.code != "0", || {
            "code \"0\" is success: leave the failure out".to_owned()
        })?;
        if let Some(listed) = &failure.openid {
            openid(listed)?;
        }
    }
    lock(&state.callbacks).sent_events = events;
    Ok(DONE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushBody {
    appid: Option<String>,
    again: Option<u64>,
    openid: Option<String>,
    message: Option<Map<String, Value>>,
    raw: Option<String>,
    #[serde(default)]
    signature: Signature,
    timestamp_s: Option<u64>,
}

#[derive(Serialize)]
struct PushedBody {
    index: u64,
}

async fn push(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<PushedBody>, Odd> {
    let body: PushBody = read(&body)?;
    let stamp = Stamp {
        signature: body.signature,
        timestamp_s: body.timestamp_s,
    };
    let index = match (body.again, body.message, body.raw) {
        (Some(again), None, None) => callbacks::push_again(&state, again).ok_or_else(|| {
            odd(format!(
                "push {again} is not in the log any more, or its app has no address"
            ))
        })?,
        (None, Some(message), None) => {
            let appid = app(&state, body.appid)?;
            let openid = body
                .openid
                .ok_or_else(|| odd("say whom it is from with `openid`"))?;
            self::openid(&openid)?;
            message
                .iter()
                .try_for_each(|(name, value)| named(name, value))?;
            callbacks::push(&state, &appid, &openid, message, stamp, 0)
                .ok_or_else(|| no_address(&appid))?
        }
        (None, None, Some(raw)) => {
            let appid = app(&state, body.appid)?;
            callbacks::push_raw(&state, &appid, &raw, stamp).ok_or_else(|| no_address(&appid))?
        }
        _ => return Err(odd("say one of `again`, `message` and `raw`")),
    };
    Ok(Json(PushedBody { index }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PunishBody {
    appid: Option<String>,
    event_type: u64,
    #[serde(default)]
    detail: Map<String, Value>,
    punish_id: Option<String>,
    reason: Option<String>,
}

async fn punish(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<PushedBody>, Odd> {
    let body: PunishBody = read(&body)?;
    let appid = app(&state, body.appid)?;
    let punishment = Punishment {
        event_type: body.event_type,
        detail: body.detail,
        punish_id: body.punish_id,
        reason: body.reason,
    };
    let index =
        callbacks::punished(&state, &appid, punishment).ok_or_else(|| no_address(&appid))?;
    Ok(Json(PushedBody { index }))
}

fn no_address(appid: &str) -> Odd {
    odd(format!(
        "{appid} has no address (POST /sandbox/callbacks), or too many pushes wait"
    ))
}

/// Every member of a message has to be a name in XML too.
fn named(name: &str, value: &Value) -> Result<(), Odd> {
    must(callbacks::is_name(name), || {
        format!("{name:?} cannot be an element of XML")
    })?;
    match value {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| named(name, value)),
        Value::Array(items) => items.iter().try_for_each(|item| named(name, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[derive(Serialize)]
struct PushesBody {
    /// The `since` of the next page.
    next: u64,
    /// Pushes that have not ended.
    waiting: usize,
    /// Pushes that found no place to wait in.
    dropped: u64,
    pushes: Vec<Push>,
}

async fn log(
    Shared(state): Shared<Arc<State>>,
    query: Parsed<LogQuery>,
) -> Result<Json<PushesBody>, Odd> {
    let query: LogQuery = given(query)?;
    let limit = query.limit()?;
    let callbacks = lock(&state.callbacks);
    let pushes = callbacks.log(query.since, limit);
    let next = pushes.last().map_or(query.since, |last| last.index + 1);
    Ok(Json(PushesBody {
        next,
        waiting: callbacks.n_waiting(),
        dropped: callbacks.n_dropped(),
        pushes,
    }))
}
