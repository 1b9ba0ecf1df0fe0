//! The window is shared: what waits does not fill it.
//!
//! A rule that waits for its own limit or for the end of a pause may hold as many messages as the window still has free, and so may an app
//! that waits beside others. One such rule gets half of the window, two get a third each, and there is always room for rules that do not wait.
//! What comes beyond that is *spilled*: its record stays open in the tracker, so nothing is committed past it, but of the message only its
//! place on the topic is kept. When the rule has room again the record is read again from there.
//!
//! A rule that has spilled something spills everything that follows, so that the order within a partition stays as it was.

mod quota;
mod spill;

use std::sync::{Arc, OnceLock};

pub(super) use quota::{Amount, WindowQuota};
pub(super) use spill::Spill;
use spill::{Rereading, Spilled};

use super::engine::StoreHealth;
use super::message::{Begun, Delivery, Origin};
use super::offsets::is_open;
use super::{Effect, Engine, report};
use crate::model::outcome::Reason;
use crate::model::{Moment, Record, Ticket};
use crate::rules::Rule;

/// How many records of a rule are read again at once: as many as make a seek worth its while.
const MOST_AT_ONCE: usize = 500;

impl Engine {
    /// How many messages are spilled.
    pub(super) fn n_spilled(&self) -> usize {
        self.spill.n_places() + self.spill.n_rereading()
    }

    /// What is in hand, with what is about to be.
    pub(super) fn in_window(&self) -> Amount {
        Amount {
            messages: self.in_flight.len() + self.spill.n_rereading(),
            bytes: self.in_flight.bytes() + self.spill.rereading_bytes(),
        }
    }

    fn free(&self) -> Amount {
        let taken = self.in_window();
        Amount {
            messages: self.setup.max_messages.saturating_sub(taken.messages),
            bytes: self.setup.max_bytes.saturating_sub(taken.bytes),
        }
    }

    /// What waiting rules hold of the window: they do not give it back soon.
    pub(super) fn used_by_waiting(&self, now: Moment) -> Amount {
        let mut window = Amount {
            messages: 0,
            bytes: 0,
        };
        for (rule, held) in self.in_flight.window_quota.of_rules.values() {
            if self.waits(now, rule) {
                window.messages += held.messages;
                window.bytes += held.bytes;
            }
        }
        window
    }

    /// Whether a rule waits for something that it alone waits for, or its app does beside others.
    fn waits(&self, now: Moment, rule: &Rule) -> bool {
        self.in_flight.admission.rule_waits(&self.pauses, rule, now)
            || (rule.is_by_code() && self.pauses.pause_of_logins(&rule.app).is_some())
            || self.app_waits(now, rule)
    }

    fn app_waits(&self, now: Moment, rule: &Rule) -> bool {
        self.setup.apps.len() > 1 && self.in_flight.admission.app_waits(&rule.app, now)
    }

    /// Whether a rule, or its app, waits and has its share of the window; with a `part` of 2, half of its share.
    fn is_over_window_limit(&self, now: Moment, rule: &Rule, part: usize) -> bool {
        let of_rule = self.in_flight.window_quota.amount_of(&rule.name);
        let of_app = self.in_flight.window_quota.of_apps.get(&rule.app).copied();
        (self.fills(of_rule, part) && self.in_flight.admission.rule_waits(&self.pauses, rule, now))
            || (self.fills(of_app.unwrap_or_default(), part) && self.app_waits(now, rule))
    }

    fn fills(&self, held: Amount, part: usize) -> bool {
        let free = self.free();
        held.messages.saturating_mul(part) >= free.messages
            || held.bytes.saturating_mul(part) >= free.bytes
    }

    /// Whether a rule has the share of the window that it may have if it waits.
    pub(super) fn is_at_window_limit(&self, rule: &Rule) -> bool {
        self.fills(self.in_flight.window_quota.amount_of(&rule.name), 1)
    }

    /// Whether a message of this rule that is just read has to be spilled.
    pub(super) fn must_be_spilled(&self, now: Moment, rule: &Rule) -> bool {
        self.spill.of_rules.contains_key(&rule.name) || self.is_over_window_limit(now, rule, 1)
    }

    pub(super) fn spill_message(&mut self, rule: Arc<Rule>, origin: &Origin) {
        self.totals.set_aside += 1;
        self.spill.add(rule, origin);
    }

    /// In a full window, spills what is over the share of rules that began to wait only after it was read.
    pub(super) fn make_room(&mut self, now: Moment) {
        let free = self.free();
        if self.draining.is_some() || (free.messages > 0 && free.bytes > 0) {
            return;
        }
        // What is read again would come in behind what follows it.
        let is_read_again = |rule: &Rule| {
            let spilled = self.spill.of_rules.get(&rule.name);
            spilled.is_some_and(|spilled| spilled.n_rereading > 0)
        };
        let rules = self
            .in_flight
            .window_quota
            .of_rules
            .values()
            .map(|(rule, _)| rule);
        let rules: Vec<Arc<Rule>> = rules
            .filter(|rule| !is_read_again(rule) && self.is_over_window_limit(now, rule, 1))
            .map(Arc::clone)
            .collect();
        for rule in rules {
            while self.is_over_window_limit(now, &rule, 1)
                && let Some(origin) = self.take_last_untouched(&rule)
            {
                self.spill_message(Arc::clone(&rule), &origin);
            }
        }
    }

