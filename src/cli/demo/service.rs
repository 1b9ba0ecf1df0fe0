//! The service of the demo: `run`'s, but for its broker, its API and its store.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::cli::reload::{Beginning, InForce, Reloader};
use crate::cli::run::{KEEPER, Needed, PAGES, RELOAD, WATCH};
use crate::config::{FlagSetting, Http};
use crate::edges::clock::Clock;
use crate::edges::descriptors::Descriptors;
use crate::edges::holds;
use crate::edges::http::access::Access;
use crate::edges::http::{self, Report};
use crate::edges::kafka::producer::mode::{Chosen, Mode};
use crate::edges::kafka::trouble::Troubles;
use crate::edges::listener::Bound;
use crate::edges::store::Store;
use crate::service::{Parts, cluster};
use crate::telemetry::Metrics;
use wx_courier_core::rules::RuleSet;

/// What the service is made of, and how it is.
pub(super) struct Opened {
    pub(super) parts: Parts,
    pub(super) reports: watch::Receiver<Report>,
    /// The tasks without which it does not go on.
    pub(super) needed: Needed,
}

/// Opens the pages, and all that the service needs.
pub(super) fn open(
    socket: TcpListener,
    beginning: Beginning,
    rules: Arc<RuleSet>,
) -> anyhow::Result<Opened> {
    let settings = Arc::clone(&beginning.settings);
    let clock = Clock::start();
    let metrics = Metrics::new()?;
    let (stored_in, stored) = mpsc::unbounded_channel();
    let store = Store::start(&settings.state, &settings.kafka.group, stored_in)?;
    let in_force = InForce::new(&settings, rules, &metrics)?;
    let (rules, apps) = (in_force.rules.subscribe(), in_force.apps.subscribe());
    let wechat = Arc::clone(&in_force.wechat);
    let descriptors = Descriptors::raise_limit(&settings);
    let bound = Bound {
        socket,
        seats: descriptors.private_seats,
    };
    // The demo listens on this machine alone, whatever the settings say of their own listener.
    let access = Access::new(&Http {
        listen: bound.socket.local_addr()?,
        token: None,
        hosts: Vec::new(),
    });
    let holds = holds::open(store.client(), clock.clone(), &settings.state.url);
    let counter = http::open(
        bound,
        &access,
        Arc::clone(&metrics),
        rules.clone(),
        (store.client(), holds.client.clone(), &settings.state.url),
        clock.clone(),
    );
    let reloader = Reloader {
        beginning,
        in_force,
        reports: counter.reports.clone(),
        metrics: Arc::clone(&metrics),
        clock: clock.clone(),
        descriptors,
    };
    let hangups = signal(SignalKind::hangup())?;
    let reload = tokio::spawn(reloader.serve(hangups, counter.reloads));
    let troubles = Troubles::new(clock.clone());
    // Its broker is in this process.
    troubles.answered();
    let watch = cluster::watch(
        troubles.clone(),
        Arc::clone(&settings),
        counter.reports.clone(),
    );
    let needed = [
        (counter.serving, PAGES),
        (reload, RELOAD),
        (tokio::spawn(watch), WATCH),
        (holds.task, KEEPER),
    ];
    let reports = counter.reports.subscribe();
    let parts = Parts {
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
        producer: Chosen {
            mode: Mode::Idempotent,
            why: "the embedded broker takes idempotent producers".to_owned(),
        },
        troubles,
        public: None,
        seed: fastrand::u64(..),
    };
    Ok(Opened {
        parts,
        reports,
        needed,
    })
}

/// What the demo changes in the configuration, as flags would: its own broker and API, a store that keeps nothing, and an outcome for
/// unmatched events too.
pub(super) fn flags(broker: &str, sandbox: &str) -> Vec<FlagSetting> {
    let settings = [
        // Of apps that are saved while it runs, too: the demo calls no other API.
        ("apps.*.base_url", sandbox),
        ("kafka.brokers", broker),
        ("outcomes.unmatched", "publish"),
        ("state.url", "memory:"),
    ];
    let flag = |(key, value): (&str, &str)| FlagSetting {
        flag: "demo",
        key: key.to_owned(),
        value: value.to_owned(),
    };
    settings.map(flag).into()
}
