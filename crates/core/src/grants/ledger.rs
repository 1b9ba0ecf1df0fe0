//! One user's permissions for one template, and everything that happens to them.

mod script;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::turn::Turns;
use super::{Balance, Counted, Lack, Need, Report, Reservation, Source, Without};
use crate::model::outcome::Unlisted;
use crate::wechat::Word;

/// Two sources that tell of accepts this close together tell of the same one. `WeChat` repeats a callback for some 15 s, its time is in
/// whole seconds, and clocks differ. A user who accepts twice within that time is still counted twice: the same source told it twice.
const SAME_ACCEPT_MS: i64 = 60_000;

/// A time in whole seconds may lie so much before the moment that it names.
const WHOLE_SECOND_MS: i64 = 1_000;

/// How long an accept is kept for other sources to tell of it. An event may lie on its topic for hours.
const RECENT_FOR_MS: i64 = 24 * 3_600_000;

/// How many accepts are kept for that, the newest.
const MOST_RECENT: usize = 32;

/// What was reserved this long ago belongs to no message any more: that message was forgotten with its claim, or its record will not be
/// read again.
pub const RESERVED_FOR_MS: i64 = 24 * 3_600_000;

/// One user's permissions for one template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    granted: u64,
    used: u64,
    /// By message id, since when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    reserved: BTreeMap<Arc<str>, i64>,
    /// Of those, the ones that the user has taken back since: a message that does not use its own gives nothing back.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    void: BTreeSet<Arc<str>>,
    /// What was left was known at this moment: the user took everything back, `WeChat` said so, or an operator set it. What happened before
    /// is part of that, whenever it is told.
    #[serde(default, skip_serializing_if = "is_never")]
    known_ms: i64,
    /// Where the template is limited by frequency: what was sent lately.
    #[serde(default, skip_serializing_if = "Turns::is_empty")]
    turns: Turns,
    /// The latest accepts, in the order in which they were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recent: Vec<Accept>,
    /// What a later version has written.
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_never(at_ms: &i64) -> bool {
    *at_ms == 0
}

/// An accept that was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// When the user accepted, in Unix milliseconds, as the first source told.
    at_ms: i64,
    /// The sources that have told of it.
    told_by: Vec<Teller>,
    /// When, as the others told, in their order. What is taken for one accept may be two: nothing but the time tells them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others_ms: Vec<i64>,
    /// What a later version has written.
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl Accept {
    fn new(at_ms: i64, teller: Teller) -> Self {
        Self {
            at_ms,
            told_by: vec![teller],
            others_ms: Vec::new(),
            more: BTreeMap::new(),
        }
    }

    /// Whether this is what another source tells of now.
    fn is_told(&self, at_ms: i64, teller: Teller) -> bool {
        self.at_ms.abs_diff(at_ms) <= SAME_ACCEPT_MS.unsigned_abs()
            && !self.told_by.contains(&teller)
    }

    fn add(&mut self, at_ms: i64, teller: Teller) {
        // An older version kept no times of the others.
        self.others_ms
            .resize(self.told_by.len().saturating_sub(1), self.at_ms);
        self.told_by.push(teller);
        self.others_ms.push(at_ms);
    }

    /// The sources that have told of it, and for which moment.
    fn told(&self) -> impl Iterator<Item = (i64, Teller)> {
        let times = std::iter::once(self.at_ms).chain(self.others_ms.iter().copied());
        let times = times.chain(std::iter::repeat(self.at_ms));
        times.zip(self.told_by.iter().copied())
    }
}

/// A source that has told of an accept. A later version may know more sources: its ledgers are read, and written as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    /// One of ours.
    Source(Source),
    /// Never made here.
    Unlisted(Unlisted),
}

impl<'de> Deserialize<'de> for Teller {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        Self::of_word(&word).ok_or_else(|| D::Error::custom("expected a word in small letters"))
    }
}

impl Teller {
    fn of_word(word: &str) -> Option<Self> {
        let ours = Source::ALL.into_iter().find(|ours| ours.as_str() == word);
        let other = || Unlisted::new(word).map(Self::Unlisted);
        ours.map(Self::Source).or_else(other)
    }
}

impl Serialize for Teller {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Source(source) => source.as_str(),
            Self::Unlisted(word) => word.as_str(),
        })
    }
}

impl Ledger {
    /// The numbers.
    pub fn balance(&self) -> Balance {
        let reserved = self.reserved.len() as u64;
        Balance {
            granted: self.granted,
            reserved,
            used: self.used,
            left: self
                .granted
                .saturating_sub(self.used.saturating_add(reserved)),
        }
    }

    /// Lets go of what will not be asked about any more. Everything else that is done to a ledger comes after this.
    pub fn tidy(&mut self, now_ms: i64) {
        let reserved_since = now_ms.saturating_sub(RESERVED_FOR_MS);
        let old = |(_, since): &(&Arc<str>, &i64)| **since < reserved_since;
        let forgotten: Vec<Arc<str>> = self
            .reserved
            .iter()
            .filter(old)
            .map(|(message_id, _)| Arc::clone(message_id))
            .collect();
        for message_id in forgotten {
            self.give_back(&message_id);
        }
        self.turns.tidy(now_ms);
        let recent_since = now_ms.saturating_sub(RECENT_FOR_MS);
        self.recent.retain(|accept| accept.at_ms >= recent_since);
    }

