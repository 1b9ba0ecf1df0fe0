//! What a store has to be able to do: keep rows. What the rows mean is said by [`StoreState`](super::StoreState), once for all stores.

use std::sync::Arc;

use super::{Request, Row};
use crate::grants::{self, Ledger};
use crate::holds::Holds;
use crate::instances::Instances;
use crate::model::outcome::{Identity, Outcome, RecipientKey};
use crate::model::{Holder, digest};
use crate::wechat::logins::{UserName, departure_name};
use crate::wechat::receipts;

/// Rows of a store, read and written one after another. What one request has written, the next one reads.
pub trait Rows {
    /// Why the store cannot be asked now, or says that it is damaged.
    type Error;

    /// The row under a key; `None` if there is none. It is a row of the key's kind.
    fn get(&mut self, key: &Key) -> Result<Option<Value>, RowError<Self::Error>>;

    /// Puts a row in place of what lies there, whether or not that can be read. The key and the row are of one kind.
    fn put(&mut self, key: Key, value: Value, age: Age) -> Result<(), RowError<Self::Error>>;

    /// Takes a row away, if there is one.
    fn take(&mut self, key: &Key) -> Result<(), RowError<Self::Error>>;
}

/// Why a row was not read or written.
#[derive(Debug)]
pub enum RowError<E> {
    /// What lies there is no row that this version can read.
    Unreadable,
    /// The store cannot get at this row. Whether it works for others is not known.
    Damaged(E),
    /// The store is away, or does not do what it was asked for. It says nothing of the row.
    Failed(E),
}

/// From when the age of a row is counted that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// From this moment, in Unix milliseconds. A user's row has an end of its own, and the moment only says how far off that is.
    Since(i64),
    /// The row is as old as the one in whose place it comes.
    Unchanged,
}

/// Where a row lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The holder that sends a message, by the message id.
    Claim(Arc<str>),
    /// How a record's message ended, by its `id`.
    Outcome(Arc<str>),
    /// A user's grants for a template.
    Ledger(grants::Key),
    /// What was told or done, by its name.
    Mark(Arc<str>),
    /// A user, by the name under which the user is kept: the `id` of an outcome, or a session's.
    User(Arc<str>),
    /// `WeChat`'s number of a message.
    Number(receipts::Key),
    /// What is stopped. There is one such row.
    Holds,
    /// The one key by which recipients are hashed.
    RecipientKey,
    /// The instances that share the store. There is one such row.
    Instances,
}

impl Key {
    /// The kind of its rows.
    pub fn row(&self) -> Row {
        match self {
            Self::Claim(_) => Row::Claim,
            Self::Outcome(_) => Row::Outcome,
            Self::Ledger(_) => Row::Ledger,
            Self::Mark(_) => Row::Mark,
            Self::User(_) => Row::User,
            Self::Number(_) => Row::Number,
            Self::Holds => Row::Holds,
            Self::RecipientKey => Row::RecipientKey,
            Self::Instances => Row::Instances,
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Under [`Key::Claim`].
    Claim(Entry),
    /// Under [`Key::Outcome`].
    Outcome(Arc<Outcome>),
    /// Under [`Key::Ledger`].
    Ledger(Ledger),
    /// Under [`Key::Mark`]: that it is there is all that it says.
    Mark,
    /// Under [`Key::User`].
    User(User),
    /// Under [`Key::Number`]: the `id` of the outcome that has the number.
    Number(Arc<str>),
    /// Under [`Key::Holds`].
    Holds(Holds),
    /// Under [`Key::RecipientKey`].
    RecipientKey(RecipientKey),
    /// Under [`Key::Instances`].
    Instances(Instances),
}

/// What is known of a message id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record that asked, and the rule: the `id` of its outcome.
    pub outcome_id: Arc<str>,
    /// When, in Unix milliseconds. Of a message that was sent, some stores do not keep it.
    pub since_ms: i64,
    /// How far it is.
    pub state: ClaimState,
    /// Which record it was. Of a message that was sent its outcome says so.
    pub record: Option<Identity>,
}

/// How many letters of a digest stand for an id: 84 bits. Among a thousand million ids two have the same letters with a chance of one to forty
/// million.
const SHORT_NAME: usize = 14;

/// What may stand for an id where its text is not needed: the beginning of its SHA-256, in base64url. A person gets it by
/// `printf %s ID | openssl dgst -sha256 -binary | basenc --base64url | cut -c 1-14`.
pub fn short_name(id: &str) -> String {
    let letters: [u8; SHORT_NAME] = digest(&[id.as_bytes()]);
    letters.into_iter().map(char::from).collect()
}

/// How many characters at the end of an id stay as they are in its sorted name.
const COUNTER: usize = 4;

/// How many letters of each of both digests are in a sorted name: 84 bits in all.
const HALF_NAME: usize = SHORT_NAME / 2;

/// The same where names lie in their order, and messages come with ids that count up: such names lie side by side, for ten thousand messages or more. A
/// digest alone would lie anywhere, and each message would change another page of a file.
///
/// It is a digest of the id without its last four characters, these four, and a digest of the whole id.
pub fn sorted_name(id: &str) -> String {
    let counter = id.char_indices().nth_back(COUNTER - 1);
    let (stem, counter) = id.split_at(counter.map_or(0, |(at, _)| at));
    let letters = |text: &str| digest::<HALF_NAME>(&[text.as_bytes()]).map(char::from);
    let mut name = String::with_capacity(2 * HALF_NAME + counter.len());
    name.extend(letters(stem));
    name.push_str(counter);
    name.extend(letters(id));
    name
}

/// What stands before the rule in the `id` of an outcome, and at the end of no such `id`.
pub(super) const BEFORE_RULE: char = '/';

/// The rule that a message id begins with.
fn rule_of(message_id: &str) -> &str {
    message_id.split('|').next().unwrap_or_default()
}

/// The `id` of a message's outcome without its rule, if the message id tells the rule.
pub fn without_rule<'a>(outcome_id: &'a str, message_id: &str) -> &'a str {
    let place = outcome_id.strip_suffix(rule_of(message_id));
    let place = place.filter(|place| place.ends_with(BEFORE_RULE));
    place.unwrap_or(outcome_id)
}

