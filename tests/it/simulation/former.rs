//! The topic began anew before this world did, and the store remembers the former one: other records lay in the places of some of these.

use std::sync::Arc;

use serde_json::json;
use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::{EventFields, Identity, OfRecord, Outcome, Stamp};
use wx_courier_core::state::{
    Answer, ClaimAnswer, KeepAnswer, OnUnreadable, RecallAnswer, Reply, Request, Settlement,
    SettlementAnswer,
};
use wx_courier_core::wechat::logins::UserName;
use wx_courier_core::wechat::receipts::Receipts;

use super::checks::ordinary_ids;
use super::world::World;

/// What stands between the ordinary id of an outcome and what tells its record from another one in its place.
const BEFORE_OWN: char = '~';

/// The ordinary id.
pub(super) fn ordinary(id: &str) -> &str {
    id.split_once(BEFORE_OWN)
        .map_or(id, |(ordinary, _)| ordinary)
}

impl World {
    /// In some worlds the store has outcomes of former records, sent or not.
    pub(super) fn remember_former_topic(&mut self) {
        if self.random.u8(..8) != 0 {
            return;
        }
        let records: Vec<Record> = self.log.values().flatten().cloned().collect();
        for id in records.iter().flat_map(ordinary_ids) {
            if self.random.bool() {
                let outcome = Arc::new(self.former_outcome(&id));
                let settled = self.store.answer(&Request::Settle(Settlement {
                    outcome: Arc::clone(&outcome),
                    holder: None,
                    grant: None,
                    receipts: Receipts::None,
                    refused_ms: None,
                    on_unreadable: OnUnreadable::Fail,
                    now_ms: self.unix_ms(),
                }));
                assert!(settled.is_ok(), "{settled:?}");
                self.former.insert(id, outcome);
            }
        }
    }

    fn former_outcome(&mut self, id: &str) -> Outcome {
        let (status, reason) = if self.random.bool() {
            ("sent", "ok")
        } else {
            ("failed", "attempts_used")
        };
        let outcome = json!({
            "id": id, "message_id": format!("former-{id}"), "status": status, "reason": reason, "detail": "", "rules_version": "1",
            "topic": "events", "partition": 0, "offset": 0, "attempts": 1, "received_at": "2026-11-22T08:30:00.000Z",
            "settled_at": "2026-11-22T08:30:00.000Z", "waited_ms": 0, "api_ms": 0,
        });
        let mut outcome: Outcome = serde_json::from_value(outcome).unwrap();
        let identity = Identity::of_text("a_former").unwrap();
        outcome.record = Some(OfRecord {
            stamp: Stamp::of(identity, None),
            event: EventFields::Kept,
        });
        outcome
    }

    /// The id that the outcome of a record has, whose ordinary id this is.
    pub(super) fn own_id(&self, record: &Record, ordinary: String) -> String {
        match Identity::of(record) {
            Some(identity) if self.former.contains_key(&ordinary) => {
                format!("{ordinary}{BEFORE_OWN}{}", identity.as_text())
            }
            Some(_) | None => ordinary,
        }
    }

    /// What a broken engine makes of the store's word that another record lay there: it takes its outcome for its own.
    pub(super) fn taken_for_own(&self, request: &Request, answer: Reply) -> Reply {
        let of = |id: &str| Arc::clone(&self.former[id]);
        Ok(match (request, answer?) {
            (Request::Claim(claim), Answer::Claim(ClaimAnswer::OfOtherRecord)) => {
                Answer::Claim(ClaimAnswer::Settled(of(&claim.outcome_id)))
            }
            (Request::Settle(settlement), Answer::Settle(SettlementAnswer::OfOtherRecord)) => {
                let outcome = of(&settlement.outcome.id);
                Answer::Settle(SettlementAnswer::Settled(outcome))
            }
            (Request::Recall(recall), Answer::Recall(RecallAnswer::OfOtherRecord)) => {
                let outcome = of(&outcome_id_of(&recall.name));
                Answer::Recall(RecallAnswer::Settled(outcome))
            }
            (Request::Keep(keep), Answer::Keep(KeepAnswer::OfOtherRecord)) => {
                let outcome = of(&outcome_id_of(&keep.name));
                Answer::Keep(KeepAnswer::Settled(outcome))
            }
            (_, other) => other,
        })
    }
}

/// The outcome of the message whose user has this name.
pub(super) fn outcome_id_of(name: &UserName) -> Arc<str> {
    match name {
        UserName::Message { outcome_id, .. } => Arc::clone(outcome_id),
        UserName::Session { id, .. } => Arc::clone(id),
    }
}
