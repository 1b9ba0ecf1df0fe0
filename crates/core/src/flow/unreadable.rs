//! What the store has of a message cannot be read: it costs this message, and no other one.
//!
//! An entry may be damaged, or written by a later version. The store is told once more, to write it anew, where that is allowed; a message
//! whose entry cannot be written either is ended without the store.

use std::sync::Arc;

use super::claiming::back_off;
use super::in_flight::Lent;
use super::message::{Delivery, PendingRecipient};
use super::settling::{ask_to_settle, publish_stored};
use super::transition::Next;
use super::{Effect, Engine, report};
use crate::model::Moment;
use crate::model::outcome::Reason;
use crate::rules::InDoubt;
use crate::state::{OnUnreadable, Row, Settlement};

impl Engine {
    /// The claim of a message cannot be read, or its outcome, or its user's ledger.
    pub(super) fn claim_unreadable(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut delivery: Box<Delivery>,
        row: Row,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let was_told = delivery.on_unreadable;
        delivery.on_unreadable = OnUnreadable::Overwrite;
        match (was_told, row, delivery.rule.in_doubt) {
            // Says nothing of whether the message was sent.
            (OnUnreadable::Fail, Row::Ledger, InDoubt::Resend | InDoubt::Leave) => {
                self.ask_for_own_claim(now, lent, delivery, effects)
            }
            (OnUnreadable::Fail, Row::Claim, InDoubt::Resend) => {
                // A process of a later version may be sending it: by then the call is over.
                delivery.tries.in_doubt += 1;
                self.clear_irrevocable(&lent.origin);
                back_off(now, delivery, self.in_doubt_after())
            }
            (
                OnUnreadable::Fail,
                Row::Outcome
                | Row::Mark
                | Row::User
                | Row::Number
                | Row::Holds
                | Row::RecipientKey
                | Row::Instances,
                InDoubt::Resend,
            ) => {
                delivery.tries.in_doubt += 1;
                self.ask_for_own_claim(now, lent, delivery, effects)
            }
            (OnUnreadable::Fail, _, InDoubt::Leave) | (OnUnreadable::Overwrite, _, _) => {
                let outcome =
                    self.outcome_of(now, &lent.origin, &delivery, Reason::StateUnreadable, None);
                self.settle(now, lent.ticket, &delivery, outcome, effects)
            }
        }
    }

    /// Whether the code of a message was exchanged before cannot be read.
    pub(super) fn recall_unreadable(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: Box<PendingRecipient>,
        row: Row,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let goes_on = match row {
            // No user is known to be kept; a code that was used is refused by WeChat.
            Row::User
            | Row::Mark
            | Row::Number
            | Row::Ledger
            | Row::Holds
            | Row::RecipientKey
            | Row::Instances => true,
            Row::Claim => pending.rule.in_doubt == InDoubt::Resend,
            // It has ended before, and its code was used for that.
            Row::Outcome => false,
        };
        if goes_on {
            self.await_exchange(now, lent, pending, effects)
        } else {
            self.end_unreadable_recipient(now, lent, (&pending, None), effects)
        }
    }

    /// The user behind a code cannot be kept. The message is sent all the same: only a crash would lose its user.
    pub(super) fn keep_unreadable(
        &mut self,
        now: Moment,
        lent: &Lent,
        (pending, openid): (Box<PendingRecipient>, &str),
        row: Row,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match row {
            Row::Outcome => {
                self.end_unreadable_recipient(now, lent, (&pending, Some(openid)), effects)
            }
            Row::Claim
            | Row::Ledger
            | Row::Mark
            | Row::User
            | Row::Number
            | Row::Holds
            | Row::RecipientKey
            | Row::Instances => {
                self.clear_irrevocable(&lent.origin);
                self.address(now, lent, *pending, openid, effects)
            }
        }
    }

    fn end_unreadable_recipient(
        &mut self,
        now: Moment,
        lent: &Lent,
        recipient: (&PendingRecipient, Option<&str>),
        effects: &mut Vec<Effect>,
    ) -> Next {
        let mut outcome = self.unsent_to(now, &lent.origin, recipient, Reason::StateUnreadable);
        report::STATE_UNREADABLE.clone_into(&mut outcome.detail);
        let mut settlement = self.settlement(now, outcome, None);
        settlement.on_unreadable = OnUnreadable::Overwrite;
        Next::Become(ask_to_settle(now, lent.ticket, settlement, effects))
    }
}

/// The end of a message cannot be kept, because of what is there already.
pub(super) fn settlement_unreadable(
    now: Moment,
    lent: &Lent,
    mut settlement: Settlement,
    row: Row,
    effects: &mut Vec<Effect>,
) -> Next {
    match settlement.on_unreadable {
        OnUnreadable::Fail => {
            if row == Row::Claim && settlement.holder.is_none() {
                report::put_in_doubt(
                    Arc::make_mut(&mut settlement.outcome),
                    Reason::StateUnreadable,
                );
            }
            settlement.on_unreadable = OnUnreadable::Overwrite;
            Next::Become(ask_to_settle(now, lent.ticket, settlement, effects))
        }
        // The store cannot keep it. Read again, the record may end otherwise: nothing can be done about it here.
        OnUnreadable::Overwrite => publish_stored(now, lent, (&settlement.outcome, None), effects),
    }
}
