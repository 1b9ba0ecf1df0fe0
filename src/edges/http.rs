//! Health, metrics and status for those who operate the service.

pub mod access;
pub mod grants;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::edges::listener::{self, Bound, PerAddress, Terms};
use crate::edges::store::StoreClient;
use crate::edges::wechat::TokenStatus;
use crate::pipeline::catalog::drift::TemplateStatus;
use crate::pipeline::engine;
use crate::pipeline::pauses::Subject;
use crate::pipeline::rules::RuleSet;
use crate::telemetry::{ListenerName, Metrics};
use access::{Access, Need};

/// What the service shows of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the service is in its life.
    pub phase: Phase,
    /// The version of the program.
    pub version: &'static str,
    /// The engine, as it was last seen.
    pub engine: engine::Status,
    /// The access tokens of each app, as they were last seen.
    pub tokens: BTreeMap<Arc<str>, TokenStatus>,
    /// How the templates of each app compare with what `WeChat` lists.
    pub templates: BTreeMap<Arc<str>, TemplateStatus>,
}

impl Report {
    /// What there is to say before the service runs.
    fn at_the_start() -> Self {
        Self {
            phase: Phase::WaitingForKafka,
            version: env!("CARGO_PKG_VERSION"),
            engine: engine::Status::default(),
            tokens: BTreeMap::new(),
            templates: BTreeMap::new(),
        }
    }
}

/// Where the service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No broker has answered yet.
    WaitingForKafka,
    /// It has not joined its group yet.
    Joining,
    /// It is a member of its group; it may hold no partition, if there are more members than partitions.
    Running,
    /// It finishes what it has begun.
    Draining,
}

/// What the pages are made from.
#[derive(Clone)]
struct Pages {
    reports: watch::Receiver<Report>,
    resumptions: mpsc::Sender<Arc<str>>,
    metrics: Arc<Metrics>,
    /// With the catalog that is in force.
    rules: watch::Receiver<Arc<RuleSet>>,
    store: StoreClient,
}

/// The service's end of the pages.
pub struct Counter {
    /// What the pages show is said here.
    pub reports: watch::Sender<Report>,
    /// Rules that somebody wants to go on.
    pub resumptions: mpsc::Receiver<Arc<str>>,
    /// Serves the pages. It ends only if something is wrong with it.
    pub serving: JoinHandle<()>,
}

/// The largest body: five hundred ledgers, with names as long as they may be.
const LARGEST_BODY_BYTES: usize = 256 * 1024;

/// A person asks for one rule at a time.
const RESUMPTIONS: usize = 16;

/// Opens the pages, until the process ends.
pub fn open(
    bound: Bound,
    access: &Access,
    metrics: Arc<Metrics>,
    rules: watch::Receiver<Arc<RuleSet>>,
    store: StoreClient,
) -> Counter {
    let (reports, watched) = watch::channel(Report::at_the_start());
    let (resumptions_in, resumptions) = mpsc::channel(RESUMPTIONS);
    let terms = Terms {
        name: ListenerName::Private,
        per_address: PerAddress::Unlimited,
        metrics: Arc::clone(&metrics),
    };
    let pages = Pages {
        reports: watched,
        resumptions: resumptions_in,
        metrics,
        rules,
        store,
    };
    let router = router(pages, access);
    let serving = tokio::spawn(listener::serve(
        bound,
        terms,
        router,
        std::future::pending(),
    ));
    Counter {
        reports,
        resumptions,
        serving,
    }
}

fn router(pages: Pages, access: &Access) -> Router {
    let guarded = |router: Router<Pages>, get, change| {
        let state = (access.clone(), get, change);
        router.route_layer(from_fn_with_state(state, access::check))
    };
    // A probe may use any name, and learns one word.
    let probes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    let looks = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/status", get(status));
    let ledgers = get(grants::look).put(grants::set).post(grants::set_many);
    let users = Router::new().route("/grants", ledgers);
    let changes = Router::new().route("/resume", post(resume));
    probes
        .merge(guarded(looks, Need::Look, Need::Look))
        .merge(guarded(users, Need::Users, Need::Change))
        .merge(guarded(changes, Need::Change, Need::Change))
        .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES))
        .with_state(pages)
}

/// The process lives: restarting it is for whoever gets no answer here.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The service does its work, or why not.
async fn readyz(State(pages): State<Pages>) -> Response {
    let (phase, store_is_down) = {
        let report = pages.reports.borrow();
        (report.phase, report.engine.store_is_down)
    };
    let why_not = match phase {
        Phase::Running if store_is_down => "the state store does not answer",
        Phase::Running => return "ready\n".into_response(),
        Phase::WaitingForKafka => "waiting for Kafka",
        Phase::Joining => "joining the consumer group",
        Phase::Draining => "shutting down",
    };
    let answer = format!("not ready: {why_not}\n");
    (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
}

#[derive(Deserialize)]
struct Resume {
    rule: String,
}

/// Lets a rule go on that its breaker has paused.
async fn resume(State(pages): State<Pages>, Query(Resume { rule }): Query<Resume>) -> Response {
    let subject = Subject::Rule(Arc::from(rule.as_str())).to_string();
    let is_paused = {
        let report = pages.reports.borrow();
        let mut pauses = report.engine.pauses.iter();
        pauses.any(|pause| pause.subject == subject)
    };
    if !is_paused {
        let answer = format!("the {subject} is not paused here\n");
        return (StatusCode::NOT_FOUND, answer).into_response();
    }
    match pages.resumptions.send(Arc::from(rule)).await {
        Ok(()) => format!("the {subject} goes on\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the service has ended\n").into_response(),
    }
}

async fn show_metrics(State(pages): State<Pages>) -> Response {
    let encoded = {
        let report = pages.reports.borrow();
        pages
            .metrics
            .encode(&report.engine, &report.tokens, &report.templates)
    };
    match encoded {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn status(State(pages): State<Pages>) -> Json<Report> {
    Json(pages.reports.borrow().clone())
}
