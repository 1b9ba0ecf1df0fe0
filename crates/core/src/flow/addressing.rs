//! From a login code to the user behind it.
//!
//! A code can be exchanged once, so the store is asked first whether this record's code was exchanged before, and the openid is kept there
//! before anything else happens. A crash between the exchange and that moment loses the code, and nothing can be done about it: the next
//! exchange is refused with 40163, and that is the message's outcome.

use std::sync::Arc;

use super::in_flight::Lent;
use super::message::{Origin, PendingRecipient, State};
use super::settling::publish_stored;
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::model::outcome::{Outcome, Reason, Status};
use crate::model::{Moment, Ticket};
use crate::state::{KeepAnswer, RecallAnswer, Request};
use crate::wechat::logins::{Keep, Recall};

/// How long a user is kept under a message that does not end: a message that waits longer than this has expired.
const KEPT_FOR_MS: i64 = 7 * 24 * 3_600_000;

impl Engine {
    pub(super) fn recalled(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: Box<PendingRecipient>,
        answer: &RecallAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            RecallAnswer::Settled(outcome) => {
                // The record is read again, and its code has done its work.
                if self.is_revoked(&lent.origin) {
                    return Next::End;
                }
                publish_stored(now, lent, outcome, effects)
            }
            RecallAnswer::Duplicate { of } => {
                let end = (Status::Skipped, Reason::Duplicate);
                let mut outcome = unsent(now, &lent.origin, &pending, end);
                outcome.duplicate_of = Some(of.to_string());
                report::DUPLICATE.clone_into(&mut outcome.detail);
                self.settle_unsent(now, lent.ticket, outcome, effects)
            }
            RecallAnswer::User(Some(openid)) => self.address(now, lent, *pending, openid, effects),
            RecallAnswer::User(None) => self.await_exchange(now, lent, pending, effects),
        }
    }

    pub(super) fn kept(
        &mut self,
        now: Moment,
        lent: &Lent,
        (pending, openid): (Box<PendingRecipient>, &Arc<str>),
        answer: &KeepAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            KeepAnswer::Kept => {
                self.clear_irrevocable(&lent.origin);
                self.address(now, lent, *pending, openid, effects)
            }
            // Another process has given the message up meanwhile.
            KeepAnswer::Settled(outcome) => publish_stored(now, lent, outcome, effects),
        }
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
}

/// Asks whether the code was exchanged in an earlier life.
pub(super) fn recall(
    now: Moment,
    ticket: Ticket,
    pending: Box<PendingRecipient>,
    effects: &mut Vec<Effect>,
) -> State {
    let request = Request::Recall(Recall {
        name: Arc::clone(&pending.outcome_id),
        message_id: Some(Arc::clone(&pending.message_id)),
        now_ms: now.unix_ms,
    });
    effects.push(Effect::AskStore { ticket, request });
    State::Recalling(pending)
}

pub(super) fn keep(
    now: Moment,
    ticket: Ticket,
    pending: Box<PendingRecipient>,
    openid: Arc<str>,
    effects: &mut Vec<Effect>,
) -> Next {
    let request = Request::Keep(Keep {
        name: Arc::clone(&pending.outcome_id),
        openid: Arc::clone(&openid),
        now_ms: now.unix_ms,
        until_ms: now.unix_ms.saturating_add(KEPT_FOR_MS),
    });
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
