//! The simulated `jscode2session`: a code gives its user once. And what the store keeps of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wx_courier_core::flow::Input;
use wx_courier_core::model::Ticket;
use wx_courier_core::model::outcome::{Outcome, Reason};
use wx_courier_core::state::{
    Answer, Claim, ClaimAnswer, Horizon, KeepAnswer, RecallAnswer, Reply, Request, Settlement,
};
use wx_courier_core::wechat::logins::{ExchangeAnswer, ExchangeRefusal, JsCode, Recall, UserName};

use super::former::{ordinary, outcome_id_of};
use super::mutant::Mutant;
use super::setting::CALL_LIMIT_MS;
use super::world::{Happening, TROUBLE_MS, World};

/// A life of a process, and one of its messages.
type Asker = (u64, Ticket);

/// The engine's own bound.
const MOST_EXCHANGES: usize = 32;

#[derive(Default)]
pub(super) struct Logins {
    /// Codes that have given their user, whether or not a process heard of it.
    used: BTreeSet<String>,
    /// The messages whose user an exchange told, by outcome.
    told: BTreeSet<Arc<str>>,
    /// The outcome that a message will have whose recipient is still a code.
    names: BTreeMap<Asker, UserName>,
    /// The askers that were told that the store knows no user, and have exchanged nothing since.
    may_exchange: BTreeSet<Asker>,
    /// When the store last answered a life that it knows no user for an outcome.
    found_none_ms: BTreeMap<(u64, Arc<str>), u64>,
    /// Users that the store keeps, by outcome, since when.
    kept_ms: BTreeMap<Arc<str>, u64>,
    under_way: BTreeMap<u64, usize>,
}

impl World {
    /// A member wants to know which user is behind a code.
    pub(super) fn exchange(
        &mut self,
        member: usize,
        ticket: Ticket,
        code: &JsCode,
    ) -> Result<(), String> {
        let process = self.process_of(member);
        let asker = (process, ticket);
        let Some(name) = self.logins.names.get(&asker).map(outcome_id_of) else {
            return Err(format!("a code of nobody is exchanged by {process}"));
        };
        if !self.logins.may_exchange.remove(&asker) {
            return Err(format!(
                "the code of {name} is exchanged, and the store was not asked for its user"
            ));
        }
        let under_way = self.logins.under_way.entry(process).or_default();
        *under_way += 1;
        if *under_way > MOST_EXCHANGES {
            return Err(format!("{under_way} exchanges at once"));
        }
        self.seen.exchanges += 1;
        let answer = self.session_of(code.expose());
        if let ExchangeAnswer::Openid(_) = answer {
            self.logins.told.insert(Arc::clone(&name));
        }
        self.note(|| format!("member {member} exchanges the code of {name}: {answer:?}"));
        let at = self.mostly_soon(80, CALL_LIMIT_MS);
        let incarnation = self.members[member].incarnation;
        self.plan(
            at,
            Happening::Exchanged(member, incarnation, ticket, answer),
        );
        Ok(())
    }

    pub(super) fn exchanged(
        &mut self,
        member: usize,
        incarnation: u64,
        ticket: Ticket,
        answer: ExchangeAnswer,
    ) -> Result<(), String> {
        if self.members[member].incarnation != incarnation {
            return Ok(());
        }
        let process = self.process_of(member);
        if let Some(under_way) = self.logins.under_way.get_mut(&process) {
            *under_way -= 1;
        }
        self.step(member, Input::ExchangeFinished { ticket, answer })
    }

    fn session_of(&mut self, code: &str) -> ExchangeAnswer {
        let refused = |errcode, why| ExchangeAnswer::Refused {
            errcode,
            errmsg: String::new(),
            rid: None,
            why,
        };
        let unanswered = || ExchangeAnswer::Unanswered {
            detail: "timeout".to_owned(),
        };
        let is_trouble = self.now_ms < TROUBLE_MS;
        let trouble = self.random.u8(..if is_trouble { 40 } else { 1 });
        match trouble {
            1..4 => return refused(-1, ExchangeRefusal::Busy),
            4..6 => return unanswered(),
            6 => return refused(40013, ExchangeRefusal::Account),
            _ => {}
        }
        if is_expired(code) {
            return refused(40029, ExchangeRefusal::Expired);
        }
        if code.starts_with("risk") {
            return refused(40226, ExchangeRefusal::Blocked);
        }
        if !self.logins.used.insert(code.to_owned()) {
            return refused(40163, ExchangeRefusal::Used);
        }
        if (7..10).contains(&trouble) {
            self.seen.codes_swallowed += 1;
            return unanswered();
        }
        let number = code.bytes().fold(0_u8, u8::wrapping_add) % 3;
        ExchangeAnswer::Openid(Arc::from(format!("w{number}")))
    }

    /// What a member asks of the store about users.
    pub(super) fn note_login_question(&mut self, member: usize, ticket: Ticket, request: &Request) {
        if let Request::Recall(Recall { name, .. }) = request {
            let process = self.process_of(member);
            self.logins.names.insert((process, ticket), name.clone());
        }
    }

    /// What it is answered.
    pub(super) fn note_login_answer(&mut self, member: usize, ticket: Ticket, answer: &Reply) {
        if let Ok(Answer::Recall(RecallAnswer::User(user))) = answer {
            let process = self.process_of(member);
            match user {
                None => {
                    self.logins.may_exchange.insert((process, ticket));
                }
                Some(_) => self.seen.users_recalled += 1,
            }
        }
    }

