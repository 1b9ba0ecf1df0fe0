//! What was done, and when: for the judge the incidents, for the report the counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::oracle::Incident;

/// What the driver counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    MemberStarted,
    MemberKilled,
    MemberFrozen,
    MemberFrozenBeyondItsSession,
    MemberAskedToEnd,
    MemberEndedUnfinished,
    MemberEndedByItself,
    BrokerKilled,
    BrokerStartRepeated,
    StoreKilled,
    StoreSlow,
    ApiFailed,
    ApiSlowed,
    TroubleWithoutTarget,
}

impl Deed {
    /// All of them, in the order of a report.
    pub(crate) const ALL: [Self; 14] = [
        Self::MemberStarted,
        Self::MemberKilled,
        Self::MemberFrozen,
        Self::MemberFrozenBeyondItsSession,
        Self::MemberAskedToEnd,
        Self::MemberEndedUnfinished,
        Self::MemberEndedByItself,
        Self::BrokerKilled,
        Self::BrokerStartRepeated,
        Self::StoreKilled,
        Self::StoreSlow,
        Self::ApiFailed,
        Self::ApiSlowed,
        Self::TroubleWithoutTarget,
    ];

    /// Its name in a report: for people, and for programs.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::MemberStarted => ("members started", "members_started"),
            Self::MemberKilled => ("members killed (SIGKILL)", "members_killed"),
            Self::MemberFrozen => ("members frozen (SIGSTOP)", "members_frozen"),
            Self::MemberFrozenBeyondItsSession => (
                "  of them for longer than their session",
                "members_frozen_beyond_session",
            ),
            Self::MemberAskedToEnd => ("members asked to end (SIGTERM)", "members_asked_to_end"),
            Self::MemberEndedUnfinished => (
                "  of them that left work behind",
                "members_ended_unfinished",
            ),
            Self::MemberEndedByItself => (
                "members that ended by themselves",
                "members_ended_by_themselves",
            ),
            Self::BrokerKilled => ("brokers killed (SIGKILL)", "brokers_killed"),
            Self::BrokerStartRepeated => (
                "  of their starts that failed at first",
                "broker_starts_repeated",
            ),
            Self::StoreKilled => ("store killed (SIGKILL)", "store_killed"),
            Self::StoreSlow => ("times the store took long for a write", "store_slow"),
            Self::ApiFailed => ("times of bad answers", "api_failed"),
            Self::ApiSlowed => ("times of slow answers", "api_slowed"),
            Self::TroubleWithoutTarget => ("troubles that met nobody", "troubles_without_target"),
        }
    }
}

/// What was done so far.
#[derive(Default)]
pub(crate) struct Diary {
    pub(crate) incidents: Vec<Incident>,
    counts: BTreeMap<Deed, usize>,
    /// Lives so far; each has its number.
    pub(super) n_lives: usize,
    /// The last words of members that ended by themselves.
    pub(crate) last_words: Vec<String>,
    /// Where the logs of all lives are, if something went wrong.
    pub(crate) kept: Option<PathBuf>,
}

impl Diary {
    pub(super) fn note(&mut self, incident: Incident) {
        self.incidents.push(incident);
    }

    pub(super) fn count(&mut self, deed: Deed) {
        *self.counts.entry(deed).or_default() += 1;
    }

    /// How often something was done.
    pub(crate) fn n(&self, deed: Deed) -> usize {
        self.counts.get(&deed).copied().unwrap_or(0)
    }
}

/// The time on the wall, which the sandbox and the brokers use too.
pub(super) fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_epoch = since_epoch.unwrap_or_default().as_millis();
    i64::try_from(since_epoch).unwrap_or(i64::MAX)
}
