//! What WeChat tells an app's own server: the registered addresses, the messages that wait for them, and what became of each.
//!
//! WeChat: message push, and the events of subscribe messages.

pub(super) mod crypt;
pub(super) mod delivery;
mod events;
mod message;
mod platform;
mod register;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::callbacks::message::Sealed;
use crate::random::{Stream, stream};
use crate::state::{State, lock};

pub use crate::callbacks::events::{SentEvents, SentFailure};
pub(super) use crate::callbacks::events::{changed, customer, popup, sent};
pub(super) use crate::callbacks::message::is_name;
pub(super) use crate::callbacks::platform::{Punishment, cancelled, punished, revoked};
pub(super) use crate::callbacks::register::register;
pub use crate::callbacks::register::{Callback, CreateTime, Format, ListOfOne, Mode};

/// Pushes that the log keeps; the oldest goes first.
const MOST_KEPT: usize = 10_000;
/// Pushes that may wait at once. One more is dropped and counted, so that an address that hangs cannot fill the memory.
const MOST_WAITING: usize = 10_000;

/// What became of a push.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFate {
    /// It waits, or is being tried.
    Waiting,
    /// It was answered as it must be.
    Delivered,
    /// Three tries were not answered.
    GivenUp,
}

/// One try of a push.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Try {
    /// When it began, in milliseconds since the epoch.
    pub at_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// `delivered`, or what was wrong with the answer.
    pub result: String,
}

/// One push as the log shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Push {
    /// Its place among all pushes.
    pub index: u64,
    /// The app whose address it goes to.
    pub appid: String,
    /// The user it is about.
    pub openid: String,
    /// What it says, before it is written in the address's format; nothing if it was given as raw text.
    pub message: Value,
    /// The body that is posted.
    pub body: String,
    /// When it came up, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The push that it repeats, if it was asked for again.
    pub repeats: Option<u64>,
    /// Waiting, delivered or given up.
    pub fate: PushFate,
    /// The tries so far.
    pub tries: Vec<Try>,
}

/// Whether a push is signed as it must be.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Signature {
    #[default]
    Valid,
    Forged,
}

/// How a push is stamped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp {
    pub(super) signature: Signature,
    /// In place of the present second.
    pub(super) timestamp_s: Option<u64>,
}

/// A push that has to go out.
#[derive(Clone, Debug)]
struct Job {
    index: u64,
    callback: Arc<Callback>,
    openid: String,
    sealed: Arc<Sealed>,
    stamp: Stamp,
    delay_ms: u64,
    epoch: u64,
}

#[derive(Debug)]
struct Kept {
    push: Push,
    sealed: Arc<Sealed>,
}

/// The addresses, the pushes that wait, and the log.
#[derive(Debug)]
pub(super) struct Callbacks {
    by_app: BTreeMap<String, Arc<Callback>>,
    pub(super) sent_events: SentEvents,
    jobs: VecDeque<Job>,
    n_waiting: usize,
    n_dropped: u64,
    log: VecDeque<Kept>,
    /// The index of the oldest push that is kept.
    first: u64,
    /// Counts resets: what was pushed before one goes out no more.
    epoch: u64,
    random: fastrand::Rng,
}

