//! What all calls share. Every lock is held for a look-up or a push, never over an await.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::answer::{Refusal, Reply, new_rid};
use crate::callbacks::Callbacks;
use crate::clock::Clock;
use crate::grant::Grants;
use crate::latency::Waits;
use crate::log::Log;
use crate::login::Codes;
use crate::quota::Quotas;
use crate::random::{Stream, stream};
use crate::rids::Rids;
use crate::script::{Endpoint, Scripts};
use crate::settings::{App, Openids, Settings};
use crate::stats::Counters;
use crate::templates::Catalogs;
use crate::token::Tokens;
use crate::users::Users;

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
    pub(super) waits: Mutex<Waits>,
    pub(super) openids: Mutex<Openids>,
    pub(super) log: Mutex<Log>,
    pub(super) counters: Counters,
    pub(super) catalogs: Mutex<Catalogs>,
    pub(super) codes: Mutex<Codes>,
    pub(super) users: Mutex<Users>,
    pub(super) rids: Mutex<Rids>,
    pub(super) callbacks: Mutex<Callbacks>,
    /// Wakes the task that posts pushes.
    pub(super) pushed: Notify,
    /// The client of that task, or why there can be none.
    pub(super) client: OnceLock<Result<reqwest::Client, String>>,
    /// Chance for request ids, session keys and login codes.
    pub(super) ids: Mutex<fastrand::Rng>,
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
                stream(settings.seed, Stream::Tokens),
            )),
            grants: Mutex::new(Grants::new(settings.grants)),
            quotas: Mutex::new(quotas_of(&settings)),
            scripts: Scripts::new(settings.failures.clone()),
            waits: Mutex::new(Waits::new(&settings)),
            openids: Mutex::new(settings.openids.clone()),
            log: Mutex::new(Log::new(settings.log_limit)),
            counters: Counters::default(),
            catalogs: Mutex::new(Catalogs::new(&settings)),
            codes: Mutex::default(),
            users: Mutex::default(),
            rids: Mutex::default(),
            callbacks: Mutex::new(Callbacks::new(settings.seed)),
            pushed: Notify::new(),
            client: OnceLock::new(),
            ids: Mutex::new(stream(settings.seed, Stream::Ids)),
            running: watch::Sender::new(Running::Up),
            busy: Mutex::new(HashSet::new()),
            hasher: RandomState::new(),
            next_msgid: AtomicU64::new(FIRST_MSGID),
            settings,
        }
    }

    /// Back to the settings: nothing scripted, granted, logged, counted or issued, no user known. Message ids and chance go on, so
    /// that no id or token comes twice in the life of the server, and a clock that was put forward stays so.
    pub(super) fn reset(&self) {
        lock(&self.tokens).forget();
        *lock(&self.quotas) = quotas_of(&self.settings);
        *lock(&self.grants) = Grants::new(self.settings.grants);
        self.scripts.clear();
        self.scripts.fail_nowhere();
        self.scripts
            .fail_randomly(Endpoint::Send, self.settings.failures.clone());
        lock(&self.waits).set(self.settings.latency, self.settings.tail);
        *lock(&self.openids) = self.settings.openids.clone();
        *lock(&self.log) = Log::new(self.settings.log_limit);
        *lock(&self.catalogs) = Catalogs::new(&self.settings);
        *lock(&self.codes) = Codes::default();
        *lock(&self.users) = Users::default();
        *lock(&self.rids) = Rids::default();
        lock(&self.callbacks).forget();
        self.counters.reset();
    }

    pub(super) fn app(&self, appid: &str) -> Option<&App> {
        self.settings.apps.get(appid)
    }

    pub(super) fn next_msgid(&self) -> u64 {
        self.next_msgid.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn latency(&self) -> Duration {
        Duration::from_millis(lock(&self.waits).draw())
    }

    /// A refusal with a request id of its own.
    pub(super) fn refuse(&self, refusal: &Refusal, now_ms: u64) -> Reply {
        let rid = new_rid(now_ms, &mut lock(&self.ids));
        Reply::refused(refusal, rid)
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
