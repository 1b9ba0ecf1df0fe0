//! Record → what it owes: messages to send, or outcomes to publish at once.

use std::sync::{Arc, OnceLock};

use super::addressing::recall;
use super::in_flight::NewItem;
use super::message::{Begun, Delivery, EarlierRun, Origin, PendingRecipient, Rejoins, State};
use super::settling::ask_to_settle;
use super::{Effect, Engine, Unmatched, repeated, report};
use crate::event::{Decoded, decode};
use crate::flow::attempt::Tries;
use crate::flow::offsets::Wanted;
use crate::grants::{Answered, Report};
use crate::message::{Made, Message, Rejection};
use crate::model::outcome::{Outcome, Reason};
use crate::model::{Epoch, Moment, Partition, Record, Ticket};
use crate::rules::{Planned, Rule};
use crate::state::OnUnreadable;

/// What a message takes besides its record and event: the message with its values and ids, or the outcome, and its places in queues.
const ITEM_BYTES: usize = 1024;

impl Engine {
    pub(super) fn take_record(
        &mut self,
        now: Moment,
        epoch: Epoch,
        record: Record,
        effects: &mut Vec<Effect>,
    ) {
        let partition = Partition {
            topic: Arc::clone(&record.topic),
            number: record.partition,
        };
        let Some(tracker) = self.partitions.get(&partition) else {
            return;
        };
        if tracker.epoch() != epoch || tracker.wants(record.offset) == Wanted::No {
            return;
        }
        self.totals.records += 1;
        let mut origin = Origin {
            partition,
            epoch,
            record: Arc::new(record),
            event: None,
            rules_version: Arc::clone(self.rules.version()),
            received: now,
            identity: OnceLock::new(),
        };
        match decode(&self.setup.decoding, &origin.record, now.unix_ms) {
            Decoded::Event(event) => {
                let planned = self.rules.plan(&event);
                let answers = self.setup.answers.as_ref();
                let catalog = self.rules.catalog();
                let answered = answers.and_then(|answers| {
                    answers.read(&event, catalog, self.rules.policies(), now.unix_ms)
                });
                let reports = answered.map(|Answered { reports, unknown }| {
                    effects.extend(unknown.into_iter().map(Effect::Unknown));
                    reports
                });
                origin.event = Some(Arc::new(*event));
                self.take_event(now, &Arc::new(origin), planned, reports, effects);
            }
            Decoded::Tombstone => {
                self.totals.tombstones += 1;
                let origin = Arc::new(origin);
                self.unmatched(
                    now,
                    &origin,
                    "the record tells of no event: it has no value, or a row was deleted",
                    effects,
                );
            }
            Decoded::Undecodable(problem) => {
                self.owe(&origin, 1);
                let mut outcome = report::outcome(now, &origin, problem.reason);
                outcome.detail = problem.detail;
                repeated::name_glimpse(&mut outcome, &problem.glimpse);
                self.owe_outcome(now, &Arc::new(origin), 1, outcome, effects);
            }
        }
        self.positions_may_have_moved(now);
    }

    fn take_event(
        &mut self,
        now: Moment,
        origin: &Arc<Origin>,
        planned: Vec<Planned>,
        reports: Option<Result<Vec<Report>, Rejection>>,
        effects: &mut Vec<Effect>,
    ) {
        let n_reports = match &reports {
            None if planned.is_empty() => {
                let event_type = origin.event.as_ref().map_or("", |event| &event.kind);
                let why = self.unmatched_types.note(now, event_type, &self.rules);
                self.unmatched(now, origin, &why, effects);
                return;
            }
            None => 0,
            Some(Ok(reports)) => reports.len(),
            Some(Err(_)) => 1,
        };
        let n_items = planned.len() + n_reports;
        self.owe(origin, n_items);
        if let Some(reports) = reports {
            self.take_reports(now, origin, n_items, reports, effects);
        }
        self.take_planned(now, origin, n_items, planned, effects);
    }

    fn take_planned(
        &mut self,
        now: Moment,
        origin: &Arc<Origin>,
        n_items: usize,
        planned: Vec<Planned>,
        effects: &mut Vec<Effect>,
    ) {
        for planned in planned {
            if matches!(planned.result, Ok(Made::Message(_)))
                && self.must_be_spilled(now, &planned.rule)
            {
                self.spill_message(planned.rule, origin);
            } else {
                self.take_in(now, origin, n_items, planned, effects);
            }
        }
    }

