//! What a person, or a process in a person's place, is about to change: the record on the audit topic.
//!
//! It is written before the thing is done. A thing that takes its time has a second record at its end, and so has one that has failed: it names the
//! first one by its `id` (`of`) and says what came of it (`result`).
//!
//! These names are the contract with everyone who reads the audit topic, as those of outcomes are.

mod bounds;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::outcome::{Unlisted, open};
use super::time::rfc3339_ms;
pub use bounds::{LARGEST_AUDIT_BYTES, LONGEST_WHY_CHARS, name_of, why_of};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Other rules, templates or apps come into force.
    Reload,
    /// A rule, a template or an app is stopped.
    Pause,
    /// A rule, a template or an app goes on.
    Resume,
    /// Records are published once more.
    Replay,
    /// How many messages a user has allowed is said anew.
    GrantsSet,
    /// The same of many users at once.
    GrantsImport,
    /// A count of calls is set back at `WeChat`.
    QuotaClear,
    /// A service goes on without the state that it has lost.
    StateResume,
    /// Read from a topic, never made here.
    #[serde(skip)]
    Unlisted(Unlisted),
}

/// By which way it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A command of `wx-courier`.
    Command,
    /// The console.
    Console,
    /// A request that does not say who asks.
    Request,
    /// A signal to the service.
    Signal,
    /// A file that was saved.
    SavedFile,
    /// A word of another program, or of a later version.
    #[serde(skip)]
    Unlisted(Unlisted),
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It is done, all of it.
    Done,
    /// It was stopped before its end.
    Stopped,
    /// It failed: nothing was done, or a part of it.
    Failed,
    /// There was nothing to be changed.
    Unchanged,
    /// It is not known whether it was done, or it is done later.
    NotKnown,
    /// Read from a topic, never made here.
    #[serde(skip)]
    Unlisted(Unlisted),
}

/// Who is behind it, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// The person: a user of the system for commands, a user of the console; `token` or `unknown` for a request that does not say.
    pub name: String,
    /// The machine from which it came: its name, or an address.
    pub host: String,
    /// By which way.
    #[serde(deserialize_with = "open")]
    pub via: Via,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conclusion {
    /// How it ended.
    #[serde(deserialize_with = "open")]
    pub ended: Ended,
    /// The same in a sentence for a person. Its wording may change.
    pub detail: String,
}

/// Some facts, by their names.
pub type Facts = BTreeMap<String, Value>;

/// What is about to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What.
    pub what: What,
    /// To what: `rule order-completed`, `app shop`. No whole openid, no secret.
    pub subject: String,
    /// How that is before it, as far as is known.
    pub before: Option<Facts>,
    /// How it is to be after it.
    pub after: Option<Facts>,
    /// Why, in a person's words.
    pub why: Option<String>,
}

/// The moment of a record, and what tells it from others of that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Unix milliseconds.
    pub now_ms: i64,
    /// A random number.
    pub random: u64,
}

/// The record on the audit topic; its key is the `subject`. A field that does not apply is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// This record, and no other: random, and later records have later ids.
    pub id: String,
    /// When it was written: RFC 3339, UTC, milliseconds.
    pub at: String,
    /// The fleet: the consumer group of the settings.
    pub group: String,
    /// Who has asked for it.
    pub who: Who,
    /// What is done.
    #[serde(deserialize_with = "open")]
    pub what: What,
    /// To what it is done.
    pub subject: String,
    /// How that was before, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Facts>,
    /// How it is to be; on a second record, what came of it in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Facts>,
    /// Why, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// On a second record: the `id` of the first, which was written before the thing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// On a second record: what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Conclusion>,
}

impl Stamp {
    fn id(self) -> String {
        let Self { now_ms, random } = self;
        // Eleven digits are enough until the year 2527, and texts have the order of times.
        format!("{:011x}-{random:016x}", now_ms.max(0))
    }
}

impl AuditRecord {
    /// The record of something that is about to be done. Whatever is too long in it is cut.
    pub fn new(stamp: Stamp, group: &str, who: Who, action: Action) -> Self {
        let Action {
            what,
            subject,
            before,
            after,
            why,
        } = action;
        let mut record = Self {
            id: stamp.id(),
            at: rfc3339_ms(stamp.now_ms),
            group: group.to_owned(),
            who,
            what,
            subject,
            before,
            after,
            why,
            of: None,
            result: None,
        };
        record.bound();
        record
    }

    /// The second record of the same thing: what came of it.
    #[must_use]
    pub fn concluded(&self, stamp: Stamp, result: Conclusion, after: Option<Facts>) -> Self {
        let mut record = Self {
            id: stamp.id(),
            at: rfc3339_ms(stamp.now_ms),
            before: None,
            after,
            of: Some(self.id.clone()),
            result: Some(result),
            ..self.clone()
        };
        record.bound();
        record
    }
}

/// Facts, from pairs.
pub fn facts<const N: usize>(pairs: [(&str, Value); N]) -> Facts {
    let pairs = pairs.into_iter();
    pairs.map(|(name, fact)| (name.to_owned(), fact)).collect()
}

#[cfg(test)]
mod tests;