impl Callbacks {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self {
            by_app: BTreeMap::new(),
            sent_events: SentEvents::default(),
            jobs: VecDeque::new(),
            n_waiting: 0,
            n_dropped: 0,
            log: VecDeque::new(),
            first: 0,
            epoch: 0,
            random: stream(seed, Stream::Callbacks),
        }
    }

    /// No address, nothing logged. What waits is dropped; indexes go on, so that a try under way finds nothing of its own.
    pub(super) fn forget(&mut self) {
        self.epoch += 1;
        self.by_app.clear();
        self.sent_events = SentEvents::default();
        self.n_waiting -= self.jobs.len();
        self.jobs.clear();
        self.n_dropped = 0;
        self.first += self.log.len() as u64;
        self.log.clear();
    }

    /// The addresses by app.
    pub(super) fn registered(&self) -> impl Iterator<Item = (&String, &Arc<Callback>)> {
        self.by_app.iter()
    }

    /// Nothing is pushed for the app any more. False if nothing was.
    pub(super) fn unregister(&mut self, appid: &str) -> bool {
        self.by_app.remove(appid).is_some()
    }

    /// Pushes that found no place to wait in.
    pub(super) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    /// Pushes that wait or are being tried.
    pub(super) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// Up to `limit` pushes from index `since` on.
    pub(super) fn log(&self, since: u64, limit: usize) -> Vec<Push> {
        let kept = self.log.iter().map(|kept| &kept.push);
        kept.filter(|push| push.index >= since)
            .take(limit)
            .cloned()
            .collect()
    }

    fn kept(&mut self, index: u64) -> Option<&mut Kept> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.log.get_mut(place)
    }

    /// A push goes into the log and has to go out. Gives its index, or nothing if it found no place to wait in.
    fn add(
        &mut self,
        callback: Arc<Callback>,
        mut push: Push,
        sealed: Arc<Sealed>,
        stamp: Stamp,
        delay_ms: u64,
    ) -> Option<u64> {
        if self.n_waiting >= MOST_WAITING {
            self.n_dropped += 1;
            return None;
        }
        let index = self.first + self.log.len() as u64;
        push.index = index;
        self.n_waiting += 1;
        self.jobs.push_back(Job {
            index,
            callback,
            openid: push.openid.clone(),
            sealed: Arc::clone(&sealed),
            stamp,
            delay_ms,
            epoch: self.epoch,
        });
        self.log.push_back(Kept { push, sealed });
        if self.log.len() > MOST_KEPT {
            self.log.pop_front();
            self.first += 1;
        }
        Some(index)
    }

    fn next_job(&mut self) -> Option<Job> {
        self.jobs.pop_front()
    }

    /// Whether a push still has to go out.
    fn wants(&self, job: &Job) -> bool {
        self.epoch == job.epoch
    }

    /// One try is over.
    fn tried(&mut self, index: u64, attempt: Try) {
        if let Some(kept) = self.kept(index) {
            kept.push.tries.push(attempt);
        }
    }

    /// A push is over.
    fn ended(&mut self, index: u64, fate: PushFate) {
        self.n_waiting -= 1;
        if let Some(kept) = self.kept(index) {
            kept.push.fate = fate;
        }
    }
}

/// Tells the app's address, if it has one. Gives the index of the push.
pub(super) fn push(
    state: &State,
    appid: &str,
    openid: &str,
    fields: Map<String, Value>,
    stamp: Stamp,
    delay_ms: u64,
) -> Option<u64> {
    let now_ms = state.clock.now_ms();
    let mut callbacks = lock(&state.callbacks);
    let callback = Arc::clone(callbacks.by_app.get(appid)?);
    let message = message::addressed(&callback, openid, fields, now_ms);
    let sealed = Arc::new(message::seal(&callback, &message, &mut callbacks.random));
    let push = Push {
        index: 0,
        appid: appid.to_owned(),
        openid: openid.to_owned(),
        message: Value::Object(message),
        body: sealed.body.clone(),
        at_ms: now_ms,
        repeats: None,
        fate: PushFate::Waiting,
        tries: Vec::new(),
    };
    let index = callbacks.add(callback, push, sealed, stamp, delay_ms);
    drop(callbacks);
    state.pushed.notify_one();
    index
}

/// Posts this text and nothing around it, signed as if it were a message in the clear.
pub(super) fn push_raw(state: &State, appid: &str, body: &str, stamp: Stamp) -> Option<u64> {
    let mut callbacks = lock(&state.callbacks);
    let callback = Arc::clone(callbacks.by_app.get(appid)?);
    let sealed = Arc::new(Sealed::raw(body));
    let push = Push {
        index: 0,
        appid: appid.to_owned(),
        openid: String::new(),
        message: Value::Null,
        body: body.to_owned(),
        at_ms: state.clock.now_ms(),
        repeats: None,
        fate: PushFate::Waiting,
        tries: Vec::new(),
    };
    let index = callbacks.add(callback, push, sealed, stamp, 0);
    drop(callbacks);
    state.pushed.notify_one();
    index
}

/// Posts the body of an earlier push once more.
pub(super) fn push_again(state: &State, index: u64) -> Option<u64> {
    let mut callbacks = lock(&state.callbacks);
    let kept = callbacks.kept(index)?;
    let sealed = Arc::clone(&kept.sealed);
    let push = Push {
        at_ms: state.clock.now_ms(),
        repeats: Some(index),
        fate: PushFate::Waiting,
        tries: Vec::new(),
        ..kept.push.clone()
    };
    let callback = Arc::clone(callbacks.by_app.get(&push.appid)?);
    let index = callbacks.add(callback, push, sealed, Stamp::default(), 0);
    drop(callbacks);
    state.pushed.notify_one();
    index
}
