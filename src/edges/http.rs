//! Health, metrics and status for the operators of the service.

pub mod access;
pub mod actor;
pub mod audit;
pub mod grants;
mod holds;
mod instances;
pub mod messages;
mod refusal;
pub mod reload;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::StateUrl;
use crate::edges::clock::Clock;
use crate::edges::holds::HoldsClient;
use crate::edges::instances::{self as all_instances, Identity, InstancesClient};
use crate::edges::kafka::producer::mode::Chosen;
use crate::edges::kafka::trouble::ClusterStatus;
use crate::edges::listener::{self, Bound, PerAddress, Terms};
use crate::edges::store::{StateStatus, StoreClient};
use crate::edges::wechat::TokenStatus;
use crate::telemetry::{ListenerName, Metrics, UnknownName};
use access::{Access, Need};
use audit::{Asker, Auditor, Unrecorded};
use refusal::refuse;
use reload::ReloadStatus;
use wx_courier_core::calendar::CalendarStatus;
use wx_courier_core::catalog::drift::TemplateStatus;
use wx_courier_core::flow;
use wx_courier_core::model::audit::{Action, Ended, What, facts};
use wx_courier_core::model::{Moment, rfc3339_ms};
use wx_courier_core::rules::RuleSet;

/// What the service shows of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the service is in its life.
    pub phase: Phase,
    /// Since when: RFC 3339, UTC. Nothing before the process has a broker.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase_since: String,
    /// The version of the program.
    pub version: &'static str,
    /// The engine, as it was last seen.
    pub engine: flow::Status,
    /// What came of it that the rules and settings were read again.
    pub reload: ReloadStatus,
    /// What keeps the service from the cluster.
    pub cluster: ClusterStatus,
    /// Outcomes that Kafka does not take, if there are such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublished: Option<flow::Unpublished>,
    /// Which producer publishes outcomes, and why; nothing before the cluster was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub producer: Option<Chosen>,
    /// Whether the system's calendar is followed.
    pub calendar: CalendarStatus,
    /// The access tokens of each app, as they were last seen.
    pub tokens: BTreeMap<Arc<str>, TokenStatus>,
    /// How the templates of each app compare with what `WeChat` lists.
    pub templates: BTreeMap<Arc<str>, TemplateStatus>,
    /// The state store, as it was last seen.
    pub state: StateStatus,
    /// What `WeChat` has said and this version does not know.
    pub unknown: Vec<UnknownName>,
}

impl Phase {
    /// The word of `/status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitingForKafka => "waiting_for_kafka",
            Self::Joining => "joining",
            Self::Running => "running",
            Self::Draining => "draining",
        }
    }
}

impl Report {
    /// What there is to say before the service runs.
    fn at_the_start() -> Self {
        Self {
            phase: Phase::WaitingForKafka,
            phase_since: String::new(),
            version: env!("CARGO_PKG_VERSION"),
            engine: flow::Status::default(),
            reload: ReloadStatus::default(),
            cluster: ClusterStatus::default(),
            unpublished: None,
            producer: None,
            calendar: CalendarStatus::default(),
            tokens: BTreeMap::new(),
            templates: BTreeMap::new(),
            state: StateStatus::default(),
            unknown: Vec::new(),
        }
    }

    /// What keeps the service from its work, in words.
    fn why_not_ready(&self) -> Option<String> {
        let cluster = self.cluster.why_not_ready();
        let phase = match self.phase {
            Phase::Running => None,
            Phase::WaitingForKafka => Some("waiting for Kafka".to_owned()),
            Phase::Joining => Some(format!(
                "joining the consumer group since {}{}",
                self.phase_since, WHY_JOINING_LASTS
            )),
            Phase::Draining => return Some("shutting down".to_owned()),
        };
        let state = self.state_trouble();
        let unpublished = self.unpublished.as_ref().map(ToString::to_string);
        let why_not: Vec<String> = phase
            .into_iter()
            .chain(state.map(str::to_owned))
            .chain(cluster)
            .chain(unpublished)
            .collect();
        (!why_not.is_empty()).then(|| why_not.join("; "))
    }

    /// The service has passed into another phase.
    pub fn passes_into(&mut self, phase: Phase, now: Moment) {
        self.phase = phase;
        self.phase_since = rfc3339_ms(now.unix_ms);
    }

    fn state_trouble(&self) -> Option<&'static str> {
        let loss = self.state.loss.as_ref();
        if loss.is_some_and(|loss| loss.paused) {
            Some("the state is lost: see /status; `wx-courier state resume` goes on without it")
        } else if self.engine.store_is_down {
            Some("the state store does not answer")
        } else {
            None
        }
    }
}

/// What most often makes it last, for who waits.
pub const WHY_JOINING_LASTS: &str = "; where a member was killed, the group waits for the end of its session: session.timeout.ms, 45 s by default";

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
    holds: HoldsClient,
    /// How far what a person stops is kept.
    reach: &'static str,
    metrics: Arc<Metrics>,
    /// With the catalog that is in force.
    rules: watch::Receiver<Arc<RuleSet>>,
    store: StoreClient,
    instances: InstancesClient,
    reloads: mpsc::Sender<reload::Asked>,
    audit: Auditor,
    clock: Clock,
}

