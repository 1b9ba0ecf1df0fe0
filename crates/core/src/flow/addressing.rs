//! From a login code to the user behind it.
//!
//! A code can be exchanged once, so the store is asked first whether this record's code was exchanged before, and the openid is kept there
//! before anything else happens. A crash between the exchange and that moment loses the code, and nothing can be done about it: the next
//! exchange is refused with 40163, and that is the message's outcome.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Duty, Effect, Engine, Stage, Store, ledger_of, report};
use crate::message::Unaddressed;
use crate::model::outcome::{Outcome, Reason, Status};
use crate::model::{Moment, Ticket};
use crate::rules::Rule;
use crate::schedule::admission::Admission;
use crate::state::{self, Request};
use crate::wechat::logins::{self, Exchanged, Refused};

/// A message whose recipient is still a code.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) rule: Arc<Rule>,
    pub(super) unaddressed: Unaddressed,
    pub(super) message_id: Arc<str>,
    pub(super) outcome_id: Arc<str>,
    /// Exchanges so far.
    tries: u32,
    /// Whether the store was asked once more after a refusal that somebody else may have caused.
    asked_again: AskedAgain,
}

/// Whether the store was asked once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AskedAgain {
    No,
    /// After this refusal.
    Yes,
}

/// How long another process may take from the answer to its exchange to keeping the user: then it has or it never will.
const KEEPING: Duration = Duration::from_secs(3);

/// `WeChat`: jscode2session, too many codes of this user in a minute. A code lives for five.
const TOO_OFTEN: i64 = 45011;
const A_MINUTE: Duration = Duration::from_mins(1);

/// How long a user is kept under a message that does not end: a message that waits longer than this has expired.
const KEPT_FOR_MS: i64 = 7 * 24 * 3_600_000;

impl Letter {
    pub(super) fn new(
        rule: Arc<Rule>,
        unaddressed: Unaddressed,
        message_id: Arc<str>,
        outcome_id: Arc<str>,
    ) -> Self {
        Self {
            rule,
            unaddressed,
            message_id,
            outcome_id,
            tries: 0,
            asked_again: AskedAgain::No,
        }
    }
}

impl Engine {
    /// Asks whether the code was exchanged in an earlier life.
    pub(super) fn recall(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: Letter,
        effects: &mut Vec<Effect>,
    ) {
        let question = logins::Question::Recall {
            name: Arc::clone(&letter.outcome_id),
            message_id: Some(Arc::clone(&letter.message_id)),
            now_ms: now.unix_ms,
        };
        let request = Request::Login(question);
        effects.push(Effect::Store { ticket, request });
        self.enter(ticket, Stage::Recalling(letter));
    }

    pub(super) fn recalled(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: Letter,
        answer: &state::Answer,
        effects: &mut Vec<Effect>,
    ) {
        if let state::Answer::Settled(outcome) = answer {
            // The record is read again, and its code has done its work.
            self.enter(ticket, Stage::Unaddressed(letter));
            self.leave_to_next_owner(ticket);
            self.publish_stored(now, ticket, outcome, effects);
            return;
        }
        if let state::Answer::Duplicate { of } = answer {
            let end = (Status::Skipped, Reason::Duplicate);
            if let Some(mut outcome) = self.unsent(now, ticket, &letter, end) {
                outcome.duplicate_of = Some(of.to_string());
                report::DUPLICATE.clone_into(&mut outcome.detail);
                self.settle_unsent(now, ticket, outcome, effects);
            }
            return;
        }
        if let state::Answer::Unreadable(row) = answer {
            self.recall_unreadable(now, ticket, letter, *row, effects);
            return;
        }
        let state::Answer::Login(logins::Reply::User(user)) = answer else {
            return;
        };
        match user {
            Some(openid) => self.address(now, ticket, letter, openid, effects),
            None => self.await_exchange(ticket, letter),
        }
    }

    /// The code has to be exchanged.
    pub(super) fn await_exchange(&mut self, ticket: Ticket, letter: Letter) {
        self.enter(ticket, Stage::Unaddressed(letter));
        self.exchanges.waiting.push_back(ticket);
        self.leave_to_next_owner(ticket);
    }

