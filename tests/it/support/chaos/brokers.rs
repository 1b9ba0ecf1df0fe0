//! One broker at a time goes down, and the next one only when the cluster is whole again: acknowledged records lie on two brokers at least,
//! so none is lost, and whatever is missing in the end was missed by the service.

use std::time::{Duration, Instant};

use crate::support::kafka::cluster::{Cluster, N_BROKERS};
use crate::support::oracle::Incident;

use super::diary::{Deed, Diary, now_ms};
use super::schedule::Draw;

/// Between two looks at the replicas of a cluster: each costs a question to a broker.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A broker that comes back while the cluster still has its old session may be refused; this often in a row it is something else.
const N_STARTS: u32 = 5;

/// The brokers, and which of them is away.
pub(super) struct Brokers {
    cluster: Cluster,
    state: State,
}

enum State {
    Whole,
    /// One is away.
    Down {
        number: usize,
        from_ms: i64,
        back_at: Instant,
    },
    /// One was started again.
    Starting {
        number: usize,
        from_ms: i64,
        n_starts: u32,
    },
    /// All serve, and one has to catch up.
    CatchingUp {
        looked_at: Instant,
    },
}

impl Brokers {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            state: State::Whole,
        }
    }

    /// Kills one for a while, unless one is away.
    pub(super) fn kill(&mut self, who: Draw, outage: Duration, diary: &mut Diary) {
        let State::Whole = self.state else {
            diary.count(Deed::TroubleWithoutTarget);
            return;
        };
        let number = who % usize::from(N_BROKERS);
        let from_ms = now_ms();
        self.cluster.kill(number);
        diary.count(Deed::BrokerKilled);
        self.state = State::Down {
            number,
            from_ms,
            back_at: Instant::now() + outage,
        };
    }

    /// Does what is due.
    pub(super) fn attend(&mut self, diary: &mut Diary) {
        match self.state {
            State::Down {
                number,
                from_ms,
                back_at,
            } if back_at <= Instant::now() => {
                self.start(number);
                self.state = State::Starting {
                    number,
                    from_ms,
                    n_starts: 1,
                };
            }
            State::Starting {
                number,
                from_ms,
                n_starts,
            } => match self.cluster.has_started(number) {
                Ok(true) => {
                    let until_ms = now_ms();
                    diary.note(Incident::BrokerDown {
                        number,
                        from_ms,
                        until_ms,
                    });
                    let looked_at = Instant::now();
                    self.state = State::CatchingUp { looked_at };
                }
                Ok(false) => {}
                Err(reason) => {
                    assert!(n_starts < N_STARTS, "{reason}");
                    diary.count(Deed::BrokerStartRepeated);
                    self.start(number);
                    self.state = State::Starting {
                        number,
                        from_ms,
                        n_starts: n_starts + 1,
                    };
                }
            },
            State::CatchingUp { looked_at } if looked_at.elapsed() > LOOK_AGAIN => {
                let looked_at = Instant::now();
                self.state = if self.cluster.is_whole() {
                    State::Whole
                } else {
                    State::CatchingUp { looked_at }
                };
            }
            State::Whole | State::Down { .. } | State::CatchingUp { .. } => {}
        }
    }

    fn start(&mut self, number: usize) {
        if let Err(reason) = self.cluster.start_again(number) {
            panic!("{reason}");
        }
    }

    /// Calls the one that is away.
    pub(super) fn heal(&mut self) {
        if let State::Down { back_at, .. } = &mut self.state {
            *back_at = Instant::now();
        }
    }

    /// Whether all of them are there and in step.
    pub(super) fn are_whole(&self) -> bool {
        matches!(self.state, State::Whole)
    }
}
