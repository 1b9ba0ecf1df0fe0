//! What a service is opened with, in `run` and in the demo: its store, its pages, and the tasks beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::actor;
use super::reload::{Beginning, InForce, ReloadAudit, Reloader};
use crate::config::Settings;
use crate::edges::audit::AuditClient;
use crate::edges::clock::Clock;
use crate::edges::descriptors::Descriptors;
use crate::edges::holds::{self, HoldsClient};
use crate::edges::http::access::Access;
use crate::edges::http::audit::Auditor;
use crate::edges::http::{self, Report};
use crate::edges::kafka::producer::mode::Chosen;
use crate::edges::kafka::trouble::Troubles;
use crate::edges::listener::Bound;
use crate::edges::store::{Store, Stored};
use crate::edges::wechat::WeChat;
use crate::service::{Parts, cluster};
use crate::telemetry::Metrics;
use wx_courier_core::holds::Stopped;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::admission::AppBounds;

pub(super) const PAGES: &str = "the task that serves health, metrics and status";
pub(super) const RELOAD: &str = "the task that reads rules again";
pub(super) const KEEPER: &str = "the task that asks what is stopped";
pub(super) const WATCH: &str = "the task that tells of troubles with the cluster";

/// Tasks that have to live as long as the service, and what they are.
pub(super) type Needed = [(JoinHandle<()>, &'static str); 4];

/// Comes back when a task has ended that has to live as long as the service, and says which.
pub(super) async fn first_death(tasks: &mut Needed) -> &'static str {
    let [(first, a), (second, b), (third, c), (fourth, d)] = tasks;
    tokio::select! {
        _ = first => a,
        _ = second => b,
        _ = third => c,
        _ = fourth => d,
    }
}

/// Everything but what Kafka has to be asked for. From here on the process can be asked how it is.
pub(super) struct Opened {
    clock: Clock,
    pub(super) settings: Arc<Settings>,
    rules: watch::Receiver<Arc<RuleSet>>,
    apps: watch::Receiver<BTreeMap<Arc<str>, AppBounds>>,
    wechat: Arc<WeChat>,
    reports: watch::Sender<Report>,
    holds: HoldsClient,
    resumptions: mpsc::UnboundedReceiver<Stopped>,
    store: Store,
    stored: mpsc::UnboundedReceiver<Stored>,
    metrics: Arc<Metrics>,
    pub(super) troubles: Troubles,
    pub(super) descriptors: Descriptors,
    /// The tasks without which it does not go on.
    pub(super) needed: Needed,
}

impl Opened {
    /// Opens store and pages, and starts the tasks. It needs a runtime.
    pub(super) fn new(
        socket: TcpListener,
        access: &Access,
        hangups: Signal,
        beginning: Beginning,
        rules: Arc<RuleSet>,
    ) -> anyhow::Result<Self> {
        let settings = Arc::clone(&beginning.settings);
        let descriptors = Descriptors::raise_limit(&settings);
        let clock = Clock::start();
        let metrics = Metrics::new()?;
        let (stored_in, stored) = mpsc::unbounded_channel();
        let store = Store::start(&settings.state, &settings.kafka.group, stored_in)?;
        let in_force = InForce::new(&settings, rules, &metrics)?;
        let (rules, apps) = (in_force.rules.subscribe(), in_force.apps.subscribe());
        let wechat = Arc::clone(&in_force.wechat);
        let bound = Bound {
            socket,
            seats: descriptors.private_seats,
        };
        let holds = holds::open(store.client(), clock.clone(), &settings.state.url);
        let troubles = Troubles::new(clock.clone());
        let audit = AuditClient::of_service(&settings, clock.clone(), troubles.clone());
        let audit = Arc::new(audit);
        let auditor = Auditor::new(
            Arc::clone(&audit),
            settings.outcomes.recipient,
            access.has_token(),
        );
        let counter = http::open(
            bound,
            access,
            Arc::clone(&metrics),
            rules.clone(),
            (store.client(), holds.client.clone(), &settings.state.url),
            auditor,
            clock.clone(),
        );
        let reloader = Reloader {
            beginning,
            in_force,
            reports: counter.reports.clone(),
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            descriptors,
            audit: ReloadAudit {
                client: audit,
                process: actor::myself(),
            },
        };
        let reload = tokio::spawn(reloader.serve(hangups, counter.reloads));
        let reports = counter.reports.clone();
        let watch = cluster::watch(troubles.clone(), Arc::clone(&settings), reports);
        let needed = [
            (counter.serving, PAGES),
            (reload, RELOAD),
            (tokio::spawn(watch), WATCH),
            (holds.task, KEEPER),
        ];
        Ok(Self {
            clock,
            settings,
            rules,
            apps,
            wechat,
            reports: counter.reports,
            holds: holds.client,
            resumptions: holds.resumed,
            store,
            stored,
            metrics,
            troubles,
            descriptors,
            needed,
        })
    }

    /// How the service is, from now on.
    pub(super) fn reports(&self) -> watch::Receiver<Report> {
        self.reports.subscribe()
    }

    /// What the service is made of, and the tasks that have to live as long as it does.
    pub(super) fn into_parts(self, producer: Chosen, public: Option<Bound>) -> (Parts, Needed) {
        let parts = Parts {
            clock: self.clock,
            settings: self.settings,
            rules: self.rules,
            apps: self.apps,
            wechat: self.wechat,
            reports: self.reports,
            holds: self.holds,
            resumptions: self.resumptions,
            store: self.store,
            stored: self.stored,
            metrics: self.metrics,
            producer,
            troubles: self.troubles,
            public,
            seed: fastrand::u64(..),
        };
        (parts, self.needed)
    }
}
