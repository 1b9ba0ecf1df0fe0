//! Rules that change under messages in hand: what is not sent yet is made anew, or ends.
//!
//! A message is made anew when its turn comes, so a large change is no burst of work. What would never get a turn as it is, since a pause holds
//! what the change mends, is made anew at once; and messages of a rule that is gone end at once. What may have arrived already stays as it is:
//! its claim goes by what it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::claiming::release_claim;
use super::in_flight::Lent;
use super::message::{Delivery, Origin, Rejoins, State};
use super::transition::{Happened, Next};
use super::{Effect, Engine, report};
use crate::model::outcome::{Outcome, Reason};
use crate::model::{Moment, Ticket};
use crate::rules::{Rule, RuleSet};
use crate::schedule::pauses::Way;

impl Engine {
    /// The new set is in force, for records that are read from now on and for messages whose call is not made.
    pub(super) fn rules_changed(
        &mut self,
        now: Moment,
        rules: Arc<RuleSet>,
        effects: &mut Vec<Effect>,
    ) {
        let before = std::mem::replace(&mut self.rules, rules);
        let mut at_once = BTreeSet::new();
        for old in before.rules() {
            let new = self.rules.get(&old.name).map(Arc::clone);
            if new.as_ref().is_some_and(|new| new.version == old.version) {
                continue;
            }
            let moves = new.as_ref().is_none_or(|new| new.app != old.app);
            if moves || self.pauses.is_rule_or_template_paused(old) {
                at_once.insert(Arc::clone(&old.name));
            }
            if let Some(new) = new {
                self.in_flight.admission.adopt(&new);
            }
            self.resume_rule(&old.name, effects);
        }
        let rules = Arc::clone(&self.rules);
        let is_used = |app: &str, id: &str| {
            let mut rules = rules.rules().iter();
            rules.any(|rule| rule.app.as_ref() == app && template_id(rule) == Some(id))
        };
        let changes = self.pauses.keep_templates(is_used);
        self.announce(changes, effects);
        self.remake_waiting(now, &at_once, effects);
    }

    /// Whether the rule is still the same as when its message was made.
    pub(super) fn is_in_force(&self, rule: &Rule) -> bool {
        let present = self.rules.get(&rule.name);
        present.is_some_and(|present| present.version == rule.version)
    }

    /// Whether a message has to be made anew before its call.
    pub(super) fn is_outdated(&self, origin: &Origin, delivery: &Delivery) -> bool {
        !Arc::ptr_eq(&origin.rules_version, self.rules.version())
            && delivery.tries.in_doubt == 0
            && !self.is_in_force(&delivery.rule)
    }

    /// Whether the rule names another template than when its message was made.
    pub(super) fn has_another_template(&self, rule: &Rule) -> bool {
        let present = self.rules.get(&rule.name);
        present.is_some_and(|present| template_id(present) != template_id(rule))
    }

    /// Takes the messages of these rules out of their lanes.
    fn remake_waiting(
        &mut self,
        now: Moment,
        rules: &BTreeSet<Arc<str>>,
        effects: &mut Vec<Effect>,
    ) {
        let mut tickets: BTreeSet<Ticket> = BTreeSet::new();
        for (ticket, _, state) in self.in_flight.iter() {
            if let State::Waiting(delivery) = state
                && delivery.claim.is_none()
                && rules.contains(&delivery.rule.name)
            {
                tickets.insert(ticket);
            }
        }
        self.in_flight
            .admission
            .forget(&|ticket| tickets.contains(&ticket));
        for ticket in tickets {
            self.transition(now, ticket, Happened::RuleChanged, effects);
        }
    }

    /// A message that has been taken out of its lane.
    pub(super) fn replan(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        old: Delivery,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.in_flight.release_recipient(lent, &self.pauses);
        match self.remake(now, lent, old) {
            Ok(delivery) => Next::Become(State::Waiting(delivery)),
            Err(outcome) => self.settle_unsent(now, lent.ticket, *outcome, effects),
        }
    }

    /// A message that has its turn, and whose rule was changed: it keeps the turn if that is good for what it has become.
    pub(super) fn remake_at_turn(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        old: Delivery,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let (rule, message) = (Arc::clone(&old.rule), Arc::clone(&old.message));
        let delivery = match self.remake(now, lent, old) {
            Ok(delivery) => delivery,
            Err(outcome) => return self.settle_unsent(now, lent.ticket, *outcome, effects),
        };
        let has_same_turn = delivery.rule.app == rule.app
            && delivery.rule.api() == rule.api()
            && delivery.message.recipient == message.recipient
            && self.pauses.way(now, &delivery.rule) == Way::Free;
        if has_same_turn {
            return self.begin(now, lent, delivery, effects);
        }
        self.in_flight.release_recipient(lent, &self.pauses);
        Next::Become(State::Waiting(delivery))
    }

    /// A message at the gate, whose rule was changed: it gives its claim back, and is made anew at its next turn.
    pub(super) fn leave_gate_outdated(
        &mut self,
        lent: &Lent,
        mut delivery: Box<Delivery>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        release_claim(lent.ticket, &mut delivery, effects);
        self.clear_irrevocable(&lent.origin);
        Next::Rest(State::Waiting(delivery))
    }

    /// Makes a message by the rule in force, or says how it ends. It holds no claim.
    fn remake(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        old: Delivery,
    ) -> Result<Box<Delivery>, Box<Outcome>> {
        let origin = Arc::make_mut(&mut lent.origin);
        let planned = self.plan_again(origin, &old.rule.name);
        let Some(planned) = planned else {
            let id = lent.origin.record.outcome_id(&old.rule.name);
            let ids = (id, old.message_id.to_string());
            return Err(Box::new(self.end_of_unwanted(
                now,
                &lent.origin,
                &old.rule,
                ids,
            )));
        };
        // The user that a login code named before is the recipient still.
        let made = planned
            .result
            .and_then(|made| made.to(&old.message.recipient));
        match made {
            Ok(message) => Ok(Box::new(Delivery {
                wish: self.wish(&planned.rule, &message),
                rule: planned.rule,
                message: Arc::new(message),
                message_id: Arc::from(planned.message_id),
                rejoins: Rejoins::Last,
                ..old
            })),
            Err(rejection) => {
                let of = (&*planned.rule, planned.message_id);
                let outcome = report::rejected(now, &lent.origin, of, rejection);
                Err(Box::new(outcome))
            }
        }
    }

    /// The end of a message that the rules in force do not want.
    pub(super) fn end_of_unwanted(
        &self,
        now: Moment,
        origin: &Origin,
        rule: &Rule,
        ids: (String, String),
    ) -> Outcome {
        let mut outcome = report::of_rule(now, origin, rule, ids, Reason::RuleGone);
        let detail = match self.rules.get(&rule.name) {
            Some(_) => report::CHANGED_RULE,
            None => report::RULE_IS_GONE,
        };
        detail.clone_into(&mut outcome.detail);
        outcome
    }
}

fn template_id(rule: &Rule) -> Option<&str> {
    rule.template().map(|template| template.id.as_str())
}
