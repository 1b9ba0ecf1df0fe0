//! Logs and metrics: every name in one place.
//!
//! Labels are closed sets or names of the settings. Personal data of events never gets into a line or a label.

mod calendar;
mod connections;
mod log;
mod panics;
mod public;
mod publishing;
mod share;
mod state;
mod templates;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::edges::store::StateStatus;
use crate::edges::wechat::TokenStatus;
use calendar::CalendarMetrics;
use connections::ConnectionMetrics;
pub use connections::{ListenerName, NoSeat};
pub use log::{finish_logging, write_line};
pub use panics::catch_quietly;
use public::PublicMetrics;
pub use public::PublicRoute;
use publishing::PublishingMetrics;
use share::ShareMetrics;
use state::StateMetrics;
use templates::TemplateMetrics;
use tokens::TokenMetrics;
use wx_courier_core::calendar::CalendarStatus;
use wx_courier_core::catalog::drift::TemplateStatus;
use wx_courier_core::flow::delivery::Answer;
use wx_courier_core::flow::{Status, Unpublished};
use wx_courier_core::grants::Source;
use wx_courier_core::model::outcome::{self, Outcome, Reason};
use wx_courier_core::wechat::Class;
use wx_courier_core::wechat::callback::Receipt;

/// Sends log lines and panics to standard error, so that standard output stays free for results. Call it once, and
/// [`finish_logging`] at the end.
pub fn start_logging(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would print, and panic where nothing can be printed.
        .log_internal_errors(false)
        .with_writer(log::start(format)?);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))?;
    panics::log_panics();
    Ok(())
}

/// All metrics of a process.
pub struct Metrics {
    registry: Registry,
    outcomes: IntCounterVec,
    calls: IntCounterVec,
    call_seconds: HistogramVec,
    settle_seconds: Histogram,
    publishing: PublishingMetrics,
    records: IntCounter,
    unmatched: IntCounter,
    internal_errors: IntCounter,
    grant_reports: IntCounterVec,
    ledger_wrong: IntCounterVec,
    in_hand: IntGaugeVec,
    bytes_in_hand: IntGauge,
    paused: IntGauge,
    calendar: CalendarMetrics,
    share: ShareMetrics,
    pauses: IntGaugeVec,
    position: IntGaugeVec,
    log_lines_dropped: IntCounter,
    connections: ConnectionMetrics,
    public: PublicMetrics,
    tokens: TokenMetrics,
    templates: TemplateMetrics,
    state: StateMetrics,
    scrape: Mutex<()>,
}

/// From a loopback answer to the longest timeout that is sensible.
const CALL_BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// From "at once" to "waited for the limit the whole day".
const SETTLE_BUCKETS: [f64; 11] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86_400.0,
];

/// The label of a word that this version does not know.
const UNLISTED: &str = "unlisted";

fn call_seconds() -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::new(
        "wx_courier_call_seconds",
        "How long calls of WeChat's API took.",
    );
    HistogramVec::new(opts.buckets(CALL_BUCKETS.to_vec()), &["app"])
}

fn settle_seconds() -> prometheus::Result<Histogram> {
    let opts = HistogramOpts::new(
        "wx_courier_settle_seconds",
        "From reading a record to the outcome of its message.",
    );
    Histogram::with_opts(opts.buckets(SETTLE_BUCKETS.to_vec()))
}