    /// Begins as many exchanges as there may be. Whoever has the code of another one waits for that.
    pub(super) fn begin_exchanges(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let mut later = VecDeque::new();
        // A user who cannot be kept is lost, and his code with him.
        while self.store == Store::Up
            && self.exchanges.has_room()
            && let Some(ticket) = self.exchanges.waiting.pop_front()
        {
            let Some(duty) = self.duties.get_mut(&ticket) else {
                continue;
            };
            let Stage::Unaddressed(letter) = &duty.stage else {
                continue;
            };
            let code = (
                Arc::clone(&letter.rule.app),
                letter.unaddressed.code().clone(),
            );
            if self.exchanges.is_under_way(&code) {
                later.push_back(ticket);
                continue;
            }
            let mut letter = letter.clone();
            // The code is used up by it: whoever gives the partition back waits until the user is kept.
            if let Some(ledger) = ledger_of(&mut self.ledgers, &duty.origin) {
                ledger.send_began(duty.origin.record.offset);
            }
            if let Some(openid) = self.exchanges.user_of(&code) {
                let openid = Arc::clone(openid);
                self.keep(now, ticket, letter, openid, effects);
                continue;
            }
            letter.tries += 1;
            duty.stage = Stage::Exchanging(letter);
            let (app, js_code) = code.clone();
            self.exchanges.began(ticket, code);
            effects.push(Effect::Exchange {
                ticket,
                app,
                code: js_code,
            });
        }
        self.exchanges.waiting.append(&mut later);
    }

    fn keep(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: Letter,
        openid: Arc<str>,
        effects: &mut Vec<Effect>,
    ) {
        let question = logins::Question::Keep {
            name: Arc::clone(&letter.outcome_id),
            openid: Arc::clone(&openid),
            now_ms: now.unix_ms,
            until_ms: now.unix_ms.saturating_add(KEPT_FOR_MS),
        };
        let request = Request::Login(question);
        effects.push(Effect::Store { ticket, request });
        self.enter(ticket, Stage::Keeping(letter, openid));
    }

    pub(super) fn exchanged(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: &Exchanged,
        effects: &mut Vec<Effect>,
    ) {
        self.exchanges.ended(now, ticket, answer);
        let Some(Duty {
            stage: Stage::Exchanging(letter),
            ..
        }) = self.duties.get(&ticket)
        else {
            return;
        };
        let letter = letter.clone();
        match answer {
            Exchanged::Openid(openid) => {
                self.keep(now, ticket, letter, Arc::clone(openid), effects);
            }
            Exchanged::Refused {
                why: Refused::Busy, ..
            }
            | Exchanged::Unanswered { .. } => {
                let patience = self.setup.retry.patience(letter.tries, self.jitter.f64());
                let is_too_often = matches!(
                    answer,
                    Exchanged::Refused {
                        errcode: TOO_OFTEN,
                        ..
                    }
                );
                let wait = patience.map(|wait| if is_too_often { A_MINUTE } else { wait });
                match wait {
                    Some(wait) => self.recall_later(now, ticket, letter, wait),
                    None => self.unaddressable(now, ticket, &letter, answer, effects),
                }
            }
            // Another process that has, or had, this record may have exchanged it, and be about to keep the user.
            Exchanged::Refused {
                why: Refused::Used, ..
            } if letter.asked_again == AskedAgain::No => {
                let asked_again = AskedAgain::Yes;
                let letter = Letter {
                    asked_again,
                    ..letter
                };
                // Its call may have used the code at once and be answered late.
                let wait = self.setup.call_limit + KEEPING;
                self.recall_later(now, ticket, letter, wait);
            }
            Exchanged::Refused { .. } => {
                self.unaddressable(now, ticket, &letter, answer, effects);
            }
        }
    }

