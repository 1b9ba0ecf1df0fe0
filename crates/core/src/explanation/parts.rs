//! Parts of what is told, each made of what was found of it.

use std::sync::Arc;

use super::heard::HeardOutcome;
use super::{Context, MessageAsked, RuleTold, Veil, veiled};
use crate::catalog::Template;
use crate::event::Event;
use crate::flow::name_event;
use crate::model::outcome::Outcome;
use crate::rules::Considered;
use crate::state::{Kept, Looked};

/// What the topic has is whole; what the store has left out, the event tells.
pub(super) fn outcome_of(
    heard: Option<&HeardOutcome>,
    kept: Option<&Arc<Outcome>>,
    asked: &MessageAsked,
    event: Option<&Event>,
) -> Option<Outcome> {
    let kept = kept.map(AsRef::as_ref);
    let mut outcome = heard.map(|heard| &heard.outcome).or(kept)?.clone();
    if let (None, Some(event)) = (&outcome.event_id, event) {
        name_event(&mut outcome, event);
    }
    if outcome.message_id.is_empty() {
        outcome.message_id = asked.message_id.clone().unwrap_or_default();
    }
    Some(outcome)
}

/// The template that the rule fills now, as its values are of now too; of a rule that is gone, the one that the outcome names.
pub(super) fn template_of(
    context: Context<'_>,
    asked: &MessageAsked,
    outcome: Option<&Outcome>,
) -> Option<Arc<Template>> {
    let rules = context.rules?;
    if let Some(rule) = rules.get(asked.rule.as_deref()?) {
        return rule.template().cloned();
    }
    let outcome = outcome?;
    let named = outcome.template_id.as_ref().or(outcome.template.as_ref())?;
    rules.catalog().find(outcome.app.as_ref()?, named).cloned()
}

pub(super) fn has_receipts(context: Context<'_>, outcome: &Outcome) -> bool {
    let app = outcome.app.as_ref();
    app.is_some_and(|app| context.receipts.contains(app))
}

pub(super) fn unreadable_rows(looked: &Looked) -> Vec<&'static str> {
    let outcome = matches!(looked.outcome, Kept::Unreadable).then_some("outcome");
    let claim = matches!(looked.claim, Kept::Unreadable).then_some("claim");
    outcome.into_iter().chain(claim).collect()
}

pub(super) fn rule_told(considered: &Considered, veils: &[Veil]) -> RuleTold {
    let mut when = considered.parts.clone();
    for value in when.iter_mut().flat_map(|part| &mut part.values) {
        value.value = value.value.as_deref().map(|text| veiled(veils, text));
    }
    RuleTold {
        rule: Arc::clone(&considered.rule.name),
        version: Arc::clone(&considered.rule.version),
        verdict: considered.verdict,
        when,
    }
}