impl Metrics {
    /// Metrics at zero.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_{name}"), help);
        let metrics = Self {
            registry: Registry::new(),
            outcomes: IntCounterVec::new(
                opts("outcomes_total", "Outcomes by rule, status and reason."),
                &["rule", "status", "reason"],
            )?,
            calls: IntCounterVec::new(
                opts(
                    "calls_total",
                    "Calls of WeChat's API by app and answer; answer is an errcode or a word.",
                ),
                &["app", "answer"],
            )?,
            call_seconds: call_seconds()?,
            settle_seconds: settle_seconds()?,
            publishing: PublishingMetrics::new()?,
            records: IntCounter::with_opts(opts("records_total", "Records read."))?,
            unmatched: IntCounter::with_opts(opts(
                "unmatched_total",
                "Events that no rule wanted.",
            ))?,
            internal_errors: IntCounter::with_opts(opts(
                "internal_errors_total",
                "Faults in wx-courier itself, each of which has cost one message. The log tells of each.",
            ))?,
            grant_reports: IntCounterVec::new(
                opts(
                    "grant_reports_total",
                    "What was told of users' answers and noted in the ledger, by who told it.",
                ),
                &["source"],
            )?,
            ledger_wrong: IntCounterVec::new(
                opts(
                    "ledger_wrong_total",
                    "Answers of WeChat that the ledger of grants did not expect: refused with a grant (overcounted), taken without one (undercounted).",
                ),
                &["how"],
            )?,
            in_hand: IntGaugeVec::new(
                opts("messages_in_hand", "Messages by what they wait for."),
                &["stage"],
            )?,
            bytes_in_hand: IntGauge::with_opts(opts(
                "bytes_in_hand",
                "Bytes of memory that messages in hand take.",
            ))?,
            paused: IntGauge::with_opts(opts(
                "reading_paused",
                "1 while reading is paused, because the engine is full or the store is down.",
            ))?,
            pauses: IntGaugeVec::new(
                opts("pause", "1 while an app, template or rule is paused."),
                &["subject", "cause"],
            )?,
            position: IntGaugeVec::new(
                opts("position", "The offset that may be committed."),
                &["topic", "partition"],
            )?,
            log_lines_dropped: IntCounter::with_opts(opts(
                "log_lines_dropped_total",
                "Log lines that were lost, because standard error did not take them.",
            ))?,
            connections: ConnectionMetrics::new()?,
            public: PublicMetrics::new()?,
            tokens: TokenMetrics::new()?,
            calendar: CalendarMetrics::new()?,
            share: ShareMetrics::new()?,
            templates: TemplateMetrics::new()?,
            state: StateMetrics::new()?,
            scrape: Mutex::new(()),
        };
        metrics.register()
    }

    fn register(self) -> anyhow::Result<Arc<Self>> {
        let registry = &self.registry;
        registry.register(Box::new(self.outcomes.clone()))?;
        registry.register(Box::new(self.calls.clone()))?;
        registry.register(Box::new(self.call_seconds.clone()))?;
        registry.register(Box::new(self.settle_seconds.clone()))?;
        self.publishing.register(registry)?;
        registry.register(Box::new(self.records.clone()))?;
        registry.register(Box::new(self.unmatched.clone()))?;
        registry.register(Box::new(self.internal_errors.clone()))?;
        registry.register(Box::new(self.grant_reports.clone()))?;
        registry.register(Box::new(self.ledger_wrong.clone()))?;
        registry.register(Box::new(self.in_hand.clone()))?;
        registry.register(Box::new(self.bytes_in_hand.clone()))?;
        registry.register(Box::new(self.paused.clone()))?;
        self.calendar.register(registry)?;
        self.share.register(registry)?;
        registry.register(Box::new(self.pauses.clone()))?;
        registry.register(Box::new(self.position.clone()))?;
        registry.register(Box::new(self.log_lines_dropped.clone()))?;
        self.connections.register(registry)?;
        self.public.register(registry)?;
        self.tokens.register(registry)?;
        self.templates.register(registry)?;
        self.state.register(registry)?;
        Ok(Arc::new(self))
    }

    /// An outcome was acknowledged.
    pub fn outcome(&self, outcome: &Outcome) {
        let rule = outcome.rule.as_deref().unwrap_or_default();
        // Labels are closed sets; a later version's words are no part of ours.
        let status = if let outcome::Status::Unlisted(_) = outcome.status {
            UNLISTED
        } else {
            outcome.status.as_str()
        };
        let reason = if let Reason::Unlisted(_) = outcome.reason {
            UNLISTED
        } else {
            outcome.reason.as_str()
        };
        self.outcomes
            .with_label_values(&[rule, status, reason])
            .inc();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram of seconds needs no more than 52 bits of milliseconds"
        )]
        self.settle_seconds
            .observe((outcome.waited_ms + outcome.api_ms) as f64 / 1000.0);
    }

    /// A call came back.
    pub fn call(&self, app: &str, answer: &Answer, api_ms: u64) {
        let errcode;
        let word = match answer {
            Answer::Accepted { .. } => "0",
            Answer::Refused(refusal) if refusal.class == Class::Unlisted => "unlisted",
            Answer::Refused(refusal) => {
                errcode = refusal.errcode.to_string();
                &errcode
            }
            Answer::Garbled { .. } => "garbled",
            Answer::Unreachable { .. } => "unreachable",
            Answer::InDoubt { .. } => "in_doubt",
            Answer::NoToken(_) => "no_token",
        };
        self.calls.with_label_values(&[app, word]).inc();
        if let Answer::NoToken(_) = answer {
            return;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram of seconds needs no more than 52 bits of milliseconds"
        )]
        self.call_seconds
            .with_label_values(&[app])
            .observe(api_ms as f64 / 1000.0);
    }

    /// An outcome has to be published again.
    pub fn publish_failed(&self) {
        self.publishing.failed();
    }

    /// What Kafka does not take.
    pub fn unpublished(&self, unpublished: Option<&Unpublished>) {
        self.publishing.renew(unpublished);
    }

    /// A producer that could not go on was replaced.
    pub fn producer_replaced(&self) {
        self.publishing.producer_replaced();
    }

    /// A request on the public listener was answered.
    pub fn public_request(&self, route: PublicRoute, status: u16) {
        self.public.request(route, status);
    }

    /// `WeChat` pushed something; `kind` is a word of ours.
    pub fn push(&self, app: &str, kind: &'static str) {
        self.public.push(app, kind);
    }

    /// What a user answered is noted in the ledger; what events tell is counted by the engine.
    pub fn grant_reported(&self, source: Source) {
        self.grant_reports
            .with_label_values(&[source.as_str()])
            .inc();
    }

    /// A receipt was published.
    pub fn receipt(&self, receipt: &Receipt) {
        self.public.receipt(receipt);
    }

    /// The text that Prometheus scrapes.
    pub fn encode(
        &self,
        engine: &Status,
        calendar: CalendarStatus,
        tokens: &BTreeMap<Arc<str>, TokenStatus>,
        templates: &BTreeMap<Arc<str>, TemplateStatus>,
        state: &StateStatus,
    ) -> anyhow::Result<String> {
        // Two scrapes at once would reset each other's series.
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.records.reset();
        self.records.inc_by(engine.totals.records);
        self.unmatched.reset();
        self.unmatched.inc_by(engine.totals.unmatched);
        self.internal_errors.reset();
        self.internal_errors.inc_by(engine.totals.internal_errors);
        self.log_lines_dropped.reset();
        self.log_lines_dropped.inc_by(log::n_lost());
        let reports = self
            .grant_reports
            .with_label_values(&[Source::Event.as_str()]);
        reports.reset();
        reports.inc_by(engine.totals.grant_reports);
        for (how, number) in [
            ("overcounted", engine.totals.grants_overcounted),
            ("undercounted", engine.totals.grants_undercounted),
        ] {
            let wrong = self.ledger_wrong.with_label_values(&[how]);
            wrong.reset();
            wrong.inc_by(number);
        }
        let stages = [
            ("reporting", engine.reporting),
            ("unaddressed", engine.unaddressed),
            ("waiting", engine.waiting),
            ("set_aside", engine.set_aside.values().sum()),
            ("claiming", engine.claiming),
            ("at_gate", engine.at_gate),
            ("sending", engine.sending),
            ("backing_off", engine.backing_off),
            ("settling", engine.settling),
            ("publishing", engine.publishing),
        ];
        for (stage, number) in stages {
            self.in_hand.with_label_values(&[stage]).set(gauge(number));
        }
        self.bytes_in_hand.set(gauge(engine.bytes_in_hand));
        self.paused.set(i64::from(engine.paused));
        self.calendar.renew(calendar);
        self.share.renew(engine.share);
        self.pauses.reset();
        for pause in &engine.pauses {
            self.pauses
                .with_label_values(&[pause.subject.as_str(), pause.cause])
                .set(1);
        }
        self.position.reset();
        for partition in &engine.partitions {
            let number = partition.partition.to_string();
            self.position
                .with_label_values(&[partition.topic.as_str(), &number])
                .set(partition.position.unwrap_or(-1));
        }
        self.tokens.renew(tokens);
        self.templates.renew(templates);
        self.state.renew(state, engine.store_is_down);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
