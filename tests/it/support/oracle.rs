//! The judge of a run under trouble. It imports nothing of the service: it reads what lies on the topics, what the sandbox logged and
//! what the driver did to the processes, and holds these against each other.
//!
//! # What is sent twice, and when that is excused
//!
//! The API has no idempotency key, so a sender that loses the answer cannot know. A second send of a message is *explained* if, when it
//! went out, no process could know what had become of the first. The evidence must not come from the service. It is this:
//!
//! - **The sender.** Every life of every member has an appid of its own, which the sandbox logs with each send. Message ids do not
//!   hold the appid, so the service treats them all alike.
//! - **What the sender was told, and when.** The sandbox notes when it told the caller that the message was taken, and notes nothing if
//!   it cut the caller off, told it something else, or if the caller hung up.
//! - **What happened to the sender.** The driver itself kills and freezes, and writes down which process and when.
//! - **What was known.** An outcome with the msgid of the first send proves that the first was settled, and since when: the time
//!   is the broker's. A later send is not explained by anything that happened to the sender of the first.
//!
//! Between answer and settlement an honest service needs some milliseconds. The bound for it ([`Bounds::settle_ms`]) is the one number here
//! that is judged, not known; a death later than that excuses nothing. It stretches over a time in which the store was down, and over
//! the pause until the service looks again ([`Bounds::reconnect_ms`]), and over a time in which the driver's own writes to the store took long:
//! three brokers, the members and whatever else runs share one disk with it.
//!
//! Where a rule says `leave`, nothing is excused: a message in doubt is not sent again.

#[path = "oracle/cases.rs"]
mod cases;
#[path = "oracle/ends.rs"]
mod ends;
#[path = "oracle/reading.rs"]
pub(crate) mod reading;
#[path = "oracle/second_sends.rs"]
mod second_sends;
#[path = "oracle/verdict.rs"]
mod verdict;

use std::collections::BTreeMap;

pub(crate) use self::second_sends::Explanation;
pub(crate) use self::verdict::{Finding, Verdict, Weight};

/// Whether the service remembers what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It does not: what a crash leaves open is sent again, and what the outcomes say may change. That is told, and not judged.
    None,
    /// It does, and survives a crash.
    Durable,
}

/// What a rule says of a message in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InDoubt {
    /// Send it again.
    Resend,
    /// Leave it.
    Leave,
}

/// One outcome that one record owes.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    /// Its `id`.
    pub(crate) outcome_id: String,
    /// What is sent once; several records may share it.
    pub(crate) message_id: String,
    /// The rule; empty where no rule is reached.
    pub(crate) rule: String,
    /// A value that only this message has among its params; nothing if it must never be sent.
    pub(crate) mark: Option<String>,
    /// What its rule says.
    pub(crate) in_doubt: InDoubt,
    /// The statuses that it may end in.
    pub(crate) ends: &'static [&'static str],
}

/// An outcome as it lies on its topic.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) message_id: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) msgid: Option<String>,
    pub(crate) duplicate_of: Option<String>,
    /// When the broker took it.
    pub(crate) at_ms: i64,
}

/// A send that the sandbox accepted.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    /// The appid: which life of which member.
    pub(crate) life: String,
    /// All values of its params.
    pub(crate) values: Vec<String>,
    pub(crate) msgid: String,
    /// When it was accepted.
    pub(crate) at_ms: i64,
    /// When the caller was told so, if it was.
    pub(crate) answered_at_ms: Option<i64>,
}

/// What the driver did, or saw.
#[derive(Clone, Debug)]
pub(crate) enum Incident {
    /// A process was killed, or ended before its work was done.
    Gone { life: String, at_ms: i64 },
    /// A process did not run for a while.
    Frozen {
        life: String,
        from_ms: i64,
        until_ms: i64,
    },
    /// The store was away.
    StoreDown { from_ms: i64, until_ms: i64 },
    /// The store was there, and took this long to answer the driver's own question.
    StoreSlow { from_ms: i64, until_ms: i64 },
    /// A broker was away. It excuses nothing, and is told with the cases.
    BrokerDown {
        number: usize,
        from_ms: i64,
        until_ms: i64,
    },
}

/// How far things may lie apart and still belong together.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "names tell their units")]
pub(crate) struct Bounds {
    /// The time that settling a message may take after its answer, in milliseconds.
    pub(crate) settle_ms: i64,
    /// The time after which the service has noticed that the store is back, in milliseconds.
    pub(crate) reconnect_ms: i64,
    /// After this time the service takes no answer any more, in milliseconds.
    pub(crate) api_timeout_ms: i64,
    /// The clocks of the sandbox, the brokers and the driver differ by less than this, in milliseconds.
    pub(crate) clocks_ms: i64,
}

/// Everything that is known of a run.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) memory: Memory,
    pub(crate) bounds: Bounds,
    pub(crate) owed: Vec<Owed>,
    /// Every outcome, in the order of its topic's partitions.
    pub(crate) outcomes: Vec<Outcome>,
    /// Every accepted send, oldest first.
    pub(crate) sends: Vec<Send>,
    pub(crate) incidents: Vec<Incident>,
}

/// All that concerns one message.
struct Message<'a> {
    id: &'a str,
    owed: Vec<&'a Owed>,
    outcomes: Vec<&'a Outcome>,
    sends: Vec<&'a Send>,
}

/// Judges a run.
pub(crate) fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::of(history.memory);
    let messages = messages(history, &mut verdict);
    ends::check(history, &mut verdict);
    for message in messages.values() {
        ends::check_message(message, history, &mut verdict);
        second_sends::check(message, history, &mut verdict);
    }
    verdict
}

/// Sorts outcomes and sends to the messages that they belong to; what belongs to none is a finding.
fn messages<'a>(history: &'a History, verdict: &mut Verdict) -> BTreeMap<&'a str, Message<'a>> {
    let mut messages: BTreeMap<&str, Message<'a>> = BTreeMap::new();
    let mut by_mark: BTreeMap<&str, &str> = BTreeMap::new();
    for owed in &history.owed {
        let id = owed.message_id.as_str();
        let new = || Message {
            id,
            owed: Vec::new(),
            outcomes: Vec::new(),
            sends: Vec::new(),
        };
        messages.entry(id).or_insert_with(new).owed.push(owed);
        if let Some(mark) = &owed.mark {
            by_mark.insert(mark, id);
        }
    }
    for outcome in &history.outcomes {
        if let Some(message) = messages.get_mut(outcome.message_id.as_str()) {
            message.outcomes.push(outcome);
        }
    }
    verdict.n_accepted = history.sends.len();
    for send in &history.sends {
        let id = send
            .values
            .iter()
            .find_map(|value| by_mark.get(value.as_str()));
        match id.and_then(|id| messages.get_mut(id)) {
            Some(message) => message.sends.push(send),
            None => verdict.sends_of_nothing.push(cases::tell_send(send)),
        }
    }
    for message in messages.values_mut() {
        message.sends.sort_by_key(|send| send.at_ms);
    }
    messages
}