    pub(super) fn kept(
        &mut self,
        now: Moment,
        ticket: Ticket,
        (letter, openid): (Letter, &str),
        answer: &state::Answer,
        effects: &mut Vec<Effect>,
    ) {
        if let state::Answer::Login(logins::Reply::Kept) = answer {
            self.undo(ticket);
            self.address(now, ticket, letter, openid, effects);
        } else if let state::Answer::Settled(outcome) = answer {
            // Another process has given the message up meanwhile.
            self.publish_stored(now, ticket, outcome, effects);
        } else if let state::Answer::Unreadable(row) = answer {
            self.keep_unreadable(now, ticket, (letter, openid), *row, effects);
        }
    }

    fn recall_later(&mut self, now: Moment, ticket: Ticket, letter: Letter, wait: Duration) {
        self.undo(ticket);
        self.timers.insert((now.elapsed + wait, ticket));
        self.enter(ticket, Stage::Unaddressed(letter));
        self.leave_to_next_owner(ticket);
    }

    /// The user is known: from here on the message goes the way of all others.
    pub(super) fn address(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: Letter,
        openid: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Letter {
            rule,
            unaddressed,
            message_id,
            outcome_id,
            ..
        } = letter;
        match unaddressed.address(openid) {
            Ok(message) => {
                let delivery = self.delivery(rule, message, message_id, outcome_id);
                self.enter(ticket, Stage::Waiting(delivery.clone()));
                self.wait(ticket, &delivery, Admission::enqueue);
                self.leave_to_next_owner(ticket);
            }
            Err(rejection) => {
                let Some(duty) = self.duties.get(&ticket) else {
                    return;
                };
                let id = message_id.to_string();
                let outcome = report::rejected(now, &duty.origin, (&rule, id), rejection);
                let settlement = self.settlement(now, outcome, None);
                self.ask_to_settle(now, ticket, settlement, effects);
            }
        }
    }

    /// No user can be had from the code.
    fn unaddressable(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: &Letter,
        answer: &Exchanged,
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut outcome) = self.unsent(now, ticket, letter, end_of(answer)) else {
            return;
        };
        match answer {
            Exchanged::Refused {
                errcode,
                errmsg,
                rid,
                why,
            } => {
                outcome.detail = report::explain_login(Some(*why), letter.tries, errmsg);
                outcome.errcode = Some(*errcode).filter(|errcode| *errcode != 0);
                outcome.errmsg = Some(errmsg.clone());
                outcome.rid.clone_from(rid);
            }
            Exchanged::Unanswered { detail } => {
                outcome.detail = report::explain_login(None, letter.tries, detail);
            }
            Exchanged::Openid(_) => {}
        }
        self.settle_unsent(now, ticket, outcome, effects);
    }

    /// The outcome of a message that never had a recipient.
    pub(super) fn unsent(
        &self,
        now: Moment,
        ticket: Ticket,
        letter: &Letter,
        (status, reason): (Status, Reason),
    ) -> Option<Outcome> {
        let duty = self.duties.get(&ticket)?;
        let mut outcome = report::outcome(now, &duty.origin, status, reason);
        report::name_rule(&mut outcome, &duty.origin, &letter.rule);
        outcome.message_id = letter.message_id.to_string();
        Some(outcome)
    }

    fn settle_unsent(
        &mut self,
        now: Moment,
        ticket: Ticket,
        outcome: Outcome,
        effects: &mut Vec<Effect>,
    ) {
        let settlement = self.settlement(now, outcome, None);
        self.ask_to_settle(now, ticket, settlement, effects);
    }
}

/// How a message ends whose code gave no user.
fn end_of(answer: &Exchanged) -> (Status, Reason) {
    match answer {
        Exchanged::Refused { why, .. } => match why {
            Refused::Expired => (Status::Rejected, Reason::LoginCodeExpired),
            Refused::Used => (Status::Rejected, Reason::LoginCodeUsed),
            Refused::Blocked => (Status::Rejected, Reason::UserBlocked),
            Refused::Busy => (Status::Failed, Reason::AttemptsUsed),
            Refused::Account => (Status::Failed, Reason::AccountFault),
        },
        Exchanged::Unanswered { .. } | Exchanged::Openid(_) => {
            (Status::Failed, Reason::AttemptsUsed)
        }
    }
}
