//! What concerns more than one message: pauses of apps, APIs, templates and rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::engine::Gate;
use super::in_flight::Lent;
use super::message::{Delivery, Origin};
use super::{Effect, Engine};
use crate::flow::attempt::{Blame, Refusal, SendAnswer};
use crate::holds::{Hold, Holds, Stopped, StoppedBy};
use crate::message::Api;
use crate::model::{Moment, Ticket};
use crate::rules::{Rule, RuleSet};
use crate::schedule::pauses::{Cause, Change, Party, Subject};

impl Engine {
    /// What an answer says about the app, the template and the rule of its message.
    pub(super) fn note_answer(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        answer: &SendAnswer,
        effects: &mut Vec<Effect>,
    ) {
        let rule = &delivery.rule;
        let refusal = match answer {
            SendAnswer::Accepted { .. } => None,
            SendAnswer::Refused(refusal) => Some(refusal),
            SendAnswer::Garbled { .. }
            | SendAnswer::Unreachable { .. }
            | SendAnswer::InDoubt { .. }
            | SendAnswer::NoToken(_) => return,
        };
        if let Some(refusal) = refusal {
            self.weigh_comparison(now, delivery, refusal, effects);
            self.pauses
                .changed_template_refused(now, lent.ticket, refusal.class);
        }
        match refusal.map_or(Blame::Message, |refusal| refusal.class.blame()) {
            Blame::Message => {
                self.trial_went_well(now, lent.ticket, effects);
                let party = || party_of(delivery, &lent.origin);
                self.breakers.note_good(now, &rule.name, party);
            }
            Blame::Rule => {
                self.trial_went_well(now, lent.ticket, effects);
                self.note_refused(now, lent, delivery, refusal, effects);
            }
            Blame::RuleAndTemplate => {
                self.note_refused(now, lent, delivery, refusal, effects);
            }
            Blame::Others => {}
        }
    }

    pub(super) fn trial_went_well(
        &mut self,
        now: Moment,
        ticket: Ticket,
        effects: &mut Vec<Effect>,
    ) {
        let changes = self.pauses.went_well(now, ticket);
        self.announce(changes, effects);
    }

    fn note_refused(
        &mut self,
        now: Moment,
        lent: &Lent,
        delivery: &Delivery,
        refusal: Option<&Refusal>,
        effects: &mut Vec<Effect>,
    ) {
        let rule = &delivery.rule;
        if !self.is_in_force(rule) {
            // It has changed while the call was under way: as it is now it is not to blame.
            return;
        }
        let party = party_of(delivery, &lent.origin);
        let version = &lent.origin.rules_version;
        let rule_version = Arc::clone(&rule.version);
        let burst = self.breakers.note_refused(now, &rule.name, party, version);
        let (Some(burst), Some(refusal)) = (burst, refusal) else {
            return;
        };
        let detail = format!(
            "messages of {} of the last {} users were refused, lately with {} ({}); it began with version {} of the rules",
            burst.refused, burst.answered, refusal.errcode, refusal.errmsg, burst.began_in
        );
        let subject = Subject::Rule(Arc::clone(&rule.name));
        let why = (Some(refusal.errcode), detail);
        let hold = Hold {
            what: Stopped::Rule(Arc::clone(&rule.name)),
            by: StoppedBy::Breaker {
                versions: vec![rule_version],
            },
            errcode: why.0,
            detail: why.1.clone(),
            since_ms: now.unix_ms,
            more: BTreeMap::new(),
        };
        let begun = self
            .pauses
            .begin(now, lent.ticket, (subject, Cause::Breaker), why);
        if begun.is_some() {
            self.pauses.has_own_hold(&Subject::from(&hold.what));
            effects.push(Effect::Hold(hold));
        }
        self.announce(begun, effects);
    }

    pub(super) fn begin_pause(
        &mut self,
        now: Moment,
        ticket: Ticket,
        delivery: &Delivery,
        cause: Cause,
        effects: &mut Vec<Effect>,
    ) {
        let rule = &delivery.rule;
        let subject = Subject::of(cause, rule);
        let refusal = delivery.paused_by.as_deref();
        let errcode = refusal.map(|refusal| refusal.errcode);
        let detail = match refusal {
            Some(refusal) => refusal.errmsg.clone(),
            None => "nothing comes back that WeChat could have said".to_owned(),
        };
        let begun = self
            .pauses
            .begin(now, ticket, (subject, cause), (errcode, detail));
        if begun.is_some() && cause == Cause::MinuteQuota {
            self.in_flight
                .admission
                .slow_down(&rule.app, rule.api(), now);
        }
        self.announce(begun, effects);
    }

