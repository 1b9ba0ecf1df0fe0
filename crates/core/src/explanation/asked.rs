//! The messages of a record, as the store is asked about them.

use std::sync::Arc;

use super::heard::HeardOutcome;
use crate::catalog::Policy;
use crate::grants;
use crate::message::Made;
use crate::model::outcome::{Outcome, bounds};
use crate::replay::Place;
use crate::rules::{Planned, RuleSet};
use crate::state::Look;

/// A message of a record: what the store is to be asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAsked {
    /// The rule; none where none was reached.
    pub rule: Option<Arc<str>>,
    /// The `id` of its outcome.
    pub outcome_id: String,
    /// What is sent once, where that is known.
    pub message_id: Option<String>,
    /// The ledger of its user, where the rule's template has one that counts.
    pub ledger: Option<grants::Key>,
}

impl MessageAsked {
    /// The question to the store.
    pub fn look(&self, now_ms: i64) -> Look {
        Look {
            outcome_id: Some(Arc::from(self.outcome_id.as_str())),
            message_id: self.message_id.as_deref().map(Arc::from),
            now_ms,
        }
    }
}

/// The message that a rule makes of the record in this place.
pub(super) fn asked(rules: &RuleSet, place: &Place, planned: &Planned) -> MessageAsked {
    let rule = &planned.rule;
    MessageAsked {
        rule: Some(Arc::clone(&rule.name)),
        outcome_id: bounds::id(format!("{place}/{}", rule.name)),
        message_id: Some(planned.message_id.clone()),
        ledger: ledger_of(rules, planned),
    }
}

/// The ledger from which the message takes, where one counts.
fn ledger_of(rules: &RuleSet, planned: &Planned) -> Option<grants::Key> {
    let template = planned.rule.template()?;
    let is_counted = match rules.policies().of(template) {
        Policy::Off => false,
        Policy::Advise | Policy::Enforce => true,
    };
    let Ok(Made::Message(message)) = &planned.result else {
        return None;
    };
    is_counted.then(|| grants::Key {
        app: Arc::clone(&planned.rule.app),
        openid: Arc::from(message.recipient.as_str()),
        template_id: Arc::from(template.id.as_str()),
    })
}

/// Outcomes of rules that do not want the event any more, or that have gone.
pub(super) fn add_heard<'a>(
    messages: &mut Vec<MessageAsked>,
    heard: impl Iterator<Item = &'a HeardOutcome>,
) {
    for HeardOutcome { outcome, .. } in heard {
        let known = messages.iter_mut().find(|asked| is_of(outcome, asked));
        match known {
            // A record that has taken ids of its own is asked about by these.
            Some(known) => known.outcome_id.clone_from(&outcome.id),
            None => messages.push(MessageAsked {
                rule: outcome.rule.clone(),
                outcome_id: outcome.id.clone(),
                message_id: Some(outcome.message_id.clone()).filter(|id| !id.is_empty()),
                ledger: None,
            }),
        }
    }
}

/// Whether an outcome of the record is that of this message.
pub(super) fn is_of(outcome: &Outcome, asked: &MessageAsked) -> bool {
    outcome.rule == asked.rule
}
