//! The store that the members share, and its outages.

use std::fmt;
use std::time::{Duration, Instant};

use crate::support::oracle::{Incident, Memory};
use crate::support::redis::Redis;

use super::diary::{Deed, Diary, now_ms};
use super::probe::Probe;

/// Where the members keep what they sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// Each in its own memory, which dies with it.
    None,
    /// In a file, which one process at a time may use.
    Sqlite,
    /// In a Redis that writes everything to disk before it answers.
    Redis,
}

impl StoreKind {
    /// What may be expected of members with this store.
    pub(super) fn memory(self) -> Memory {
        match self {
            Self::None => Memory::None,
            Self::Sqlite | Self::Redis => Memory::Durable,
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
        })
    }
}

/// The store of a run. Dropping it ends its process.
pub(super) enum Store {
    None,
    Sqlite,
    Redis(Mortal),
}

/// A Redis of our own, that is away now and then.
pub(super) struct Mortal {
    redis: Redis,
    down: Option<Down>,
    probe: Probe,
}

#[derive(Clone, Copy)]
struct Down {
    from_ms: i64,
    back_at: Instant,
}

impl Store {
    pub(super) fn start(kind: StoreKind) -> Self {
        match kind {
            StoreKind::None => Self::None,
            StoreKind::Sqlite => Self::Sqlite,
            StoreKind::Redis => {
                let redis = Redis::start();
                let probe = Probe::start(&redis.url());
                Self::Redis(Mortal {
                    redis,
                    down: None,
                    probe,
                })
            }
        }
    }

    /// The members' `[state] url`; nothing where each world has its own file.
    pub(super) fn url(&self) -> Option<String> {
        match self {
            Self::None => Some("memory:".to_owned()),
            Self::Sqlite => None,
            Self::Redis(mortal) => Some(mortal.redis.url()),
        }
    }

    /// Kills the store for a while. Says whether there was one to kill.
    pub(super) fn kill(&mut self, outage: Duration) -> Killed {
        match self {
            Self::None | Self::Sqlite => Killed::NotThere,
            Self::Redis(mortal) => mortal.kill(outage),
        }
    }

    /// Starts the store again when its time has come.
    pub(super) fn attend(&mut self, diary: &mut Diary) {
        if let Self::Redis(mortal) = self {
            mortal.attend(diary);
        }
    }

    /// Starts a store that is down at once.
    pub(super) fn heal(&mut self, diary: &mut Diary) {
        if let Self::Redis(mortal) = self {
            if let Some(down) = &mut mortal.down {
                down.back_at = Instant::now();
            }
            mortal.attend(diary);
        }
    }
}

/// Whether there was something to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Yes,
    NotThere,
}

impl Mortal {
    fn kill(&mut self, outage: Duration) -> Killed {
        if self.down.is_some() {
            return Killed::NotThere;
        }
        let from_ms = now_ms();
        self.redis.kill();
        self.down = Some(Down {
            from_ms,
            back_at: Instant::now() + outage,
        });
        Killed::Yes
    }

    fn attend(&mut self, diary: &mut Diary) {
        for (from_ms, until_ms) in self.probe.slow_writes() {
            diary.count(Deed::StoreSlow);
            diary.note(Incident::StoreSlow { from_ms, until_ms });
        }
        let Some(Down { from_ms, back_at }) = self.down else {
            return;
        };
        if back_at <= Instant::now() {
            self.redis.start_again();
            self.down = None;
            let until_ms = now_ms();
            diary.note(Incident::StoreDown { from_ms, until_ms });
        }
    }
}