    /// Takes the last message of a rule's lane out of hand, if nothing has been done for it yet.
    fn take_last_untouched(&mut self, rule: &Rule) -> Option<Arc<Origin>> {
        let trackers = &self.partitions;
        let is_untouched = |origin: &Origin, delivery: &Delivery, quota_of: Option<&Arc<Rule>>| {
            let is_kept = is_open(trackers, origin.place());
            // The user behind a login code is kept in the store until the message has ended as itself.
            let is_by_code = quota_of.is_some_and(|rule| rule.is_by_code());
            is_kept && delivery.begun == Begun::No && !is_by_code
        };
        // It may have been given its recipient by the one before it.
        self.in_flight
            .take_last(rule, is_untouched, &mut self.pauses)
    }

    /// Asks for spilled records of every rule that has room again.
    pub(super) fn reread(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.spill.of_rules.is_empty() || self.store == StoreHealth::Down {
            return;
        }
        let ready = |spilled: &Spilled| {
            spilled.n_rereading == 0 && !self.is_over_window_limit(now, &spilled.rule, 2)
        };
        let names: Vec<Arc<str>> = self
            .spill
            .of_rules
            .iter()
            .filter(|(_, spilled)| ready(spilled))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in names {
            self.reread_for(&name, effects);
        }
    }

    fn reread_for(&mut self, name: &Arc<str>, effects: &mut Vec<Effect>) {
        let free = self.free();
        let held = self.in_flight.window_quota.amount_of(name);
        let Some(spilled) = self.spill.of_rules.get_mut(name) else {
            return;
        };
        // A record may be larger than the whole window: a rule that holds nothing may have one.
        let least = usize::from(held.messages == 0 && free.bytes > 0);
        let in_bytes = (free.bytes / spilled.record_bytes.max(1)).max(least);
        let room = free.messages.min(in_bytes);
        // Half of the way to its share: what is asked for makes the share smaller.
        let most = room.saturating_sub(held.messages).div_ceil(2).min(room);
        let Some((partition, epoch, places)) = spilled.next(most.clamp(room.min(1), MOST_AT_ONCE))
        else {
            return;
        };
        let (rule, bytes) = (Arc::clone(&spilled.rule), spilled.record_bytes);
        spilled.n_rereading += places.len();
        for place in places {
            let ticket = self.new_ticket();
            self.in_flight.window_quota.take(&rule, bytes);
            self.spill.rereading_bytes += bytes;
            let asked = Rereading {
                rule: Arc::clone(&rule),
                partition: partition.clone(),
                epoch,
                record: place,
                bytes,
            };
            self.spill.rereading.insert(ticket, asked);
            effects.push(Effect::ReadAgain {
                ticket,
                partition: partition.clone(),
                offset: place.offset,
            });
        }
    }

    /// A record that was spilled is back, or is not there any more.
    pub(super) fn read_again(
        &mut self,
        now: Moment,
        ticket: Ticket,
        record: Option<Record>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(asked) = self
            .spill
            .answered(ticket, &mut self.in_flight.window_quota)
        else {
            return;
        };
        let is_gone = record.is_none();
        let known = if is_gone {
            OnceLock::from(asked.record.identity)
        } else {
            OnceLock::new()
        };
        let record = record.unwrap_or_else(|| placeholder(&asked));
        let waited_ms = now.unix_ms.saturating_sub(asked.record.received_ms).max(0);
        let waited = std::time::Duration::from_millis(waited_ms.unsigned_abs());
        let mut origin = Origin {
            partition: asked.partition,
            epoch: asked.epoch,
            record: Arc::new(record),
            event: None,
            rules_version: Arc::clone(self.rules.version()),
            received: Moment {
                elapsed: now.elapsed.saturating_sub(waited),
                unix_ms: asked.record.received_ms,
            },
            identity: known,
        };
        if !is_open(&self.partitions, origin.place()) {
            return;
        }
        let rule = asked.rule;
        if is_gone {
            let id = origin.record.outcome_id(&rule.name);
            let ids = (id.clone(), id);
            let mut outcome = report::of_rule(now, &origin, &rule, ids, Reason::RecordGone);
            "the record was deleted from its topic while its message waited"
                .clone_into(&mut outcome.detail);
            self.owe_outcome(now, &Arc::new(origin), 1, outcome, effects);
            return;
        }
        if let Some(planned) = self.plan_again(&mut origin, &rule.name) {
            self.take_in(now, &Arc::new(origin), 1, planned, effects);
            return;
        }
        let id = origin.record.outcome_id(&rule.name);
        let mut outcome = self.end_of_unwanted(now, &origin, &rule, (id.clone(), id));
        let event = origin.event.as_ref();
        if let Some(openid) = event.and_then(|event| rule.openid_of(event)) {
            self.name(&rule, &openid).kept().put_in(&mut outcome);
        }
        self.owe_outcome(now, &Arc::new(origin), 1, outcome, effects);
    }
}

/// What can be said of a record that is gone: its place.
fn placeholder(asked: &Rereading) -> Record {
    Record {
        topic: Arc::clone(&asked.partition.topic),
        partition: asked.partition.number,
        offset: asked.record.offset,
        key: None,
        headers: Vec::new(),
        value: None,
        timestamp_ms: None,
    }
}