    /// A source tells of the user's answer. A clock that is ahead does not make an answer that no later word can take back.
    pub fn hear(&mut self, report: &Report) -> Counted {
        let at_ms = report.at_ms.min(report.now_ms);
        match report.word {
            Word::Accept => self.accept(at_ms, report.source),
            Word::Reject => {
                self.reject(at_ms);
                Counted::New
            }
        }
    }

    /// The user allows one message more. What another source has told already is not counted again, nor what was before the count was known.
    fn accept(&mut self, at_ms: i64, source: Source) -> Counted {
        let teller = Teller::Source(source);
        let mut recent = self.recent.iter_mut();
        if let Some(same) = recent.find(|known| known.is_told(at_ms, teller)) {
            same.add(at_ms, teller);
            return Counted::Known;
        }
        // A callback names whole seconds.
        if at_ms.saturating_add(WHOLE_SECOND_MS) <= self.known_ms {
            return Counted::Known;
        }
        self.granted = self.granted.saturating_add(1);
        if self.recent.len() >= MOST_RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Accept::new(at_ms, teller));
        Counted::New
    }

    /// The user, or `WeChat` with 43101, says that there is nothing left. What was accepted after that moment stays, and so does what is
    /// reserved for messages under way: they get `WeChat`'s own answer. If they are not sent after all, nothing comes back.
    pub fn reject(&mut self, at_ms: i64) {
        if at_ms.saturating_add(WHOLE_SECOND_MS) <= self.known_ms {
            return;
        }
        self.known_ms = self.known_ms.max(at_ms);
        let before = self.reserved.iter().filter(|(_, since)| **since <= at_ms);
        self.void
            .extend(before.map(|(message_id, _)| Arc::clone(message_id)));
        let left = self.balance().left.min(self.n_accepted_after(at_ms));
        self.leave(left);
    }

    /// The user has left the app: what was counted until that moment goes, with what was sent by turns. What is reserved for messages under way
    /// stays until they end, as with [`reject`](Self::reject), and so does the moment: what is told later of the time before counts for nothing.
    pub fn clear(&mut self, at_ms: i64) {
        self.reject(at_ms);
        let left = self.balance().left;
        self.used = 0;
        self.leave(left);
        self.recent
            .retain(|accept| accept.told().any(|(told_ms, _)| told_ms > at_ms));
        self.turns.forget_sent(at_ms);
    }

    /// How many accepts there were after a moment: counted anew, from what was told of later ones alone.
    fn n_accepted_after(&self, at_ms: i64) -> u64 {
        let told = self.recent.iter().flat_map(Accept::told);
        let mut later: Vec<(i64, Teller)> = told.filter(|(told_ms, _)| *told_ms > at_ms).collect();
        later.sort_by_key(|(told_ms, _)| *told_ms);
        let mut accepts: Vec<Accept> = Vec::new();
        for (told_ms, teller) in later {
            match accepts
                .iter_mut()
                .find(|known| known.is_told(told_ms, teller))
            {
                Some(same) => same.add(told_ms, teller),
                None => accepts.push(Accept::new(told_ms, teller)),
            }
        }
        accepts.len() as u64
    }

    /// So many are left: the caller knows it.
    pub fn set(&mut self, left: u64, now_ms: i64) {
        self.known_ms = self.known_ms.max(now_ms);
        self.leave(left);
    }

    fn leave(&mut self, left: u64) {
        let taken = self.used.saturating_add(self.reserved.len() as u64);
        self.granted = taken.saturating_add(left);
    }

    /// Sets aside what a message needs, or says what is lacking for it to be sent. Asked again, the answer is the same.
    pub fn reserve(
        &mut self,
        message_id: &Arc<str>,
        need: &Need,
        now_ms: i64,
    ) -> Result<Reservation, Lack> {
        let without = match need {
            Need::Grant(without) => *without,
            Need::Turn(turn) => {
                let taken = self.turns.take(message_id, turn, now_ms);
                return taken.map(|()| Reservation::NotAsked).ok_or(Lack::Turn);
            }
        };
        if !self.reserved.contains_key(message_id) && self.balance().left == 0 {
            return match without {
                Without::Send => Ok(Reservation::Missing),
                Without::Skip => Err(Lack::Grant),
            };
        }
        self.reserved.insert(Arc::clone(message_id), now_ms);
        Ok(Reservation::Made)
    }

    /// The message was not sent, or is not sent now.
    pub fn give_back(&mut self, message_id: &str) {
        self.turns.give_back(message_id);
        if self.reserved.remove(message_id).is_some() && self.void.remove(message_id) {
            self.granted = self.granted.saturating_sub(1);
        }
    }

    /// The message was sent, or may have been. One that had nothing reserved was allowed all the same.
    pub fn use_up(&mut self, message_id: &str, now_ms: i64) {
        if self.turns.use_up(message_id, now_ms).is_some() {
            return;
        }
        self.reserved.remove(message_id);
        self.void.remove(message_id);
        self.used = self.used.saturating_add(1);
        self.granted = self.granted.max(self.used);
    }
}

#[cfg(test)]
mod tests;
