//! A template that `WeChat` has changed: the first refusals that may mean that have the templates compared, and what is found to differ is paused
//! before a whole burst of messages is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::Delivery;
use super::{Effect, Engine};
use crate::flow::attempt::Refusal;
use crate::model::Moment;
use crate::rules::Rule;
use crate::schedule::pauses::Subject;
use crate::wechat::Class;

/// A value of one user may be refused for itself, day after day: that is no reason to ask for the list each time, whose quota is not known.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

/// When a comparison was asked for, by app and `WeChat`'s id of the template: as many as rules use.
#[derive(Default)]
pub(super) struct Comparisons(BTreeMap<(Arc<str>, Arc<str>), Duration>);

impl Comparisons {
    /// The rule was changed: what its template is now is not known.
    pub(super) fn forget(&mut self, rule: &Rule) {
        if let Some(key) = key_of(rule) {
            self.0.remove(&key);
        }
    }

    /// Whether this one is to be asked for now.
    fn is_due(&mut self, now: Moment, key: &(Arc<str>, Arc<str>)) -> bool {
        let asked_at = self.0.get(key);
        let is_due = asked_at.is_none_or(|at| *at + AGAIN_AFTER <= now.elapsed);
        if is_due {
            self.0.insert(key.clone(), now.elapsed);
        }
        is_due
    }
}

fn key_of(rule: &Rule) -> Option<(Arc<str>, Arc<str>)> {
    let id = Arc::from(rule.template()?.id.as_str());
    Some((Arc::clone(&rule.app), id))
}

/// Whether a template that `WeChat` has changed is refused like that: other params (47003), or it is gone (40037).
fn may_mean_a_change(class: Class) -> bool {
    matches!(class, Class::BadParam | Class::UnknownTemplate)
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
        let Some(key) = key_of(&delivery.rule) else {
            return;
        };
        if self.comparisons.is_due(now, &key) {
            let (app, template_id) = key;
            effects.push(Effect::CompareTemplate { app, template_id });
        }
    }

    /// `WeChat` lists the template otherwise than the catalog in force.
    pub(super) fn template_differs(
        &mut self,
        now: Moment,
        (app, template_id): (Arc<str>, Arc<str>),
        difference: String,
        effects: &mut Vec<Effect>,
    ) {
        let mut rules = self.rules.rules().iter();
        let is_used =
            rules.any(|rule| key_of(rule).is_some_and(|key| key.0 == app && key.1 == template_id));
        if is_used {
            let subject = Subject::Template(app, template_id);
            let begun = self.pauses.template_differs(now, subject, difference);
            self.announce(begun, effects);
        }
    }
}
