//! What all calls share. Every lock is held for a look-up or a push, never over an await.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::sandbox::clock::Clock;
use crate::sandbox::grant::Grants;
use crate::sandbox::log::Log;
use crate::sandbox::quota::Quotas;
use crate::sandbox::script::Scripts;
use crate::sandbox::settings::{App, Latency, Openids, Settings};
use crate::sandbox::stats::Counters;
use crate::sandbox::token::Tokens;

/// In the range of WeChat's own ids, and far above 2^53.
const FIRST_MSGID: u64 = 2_097_683_633_284_153_344;

/// A panic under a lock would be a bug of the sandbox; the test that it serves should fail by its own assertion.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the server is up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Running {
    Up,
    Down,
}

/// The server's state. It has no debug form, for that would show tokens.
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) grants: Mutex<Grants>,
    pub(super) quotas: Mutex<Quotas>,
    pub(super) scripts: Scripts,
    pub(super) latency: Mutex<Latency>,
    pub(super) openids: Mutex<Openids>,
    pub(super) log: Mutex<Log>,
    pub(super) counters: Counters,
    /// Js codes that were exchanged.
    pub(super) used_codes: Mutex<HashSet<String>>,
    pub(super) running: watch::Sender<Running>,
    busy: Mutex<HashSet<u64>>,
    hasher: RandomState,
    next_msgid: AtomicU64,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            clock: Clock::start(),
            tokens: Mutex::new(Tokens::new(
                settings.token_life_ms,
                settings.token_overlap_ms,
            )),
            grants: Mutex::new(Grants::new(settings.grants)),
            quotas: Mutex::new(quotas_of(&settings)),
            scripts: Scripts::new(settings.failures.clone()),
            latency: Mutex::new(settings.latency),
            openids: Mutex::new(settings.openids.clone()),
            log: Mutex::new(Log::new(settings.log_limit)),
            counters: Counters::default(),
            used_codes: Mutex::new(HashSet::new()),
            running: watch::Sender::new(Running::Up),
            busy: Mutex::new(HashSet::new()),
            hasher: RandomState::new(),
            next_msgid: AtomicU64::new(FIRST_MSGID),
            settings,
        }
    }

    /// Back to the settings: nothing scripted, granted, logged, counted or issued. Message ids go on, so that none comes
    /// twice in the life of the server.
    pub(super) fn reset(&self) {
        *lock(&self.tokens) =
            Tokens::new(self.settings.token_life_ms, self.settings.token_overlap_ms);
        *lock(&self.quotas) = quotas_of(&self.settings);
        *lock(&self.grants) = Grants::new(self.settings.grants);
        self.scripts.clear();
        self.scripts.fail_randomly(self.settings.failures.clone());
        *lock(&self.latency) = self.settings.latency;
        *lock(&self.openids) = self.settings.openids.clone();
        *lock(&self.log) = Log::new(self.settings.log_limit);
        lock(&self.used_codes).clear();
        self.counters.reset();
    }

    pub(super) fn app(&self, appid: &str) -> Option<&App> {
        self.settings.apps.get(appid)
    }

    pub(super) fn next_msgid(&self) -> u64 {
        self.next_msgid.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn latency(&self) -> Duration {
        Duration::from_millis(lock(&self.latency).draw())
    }

    /// Waits, unless the server goes down first.
    pub(super) async fn wait(&self, time: Duration) -> Running {
        let mut running = self.running.subscribe();
        let down = running.wait_for(|running| *running == Running::Down);
        tokio::select! {
            () = tokio::time::sleep(time) => Running::Up,
            _ = down => Running::Down,
        }
    }

    /// Marks a user as being written to until the guard is dropped; nothing if the user already is.
    pub(super) fn occupy(self: &Arc<Self>, appid: &str, openid: &str) -> Option<Occupied> {
        // A 64-bit hash in place of the name: a collision would need billions of users at once.
        let user = self.hasher.hash_one((appid, openid));
        lock(&self.busy).insert(user).then(|| Occupied {
            state: Arc::clone(self),
            user,
        })
    }
}

fn quotas_of(settings: &Settings) -> Quotas {
    let apps = settings.apps.iter();
    Quotas::new(apps.map(|(appid, app)| (appid.as_str(), app.daily_quota)))
}

/// A user who is being written to.
pub(super) struct Occupied {
    state: Arc<State>,
    user: u64,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        lock(&self.state.busy).remove(&self.user);
    }
}