    /// Takes one message in hand, or what became of it.
    pub(super) fn take_in(
        &mut self,
        now: Moment,
        origin: &Arc<Origin>,
        n_items: usize,
        planned: Planned,
        effects: &mut Vec<Effect>,
    ) {
        let Planned {
            rule,
            message_id,
            result,
            refused_for,
        } = planned;
        match result {
            Ok(Made::Message(message)) => {
                let outcome_id = Arc::from(origin.record.outcome_id(&rule.name));
                let quota_of = Arc::clone(&rule);
                let delivery = self.delivery(rule, message, Arc::from(message_id), outcome_id);
                let ticket = self.new_ticket();
                let state = State::Waiting(delivery);
                self.take_in_hand(ticket, origin, (n_items, Some(quota_of)), state);
            }
            Ok(Made::Unaddressed(unaddressed)) => {
                let outcome_id = Arc::from(origin.record.outcome_id(&rule.name));
                let quota_of = Arc::clone(&rule);
                let message_id = Arc::from(message_id);
                let pending = PendingRecipient::new(rule, unaddressed, message_id, outcome_id);
                let ticket = self.new_ticket();
                let state = recall(now, (ticket, origin), Box::new(pending), effects);
                self.take_in_hand(ticket, origin, (n_items, Some(quota_of)), state);
            }
            Err(rejection) => {
                let mut outcome = report::rejected(now, origin, (&rule, message_id), rejection);
                if let Some(openid) = refused_for {
                    self.name(&rule, &openid).put_in(&mut outcome);
                }
                self.owe_outcome(now, origin, n_items, outcome, effects);
            }
        }
    }

    fn unmatched(
        &mut self,
        now: Moment,
        origin: &Arc<Origin>,
        detail: &str,
        effects: &mut Vec<Effect>,
    ) {
        self.totals.unmatched += 1;
        match self.setup.unmatched {
            Unmatched::Count => self.owe(origin, 0),
            Unmatched::Publish => {
                self.owe(origin, 1);
                let mut outcome = report::outcome(now, origin, Reason::NoRule);
                detail.clone_into(&mut outcome.detail);
                self.owe_outcome(now, origin, 1, outcome, effects);
            }
        }
    }

    fn owe(&mut self, origin: &Origin, n_items: usize) {
        if let Some(tracker) = self.partitions.get_mut(&origin.partition) {
            tracker.read(origin.record.offset, n_items);
        }
    }

    pub(super) fn owe_outcome(
        &mut self,
        now: Moment,
        origin: &Arc<Origin>,
        shared_by: usize,
        outcome: Outcome,
        effects: &mut Vec<Effect>,
    ) {
        let settlement = self.settlement(now, outcome, None);
        let ticket = self.new_ticket();
        let state = ask_to_settle(now, ticket, settlement, effects);
        self.take_in_hand(ticket, origin, (shared_by, None), state);
    }

    /// Takes a message in hand, or what it has come to, in the quota of its rule if it has to wait. What record and event take counts once,
    /// shared among what the record owes.
    pub(super) fn take_in_hand(
        &mut self,
        ticket: Ticket,
        origin: &Arc<Origin>,
        (shared_by, quota_of): (usize, Option<Arc<Rule>>),
        state: State,
    ) {
        let new = NewItem {
            origin: Arc::clone(origin),
            bytes: ITEM_BYTES + origin.size_bytes() / shared_by.max(1),
            quota_of,
            state,
        };
        self.in_flight.insert(ticket, new, &mut self.pauses);
    }

    /// What a rule, as it is now, makes of a record that was read before; `None` if it does not want it any more.
    pub(super) fn plan_again(&self, origin: &mut Origin, rule: &str) -> Option<Planned> {
        origin.rules_version = Arc::clone(self.rules.version());
        if let Some(event) = &origin.event {
            return self.rules.plan_one(event, rule);
        }
        let received_ms = origin.received.unix_ms;
        match decode(&self.setup.decoding, &origin.record, received_ms) {
            Decoded::Event(event) => {
                let planned = self.rules.plan_one(&event, rule);
                origin.event = Some(Arc::new(*event));
                planned
            }
            Decoded::Tombstone | Decoded::Undecodable(_) => None,
        }
    }

    /// A message at the beginning of its way.
    pub(super) fn delivery(
        &self,
        rule: Arc<Rule>,
        message: Message,
        message_id: Arc<str>,
        outcome_id: Arc<str>,
    ) -> Box<Delivery> {
        Box::new(Delivery {
            wish: self.wish(&rule, &message),
            rule,
            message: Arc::new(message),
            message_id,
            outcome_id,
            tries: Tries::default(),
            claim: None,
            on_unreadable: OnUnreadable::Fail,
            begun: Begun::No,
            rejoins: Rejoins::Last,
            calls: 0,
            api_ms: 0,
            called_ms: None,
            earlier_run: EarlierRun::NotMet,
            paused_by: None,
        })
    }
}
