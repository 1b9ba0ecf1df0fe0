//! The routes of the fake API, and the one way in which each call is counted, delayed and answered.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, State as Shared};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::sandbox::account::{self, Credentials};
use crate::sandbox::answer::{Refusal, Reply};
use crate::sandbox::control;
use crate::sandbox::line::{Line, LineListener};
use crate::sandbox::quota;
use crate::sandbox::send;
use crate::sandbox::state::{Running, State, lock};
use crate::sandbox::stats::Path;

/// WeChat's own bodies are a few hundred bytes; control calls may bring long lists.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Serves until the state says that the server is down.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) -> io::Result<()> {
    let mut running = state.running.subscribe();
    let app = router(Arc::clone(&state)).into_make_service_with_connect_info::<Line>();
    axum::serve(LineListener(listener), app)
        .with_graceful_shutdown(async move {
            // An error means that the state is gone, and with it the server.
            drop(running.wait_for(|running| *running == Running::Down).await);
        })
        .await
}

fn router(state: Arc<State>) -> Router {
    Router::new()
        .route(Path::Send.as_str(), post(send).fallback(require_post))
        .route(
            Path::StableToken.as_str(),
            post(stable_token).fallback(require_post),
        )
        .route(Path::Token.as_str(), get(token))
        .route(Path::Login.as_str(), get(login))
        .route(Path::Templates.as_str(), get(templates))
        .route(Path::Quota.as_str(), post(quota).fallback(require_post))
        .fallback(unknown)
        .nest("/sandbox", control::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenQuery {
    access_token: Option<String>,
}

/// A query that may be malformed: the real API complains of what it lacks, with status 200.
type Parsed<T> = Result<Query<T>, QueryRejection>;

fn given<T: Default>(query: Parsed<T>) -> T {
    query.map(|Query(query)| query).unwrap_or_default()
}

async fn send(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
    query: Parsed<TokenQuery>,
    body: Bytes,
) -> Response {
    state.counters.called(Path::Send);
    let _in_progress = state.counters.in_progress();
    let ruling = send::judge(&state, given(query).access_token.as_deref(), &body);
    drop(body);
    let response = answer(&state, &line, Path::Send, ruling.reply, ruling.delay).await;
    // A caller who hung up meanwhile took this task with him; one whom the server's end cut off was told nothing.
    if let Some(taken) = ruling.told
        && *state.running.borrow() == Running::Up
    {
        lock(&state.log).answered(taken, state.clock.now_ms());
    }
    drop(ruling.occupied);
    response
}

async fn stable_token(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
    body: Bytes,
) -> Response {
    state.counters.called(Path::StableToken);
    let (reply, delay) = account::stable_token(&state, &body);
    answer(&state, &line, Path::StableToken, reply, delay).await
}

async fn token(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
    credentials: Parsed<Credentials>,
) -> Response {
    state.counters.called(Path::Token);
    let (reply, delay) = account::classic_token(&state, &given(credentials));
    answer(&state, &line, Path::Token, reply, delay).await
}

async fn login(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
    credentials: Parsed<Credentials>,
) -> Response {
    state.counters.called(Path::Login);
    let (reply, delay) = account::login(&state, &given(credentials));
    answer(&state, &line, Path::Login, reply, delay).await
}

async fn templates(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
    query: Parsed<TokenQuery>,
) -> Response {
    state.counters.called(Path::Templates);
    let reply = account::templates(&state, given(query).access_token.as_deref());
    answer(&state, &line, Path::Templates, reply, Duration::ZERO).await
}

async fn quota(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
    query: Parsed<TokenQuery>,
    body: Bytes,
) -> Response {
    state.counters.called(Path::Quota);
    let reply = quota::get(&state, given(query).access_token.as_deref(), &body);
    answer(&state, &line, Path::Quota, reply, Duration::ZERO).await
}

async fn require_post(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
) -> Response {
    refuse_path(&state, &line, 43002).await
}

async fn unknown(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
) -> Response {
    refuse_path(&state, &line, 40066).await
}

async fn refuse_path(state: &State, line: &Line, code: i64) -> Response {
    state.counters.called(Path::Unknown);
    let reply = Reply::refused(&Refusal::of(code), state.clock.now_ms());
    answer(state, line, Path::Unknown, reply, Duration::ZERO).await
}

/// Counts the answer and gives it when its time has come. A server that goes down meanwhile cuts the connection, as a
/// process that dies would.
async fn answer(state: &State, line: &Line, path: Path, reply: Reply, delay: Duration) -> Response {
    state.counters.answered(path, &reply);
    let wait = state.latency().saturating_add(delay);
    if !wait.is_zero() && state.wait(wait).await == Running::Down {
        return Reply::Cut.into_response(line);
    }
    reply.into_response(line)
}
