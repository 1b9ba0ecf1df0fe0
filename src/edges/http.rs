//! Health, metrics and status for those who operate the service.

pub mod grants;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::edges::clock::Clock;
use crate::edges::store::StoreClient;
use crate::edges::wechat::TokenStatus;
use crate::pipeline::calendar::CalendarStatus;
use crate::pipeline::catalog::drift::TemplateStatus;
use crate::pipeline::engine;
use crate::pipeline::pauses::Subject;
use crate::pipeline::rules::RuleSet;
use crate::telemetry::Metrics;

/// What the service shows of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the service is in its life.
    pub phase: Phase,
    /// The version of the program.
    pub version: &'static str,
    /// The engine, as it was last seen.
    pub engine: engine::Status,
    /// Whether the system's calendar is followed.
    pub calendar: CalendarStatus,
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
            calendar: CalendarStatus::default(),
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
    clock: Clock,
}

/// The service's end of the pages.
pub struct Counter {
    /// What the pages show is said here.
    pub reports: watch::Sender<Report>,
    /// Rules that somebody wants to go on.
    pub resumptions: mpsc::Receiver<Arc<str>>,
}

/// A person asks for one rule at a time.
const RESUMPTIONS: usize = 16;

/// Opens the pages, until the process ends.
pub fn open(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    rules: watch::Receiver<Arc<RuleSet>>,
    store: StoreClient,
    clock: Clock,
) -> Counter {
    let (reports, watched) = watch::channel(Report::at_the_start());
    let (resumptions_in, resumptions) = mpsc::channel(RESUMPTIONS);
    let pages = Pages {
        reports: watched,
        resumptions: resumptions_in,
        metrics,
        rules,
        store,
        clock,
    };
    tokio::spawn(async move {
        if let Err(error) = serve(listener, pages).await {
            tracing::error!(%error, "health, metrics and status are not served any more");
        }
    });
    Counter {
        reports,
        resumptions,
    }
}

async fn serve(listener: TcpListener, pages: Pages) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(show_metrics))
        .route("/status", get(status))
        .route("/resume", post(resume))
        .route(
            "/grants",
            get(grants::look).put(grants::set).post(grants::set_many),
        )
        .fallback(async || {
            refuse(
                StatusCode::NOT_FOUND,
                "nothing is here: docs/settings.md lists the pages",
            )
        })
        .method_not_allowed_fallback(async || {
            refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "this page has another method",
            )
        })
        .with_state(pages);
    axum::serve(listener, router).await
}

/// Every error is a sentence, whoever finds it: ours, or the framework.
fn refuse(status: StatusCode, why: &str) -> Response {
    (status, format!("{why}\n")).into_response()
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
async fn resume(
    State(pages): State<Pages>,
    query: Result<Query<Resume>, QueryRejection>,
) -> Response {
    let Ok(Query(Resume { rule })) = query else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "expected the name of a rule: /resume?rule=NAME",
        );
    };
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
        pages.metrics.encode(
            &report.engine,
            report.calendar,
            &report.tokens,
            &report.templates,
        )
    };
    match encoded {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn status(State(pages): State<Pages>) -> Json<Report> {
    Json(pages.reports.borrow().clone())
}