/// The service's handle on the pages: it says what they show, and hears what they ask.
pub struct StatusHandle {
    /// What the pages show is said here.
    pub reports: watch::Sender<Report>,
    /// Who wants that rules and settings are read again.
    pub reloads: mpsc::Receiver<reload::Asked>,
    /// Serves the pages. It ends only if something is wrong with it.
    pub serving: JoinHandle<()>,
}

/// The largest body: five hundred ledgers, with names as long as they may be.
const LARGEST_BODY_BYTES: usize = 256 * 1024;

/// Opens the pages, until the process ends.
pub fn open(
    bound: Bound,
    access: &Access,
    metrics: Arc<Metrics>,
    rules: watch::Receiver<Arc<RuleSet>>,
    (store, holds, state): (StoreClient, HoldsClient, &StateUrl),
    audit: Auditor,
    clock: Clock,
) -> StatusHandle {
    let (reports, watched) = watch::channel(Report::at_the_start());
    let (reloads_in, reloads) = mpsc::channel(reload::MOST_ASKED);
    let identity = Identity {
        id: fastrand::u64(..),
        listens: bound
            .socket
            .local_addr()
            .map_or_else(|_| String::new(), |at| at.to_string()),
    };
    let (instances, noting) = all_instances::open(
        store.clone(),
        clock.clone(),
        state,
        identity,
        watched.clone(),
    );
    let terms = Terms {
        name: ListenerName::Private,
        per_address: PerAddress::Unlimited,
        metrics: Arc::clone(&metrics),
    };
    let pages = Pages {
        reports: watched,
        holds,
        reach: holds::reach(state),
        metrics,
        rules,
        instances,
        store,
        reloads: reloads_in,
        audit: audit.clone(),
        clock,
    };
    let router = router(pages, access);
    let serving = tokio::spawn(async move {
        // All live as long as the process: one that ends ends the others, and that is told.
        tokio::select! {
            () = listener::serve(bound, terms, router, std::future::pending()) => {}
            _ = noting => {}
            () = audit.write_sets() => {}
        }
    });
    StatusHandle {
        reports,
        reloads,
        serving,
    }
}

fn router(pages: Pages, access: &Access) -> Router {
    let guarded = |router: Router<Pages>, get, change| {
        let state = (access.clone(), get, change);
        router.route_layer(from_fn_with_state(state, access::check))
    };
    // A probe may use any name, and learns little: one word, or why not.
    let probes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    let looks = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/status", get(status))
        .route("/rules", get(rules::list))
        .route("/instances", get(instances::list));
    let ledgers = get(grants::look).put(grants::set).post(grants::set_many);
    let users = Router::new()
        .route("/grants", ledgers)
        .route(messages::LOOK_PAGE, get(messages::look));
    let changes = Router::new()
        .route("/pause", post(holds::pause))
        .route("/resume", post(holds::resume))
        .route("/reload", post(reload::reload))
        .route("/state/resume", post(resume_state));
    probes
        .merge(guarded(looks, Need::Look, Need::Look))
        .merge(guarded(users, Need::Users, Need::Change))
        .merge(guarded(changes, Need::Change, Need::Change))
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
        .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES))
        .layer(from_fn_with_state(
            Arc::clone(&pages.metrics),
            refusal::count,
        ))
        .with_state(pages)
}

/// The process lives: a supervisor that gets no answer here restarts it.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The service does its work, or why not.
async fn readyz(State(pages): State<Pages>) -> Response {
    let Some(why_not) = pages.reports.borrow().why_not_ready() else {
        return "ready\n".into_response();
    };
    let answer = format!("not ready: {why_not}\n");
    (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
}

/// Lets the service go on without the state that it has lost.
async fn resume_state(State(pages): State<Pages>, asker: Asker) -> Response {
    let not_lost = || refuse(StatusCode::NOT_FOUND, "no state is lost here");
    let Some(loss) = pages.store.loss().filter(|loss| loss.paused) else {
        return not_lost();
    };
    let action = Action {
        what: What::StateResume,
        subject: "state".to_owned(),
        before: Some(facts([
            ("lost", loss.what.into()),
            ("noticed_at", loss.noticed_at.into()),
            ("paused", true.into()),
        ])),
        after: Some(facts([("paused", false.into())])),
        why: asker.why.clone(),
    };
    // What was sent may be sent again, and nothing takes that back. Where Kafka is away, nothing would be sent meanwhile.
    let recorded = match pages.audit.note(&asker, action, Unrecorded::Refused).await {
        Ok(recorded) => recorded,
        Err(refusal) => return *refusal,
    };
    if pages.store.resume() {
        return "the service goes on without the state that was lost\n".into_response();
    }
    let detail = "the state was not lost any more";
    pages.audit.conclude(recorded, Ended::Unchanged, detail);
    not_lost()
}

async fn show_metrics(State(pages): State<Pages>) -> Response {
    let encoded = {
        let report = pages.report();
        pages.metrics.encode(
            &report.engine,
            report.calendar,
            &report.tokens,
            &report.templates,
            &report.state,
            &report.cluster,
        )
    };
    match encoded {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn status(State(pages): State<Pages>) -> Json<Report> {
    let mut report = pages.report();
    report.unknown = pages.metrics.unknown().list();
    Json(report)
}
