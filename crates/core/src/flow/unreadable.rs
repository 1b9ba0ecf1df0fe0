//! What the store has of a message cannot be read: it costs this message, and no other one.
//!
//! An entry may be damaged, or written by a later version. The store is told once more, to write it anew, where that is allowed; a message
//! whose entry cannot be written either is ended without the store.

use std::sync::Arc;

use super::{Delivery, Effect, Engine, report};
use crate::flow::addressing::Letter;
use crate::model::outcome::{Reason, Status};
use crate::model::{Moment, Ticket};
use crate::rules::InDoubt;
use crate::state::{Row, Settlement, Unreadable};

impl Engine {
    /// The claim of a message cannot be read, or its outcome, or its user's ledger.
    pub(super) fn claim_unreadable(
        &mut self,
        now: Moment,
        ticket: Ticket,
        mut delivery: Delivery,
        row: Row,
        effects: &mut Vec<Effect>,
    ) {
        let was_told = delivery.unreadable;
        delivery.unreadable = Unreadable::Replace;
        match (was_told, row, delivery.rule.in_doubt) {
            // Says nothing of whether the message was sent.
            (Unreadable::Tell, Row::Ledger, InDoubt::Resend | InDoubt::Leave) => {
                self.ask_for_own_claim(now, ticket, delivery, effects);
            }
            (Unreadable::Tell, Row::Claim, InDoubt::Resend) => {
                // Somebody of a later version may be sending it: by then the call is over.
                delivery.tries.in_doubt += 1;
                self.admission.way_ended(&delivery.rule.app);
                self.undo(ticket);
                let wait = self.in_doubt_after();
                self.back_off(now, ticket, delivery, wait);
            }
            (
                Unreadable::Tell,
                Row::Outcome | Row::Mark | Row::User | Row::Number,
                InDoubt::Resend,
            ) => {
                delivery.tries.in_doubt += 1;
                self.ask_for_own_claim(now, ticket, delivery, effects);
            }
            (Unreadable::Tell, _, InDoubt::Leave) | (Unreadable::Replace, _, _) => {
                self.ended_before_call(now, &delivery);
                let end = (Status::Unknown, Reason::StateUnreadable);
                let outcome = self.outcome_of(now, ticket, &delivery, end, None);
                self.settle(now, ticket, &delivery, outcome, effects);
            }
        }
    }

    /// The end of a message cannot be kept, because of what is there already.
    pub(super) fn settlement_unreadable(
        &mut self,
        now: Moment,
        ticket: Ticket,
        mut settlement: Settlement,
        row: Row,
        effects: &mut Vec<Effect>,
    ) {
        match settlement.unreadable {
            Unreadable::Tell => {
                if row == Row::Claim && settlement.holder.is_none() {
                    report::put_in_doubt(
                        Arc::make_mut(&mut settlement.outcome),
                        Reason::StateUnreadable,
                    );
                }
                settlement.unreadable = Unreadable::Replace;
                self.ask_to_settle(now, ticket, settlement, effects);
            }
            // The store cannot keep it. Read again, the record may end otherwise: nothing can be done about it here.
            Unreadable::Replace => {
                self.publish_stored(now, ticket, &settlement.outcome, effects);
            }
        }
    }

    /// Whether the code of a message was exchanged before cannot be read.
    pub(super) fn recall_unreadable(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: Letter,
        row: Row,
        effects: &mut Vec<Effect>,
    ) {
        let goes_on = match row {
            // Nobody is known to be kept; a code that was used is refused by WeChat.
            Row::User | Row::Mark | Row::Number | Row::Ledger => true,
            Row::Claim => letter.rule.in_doubt == InDoubt::Resend,
            // It has ended before, and its code was used for that.
            Row::Outcome => false,
        };
        if goes_on {
            self.await_exchange(ticket, letter);
        } else {
            self.end_unreadable_letter(now, ticket, &letter, effects);
        }
    }

    /// The user behind a code cannot be kept. The message is sent all the same: only a crash would lose its user.
    pub(super) fn keep_unreadable(
        &mut self,
        now: Moment,
        ticket: Ticket,
        (letter, openid): (Letter, &str),
        row: Row,
        effects: &mut Vec<Effect>,
    ) {
        match row {
            Row::Outcome => self.end_unreadable_letter(now, ticket, &letter, effects),
            Row::Claim | Row::Ledger | Row::Mark | Row::User | Row::Number => {
                self.undo(ticket);
                self.address(now, ticket, letter, openid, effects);
            }
        }
    }

    fn end_unreadable_letter(
        &mut self,
        now: Moment,
        ticket: Ticket,
        letter: &Letter,
        effects: &mut Vec<Effect>,
    ) {
        let end = (Status::Unknown, Reason::StateUnreadable);
        if let Some(mut outcome) = self.unsent(now, ticket, letter, end) {
            report::STATE_UNREADABLE.clone_into(&mut outcome.detail);
            let mut settlement = self.settlement(now, outcome, None);
            settlement.unreadable = Unreadable::Replace;
            self.ask_to_settle(now, ticket, settlement, effects);
        }
    }
}
