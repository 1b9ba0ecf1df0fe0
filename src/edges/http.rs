//! Health, metrics and status for those who operate the service.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::edges::wechat::TokenStatus;
use crate::pipeline::engine;
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
    /// The access tokens of each app, as they were last seen.
    pub tokens: BTreeMap<Arc<str>, TokenStatus>,
}

impl Report {
    /// What there is to say before the service runs.
    fn at_the_start() -> Self {
        Self {
            phase: Phase::WaitingForKafka,
            version: env!("CARGO_PKG_VERSION"),
            engine: engine::Status::default(),
            tokens: BTreeMap::new(),
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
    metrics: Arc<Metrics>,
}

/// Opens the pages, until the process ends; what they show is said through the sender.
pub fn open(listener: TcpListener, metrics: Arc<Metrics>) -> watch::Sender<Report> {
    let (reports, watched) = watch::channel(Report::at_the_start());
    tokio::spawn(async move {
        if let Err(error) = serve(listener, watched, metrics).await {
            tracing::error!(%error, "health, metrics and status are not served any more");
        }
    });
    reports
}

async fn serve(
    listener: TcpListener,
    reports: watch::Receiver<Report>,
    metrics: Arc<Metrics>,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(show_metrics))
        .route("/status", get(status))
        .with_state(Pages { reports, metrics });
    axum::serve(listener, router).await
}

/// The process lives: restarting it is for whoever gets no answer here.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The service does its work, or why not.
async fn readyz(State(pages): State<Pages>) -> Response {
    let phase = pages.reports.borrow().phase;
    match phase {
        Phase::Running => "ready\n".into_response(),
        Phase::WaitingForKafka => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: waiting for Kafka\n",
        )
            .into_response(),
        Phase::Joining => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: joining the consumer group\n",
        )
            .into_response(),
        Phase::Draining => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: shutting down\n",
        )
            .into_response(),
    }
}

async fn show_metrics(State(pages): State<Pages>) -> Response {
    let encoded = {
        let report = pages.reports.borrow();
        pages.metrics.encode(&report.engine, &report.tokens)
    };
    match encoded {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn status(State(pages): State<Pages>) -> Json<Report> {
    Json(pages.reports.borrow().clone())
}
