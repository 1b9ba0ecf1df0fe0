//! Rules that change under messages in hand: what is not sent yet is made anew, or ends.
//!
//! A message is made anew when its turn comes, so a large change is no burst of work. What would never get a turn as it is, since a pause holds
//! what the change mends, is made anew at once; and messages of a rule that is gone end at once. What may have arrived already stays as it is:
//! its claim goes by what it was.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::addressing::recall;
use super::in_flight::Lent;
use super::message::{Delivery, Origin, PendingRecipient, Rejoins, State, expires_at_ms};
use super::repeated::take_own_ids;
use super::transition::{Happened, Next};
use super::{Effect, Engine, report};
use crate::grants::Wish;
use crate::message::{Made, Message};
use crate::model::outcome::{Outcome, Reason};
use crate::model::{Moment, Ticket};
use crate::rules::{Rule, RuleSet};
use crate::schedule::pauses::Way;
use crate::state::OnUnreadable;

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
            if self.pauses.is_rule_or_template_paused(old) {
                at_once.insert(Arc::clone(&old.name));
            }
            if let Some(new) = new {
                self.in_flight.admission.adopt(&new);
            }
            self.end_pauses_of_changed(old, effects);
        }
        self.keep_to_holds(effects);
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

    /// Whether the rule of a message has another version by now, or is gone.
    pub(super) fn is_outdated(&self, origin: &Origin, delivery: &Delivery) -> bool {
        !Arc::ptr_eq(&origin.rules_version, self.rules.version())
            && !self.is_in_force(&delivery.rule)
    }

    /// Whether a message waits where no message of its rule waits any more: the rule is gone, or sends by another app.
    fn is_misplaced(&self, origin: &Origin, delivery: &Delivery) -> bool {
        delivery.is_untold()
            && self.is_outdated(origin, delivery)
            && self
                .rules
                .get(&delivery.rule.name)
                .is_none_or(|present| present.app != delivery.rule.app)
    }

    /// A message that begins to wait after its rule has gone, or moved: it was on its way when that happened.
    pub(super) fn not_in_a_former_place(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        next: Next,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match next {
            Next::Become(State::Waiting(delivery)) | Next::Rest(State::Waiting(delivery))
                if self.is_misplaced(&lent.origin, &delivery) =>
            {
                self.replan(now, lent, *delivery, effects)
            }
            next @ (Next::Become(_) | Next::Rest(_) | Next::End) => next,
        }
    }

    /// Whether the rule names another template than when its message was made, or is gone.
    pub(super) fn has_another_template(&self, rule: &Rule) -> bool {
        let present = self.rules.get(&rule.name);
        present.is_none_or(|present| template_id(present) != template_id(rule))
    }

    /// Takes the messages of these rules, and those that wait where they should not, out of their lanes.
    fn remake_waiting(
        &mut self,
        now: Moment,
        rules: &BTreeSet<Arc<str>>,
        effects: &mut Vec<Effect>,
    ) {
        let mut tickets: BTreeSet<Ticket> = BTreeSet::new();
        for (ticket, origin, state) in self.in_flight.iter() {
            if let State::Waiting(delivery) = state
                && delivery.is_untold()
                && (rules.contains(&delivery.rule.name) || self.is_misplaced(origin, delivery))
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
        match self.remake(now, lent, old, effects) {
            // Its partition may be gone.
            ControlFlow::Continue(delivery) => Next::Rest(State::Waiting(delivery)),
            ControlFlow::Break(next) => next,
        }
    }

    /// A message whose time is over by its rule as it was: another version may give it more.
    pub(super) fn too_late(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        old: Delivery,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !old.is_untold() || !self.is_outdated(&lent.origin, &old) {
            return self.expire(now, lent, &old, effects);
        }
        match self.remake(now, lent, old, effects) {
            ControlFlow::Continue(delivery)
                if expires_at_ms(&lent.origin, &delivery.rule) < now.unix_ms =>
            {
                self.expire(now, lent, &delivery, effects)
            }
            ControlFlow::Continue(mut delivery) => {
                self.in_flight.release_recipient(lent, &self.pauses);
                delivery.rejoins = Rejoins::First;
                Next::Become(State::Waiting(delivery))
            }
            ControlFlow::Break(next) => next,
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
        let delivery = match self.remake(now, lent, old, effects) {
            ControlFlow::Continue(delivery) => delivery,
            ControlFlow::Break(next) => return next,
        };
        // Of another template it may have to be the trial of another pause.
        let has_same_turn = delivery.rule.app == rule.app
            && delivery.rule.api() == rule.api()
            && template_id(&delivery.rule) == template_id(&rule)
            && delivery.message.recipient == message.recipient
            && self.pauses.way(now, &delivery.rule) == Way::Free;
        if has_same_turn {
            return self.begin(now, lent, delivery, effects);
        }
        self.in_flight.release_recipient(lent, &self.pauses);
        Next::Become(State::Waiting(delivery))
    }

    /// Makes a message by the rule in force, or breaks with what comes instead: an end, or the question for the user that a login code names now.
    fn remake(
        &mut self,
        now: Moment,
        lent: &mut Lent,
        old: Delivery,
        effects: &mut Vec<Effect>,
    ) -> ControlFlow<Next, Box<Delivery>> {
        let origin = Arc::make_mut(&mut lent.origin);
        let planned = self.plan_again(origin, &old.rule.name);
        let Some(planned) = planned else {
            let ids = (old.outcome_id.to_string(), old.message_id.to_string());
            let mut outcome = self.end_of_unwanted(now, &lent.origin, &old.rule, ids);
            self.name_former(&old, &mut outcome);
            return ControlFlow::Break(self.end_uncalled(now, lent, (outcome, &old), effects));
        };
        let (rule, message_id) = (planned.rule, own_id(&lent.origin, &old, planned.message_id));
        let refused_for = planned.refused_for;
        let made = match planned.result {
            Ok(Made::Unaddressed(unaddressed)) if !is_user_of(&old.rule, &rule) => {
                let outcome_id = Arc::clone(&old.outcome_id);
                let pending = PendingRecipient::new(rule, unaddressed, message_id, outcome_id);
                let place = (lent.ticket, &*lent.origin);
                let state = recall(now, place, Box::new(pending), effects);
                return ControlFlow::Break(Next::Become(state));
            }
            // The user that a login code named before is the recipient still.
            Ok(made) => made.to(&old.message.recipient),
            Err(rejection) => Err(rejection),
        };
        match made {
            Ok(message) => ControlFlow::Continue(self.redelivery((rule, message, message_id), old)),
            Err(rejection) => {
                let of = (&*rule, message_id.to_string());
                let mut outcome = report::rejected(now, &lent.origin, of, rejection);
                match refused_for {
                    Some(openid) => self.name(&rule, &openid).put_in(&mut outcome),
                    None => self.name_former(&old, &mut outcome),
                }
                ControlFlow::Break(self.end_uncalled(now, lent, (outcome, &old), effects))
            }
        }
    }

    fn redelivery(
        &self,
        (rule, message, message_id): (Arc<Rule>, Message, Arc<str>),
        old: Delivery,
    ) -> Box<Delivery> {
        let wish = self.wish(&rule, &message);
        let key = |wish: &Option<Wish>| wish.as_ref().map(|wish| wish.key.clone());
        let has_same_rows = message_id == old.message_id && key(&wish) == key(&old.wish);
        Box::new(Delivery {
            wish,
            // What is known of rows that cannot be read is known of those of before.
            on_unreadable: if has_same_rows {
                old.on_unreadable
            } else {
                OnUnreadable::Fail
            },
            paused_by: old
                .paused_by
                .filter(|_| template_id(&rule) == template_id(&old.rule)),
            rule,
            message: Arc::new(message),
            message_id,
            rejoins: Rejoins::Last,
            ..old
        })
    }

    /// Names the user whom the message was for by the rule of before. The rule in force does not come to that user: when the record is read
    /// again, it does not tell whom the message was for.
    fn name_former(&self, old: &Delivery, outcome: &mut Outcome) {
        let name = self.name(&old.rule, &old.message.recipient);
        name.kept().put_in(outcome);
    }

    /// An end without a call under the rule in force; there may have been some before.
    fn end_uncalled(
        &mut self,
        now: Moment,
        lent: &Lent,
        (mut outcome, old): (Outcome, &Delivery),
        effects: &mut Vec<Effect>,
    ) -> Next {
        outcome.id = old.outcome_id.to_string();
        outcome.attempts = old.calls;
        outcome.api_ms = old.api_ms;
        outcome.waited_ms = outcome.waited_ms.saturating_sub(old.api_ms);
        self.settle_unsent(now, lent.ticket, outcome, effects)
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

/// Whether the user that a login code has named for the old rule is the one that it names for the new one: another app has other openids.
fn is_user_of(old: &Rule, new: &Rule) -> bool {
    old.is_by_code() && old.app == new.app
}

/// The message id that a message of this record has by the rule in force: with what tells the record from another one in its place, if
/// that was needed before.
fn own_id(origin: &Origin, old: &Delivery, message_id: String) -> Arc<str> {
    let usual = origin.record.outcome_id(&old.rule.name);
    let mut ids: (Arc<str>, Arc<str>) = (Arc::from(usual.as_str()), Arc::from(message_id));
    if *old.outcome_id != *usual {
        take_own_ids(origin, (&mut ids.0, &mut ids.1));
    }
    ids.1
}

fn template_id(rule: &Rule) -> Option<&str> {
    rule.template().map(|template| template.id.as_str())
}
