//! Logs and metrics: every name in one place.
//!
//! Labels are closed sets or names of the settings. Personal data of events never gets into a line or a label.

mod collector;
mod labels;
mod log;
mod panics;
mod scrape;
mod table;
mod unknown;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::edges::http::reload::ReloadStatus;
use collector::Collector;
pub use labels::{ListenerName, NoSeat, PublicRoute};
pub use log::{finish_logging, write_line};
pub use panics::catch_quietly;
use scrape::{count, flag, whole};
use table::{Counter, Gauge, Histogram};
pub use unknown::{UnknownName, UnknownNames};
use wx_courier_core::flow::Unpublished;
use wx_courier_core::flow::attempt::SendAnswer;
use wx_courier_core::grants::Source;
use wx_courier_core::model::outcome::{self, Outcome, Reason};
use wx_courier_core::wechat::Class;
use wx_courier_core::wechat::callback::Receipt;

/// Whether log lines in text have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// A person reads them at a terminal.
    On,
    /// A program reads them, or the person wants none.
    Off,
}

/// Sends log lines and panics to standard error, so that standard output stays free for results. Call it once, and
/// [`finish_logging`] at the end.
pub fn start_logging(format: LogFormat, level: &str, colours: Colours) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would print, and panic where nothing can be printed.
        .log_internal_errors(false)
        .with_writer(log::start(format)?);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(colours == Colours::On).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))?;
    panics::log_panics();
    Ok(())
}

/// All metrics of a process.
pub struct Metrics {
    collector: Collector,
    scrape: Mutex<()>,
    unknown: Arc<UnknownNames>,
}

/// The label of a word that this version does not know.
const UNLISTED: &str = "unlisted";

/// In place of the version of rules that cannot be made.
const UNREADABLE: &str = "unreadable";

impl Metrics {
    /// Metrics at zero.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            collector: Collector::new()?,
            scrape: Mutex::new(()),
            unknown: Arc::default(),
        }))
    }

    /// What `WeChat` has said and this version does not know.
    pub fn unknown(&self) -> &Arc<UnknownNames> {
        &self.unknown
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
        self.count(Counter::Outcomes, &[rule, status, reason]);
        let took_s = seconds(outcome.waited_ms + outcome.api_ms);
        self.collector.observe(Histogram::Settle, &[], took_s);
    }

    /// The outcomes since the process began, by rule and status.
    pub fn outcomes_by_rule(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut by_rule: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (labels, total) in self.collector.totals(Counter::Outcomes) {
            if let [rule, status, _reason] = labels.as_slice() {
                let of_rule = by_rule.entry(rule.clone()).or_default();
                *of_rule.entry(status.clone()).or_default() += total;
            }
        }
        by_rule
    }

    /// A call came back.
    pub fn call(&self, app: &str, answer: &SendAnswer, api_ms: u64) {
        let errcode;
        let word = match answer {
            SendAnswer::Accepted { .. } => "0",
            SendAnswer::Refused(refusal) if refusal.class == Class::Unlisted => UNLISTED,
            SendAnswer::Refused(refusal) => {
                errcode = refusal.errcode.to_string();
                &errcode
            }
            SendAnswer::Garbled { .. } => "garbled",
            SendAnswer::Unreachable { .. } => "unreachable",
            SendAnswer::InDoubt { .. } => "in_doubt",
            SendAnswer::NoToken(_) => "no_token",
        };
        self.count(Counter::Calls, &[app, word]);
        if let SendAnswer::NoToken(_) = answer {
            return;
        }
        self.collector
            .observe(Histogram::Call, &[app], seconds(api_ms));
    }

    /// An outcome has to be published again.
    pub fn publish_failed(&self) {
        self.count(Counter::PublishFailures, &[]);
    }

    /// What Kafka does not take.
    pub fn unpublished(&self, unpublished: Option<&Unpublished>) {
        let outcomes = unpublished.map_or(0, |unpublished| unpublished.outcomes);
        self.collector.set(Gauge::Unpublished, &[], count(outcomes));
    }

    /// Records were deleted before they were read.
    pub fn unread(&self, topic: &str, n_records: u64) {
        self.collector
            .add(Counter::RecordsUnread, &[topic], n_records);
    }

    /// A producer that could not go on was replaced.
    pub fn producer_replaced(&self) {
        self.count(Counter::ProducerReplacements, &[]);
    }

    /// A request on the public listener was answered.
    pub fn public_request(&self, route: PublicRoute, status: u16) {
        let status = status.to_string();
        self.count(Counter::PublicRequests, &[route.as_str(), &status]);
    }

    /// `WeChat` pushed something; `kind` is a word of ours.
    pub fn push(&self, app: &str, kind: &'static str) {
        self.count(Counter::Pushes, &[app, kind]);
    }

    /// What a user answered is noted in the ledger; what events tell is counted by the engine.
    pub fn grant_reported(&self, source: Source) {
        self.count(Counter::GrantReports, &[source.as_str()]);
    }

    /// A receipt was published.
    pub fn receipt(&self, receipt: &Receipt) {
        let joined = match receipt.outcome_id {
            Some(_) => "yes",
            None => "no",
        };
        let labels = [receipt.app.as_ref(), receipt.status.as_str(), joined];
        self.count(Counter::Receipts, &labels);
    }

    /// What came of it that rules and settings were read again.
    pub fn reloaded(&self, status: &ReloadStatus) {
        let all = &self.collector;
        all.set(Gauge::RulesRefused, &[], flag(status.refused.is_some()));
        let since_ms = status
            .refused
            .as_ref()
            .map_or(0, |refused| refused.since_ms);
        all.set(Gauge::RulesRefusedSince, &[], whole(since_ms / 1000));
        all.clear(Gauge::RulesVersion);
        if let Some(version) = &status.rules_version {
            all.set(Gauge::RulesVersion, &[version], 1.0);
        }
        all.clear(Gauge::RulesOnDisk);
        let on_disk = status.on_disk.as_deref().unwrap_or(UNREADABLE);
        all.set(Gauge::RulesOnDisk, &[on_disk], 1.0);
    }

    /// What is on disk is refused, and was not before as it is now.
    pub fn reload_failed(&self) {
        self.count(Counter::ReloadFailures, &[]);
    }

    /// So many connections are open.
    pub fn connections(&self, listener: ListenerName, open: usize) {
        let labels = [listener.as_str()];
        self.collector.set(Gauge::Connections, &labels, count(open));
    }

    /// A connection was refused, or closed for another one.
    pub fn connection_refused(&self, listener: ListenerName, why: NoSeat) {
        let labels = [listener.as_str(), why.as_str()];
        self.count(Counter::ConnectionsRefused, &labels);
    }

    /// A request on the private listener was refused.
    pub fn private_refusal(&self, status: u16) {
        self.count(Counter::PrivateRefusals, &[&status.to_string()]);
    }

    fn count(&self, counter: Counter, labels: &[&str]) {
        self.collector.add(counter, labels, 1);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a histogram of seconds needs no more than 52 bits of milliseconds"
)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests;