    /// What the store has carried out, for which member. `is_news` is of a settlement: that record's message was not settled before.
    pub(super) fn note_logins(
        &mut self,
        member: usize,
        request: &Request,
        answer: &Reply,
        is_news: bool,
    ) -> Result<(), String> {
        let process = self.process_of(member);
        let now_ms = self.now_ms;
        let logins = &mut self.logins;
        match request {
            Request::Keep(keep) if *answer == Ok(Answer::Keep(KeepAnswer::Kept)) => {
                let name = outcome_id_of(&keep.name);
                logins.kept_ms.entry(name).or_insert(now_ms);
            }
            Request::Recall(Recall { name, .. }) => {
                if let Ok(Answer::Recall(RecallAnswer::User(None))) = answer {
                    logins
                        .found_none_ms
                        .insert((process, outcome_id_of(name)), now_ms);
                }
            }
            Request::Claim(claim) => return self.claimed_user_is_kept(claim, answer),
            Request::Settle(settlement) if is_news => {
                return self.only_unkept_users_are_given_up(process, settlement);
            }
            _ => {}
        }
        Ok(())
    }

    /// The user that a code has named is kept before a message to them is claimed: a crash loses nothing from there on.
    fn claimed_user_is_kept(&self, claim: &Claim, answer: &Reply) -> Result<(), String> {
        let has_code = ordinary(&claim.outcome_id).ends_with("/code");
        let is_claimed = matches!(answer, Ok(Answer::Claim(ClaimAnswer::Claimed(_))));
        if has_code && is_claimed && !self.logins.kept_ms.contains_key(&claim.outcome_id) {
            return Err(format!(
                "{} goes to a user whom the store does not keep",
                claim.outcome_id
            ));
        }
        Ok(())
    }

    /// No process gives a code up that could have known its user.
    fn only_unkept_users_are_given_up(
        &self,
        process: u64,
        settlement: &Settlement,
    ) -> Result<(), String> {
        let outcome = &settlement.outcome;
        if !is_login_failure(outcome.reason) {
            return Ok(());
        }
        let id: Arc<str> = Arc::from(outcome.id.as_str());
        let Some(none_ms) = self.logins.found_none_ms.get(&(process, Arc::clone(&id))) else {
            return Err(format!("{id} gives its code up unasked"));
        };
        let kept_ms = self.logins.kept_ms.get(&id);
        if kept_ms.is_some_and(|kept_ms| kept_ms < none_ms) {
            return Err(format!("{id} gives its code up, and its user is kept"));
        }
        Ok(())
    }

    /// An outcome that blames the code is right.
    pub(super) fn code_is_to_blame(&mut self, outcome: &Outcome) -> Result<(), String> {
        if !is_login_failure(outcome.reason) {
            return Ok(());
        }
        let code = self.code_of(outcome);
        let is_used = self.logins.used.contains(&code);
        let is_right = match outcome.reason {
            Reason::LoginCodeUsed => is_used,
            Reason::LoginCodeExpired => is_expired(&code),
            _ => code.starts_with("risk"),
        };
        if !is_right {
            return Err(format!(
                "{} is {:?}, which is not so",
                outcome.id, outcome.reason
            ));
        }
        self.seen.codes_lost += u64::from(is_used);
        if self.is_gentle && self.logins.told.contains(outcome.id.as_str()) {
            return Err(format!(
                "{} is {:?}, and nobody died who was told its user",
                outcome.id, outcome.reason
            ));
        }
        Ok(())
    }

    fn code_of(&self, outcome: &Outcome) -> String {
        let mut records = self.log.iter().flat_map(|(partition, records)| {
            let is_here = partition.number == outcome.partition;
            records.iter().filter(move |_| is_here)
        });
        let record = records.find(|record| record.offset == outcome.offset);
        let value = record.and_then(|record| record.value.as_deref());
        let event: Option<serde_json::Value> =
            value.and_then(|value| serde_json::from_slice(value).ok());
        let code = event.and_then(|event| event["js_code"].as_str().map(str::to_owned));
        code.unwrap_or_default()
    }

    /// When a message has ended, nothing is kept of its user.
    pub(super) fn users_are_forgotten(&mut self) -> Result<(), String> {
        // The outcomes go first: a process that asks about a message that has ended is told of its end.
        let horizon = Horizon {
            now_ms: self.unix_ms() + 1,
            remember_ms: 0,
        };
        self.store.purge(horizon, usize::MAX);
        let names: BTreeMap<Arc<str>, UserName> = self
            .logins
            .names
            .values()
            .map(|name| (name.key(), name.clone()))
            .collect();
        for (id, name) in names {
            if self.is_of_gone(&outcome_id_of(&name)) {
                // Its user is forgotten in time, at the latest.
                continue;
            }
            let recall = Request::Recall(Recall {
                name,
                message_id: None,
                now_ms: self.unix_ms(),
            });
            let answer = self.store.answer(&recall);
            if answer != Ok(Answer::Recall(RecallAnswer::User(None))) {
                return Err(format!("{id} has ended, and its user is still kept"));
            }
        }
        Ok(())
    }

    /// What a broken engine is told of a question that it does not ask.
    pub(super) fn unasked_login(&self, request: &Request) -> Option<Answer> {
        match request {
            Request::Recall(_) if self.is_broken(Mutant::ForgetsToRecall) => {
                Some(Answer::Recall(RecallAnswer::User(None)))
            }
            Request::Keep(_) if self.is_broken(Mutant::KeepsInItsHead) => {
                Some(Answer::Keep(KeepAnswer::Kept))
            }
            _ => None,
        }
    }
}

fn is_login_failure(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::LoginCodeUsed | Reason::LoginCodeExpired | Reason::UserBlocked
    )
}

fn is_expired(code: &str) -> bool {
    code.starts_with("late")
}