/// The `id` of which [`without_rule`] has left this.
pub fn with_rule(kept: &str, message_id: &str) -> Arc<str> {
    if kept.ends_with(BEFORE_RULE) {
        Arc::from(format!("{kept}{}", rule_of(message_id)))
    } else {
        Arc::from(kept)
    }
}

/// How far a message is that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// This holder is sending it, or was.
    Open(Holder),
    /// It was sent, or may have been.
    Sent,
}

/// A user behind a login code or a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's openid, in the clear.
    pub openid: Arc<str>,
    /// When it is forgotten at the latest, in Unix milliseconds.
    pub until_ms: i64,
}

impl Value {
    /// The claim, if it is one.
    pub fn claim(self) -> Option<Entry> {
        let Self::Claim(entry) = self else {
            return None;
        };
        Some(entry)
    }

    /// The outcome, if it is one.
    pub fn outcome(self) -> Option<Arc<Outcome>> {
        let Self::Outcome(outcome) = self else {
            return None;
        };
        Some(outcome)
    }

    /// The ledger, if it is one.
    pub fn ledger(self) -> Option<Ledger> {
        let Self::Ledger(ledger) = self else {
            return None;
        };
        Some(ledger)
    }

    /// The mark, if it is one.
    pub fn mark(self) -> Option<()> {
        matches!(self, Self::Mark).then_some(())
    }

    /// The user, if it is one.
    pub fn user(self) -> Option<User> {
        let Self::User(user) = self else {
            return None;
        };
        Some(user)
    }

    /// The `id` of an outcome that has a number, if it is one.
    pub fn number(self) -> Option<Arc<str>> {
        let Self::Number(outcome_id) = self else {
            return None;
        };
        Some(outcome_id)
    }

    /// What is stopped, if it is that.
    pub fn holds(self) -> Option<Holds> {
        let Self::Holds(holds) = self else {
            return None;
        };
        Some(holds)
    }

    /// The recipient key, if it is one.
    pub fn recipient_key(self) -> Option<RecipientKey> {
        let Self::RecipientKey(key) = self else {
            return None;
        };
        Some(key)
    }

    /// The instances, if it is that.
    pub fn instances(self) -> Option<Instances> {
        let Self::Instances(instances) = self else {
            return None;
        };
        Some(instances)
    }
}

