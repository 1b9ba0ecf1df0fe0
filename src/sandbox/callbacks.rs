//! What WeChat tells an app's own server: the registered addresses, the messages that wait for them, and what became of each.
//!
//! WeChat: message push, and the events of subscribe messages.

pub(super) mod crypt;
pub(super) mod delivery;
mod message;
mod register;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::sandbox::callbacks::message::Sealed;
use crate::sandbox::customer::Act;
use crate::sandbox::random::{Stream, stream};
use crate::sandbox::state::{State, lock};
use crate::sandbox::subscribe::Choice;

pub(super) use crate::sandbox::callbacks::message::is_name;
pub(super) use crate::sandbox::callbacks::register::register;
pub use crate::sandbox::callbacks::register::{Callback, CreateTime, Format, ListOfOne, Mode};

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

/// What the events after accepted sends say, and when they come.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentEvents {
    /// How long after the send, in milliseconds.
    pub delay_ms: u64,
    /// Events that tell of a failure; the first that fits is used.
    pub failures: Vec<SentFailure>,
}

/// A delivery that fails after the send was accepted. WeChat: `subscribe_msg_sent_event`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SentFailure {
    /// Only to this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// Only of this template id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// How many; without a number, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// `ErrorCode`.
    pub code: String,
    /// `ErrorStatus`.
    pub status: String,
}

impl SentEvents {
    /// `ErrorCode` and `ErrorStatus` of the next event.
    fn next(&mut self, openid: &str, template_id: &str) -> (String, String) {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let failure = self.failures.iter_mut().find(|failure| {
            failure.times != Some(0)
                && fits(&failure.openid, openid)
                && fits(&failure.template, template_id)
        });
        let Some(failure) = failure else {
            return ("0".to_owned(), "success".to_owned());
        };
        if let Some(times) = &mut failure.times {
            *times -= 1;
        }
        (failure.code.clone(), failure.status.clone())
    }
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

fn event(name: &str, list: Vec<Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("MsgType".to_owned(), "event".into());
    fields.insert("Event".to_owned(), name.into());
    fields.insert("List".to_owned(), Value::Array(list));
    fields
}

/// The user answered the popup. WeChat: `subscribe_msg_popup_event`; it knows no word for what was not asked.
pub(super) fn popup(state: &State, appid: &str, openid: &str, results: &BTreeMap<String, Choice>) {
    let asked = results
        .iter()
        .filter(|(_, choice)| matches!(choice, Choice::Accept | Choice::Reject));
    let list: Vec<Value> = asked
        .map(|(id, choice)| {
            json!({
                "TemplateId": id,
                "SubscribeStatusString": choice.as_str(),
                "PopupScene": "0",
            })
        })
        .collect();
    if !list.is_empty() {
        let fields = event("subscribe_msg_popup_event", list);
        push(state, appid, openid, fields, Stamp::default(), 0);
    }
}

/// The user switched templates off in the settings. WeChat: `subscribe_msg_change_event`.
pub(super) fn changed(state: &State, appid: &str, openid: &str, switched_off: &[&String]) {
    let list: Vec<Value> = switched_off
        .iter()
        .map(|id| json!({ "TemplateId": id, "SubscribeStatusString": "reject" }))
        .collect();
    if !list.is_empty() {
        let fields = event("subscribe_msg_change_event", list);
        push(state, appid, openid, fields, Stamp::default(), 0);
    }
}

/// A send was accepted. WeChat: `subscribe_msg_sent_event`.
pub(super) fn sent(state: &State, appid: &str, openid: &str, template_id: &str, msgid: u64) {
    let mut callbacks = lock(&state.callbacks);
    if !callbacks.by_app.contains_key(appid) {
        return;
    }
    let delay_ms = callbacks.sent_events.delay_ms;
    let (code, status) = callbacks.sent_events.next(openid, template_id);
    drop(callbacks);
    let item = json!({
        "TemplateId": template_id,
        "MsgID": msgid.to_string(),
        "ErrorCode": code,
        "ErrorStatus": status,
    });
    let fields = event("subscribe_msg_sent_event", vec![item]);
    push(state, appid, openid, fields, Stamp::default(), delay_ms);
}

/// The user did something in the customer-service session. WeChat: text messages, `user_enter_tempsession`.
pub(super) fn customer(state: &State, appid: &str, openid: &str, act: &Act) {
    let mut fields = Map::new();
    match act {
        Act::Message { text } => {
            fields.insert("MsgType".to_owned(), "text".into());
            fields.insert("Content".to_owned(), text.as_str().into());
            fields.insert("MsgId".to_owned(), state.next_msgid().into());
        }
        Act::Enter { session_from } => {
            fields.insert("MsgType".to_owned(), "event".into());
            fields.insert("Event".to_owned(), "user_enter_tempsession".into());
            fields.insert("SessionFrom".to_owned(), session_from.as_str().into());
        }
    }
    push(state, appid, openid, fields, Stamp::default(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_sent_events_are_used_up() {
        let mut events: SentEvents = serde_json::from_str(
            r#"{"failures": [{"openid": "o1", "times": 1, "code": "-1", "status": "system failed"}]}"#,
        )
        .unwrap();
        let mut code = |openid: &str| events.next(openid, "T").0;
        assert_eq!([code("o2"), code("o1"), code("o1")], ["0", "-1", "0"]);
    }
}
