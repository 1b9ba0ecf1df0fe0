//! Claims whose process does not answer for them any more.

use std::time::Duration;

use super::ages::age_of;
use super::engine::StoreHealth;
use super::in_flight::{Lent, Met};
use super::message::Delivery;
use super::transition::Next;
use super::{Effect, Engine};
use crate::model::outcome::Reason;
use crate::model::{Holder, Moment};
use crate::rules::InDoubt;
use crate::state::{FRESH, Held};

/// A claim that another record asked for is left alone for so much longer than one of the same record. That other record is read again and
/// ends the doubt by itself, unless it is gone from its topic or its rule does not want it any more; then no process ever will.
const ABANDONED_AFTER: Duration = Duration::from_mins(10);

/// How long an answer may take to reach the store after the call has ended.
const SETTLING: Duration = Duration::from_secs(2);

impl Engine {
    pub(super) fn store_is_back(&mut self, now: Moment) {
        self.store = StoreHealth::Up;
        self.has_store_since = now.elapsed;
    }

    /// A claim without an outcome, made by a process that has ended or lost the partition since: it is not known whether its call was made. It
    /// is this very record's, or that of another record which does not come back for it.
    pub(super) fn in_doubt_since_before(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut delivery: Box<Delivery>,
        before: Holder,
        effects: &mut Vec<Effect>,
    ) -> Next {
        delivery.tries.in_doubt += 1;
        match delivery.rule.in_doubt {
            InDoubt::Resend => self.ask_for_claim(now, lent, delivery, Some(before), effects),
            InDoubt::Leave => {
                let outcome = self.outcome_of(now, &lent.origin, &delivery, Reason::InDoubt, None);
                self.settle_for(
                    now,
                    lent.ticket,
                    &delivery,
                    (Some(before), outcome),
                    effects,
                )
            }
        }
    }

    /// How long the holder of a claim may still end it; then this record may take it over.
    pub(super) fn left_to_answer(
        &self,
        now: Moment,
        met: Option<Met>,
        ours: &str,
        held: &Held,
    ) -> Duration {
        let age = age_of(now, met, held, self.calendar.doubted_until);
        let in_doubt_after = self.in_doubt_after();
        if *held.outcome_id == *ours {
            return in_doubt_after.saturating_sub(age);
        }
        // After an outage of the store, however long it was, what others have to settle comes first.
        let has_store_for = now.elapsed.saturating_sub(self.has_store_since);
        let abandoned = (in_doubt_after + ABANDONED_AFTER).saturating_sub(age);
        abandoned.max(in_doubt_after.saturating_sub(has_store_for))
    }

    /// A claim without an outcome that is older than this is in doubt: its call was answered and the answer is lost, or it was never made.
    pub(super) fn in_doubt_after(&self) -> Duration {
        FRESH + self.setup.call_limit + SETTLING
    }
}
