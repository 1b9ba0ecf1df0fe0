//! The routes of the fake API, and the one way in which each call is counted, delayed and answered.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State as Shared};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::answer::{Refusal, Reply};
use crate::call::{self, Incoming};
use crate::control;
use crate::line::{Line, LineListener};
use crate::path::{Method, Path};
use crate::rids::{self, Refused};
use crate::state::{Running, State, lock};

/// WeChat's own bodies are a few hundred bytes; control calls may bring long lists.
pub(super) const BODY_LIMIT: usize = 16 * 1024 * 1024;

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
    let mut router = Router::new();
    for path in Path::served() {
        let handle = move |Shared(state): Shared<Arc<State>>,
                           ConnectInfo(line): ConnectInfo<Line>,
                           uri: Uri,
                           body: Result<Bytes, BytesRejection>| {
            call(path, state, line, uri, body)
        };
        let route = match path.method() {
            Method::Get => get(handle).fallback(require_get),
            Method::Post => post(handle).fallback(require_post),
        };
        router = router.route(path.as_str(), route);
    }
    router
        .fallback(unknown)
        // WeChat has no such page: it is for a script that waits until the sandbox is there, and no call.
        .route("/readyz", get(async || "ready\n"))
        .nest("/sandbox", control::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state)
}

async fn call(
    path: Path,
    state: Arc<State>,
    line: Line,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    state.counters.called(path);
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return control::unread(&rejection),
    };
    let in_progress = (path == Path::Send).then(|| state.counters.in_progress());
    let asked = Incoming {
        path,
        query: uri.query().unwrap_or_default(),
        body: &body,
        client: line.peer,
        now_ms: state.clock.now_ms(),
    };
    let ruling = call::rule(&state, &asked);
    let wait = state.latency().saturating_add(ruling.delay);
    if let Reply::Json {
        rid: Some(rid),
        body: said,
        ..
    } = &ruling.reply
        && let Some(appid) = rids::owner(&state, &asked)
    {
        let cost_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let refused = Refused::new(&asked, appid, said, cost_ms);
        lock(&state.rids).add(rid.clone(), refused);
    }
    drop(body);
    let response = answer(&state, &line, path, ruling.reply, wait).await;
    // A caller that hung up meanwhile took this task with it; a caller that the server's end cut off was told nothing.
    if let Some(taken) = ruling.told
        && *state.running.borrow() == Running::Up
    {
        lock(&state.log).answered(taken, state.clock.now_ms());
    }
    drop(ruling.occupied);
    drop(in_progress);
    response
}

async fn require_get(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(line): ConnectInfo<Line>,
) -> Response {
    refuse_path(&state, &line, 43001).await
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
    let reply = state.refuse(&Refusal::of(code), state.clock.now_ms());
    answer(state, line, Path::Unknown, reply, state.latency()).await
}

/// Counts the answer and gives it when its time has come. A server that goes down meanwhile cuts the connection, as a
/// process that dies would.
async fn answer(state: &State, line: &Line, path: Path, reply: Reply, wait: Duration) -> Response {
    state.counters.answered(path, &reply);
    if !wait.is_zero() && state.wait(wait).await == Running::Down {
        return Reply::Cut.into_response(line);
    }
    reply.into_response(line)
}
