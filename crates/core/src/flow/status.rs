//! What the engine has in hand, for people and dashboards.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Engine;
use super::engine::StoreHealth;
use super::message::State;
use super::unmatched::UnmatchedType;
use crate::holds::Hold;
use crate::model::rfc3339_ms;
use crate::schedule::pauses::Pause;
use crate::schedule::punishments::InForce;
use crate::wechat::callback::Measure;

/// Counts since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Records read, tombstones included.
    pub records: u64,
    /// Records without a value.
    pub tombstones: u64,
    /// Events that no rule wanted.
    pub unmatched: u64,
    /// Messages that were spilled, because their rule waits and had its share of the window.
    pub set_aside: u64,
    /// Attempts that will be repeated.
    pub retries: u64,
    /// What events told of users' answers, and the store has noted.
    pub grant_reports: u64,
    /// Messages that the ledger had a grant for and `WeChat` had not (43101).
    pub grants_overcounted: u64,
    /// Messages that `WeChat` took although the ledger had no grant for them.
    pub grants_undercounted: u64,
    /// Faults in this program, each of which has cost one message.
    pub internal_errors: u64,
}

/// The engine at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Counts since the process began.
    pub totals: Totals,
    /// The version of the rule set in force.
    pub rules_version: String,
    /// Answers of users that the store has not noted yet.
    pub reporting: usize,
    /// Messages whose login code is not exchanged yet.
    pub unaddressed: usize,
    /// Messages that wait for their turn.
    pub waiting: usize,
    /// The same by rule; rules without any are left out.
    pub waiting_by_rule: BTreeMap<String, WaitingStatus>,
    /// Messages that wait outside of the window, by rule: they are read again when their rule has room.
    pub set_aside: BTreeMap<String, usize>,
    /// How many of them are being read again.
    pub reading_again: usize,
    /// Messages that wait for their claim.
    pub claiming: usize,
    /// Messages with a claim that the limits let go in a moment.
    pub at_gate: usize,
    /// Calls under way.
    pub sending: usize,
    /// Messages that wait before another attempt.
    pub backing_off: usize,
    /// Messages that have ended, and of which the store does not know yet.
    pub settling: usize,
    /// Outcomes that the broker has not acknowledged.
    pub publishing: usize,
    /// Bytes of memory that they take.
    pub bytes_in_hand: usize,
    /// Whether reading is paused, because the engine is full or the store is down.
    pub paused: bool,
    /// Whether the store does not answer: nothing is sent meanwhile.
    pub store_is_down: bool,
    /// What must not be sent for now.
    pub pauses: Vec<PauseStatus>,
    /// What apps were warned of and punished with.
    pub punishments: Vec<PunishmentStatus>,
    /// Types of events that no rule wanted, since the process began.
    pub unmatched_types: Vec<UnmatchedType>,
    /// Whether the service is shutting down.
    pub draining: bool,
    /// Which part of the fleet's rates is ours.
    pub share: ShareStatus,
    /// The partitions that are ours.
    pub partitions: Vec<PartitionStatus>,
}

/// Messages of a rule that wait for their turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WaitingStatus {
    /// How many.
    pub messages: usize,
    /// When the first of them came: RFC 3339, UTC.
    pub since: Option<String>,
}

/// A part of the fleet's rates, as people see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShareStatus {
    /// The partitions that count for us. One that has just come counts after a second.
    pub partitions: u32,
    /// All partitions of the source topics; 0 until they are known.
    pub of: u32,
}

/// A pause, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PauseStatus {
    /// `app shop`, `template shop/<id>` or `rule order-completed`.
    pub subject: String,
    /// Why, in one word.
    pub cause: &'static str,
    /// `WeChat`'s code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Why, in a sentence.
    pub detail: String,
    /// Since when: RFC 3339, UTC.
    pub since: String,
    /// What ends it.
    pub ends: &'static str,
}

impl From<&Hold> for PauseStatus {
    fn from(hold: &Hold) -> Self {
        Self::from(&Pause::from(hold))
    }
}

impl From<&Pause> for PauseStatus {
    fn from(pause: &Pause) -> Self {
        Self {
            subject: pause.subject.to_string(),
            cause: pause.cause.as_str(),
            errcode: pause.errcode,
            detail: pause.detail.clone(),
            since: rfc3339_ms(pause.since_ms),
            ends: pause.ends_by(),
        }
    }
}

