//! The users of a world: what they allow, what the simulated `WeChat` knows of it, and which source tells the ledger, how often and how late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wx_courier_core::grants::{Balance, Counted, Key, Need, Query, Reservation, Source, Without};
use wx_courier_core::model::Holder;
use wx_courier_core::state::{
    Answer, Claim, ClaimAnswer, Reply, Request, Settlement, counts_as_sent,
};
use wx_courier_core::wechat::Word;

use super::setting::{self, PASS_TEMPLATE, WAVE};
use super::world::{BEGAN_UNIX_MS, Happening, World};

/// Users act until then; what they did is told a little later.
const ACTS_MS: u64 = 45_000;

/// How well the ledger is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Of everything and in that very moment, and perhaps again later.
    Exactly,
    /// Late, twice, or not at all.
    Roughly,
}

/// What users do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Accept,
    Reject,
    /// An event that becomes a message to the user.
    Order,
    /// An event that says nothing that can be understood.
    Mumble,
}

/// A message that has a grant set aside, or has used it.
struct Taken {
    user: String,
    holder: Holder,
    is_used: bool,
}

pub(super) struct Users {
    pub(super) told: Told,
    /// What `WeChat` knows: how many more messages each user has allowed.
    allowed: BTreeMap<String, u32>,
    /// When, in Unix milliseconds.
    accepted: BTreeMap<String, Vec<i64>>,
    /// Those whom `WeChat` has refused with 43101.
    refused: BTreeSet<String>,
    rejected: BTreeMap<String, Vec<i64>>,
    /// By message id.
    taken: BTreeMap<Arc<str>, Taken>,
    /// What events told and the store has noted, by the id of the report.
    noted: BTreeSet<Arc<str>>,
    /// When the event of a message happened, if that was after the beginning of the world.
    pub(super) born_ms: BTreeMap<String, u64>,
}

impl Users {
    pub(super) fn new(told: Told) -> Self {
        Self {
            told,
            allowed: BTreeMap::new(),
            accepted: BTreeMap::new(),
            refused: BTreeSet::new(),
            rejected: BTreeMap::new(),
            taken: BTreeMap::new(),
            noted: BTreeSet::new(),
            born_ms: BTreeMap::new(),
        }
    }

    /// Whether the store knows what an event with this id tells.
    pub(super) fn is_noted(&self, event_id: &str) -> bool {
        self.noted.contains(format!("events|{event_id}").as_str())
    }

    /// Whether `WeChat` takes a message to this user; it takes the permission with it.
    pub(super) fn would_take(&self, user: &str) -> bool {
        self.allowed.get(user).is_some_and(|allowed| *allowed > 0)
    }

    pub(super) fn takes(&mut self, user: &str) {
        if let Some(allowed) = self.allowed.get_mut(user) {
            *allowed = allowed.saturating_sub(1);
        }
    }

    /// Whether the ledger cannot be wrong: it was told everything in time, and nothing was taken back.
    pub(super) fn is_certain_of(&self, user: &str) -> bool {
        self.told == Told::Exactly && !self.rejected.contains_key(user)
    }

    pub(super) fn note_refusal(&mut self, user: &str) {
        self.refused.insert(user.to_owned());
    }

    fn n_accepted(&self, user: &str) -> usize {
        self.accepted.get(user).map_or(0, Vec::len)
    }

    fn n_accepted_after(&self, user: &str, unix_ms: i64) -> usize {
        let accepted = self.accepted.get(user).into_iter().flatten();
        accepted.filter(|at| **at > unix_ms).count()
    }

    fn n_taken(&self, user: &str) -> usize {
        let taken = self.taken.values();
        taken.filter(|taken| taken.user == user).count()
    }

    /// The user whose message this is, if it has a grant.
    fn of(&self, message_id: &str) -> Option<String> {
        let taken = self.taken.get(message_id)?;
        Some(taken.user.clone())
    }

    fn n_under_way(&self, user: &str) -> usize {
        let taken = self.taken.values();
        taken
            .filter(|taken| taken.user == user && !taken.is_used)
            .count()
    }

