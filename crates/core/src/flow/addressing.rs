//! From a login code to the user behind it.
//!
//! A code can be exchanged once, so the store is asked first whether this record's code was exchanged before, and the openid is kept there
//! before anything else happens. A crash between the exchange and that moment loses the code, and nothing can be done about it: the next
//! exchange is refused with 40163, and that is the message's outcome.

use std::sync::Arc;
use std::time::Duration;

use super::engine::{Store, tracker_of};
use super::in_flight::Lent;
use super::message::{AskedAgain, Origin, PendingRecipient, State};
use super::settling::publish_stored;
use super::transition::{Happened, Next};
use super::{Effect, Engine, report};
use crate::model::outcome::{Outcome, Reason, Status};
use crate::model::{Moment, Ticket};
use crate::state::{Answer, Request};
use crate::wechat::logins::{self, Exchanged, Refused};

/// How long another process may take from the answer to its exchange to keeping the user: then it has or it never will.
const KEEPING: Duration = Duration::from_secs(3);

/// `WeChat`: jscode2session, too many codes of this user in a minute. A code lives for five.
const TOO_OFTEN: i64 = 45011;
const A_MINUTE: Duration = Duration::from_mins(1);

/// How long a user is kept under a message that does not end: a message that waits longer than this has expired.
const KEPT_FOR_MS: i64 = 7 * 24 * 3_600_000;

impl Engine {
    pub(super) fn recalled(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: Box<PendingRecipient>,
        answer: &Answer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            Answer::Settled(outcome) => {
                // The record is read again, and its code has done its work.
                if self.is_revoked(&lent.origin) {
                    return Next::End;
                }
                publish_stored(now, lent, outcome, effects)
            }
            Answer::Duplicate { of } => {
                let end = (Status::Skipped, Reason::Duplicate);
                let mut outcome = unsent(now, &lent.origin, &pending, end);
                outcome.duplicate_of = Some(of.to_string());
                report::DUPLICATE.clone_into(&mut outcome.detail);
                self.settle_unsent(now, lent.ticket, outcome, effects)
            }
            Answer::Unreadable(row) => self.recall_unreadable(now, lent, pending, *row, effects),
            Answer::Login(logins::Reply::User(Some(openid))) => {
                self.address(now, lent, *pending, openid, effects)
            }
            Answer::Login(logins::Reply::User(None)) => self.await_exchange(pending),
            Answer::Login(logins::Reply::Kept)
            | Answer::Claimed(_)
            | Answer::NoGrant
            | Answer::Held(_)
            | Answer::TakenOver
            | Answer::Released
            | Answer::Grant(_)
            | Answer::Receipt(_) => {
                let state = State::Recalling(pending);
                self.cannot_be(now, lent, state, "an answer to another question", effects)
            }
        }
    }

    /// The code has to be exchanged.
    pub(super) fn await_exchange(&mut self, pending: Box<PendingRecipient>) -> Next {
        let place = self.in_flight.next_place();
        Next::Rest(State::AwaitingExchange { pending, place })
    }

    /// Begins as many exchanges as there may be. A message with the code of an exchange that is under way waits for that one.
    pub(super) fn begin_exchanges(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        // A user who cannot be kept is lost, and the code too.
        if self.store == Store::Down || !self.exchanges.has_room() {
            return;
        }
        for ticket in self.in_flight.awaiting_exchange() {
            if !self.exchanges.has_room() {
                return;
            }
            let is_under_way = self.in_flight.pending(ticket).is_some_and(|pending| {
                let code = pending.unaddressed.code();
                self.exchanges.is_under_way(&pending.rule.app, code)
            });
            if !is_under_way {
                self.transition(now, ticket, Happened::ExchangeRoom, effects);
            }
        }
    }

    pub(super) fn begin_exchange(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut pending: Box<PendingRecipient>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let code = (
            Arc::clone(&pending.rule.app),
            pending.unaddressed.code().clone(),
        );
        // The code is used up by it: a partition is given back only when the user is kept.
        if let Some(tracker) = tracker_of(&mut self.partitions, &lent.origin) {
            tracker.mark_irrevocable(lent.origin.record.offset);
        }
        if let Some(openid) = self.exchanges.user_of(&code) {
            return keep(now, lent.ticket, pending, Arc::clone(openid), effects);
        }
        pending.tries += 1;
        let ticket = lent.ticket;
        let (app, js_code) = code.clone();
        self.exchanges.began(ticket, code);
        effects.push(Effect::Exchange {
            ticket,
            app,
            code: js_code,
        });
        Next::Become(State::Exchanging(pending))
    }

    pub(super) fn exchanged(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut pending: Box<PendingRecipient>,
        answer: &Exchanged,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            Exchanged::Openid(openid) => {
                keep(now, lent.ticket, pending, Arc::clone(openid), effects)
            }
            Exchanged::Refused {
                why: Refused::Busy, ..
            }
            | Exchanged::Unanswered { .. } => {
                let next_delay = self
                    .setup
                    .retry
                    .next_delay(pending.tries, self.jitter.f64());
                let is_too_often = matches!(
                    answer,
                    Exchanged::Refused {
                        errcode: TOO_OFTEN,
                        ..
                    }
                );
                let wait = next_delay.map(|wait| if is_too_often { A_MINUTE } else { wait });
                match wait {
                    Some(wait) => self.recall_later(now, lent, pending, wait),
                    None => self.unaddressable(now, lent, &pending, answer, effects),
                }
            }
            // Another process that has, or had, this record may have exchanged it, and be about to keep the user.
            Exchanged::Refused {
                why: Refused::Used, ..
            } if pending.asked_again == AskedAgain::No => {
                pending.asked_again = AskedAgain::Yes;
                // Its call may have used the code at once and be answered late.
                let wait = self.setup.call_limit + KEEPING;
                self.recall_later(now, lent, pending, wait)
            }
            Exchanged::Refused { .. } => self.unaddressable(now, lent, &pending, answer, effects),
        }
    }

    pub(super) fn kept(
        &mut self,
        now: Moment,
        lent: &Lent,
        (pending, openid): (Box<PendingRecipient>, &Arc<str>),
        answer: &Answer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            Answer::Login(logins::Reply::Kept) => {
                self.clear_irrevocable(&lent.origin);
                self.address(now, lent, *pending, openid, effects)
            }
            // Another process has given the message up meanwhile.
            Answer::Settled(outcome) => publish_stored(now, lent, outcome, effects),
            Answer::Unreadable(row) => {
                self.keep_unreadable(now, lent, (pending, openid), *row, effects)
            }
            Answer::Login(logins::Reply::User(_))
            | Answer::Claimed(_)
            | Answer::NoGrant
            | Answer::Held(_)
            | Answer::Duplicate { .. }
            | Answer::TakenOver
            | Answer::Released
            | Answer::Grant(_)
            | Answer::Receipt(_) => {
                let openid = Arc::clone(openid);
                let state = State::Keeping { pending, openid };
                self.cannot_be(now, lent, state, "an answer to another question", effects)
            }
        }
    }

    fn recall_later(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: Box<PendingRecipient>,
        wait: Duration,
    ) -> Next {
        self.clear_irrevocable(&lent.origin);
        let until = now.elapsed + wait;
        Next::Rest(State::ExchangeBackoff { pending, until })
    }

    /// The user is known: from here on the message goes the way of all others.
    pub(super) fn address(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: PendingRecipient,
        openid: &str,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let PendingRecipient {
            rule,
            unaddressed,
            message_id,
            outcome_id,
            ..
        } = pending;
        match unaddressed.address(openid) {
            Ok(message) => {
                let delivery = self.delivery(rule, message, message_id, outcome_id);
                Next::Rest(State::Waiting(delivery))
            }
            Err(rejection) => {
                let id = message_id.to_string();
                let outcome = report::rejected(now, &lent.origin, (&rule, id), rejection);
                self.settle_unsent(now, lent.ticket, outcome, effects)
            }
        }
    }

    /// No user can be had from the code.
    fn unaddressable(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: &PendingRecipient,
        answer: &Exchanged,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let mut outcome = unsent(now, &lent.origin, pending, end_of(answer));
        match answer {
            Exchanged::Refused {
                errcode,
                errmsg,
                rid,
                why,
            } => {
                outcome.detail = report::explain_login(Some(*why), pending.tries, errmsg);
                outcome.errcode = Some(*errcode).filter(|errcode| *errcode != 0);
                outcome.errmsg = Some(errmsg.clone());
                outcome.rid.clone_from(rid);
            }
            Exchanged::Unanswered { detail } => {
                outcome.detail = report::explain_login(None, pending.tries, detail);
            }
            Exchanged::Openid(_) => {}
        }
        self.settle_unsent(now, lent.ticket, outcome, effects)
    }
}

