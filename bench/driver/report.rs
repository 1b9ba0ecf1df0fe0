//! What a run found, as it is stored.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One run of the bench.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Processors and kernel.
    pub(crate) machine: String,
    /// The commit that was built.
    pub(crate) commit: String,
    /// Whether the system under test had a processor to itself.
    pub(crate) is_pinned: bool,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    /// Events of the backlog.
    pub(crate) n_backlog: usize,
    /// Calls that each system may have under way at once.
    pub(crate) in_flight: u32,
    /// How long the run took so far.
    pub(crate) minutes: f64,
    pub(crate) systems: BTreeMap<String, Measured>,
}

impl Report {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// Written whole or not at all: a run may be ended at any time.
    pub(crate) fn write(&self, path: &Path) {
        let text = serde_json::to_string_pretty(self).expect("a report is JSON");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder can be made");
        }
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, text + "\n").expect("the report can be written");
        fs::rename(&unfinished, path).expect("the report can be written");
    }
}

/// What was found of one system. What is `None` was not measured.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Measured {
    /// Why there is nothing, if so.
    pub(crate) missing: Option<String>,
    /// As fast as it can, the API answering at once.
    pub(crate) saturation: Option<Saturation>,
    /// The same with an API that takes 50 ms.
    pub(crate) slow: Option<Saturation>,
    pub(crate) drain: Option<Drain>,
    #[serde(default)]
    pub(crate) latency: Vec<Latency>,
    /// 5,000 a second at 50 ms on all processors.
    pub(crate) goal: Option<Latency>,
    pub(crate) fairness: Option<Fairness>,
    pub(crate) limit: Option<Limit>,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) stall: Option<Stall>,
    pub(crate) crash: Option<Crash>,
    /// Checks that failed, with the part they belong to.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
}

/// A steady window.
#[derive(Deserialize, Serialize)]
pub(crate) struct Saturation {
    pub(crate) n_messages: usize,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    /// User and system time of the system for each message.
    pub(crate) cpu_us: f64,
    /// The same of `redis-server`.
    pub(crate) redis_us: Option<f64>,
    /// How much of a processor the system took.
    pub(crate) busy_percent: f64,
    /// How busy the processor of the bench was. Near 100 the figure is the bench's, not the system's.
    pub(crate) bench_busy_percent: f64,
}

/// A backlog that is worked off.
#[derive(Deserialize, Serialize)]
pub(crate) struct Drain {
    pub(crate) n_events: usize,
    /// How long it took; `None` if it was not done in time.
    pub(crate) seconds: Option<f64>,
    /// How much was done in the time there was.
    pub(crate) done_percent: f64,
    pub(crate) limit_seconds: u64,
    /// `None` if it was over within a second.
    pub(crate) resident: Option<Resident>,
    /// What SQLite or Redis left on disk for each message.
    pub(crate) disk_bytes: Option<f64>,
}

/// Memory of the system, in MiB, a quarter of the time in, and so on.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct Resident {
    pub(crate) quarter: f64,
    pub(crate) half: f64,
    pub(crate) three_quarters: f64,
    pub(crate) max: f64,
    /// All samples, a second apart.
    pub(crate) by_second: Vec<f64>,
}

impl Resident {
    /// Of samples taken a second apart; `None` if there are none.
    pub(crate) fn of(samples: Vec<f64>) -> Option<Self> {
        let at = |quarter: usize| samples.get(samples.len() * quarter / 4).copied();
        Some(Self {
            quarter: at(1)?,
            half: at(2)?,
            three_quarters: at(3)?,
            max: samples.iter().copied().fold(0.0, f64::max),
            by_second: samples,
        })
    }
}

/// A load at a fixed rate.
#[derive(Deserialize, Serialize)]
pub(crate) struct Latency {
    /// How the API answers: `0 ms`, `50 ms`, `lognormal`.
    pub(crate) api: String,
    /// Of the system's own saturation.
    pub(crate) share_percent: u32,
    pub(crate) per_second: u32,
    pub(crate) n_messages: usize,
    /// From the intended publication to the broker's time on the outcome, without what the API took.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
    /// Whether outcomes came as fast as events.
    pub(crate) kept_up: bool,
    pub(crate) cpu_us: f64,
    pub(crate) bench_busy_percent: f64,
}

/// A rule by itself, and beside one that waits.
#[derive(Deserialize, Serialize)]
pub(crate) struct Fairness {
    pub(crate) alone: Latency,
    /// Beside large events. Older reports do not have it.
    #[serde(default)]
    pub(crate) large: Option<Latency>,
    /// Beside the queue of another rule.
    pub(crate) mixed: Latency,
}

/// A limit on sends a second with more on offer.
#[derive(Deserialize, Serialize)]
pub(crate) struct Limit {
    pub(crate) per_second: u32,
    pub(crate) offered_per_second: u32,
    pub(crate) seconds: u64,
    pub(crate) n_sends: usize,
    /// Of what was allowed.
    pub(crate) achieved_percent: f64,
    /// The most sends in any one second.
    pub(crate) most_in_a_second: usize,
}

/// An API that is away for a while.
#[derive(Deserialize, Serialize)]
pub(crate) struct Recovery {
    pub(crate) outage_seconds: u64,
    pub(crate) per_second: u32,
    /// From the API's return until the backlog is gone and latency normal again; `None`: not while it was watched.
    pub(crate) seconds: Option<f64>,
    pub(crate) watched_seconds: f64,
    /// Events of the time before, during and after without an outcome.
    pub(crate) n_without_outcome: usize,
    /// Outcomes that say something else than `sent`.
    pub(crate) n_given_up: usize,
    /// Messages that the API took twice.
    pub(crate) n_sent_twice: usize,
}

/// A backlog behind an API that does not answer.
#[derive(Deserialize, Serialize)]
pub(crate) struct Stall {
    pub(crate) n_events: usize,
    pub(crate) seconds: usize,
    pub(crate) resident: Resident,
}

/// SIGKILL in the middle of a backlog, and a new start.
#[derive(Deserialize, Serialize)]
pub(crate) struct Crash {
    pub(crate) sends: usize,
    /// Messages that the API took more than once.
    pub(crate) sent_twice: usize,
    /// Events before the committed offset without an outcome.
    pub(crate) lost: usize,
    /// Messages that went through after the new start.
    #[serde(default)]
    pub(crate) resumed: usize,
}