impl Request {
    /// The rows that it may need, as far as it names them. A store that reads many rows at once reads these beforehand; the only rows that are
    /// not among them are the outcome that a [`receipts::Join`] finds by its number, whether the user of a session has left, and what a
    /// [`Look`](super::Look) finds by the row that it names.
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Self::Claim(claim) => {
                let outcome = Key::Outcome(Arc::clone(&claim.outcome_id));
                let of_message = Key::Claim(Arc::clone(&claim.message_id));
                let ledger = claim.grant.as_ref().map(|wish| wish.key.clone());
                with_ledger(vec![outcome, of_message], ledger)
            }
            Self::Release {
                message_id, grant, ..
            } => with_ledger(vec![Key::Claim(Arc::clone(message_id))], grant.clone()),
            Self::Settle(settlement) => {
                let id: Arc<str> = Arc::from(settlement.outcome.id.as_str());
                let of_message = Key::Claim(Arc::from(settlement.outcome.message_id.as_str()));
                let mut keys = vec![Key::Outcome(id), of_message];
                keys.extend(of_user(&settlement.user_name()));
                keys.extend(settlement.number().map(Key::Number));
                with_ledger(keys, settlement.grant.clone())
            }
            Self::Report(report) => {
                let mark = Key::Mark(Arc::from(report.mark()));
                vec![Key::Ledger(report.key.clone()), mark]
            }
            Self::Withdraw(withdrawal) => {
                let left = Key::User(departure_name(&withdrawal.openid));
                withdrawal
                    .ledgers()
                    .map(Key::Ledger)
                    .chain([left])
                    .collect()
            }
            Self::Balance(query) => vec![Key::Ledger(query.key().clone())],
            Self::Keep(keep) => with_outcome(&keep.name),
            Self::Recall(recall) => {
                let mut keys = with_outcome(&recall.name);
                keys.extend(recall.message_id.clone().map(Key::Claim));
                keys
            }
            Self::Join(join) => {
                let mark = Key::Mark(Arc::from(join.key.mark()));
                vec![mark, Key::Number(join.key.clone())]
            }
            Self::Done(done) => vec![Key::Mark(Arc::from(done.key.mark()))],
            Self::Holds(_) => vec![Key::Holds],
            Self::Propose(_) => vec![Key::RecipientKey],
            Self::Note(_) => vec![Key::Instances],
            Self::Look(look) => {
                let outcome = look.outcome_id.clone().map(Key::Outcome);
                let claim = look.message_id.clone().map(Key::Claim);
                outcome.into_iter().chain(claim).collect()
            }
        }
    }
}

/// Where the user of this name may be kept: the newest form of the name first.
pub(super) fn of_user(name: &UserName) -> impl Iterator<Item = Key> {
    let newest = name.key();
    let before = name.key_before().filter(|before| *before != newest);
    [Some(newest), before].into_iter().flatten().map(Key::User)
}

fn with_outcome(name: &UserName) -> Vec<Key> {
    let mut keys: Vec<Key> = of_user(name).collect();
    if let UserName::Message { outcome_id, .. } = name {
        keys.push(Key::Outcome(Arc::clone(outcome_id)));
    }
    keys
}

fn with_ledger(mut keys: Vec<Key>, ledger: Option<grants::Key>) -> Vec<Key> {
    keys.extend(ledger.map(Key::Ledger));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_left_out_where_the_message_id_tells_it() {
        for (outcome_id, message_id, kept) in [
            ("t/0/1/r", "r|/shop|1", "t/0/1/"),
            ("t/0/1/a/r", "r|/shop|1", "t/0/1/a/"),
            ("t/0/1/r", "R|/shop|1", "t/0/1/r"),
            ("t/0/1/other", "r|/shop|1", "t/0/1/other"),
            ("t/0/1/r", "no rule", "t/0/1/r"),
            ("t/0/1/rr", "r|/shop|1", "t/0/1/rr"),
            ("t/0/1/r", "", "t/0/1/r"),
        ] {
            assert_eq!(without_rule(outcome_id, message_id), kept);
            assert_eq!(&*with_rule(kept, message_id), outcome_id);
        }
    }

    #[test]
    fn a_short_name_is_the_same_in_every_version() {
        assert_eq!(short_name("abc"), "ungWv48Bz-pBQU");
        assert_eq!(sorted_name("xyz-abc"), "Ngi8oeR-abcR2Lh9vI");
        assert_eq!(sorted_name("abc"), "47DEQpjabcungWv48");
        assert_eq!(sorted_name("时时时时时").chars().count(), 18);
    }
}
