//! A template that `WeChat` has changed: the first refusals that may mean that have the templates compared, and what is found to differ is paused
//! before a whole burst of messages is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::Delivery;
use super::port::Difference;
use super::{Effect, Engine};
use crate::flow::attempt::Refusal;
use crate::model::Moment;
use crate::schedule::pauses::{Subject, may_mean_a_change};

/// A value of one user may be refused for itself, day after day: that is no reason to ask for the list each time, whose quota is not known.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

/// When a comparison was asked for, by template: as many as rules use.
#[derive(Default)]
pub(super) struct Comparisons(BTreeMap<Subject, Duration>);

impl Comparisons {
    /// What this template is now is not known: its rule was changed, or its messages go on.
    pub(super) fn forget(&mut self, template: &Subject) {
        self.0.remove(template);
    }

    /// Whether this one is to be asked for now.
    fn is_due(&mut self, now: Moment, template: &Subject) -> bool {
        let asked_at = self.0.get(template);
        let is_due = asked_at.is_none_or(|at| *at + AGAIN_AFTER <= now.elapsed);
        if is_due {
            self.0.insert(template.clone(), now.elapsed);
        }
        is_due
    }
}

impl Engine {
    /// Asks for a comparison, if this refusal is a reason for one.
    pub(super) fn weigh_comparison(
        &mut self,
        now: Moment,
        delivery: &Delivery,
        refusal: &Refusal,
        effects: &mut Vec<Effect>,
    ) {
        if !may_mean_a_change(refusal.class) || !self.is_in_force(&delivery.rule) {
            return;
        }
        let Some(template) = Subject::template_of(&delivery.rule) else {
            return;
        };
        if self.comparisons.is_due(now, &template)
            && let Subject::Template(app, template_id) = template
        {
            effects.push(Effect::CompareTemplate { app, template_id });
        }
    }

    /// `WeChat` lists the template otherwise than the catalog that was compared: nothing follows if there are other rules by now.
    pub(super) fn template_differs(
        &mut self,
        now: Moment,
        differs: Difference,
        effects: &mut Vec<Effect>,
    ) {
        let Difference {
            app,
            template_id,
            rules_version,
            detail,
        } = differs;
        let subject = Subject::Template(app, template_id);
        let mut rules = self.rules.rules().iter();
        let is_used = rules.any(|rule| Subject::template_of(rule).as_ref() == Some(&subject));
        if is_used && rules_version == *self.rules.version() {
            let begun = self.pauses.template_differs(now, subject, detail);
            self.announce(begun, effects);
        } else {
            self.comparisons.forget(&subject);
        }
    }
}