    /// The store has granted a claim, or has not.
    fn note_claim(&mut self, claim: &Claim, answer: &Reply) -> Result<(), String> {
        let Some(wish) = &claim.grant else {
            return Ok(());
        };
        if wish.need != Need::Grant(Without::Skip) {
            return Ok(());
        }
        let (user, message_id) = (wish.key.openid.as_ref(), &claim.message_id);
        match answer {
            Ok(Answer::Claim(ClaimAnswer::Claimed(Reservation::Made))) => {
                let taken = Taken {
                    user: user.to_owned(),
                    holder: claim.holder,
                    is_used: false,
                };
                self.taken.insert(Arc::clone(message_id), taken);
                let (n_taken, n_accepted) = (self.n_taken(user), self.n_accepted(user));
                if n_taken > n_accepted {
                    return Err(format!(
                        "{message_id} is the {n_taken}. message to {user}, who has accepted {n_accepted}"
                    ));
                }
            }
            Ok(Answer::Claim(ClaimAnswer::Claimed(other))) => {
                return Err(format!(
                    "{message_id} was claimed without a grant: {other:?}"
                ));
            }
            Ok(Answer::Claim(ClaimAnswer::NoGrant)) if self.is_certain_of(user) => {
                let (n_taken, n_accepted) = (self.n_taken(user), self.n_accepted(user));
                if n_taken < n_accepted {
                    return Err(format!(
                        "{message_id} got no grant, and {user} has accepted {n_accepted}, of which {n_taken} are taken"
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_release(&mut self, message_id: &str, holder: Holder) {
        let taken = self.taken.get(message_id);
        if taken.is_some_and(|taken| taken.holder == holder && !taken.is_used) {
            self.taken.remove(message_id);
        }
    }

    /// The store has heard of an end for the first time.
    fn note_end(&mut self, settlement: &Settlement) {
        let outcome = &settlement.outcome;
        let Some(taken) = self.taken.get_mut(outcome.message_id.as_str()) else {
            return;
        };
        if counts_as_sent(outcome.status) {
            taken.is_used = true;
        } else if settlement.holder == Some(taken.holder) {
            self.taken.remove(outcome.message_id.as_str());
        }
    }
}

impl World {
    /// Plans what the users will do.
    pub(super) fn plan_acts(&mut self) {
        let n_acts = self.random.usize(0..24);
        for _ in 0..n_acts {
            let at = self.random.u64(1..ACTS_MS);
            let user = setting::user(self.random.u8(..3));
            match self.random.u8(..12) {
                0..5 => self.plan(at, Happening::Act(user, Act::Accept)),
                5 => self.plan(at, Happening::Act(user, Act::Reject)),
                6 => self.plan(at, Happening::Act(user, Act::Mumble)),
                7 => {
                    // The user changes their mind while a message is under way.
                    let later = at + self.random.u64(1..1_000);
                    self.plan(at, Happening::Act(user.clone(), Act::Order));
                    self.plan(later, Happening::Act(user, Act::Reject));
                }
                8 => {
                    // Two messages for what may be one grant.
                    self.plan(at, Happening::Act(user.clone(), Act::Order));
                    self.plan(at, Happening::Act(user, Act::Order));
                }
                _ => self.plan(at, Happening::Act(user, Act::Order)),
            }
        }
    }

    pub(super) fn act(&mut self, user: &str, act: Act) -> Result<(), String> {
        self.note(|| format!("{user}: {act:?}"));
        let number = self.number();
        let now_ms = self.unix_ms();
        match act {
            Act::Accept => {
                *self.users.allowed.entry(user.to_owned()).or_default() += 1;
                let accepted = self.users.accepted.entry(user.to_owned());
                accepted.or_default().push(now_ms);
                self.tell(user, Word::Accept, number)
            }
            Act::Reject => {
                self.seen.rejects_in_mid_flight += u64::from(self.users.n_under_way(user) > 0);
                self.users.allowed.remove(user);
                let rejected = self.users.rejected.entry(user.to_owned());
                rejected.or_default().push(now_ms);
                self.tell(user, Word::Reject, number)
            }
            Act::Order => {
                self.order(user, number);
                Ok(())
            }
            Act::Mumble => {
                let pays = self.random.bool();
                self.remember_birth(&format!("m-{number}"), self.now_ms);
                self.publish_event(setting::mumble(user, number, pays));
                Ok(())
            }
        }
    }

    fn order(&mut self, user: &str, number: u64) {
        let value = setting::order(user, number);
        self.remember_birth(&format!("o-{number}"), self.now_ms);
        self.publish_event(value.clone());
        if self.random.u8(..6) == 0 {
            self.publish_event(value);
        }
    }

    pub(super) fn remember_birth(&mut self, event_id: &str, at_ms: u64) {
        let message_id = format!("pass|events|{event_id}");
        self.users.born_ms.insert(message_id, at_ms);
    }

    pub(super) fn unix_ms(&self) -> i64 {
        BEGAN_UNIX_MS + i64::try_from(self.now_ms).unwrap_or(i64::MAX)
    }

    /// What an answer of the store says of grants. `is_news` is of a settlement: that record's message was not settled before.
    pub(super) fn note_grants(
        &mut self,
        request: &Request,
        answer: &Reply,
        is_news: bool,
    ) -> Result<(), String> {
        match request {
            Request::Claim(claim) => {
                if matches!(answer, Ok(Answer::Claim(ClaimAnswer::NoGrant)))
                    && let Some(wish) = &claim.grant
                {
                    let n_under_way = self.users.n_under_way(&wish.key.openid);
                    self.seen.races_for_a_grant += u64::from(n_under_way > 0);
                }
                self.users.note_claim(claim, answer)
            }
            Request::Release {
                message_id, holder, ..
            } => {
                let user = self.users.of(message_id);
                self.users.note_release(message_id, *holder);
                self.set_aside_is_what_is_under_way(user)
            }
            Request::Settle(settlement) if is_news => {
                let user = self.users.of(&settlement.outcome.message_id);
                self.users.note_end(settlement);
                self.set_aside_is_what_is_under_way(user)?;
                self.nothing_is_left_after_43101(settlement)
            }
            Request::Report(report) => {
                if report.source == Source::Event {
                    self.users.noted.insert(Arc::clone(&report.id));
                }
                let is_known = matches!(answer, Ok(Answer::Report(Counted::Known)));
                self.seen.reports_told_again += u64::from(is_known);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set_aside_is_what_is_under_way(&mut self, user: Option<String>) -> Result<(), String> {
        let Some(user) = user else {
            return Ok(());
        };
        let balance = self.balance(&key(&user, PASS_TEMPLATE));
        let n_under_way = self.users.n_under_way(&user);
        if balance.reserved != n_under_way as u64 {
            return Err(format!(
                "{n_under_way} messages to {user} are under way, and the ledger says {balance:?}"
            ));
        }
        Ok(())
    }

    /// But for what was accepted later, and in a wave of refusals. A machine that has stood still tells of answers, and of 43101, by a calendar that
    /// is behind, so the ledger may take an old answer for a later one: it counts too many then, and WeChat refuses once more.
    fn nothing_is_left_after_43101(&mut self, settlement: &Settlement) -> Result<(), String> {
        let Some(key) = &settlement.grant else {
            return Ok(());
        };
        if settlement.outcome.errcode != Some(43101) || key.template_id.as_ref() != PASS_TEMPLATE {
            return Ok(());
        }
        let Some(refused_ms) = settlement.refused_ms else {
            let n_refused = self.users.refused.len();
            if n_refused < WAVE.count {
                return Err(format!(
                    "a 43101 is not believed, and only {n_refused} users had one"
                ));
            }
            self.seen.refusals_doubted += 1;
            return Ok(());
        };
        if self.seen.standstills > 0 {
            return Ok(());
        }
        let left = self.balance(key).left;
        let user = key.openid.as_ref();
        let n_later = self.users.n_accepted_after(user, refused_ms);
        if left > n_later as u64 {
            return Err(format!(
                "43101 leaves {left} to {user}, who has accepted {n_later} since"
            ));
        }
        Ok(())
    }

    /// How many grants of a user are set aside for messages whose process died, and whose record is gone.
    pub(super) fn n_left_behind(&self, user: &str, template_id: &str) -> u64 {
        if template_id != PASS_TEMPLATE {
            return 0;
        }
        let is_left_behind = |taken: &&Taken| {
            let record = self.claimed_for.get(&taken.holder);
            let is_gone = record.is_some_and(|id| self.is_of_gone(id));
            taken.user == user && !taken.is_used && is_gone
        };
        self.users.taken.values().filter(is_left_behind).count() as u64
    }

    pub(super) fn balance(&mut self, key: &Key) -> Balance {
        let look = Query::Look {
            key: key.clone(),
            now_ms: self.unix_ms(),
        };
        let answer = self.store.answer(&Request::Balance(look));
        let Ok(Answer::Balance(balance)) = answer else {
            panic!("{answer:?}");
        };
        balance
    }

    /// What is known for certain of a ledger when everything has ended.
    pub(super) fn ledger_is_right(&mut self, user: &str) -> Result<(), String> {
        let key = key(user, PASS_TEMPLATE);
        let balance = self.balance(&key);
        let users = &self.users;
        if users.told == Told::Roughly {
            return Ok(());
        }
        let last_no = users
            .rejected
            .get(user)
            .and_then(|rejected| rejected.last());
        let Some(last_no) = last_no else {
            let allowed = users.allowed.get(user).copied().unwrap_or(0);
            if balance.left != u64::from(allowed) {
                return Err(format!(
                    "{user} has allowed {allowed} more, and the ledger says {balance:?}"
                ));
            }
            return Ok(());
        };
        let n_later = users.n_accepted_after(user, *last_no);
        if balance.left > n_later as u64 {
            return Err(format!(
                "{user} has accepted {n_later} since he took all back, and the ledger says {balance:?}"
            ));
        }
        Ok(())
    }
}

pub(super) fn key(user: &str, template_id: &str) -> Key {
    Key {
        app: Arc::from("shop"),
        openid: Arc::from(user),
        template_id: Arc::from(template_id),
    }
}
