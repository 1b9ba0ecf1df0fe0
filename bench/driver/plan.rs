//! How long each part takes, and what is measured of which system.

use std::time::Duration;

use crate::system::{Kind, System};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Messages a second and CPU at saturation, with an API of 0 and of 50 ms; the backlog worked off; memory
    Saturation,
    /// Added latency at 50 % and 80 % of saturation
    Latency,
    /// 5,000 a second at 50 ms on all processors
    Goal,
    /// Sends under a limit
    Limit,
    /// The API away for a minute
    Recovery,
    /// Memory with the backlog behind and the API stalled
    Stall,
    /// SIGKILL in the middle of the backlog
    Crash,
    /// Added latency of a rule beside one of 1/s with 20,000 events of its own
    Fairness,
}

/// Lengths of everything.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Before a window, for caches, connections and compilers.
    warm_up: Duration,
    /// The same for what compiles while it runs.
    warm_up_of_peers: Duration,
    /// A window at saturation.
    pub(crate) window: Duration,
    /// A window at saturation with an API of 50 ms.
    pub(crate) slow_window: Duration,
    /// How long wx-courier may take for the backlog.
    drain: Duration,
    /// The same for others.
    drain_of_peers: Duration,
    /// A load at a fixed rate, after its own warm-up.
    pub(crate) load: Duration,
    pub(crate) load_warm_up: Duration,
    pub(crate) outage: Duration,
    pub(crate) stall: Duration,
    pub(crate) quick: Quick,
}

/// Whether this is a run for figures, or one that only shows that everything works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quick {
    No,
    Yes,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Plan {
    pub(crate) const FIGURES: Self = Self {
        warm_up: seconds(5),
        warm_up_of_peers: seconds(10),
        window: seconds(12),
        slow_window: seconds(8),
        drain: seconds(180),
        drain_of_peers: seconds(60),
        load: seconds(8),
        load_warm_up: seconds(2),
        outage: seconds(60),
        stall: seconds(30),
        quick: Quick::No,
    };

    pub(crate) const SMOKE: Self = Self {
        warm_up: seconds(1),
        warm_up_of_peers: seconds(1),
        window: seconds(3),
        slow_window: seconds(1),
        drain: seconds(30),
        drain_of_peers: seconds(30),
        load: seconds(2),
        load_warm_up: seconds(1),
        outage: seconds(2),
        stall: seconds(2),
        quick: Quick::Yes,
    };

    pub(crate) fn warm_up(&self, system: System) -> Duration {
        match system.kind() {
            Kind::Peer => self.warm_up_of_peers,
            Kind::Courier | Kind::Floor => self.warm_up,
        }
    }

    pub(crate) fn drain(&self, system: System) -> Duration {
        match system.kind() {
            Kind::Courier => self.drain,
            Kind::Peer => self.drain_of_peers,
            // It would not be run in production: its saturation is enough.
            Kind::Floor => Duration::ZERO,
        }
    }
}

/// What is measured of a system unless the user names the parts.
pub(crate) fn parts_of(system: System, quick: Quick) -> Vec<Part> {
    use Part::{Crash, Fairness, Goal, Latency, Limit, Recovery, Saturation, Stall};
    match (system, quick) {
        (System::Bare, _) => vec![Saturation],
        (_, Quick::Yes) => vec![Saturation, Latency, Limit],
        (System::BareKafka, _) => vec![Saturation, Latency],
        (System::WxMemory, _) => vec![Saturation, Latency, Goal, Limit, Stall, Crash, Fairness],
        (System::WxSqlite, _) => vec![Saturation, Latency, Limit, Recovery, Stall, Crash],
        (System::WxRedis, _) => vec![Saturation, Latency, Limit, Stall, Crash],
        (System::RedpandaConnect | System::Spring | System::Koa, _) => {
            vec![Saturation, Latency, Limit, Recovery, Crash]
        }
    }
}