/// Asks whether the code was exchanged in an earlier life.
pub(super) fn recall(
    now: Moment,
    ticket: Ticket,
    pending: Box<PendingRecipient>,
    effects: &mut Vec<Effect>,
) -> State {
    let question = logins::Question::Recall {
        name: Arc::clone(&pending.outcome_id),
        message_id: Some(Arc::clone(&pending.message_id)),
        now_ms: now.unix_ms,
    };
    let request = Request::Login(question);
    effects.push(Effect::AskStore { ticket, request });
    State::Recalling(pending)
}

fn keep(
    now: Moment,
    ticket: Ticket,
    pending: Box<PendingRecipient>,
    openid: Arc<str>,
    effects: &mut Vec<Effect>,
) -> Next {
    let question = logins::Question::Keep {
        name: Arc::clone(&pending.outcome_id),
        openid: Arc::clone(&openid),
        now_ms: now.unix_ms,
        until_ms: now.unix_ms.saturating_add(KEPT_FOR_MS),
    };
    let request = Request::Login(question);
    effects.push(Effect::AskStore { ticket, request });
    Next::Become(State::Keeping { pending, openid })
}

/// The outcome of a message that never had a recipient.
pub(super) fn unsent(
    now: Moment,
    origin: &Origin,
    pending: &PendingRecipient,
    (status, reason): (Status, Reason),
) -> Outcome {
    let mut outcome = report::outcome(now, origin, status, reason);
    report::name_rule(&mut outcome, origin, &pending.rule);
    outcome.message_id = pending.message_id.to_string();
    outcome
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