/// A punishment, or a warning of one, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PunishmentStatus {
    /// The app.
    pub app: String,
    /// `WeChat`'s id of it.
    pub id: String,
    /// What is done, in one word: `warning`, `functions_banned`, `taken_down`, `account_banned`, `page_banned`, `unlisted`.
    pub measure: &'static str,
    /// What a warning threatens with, in one of these words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threat: Option<&'static str>,
    /// The functions that it is about, as `WeChat` names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Why, as `WeChat` says.
    pub reason: String,
    /// When we were told: RFC 3339, UTC.
    pub told: String,
    /// When it is over, or a warning's deadline: RFC 3339, UTC. Nothing if that was not told, or never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The same, in Unix milliseconds, for metrics.
    #[serde(skip)]
    pub until_ms: Option<i64>,
}

impl From<&InForce> for PunishmentStatus {
    fn from(in_force: &InForce) -> Self {
        let punishment = &in_force.punishment;
        let threat = match &punishment.measure {
            Measure::Warning(warning) => Some(warning.threat.as_str()),
            Measure::Functions(_)
            | Measure::TakenDown(_)
            | Measure::Account(_)
            | Measure::Page
            | Measure::Unlisted => None,
        };
        Self {
            app: in_force.app.to_string(),
            id: punishment.id.clone(),
            measure: punishment.measure.as_str(),
            threat,
            functions: in_force
                .functions()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            reason: punishment.reason.clone(),
            told: rfc3339_ms(in_force.told_ms),
            until: in_force.until_ms.map(rfc3339_ms),
            until_ms: in_force.until_ms,
        }
    }
}

/// One partition at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The number.
    pub partition: i32,
    /// The offset that may be committed.
    pub position: Option<i64>,
    /// Records from there on that were read.
    pub open_records: usize,
}

impl Status {
    /// Everything that takes a place in the window.
    pub fn in_hand(&self) -> usize {
        self.reporting
            + self.unaddressed
            + self.waiting
            + self.claiming
            + self.at_gate
            + self.sending
            + self.backing_off
            + self.settling
            + self.publishing
    }
}

impl Engine {
    /// The engine as it is now.
    pub fn status(&self) -> Status {
        let mut status = Status {
            totals: self.totals,
            rules_version: self.rules.version().to_string(),
            bytes_in_hand: self.in_flight.bytes(),
            set_aside: self.spill.n_by_rule(),
            reading_again: self.spill.n_rereading(),
            paused: self.reading_paused,
            draining: self.draining.is_some(),
            store_is_down: self.store == StoreHealth::Down,
            share: self.rate_share.status(),
            pauses: self.pauses.iter().map(PauseStatus::from).collect(),
            punishments: self
                .punishments
                .iter()
                .map(PunishmentStatus::from)
                .collect(),
            unmatched_types: self.unmatched_types.list(),
            ..Status::default()
        };
        let mut waiting: BTreeMap<Arc<str>, (usize, i64)> = BTreeMap::new();
        for (_, origin, state) in self.in_flight.iter() {
            match state {
                State::Reporting { .. } => status.reporting += 1,
                State::Recalling(_)
                | State::AwaitingExchange { .. }
                | State::Exchanging(_)
                | State::ExchangeBackoff { .. }
                | State::Keeping { .. } => status.unaddressed += 1,
                State::Waiting(delivery) => {
                    status.waiting += 1;
                    let rule = Arc::clone(&delivery.rule.name);
                    let (messages, since_ms) = waiting.entry(rule).or_insert((0, i64::MAX));
                    *messages += 1;
                    *since_ms = origin.received.unix_ms.min(*since_ms);
                }
                State::Claiming { .. } => status.claiming += 1,
                State::AtGate { .. } => status.at_gate += 1,
                State::Sending(_) => status.sending += 1,
                State::Backoff { .. } => status.backing_off += 1,
                State::Settling(_) | State::Unsettled { .. } => status.settling += 1,
                State::Publishing(_) => status.publishing += 1,
            }
        }
        let waiting = waiting.into_iter().map(|(rule, (messages, since_ms))| {
            let since = Some(rfc3339_ms(since_ms));
            (rule.to_string(), WaitingStatus { messages, since })
        });
        status.waiting_by_rule = waiting.collect();
        for (partition, tracker) in &self.partitions {
            status.partitions.push(PartitionStatus {
                topic: partition.topic.to_string(),
                partition: partition.number,
                position: tracker.position(),
                open_records: tracker.n_open(),
            });
        }
        status
    }
}
