//! From a login code to the user behind it.
//!
//! A code can be exchanged once, so the store is asked first whether this record's code was exchanged before, and the openid is kept there
//! before anything else happens. A crash between the exchange and that moment loses the code, and nothing can be done about it: the next
//! exchange is refused with 40163, and that is the message's outcome.

use std::sync::Arc;

use super::in_flight::Lent;
use super::message::{Origin, PendingRecipient, State};
use super::repeated::{OTHER_AGAIN, take_own_ids};
use super::settling::publish_stored;
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::model::outcome::{Outcome, Reason};
use crate::model::{Moment, Ticket};
use crate::state::{KeepAnswer, RecallAnswer, Request};
use crate::wechat::logins::{Keep, Recall, UserName};

/// How long a user is kept under a message that does not end: a message that waits longer than this has expired.
const KEPT_FOR_MS: i64 = 7 * 24 * 3_600_000;

impl Engine {
    pub(super) fn recalled(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut pending: Box<PendingRecipient>,
        answer: &RecallAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            RecallAnswer::Settled(outcome) => {
                // The record is read again, and its code has done its work.
                if self.is_revoked(&lent.origin) {
                    return Next::End;
                }
                publish_stored(now, lent, (outcome, None), effects)
            }
            RecallAnswer::Duplicate { of } => {
                let mut outcome = unsent(now, &lent.origin, &pending, Reason::Duplicate);
                outcome.duplicate_of = Some(of.to_string());
                report::DUPLICATE.clone_into(&mut outcome.detail);
                self.settle_unsent(now, lent.ticket, outcome, effects)
            }
            RecallAnswer::OfOtherRecord => {
                let state = State::Recalling;
                if !pending.take_own_ids(&lent.origin) {
                    return self.cannot_be(now, lent, state(pending), OTHER_AGAIN, effects);
                }
                Next::Become(recall(now, (lent.ticket, &lent.origin), pending, effects))
            }
            RecallAnswer::User(Some(openid)) => self.address(now, lent, *pending, openid, effects),
            RecallAnswer::User(None) => self.await_exchange(now, lent, pending, effects),
        }
    }

    pub(super) fn kept(
        &mut self,
        now: Moment,
        lent: &Lent,
        (mut pending, openid): (Box<PendingRecipient>, &Arc<str>),
        answer: &KeepAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            KeepAnswer::Kept => {
                self.clear_irrevocable(&lent.origin);
                self.address(now, lent, *pending, openid, effects)
            }
            // Another process has given the message up meanwhile.
            KeepAnswer::Settled(outcome) => publish_stored(now, lent, (outcome, None), effects),
            // Its outcome came between our two questions.
            KeepAnswer::OfOtherRecord => {
                let openid = Arc::clone(openid);
                if !pending.take_own_ids(&lent.origin) {
                    let state = State::Keeping { pending, openid };
                    return self.cannot_be(now, lent, state, OTHER_AGAIN, effects);
                }
                let asker = (lent.ticket, &*lent.origin);
                keep(now, asker, pending, openid, effects)
            }
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

impl PendingRecipient {
    fn take_own_ids(&mut self, origin: &Origin) -> bool {
        take_own_ids(origin, (&mut self.outcome_id, &mut self.message_id))
    }
}

fn user_name(origin: &Origin, pending: &PendingRecipient) -> UserName {
    UserName::Message {
        outcome_id: Arc::clone(&pending.outcome_id),
        record: origin.identity(),
    }
}

/// Asks whether the code was exchanged in an earlier life.
pub(super) fn recall(
    now: Moment,
    (ticket, origin): (Ticket, &Origin),
    pending: Box<PendingRecipient>,
    effects: &mut Vec<Effect>,
) -> State {
    let request = Request::Recall(Recall {
        name: user_name(origin, &pending),
        message_id: Some(Arc::clone(&pending.message_id)),
        now_ms: now.unix_ms,
    });
    effects.push(Effect::AskStore { ticket, request });
    State::Recalling(pending)
}

pub(super) fn keep(
    now: Moment,
    (ticket, origin): (Ticket, &Origin),
    pending: Box<PendingRecipient>,
    openid: Arc<str>,
    effects: &mut Vec<Effect>,
) -> Next {
    let request = Request::Keep(Keep {
        name: user_name(origin, &pending),
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
    end: Reason,
) -> Outcome {
    let ids = (
        pending.outcome_id.to_string(),
        pending.message_id.to_string(),
    );
    report::of_rule(now, origin, &pending.rule, ids, end)
}