    pub(super) fn end_pauses(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let ended = self.pauses.end_due(now);
        self.announce(ended, effects);
        for (app, api) in self.pauses.quota_questions(now) {
            effects.push(Effect::AskQuota { app, api });
        }
    }

    pub(super) fn quota_answered(
        &mut self,
        now: Moment,
        app: (&Arc<str>, Api),
        left: Option<i64>,
        effects: &mut Vec<Effect>,
    ) {
        let changes = self.pauses.quota_answered(now, app, left);
        self.announce(changes, effects);
    }

    /// What was counted against the rule as it was says nothing of what it is now.
    pub(super) fn end_pauses_of_changed(&mut self, rule: &Rule, effects: &mut Vec<Effect>) {
        self.forget_trouble(&rule.name);
        if let Some(template) = Subject::template_of(rule) {
            self.comparisons.forget(&template);
        }
        let mut changes = self.pauses.rule_changed(&rule.name);
        changes.extend(self.pauses.changed_template_is_met(rule));
        self.announce(changes, effects);
    }

    pub(super) fn resume(&mut self, what: &Stopped, effects: &mut Vec<Effect>) {
        if let Stopped::Rule(rule) = what {
            self.forget_trouble(rule);
        }
        let changes = self.pauses.resume(&Subject::from(what));
        self.announce(changes, effects);
    }

    fn forget_trouble(&mut self, rule: &str) {
        self.breakers.forget(rule);
        self.waves.forget(rule);
    }

    pub(super) fn hear_holds(&mut self, heard: (&Arc<Holds>, u64), effects: &mut Vec<Effect>) {
        let rules = Arc::clone(&self.rules);
        let changes = self.pauses.hear(heard, |hold| is_of_rules(&rules, hold));
        self.tell_of_holds(changes, effects);
        // What waited for this word looks again, also where nothing is held.
        self.in_flight.admission.look_again();
    }

    /// The rules have changed: a breaker's hold is for one version.
    pub(super) fn keep_to_holds(&mut self, effects: &mut Vec<Effect>) {
        let rules = Arc::clone(&self.rules);
        let changes = self.pauses.keep_to_holds(|hold| is_of_rules(&rules, hold));
        self.tell_of_holds(changes, effects);
    }

    fn tell_of_holds(&mut self, changes: Vec<Change>, effects: &mut Vec<Effect>) {
        for change in &changes {
            // Lifted, here or on another instance: what was counted before must not stop it again at once.
            if let Change::Ended(pause) = change
                && let Subject::Rule(rule) = &pause.subject
            {
                self.forget_trouble(rule);
            }
        }
        self.announce(changes, effects);
    }

    pub(super) fn announce(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
        effects: &mut Vec<Effect>,
    ) {
        for change in changes {
            // What waits for the end of a pause must hear of the one that has taken its place, too: it ends in another way.
            self.in_flight.admission.look_again();
            match &change {
                Change::Begun(_) => {
                    self.gate = Gate::ToBeCleared;
                    self.in_flight.release_recipients_behind(&self.pauses);
                }
                Change::Ended(pause) if pause.cause == Cause::TemplateChanged => {
                    self.comparisons.forget(&pause.subject);
                }
                Change::Ended(_) => {}
            }
            effects.push(Effect::PauseChanged(change));
        }
    }
}

/// Whether a hold is for these rules: a breaker's is for the versions that were refused.
pub fn is_of_rules(rules: &RuleSet, hold: &Hold) -> bool {
    match (&hold.by, &hold.what) {
        (StoppedBy::Breaker { versions }, Stopped::Rule(rule)) => {
            let rule = rules.get(rule);
            rule.is_some_and(|rule| versions.contains(&rule.version))
        }
        (StoppedBy::Person | StoppedBy::Breaker { .. }, _) => true,
    }
}

/// Whose message it is, where trouble is counted.
pub(super) fn party_of(delivery: &Delivery, origin: &Origin) -> Party {
    let source = origin.event.as_ref().map(|event| event.source.as_str());
    Party::of(&delivery.message.recipient, source)
}

/// What a pause is told of a refusal: `None` where nothing was refused.
pub(super) fn refusal_in(answer: &SendAnswer) -> Option<Refusal> {
    match answer {
        SendAnswer::Refused(refusal) => Some(refusal.clone()),
        SendAnswer::NoToken(trouble) => Some(Refusal {
            errcode: trouble.errcode?,
            errmsg: trouble.detail.clone(),
            rid: None,
            param: None,
            class: trouble.class,
        }),
        SendAnswer::Accepted { .. }
        | SendAnswer::Garbled { .. }
        | SendAnswer::Unreachable { .. }
        | SendAnswer::InDoubt { .. } => None,
    }
}
