//! What the process may have open at once, and which part gets how much of it: files and connections share one limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Settings;
use wx_courier_core::schedule::admission::AppBounds;

/// As many as we ask the system for. More than we ever use: the listeners have at most some 1,100 seats.
const ENOUGH: u64 = 65_536;

/// For Kafka, the store and files: a consumer, a reader and three producers with a connection to each broker, of some forty brokers, what is asked
/// now and then, and some to spare.
const OTHERS: usize = 256;

/// Monitoring and people: more of them at once would be a fault.
const MOST_PRIVATE: usize = 64;

/// A connection of the internet may hold some 80 KiB while its request comes in: its buffers, and a body of WeChat's.
const MOST_PUBLIC: usize = 1_000;

/// With fewer seats a listener is of no use.
const FEWEST: usize = 8;

/// This part of a low limit is for the listeners, whatever the others could use.
const LEAST_PART: usize = 4;

/// Which part gets how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The limit of the process.
    pub limit: usize,
    /// What calls of `WeChat`, Kafka, the store and files may need.
    pub reserve: usize,
    /// Connections to `[http] listen`.
    pub private_seats: usize,
    /// Connections to `[public] listen`.
    pub public_seats: usize,
}

impl Descriptors {
    /// Raises the limit of the process as far as the system allows, shares it out, and says so.
    pub fn raise_limit(settings: &Settings) -> Self {
        let raised = rlimit::increase_nofile_limit(ENOUGH);
        let limit = match raised
            .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft))
        {
            Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            Err(error) => {
                tracing::warn!(%error, "the limit of open files is not known");
                1_024
            }
        };
        let in_flight = settings.apps.values().map(|app| app.max_in_flight).sum();
        let shared = Self::share_out(limit, in_flight);
        tracing::info!(
            limit,
            reserve = shared.reserve,
            private_seats = shared.private_seats,
            public_seats = shared.public_seats,
            "descriptors: for calls, Kafka and the store (reserve), and for connections to the listeners (seats)"
        );
        shared.warn_if_low(in_flight);
        shared
    }

    /// Warns if so many calls at once may find no descriptor.
    fn warn_if_low(self, in_flight: usize) {
        if self.reserve < needed(in_flight) {
            tracing::warn!(
                limit = self.limit,
                needed = needed(in_flight),
                "the limit of open files is low for max_in_flight of the apps: raise it (`ulimit -n`, LimitNOFILE), or lower max_in_flight"
            );
        }
    }

    /// The apps are others than at the start, when the limit was shared out.
    pub fn look_at(self, apps: &BTreeMap<Arc<str>, AppBounds>) {
        self.warn_if_low(apps.values().map(|app| app.max_in_flight).sum());
    }

    /// Shares a limit out. `in_flight` is how many calls of all apps may be under way at once.
    fn share_out(limit: usize, in_flight: usize) -> Self {
        let left = limit.saturating_sub(needed(in_flight));
        let for_listeners = left.max(limit / LEAST_PART);
        let private_seats = (for_listeners / 4).clamp(FEWEST, MOST_PRIVATE);
        let public_seats = for_listeners
            .saturating_sub(private_seats)
            .clamp(FEWEST, MOST_PUBLIC);
        Self {
            limit,
            reserve: limit.saturating_sub(private_seats + public_seats),
            private_seats,
            public_seats,
        }
    }
}

fn needed(in_flight: usize) -> usize {
    in_flight.saturating_add(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_kafka_keep_what_they_need() {
        for (limit, in_flight, private_seats, public_seats) in [
            (65_536, 512, 64, 1_000),
            (65_536, 60_000, 64, 1_000),
            (1_024, 512, 64, 192),
            // Too low for all that could be under way.
            (512, 512, 32, 96),
            (256, 512, 16, 48),
            (0, 512, 8, 8),
            (usize::MAX, usize::MAX, 64, 1_000),
        ] {
            let shared = Descriptors::share_out(limit, in_flight);
            let seats = (shared.private_seats, shared.public_seats);
            assert_eq!(seats, (private_seats, public_seats), "{limit} {in_flight}");
            assert!(shared.reserve <= limit);
        }
    }
}
