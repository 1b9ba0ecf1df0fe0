//! Whether everything ended, once, and truly.

use std::collections::{BTreeMap, BTreeSet};

use super::cases;
use super::{History, Message, Owed, Verdict};

/// Statuses that say that the message reached its user, or may have.
const TAKEN: [&str; 2] = ["sent", "unknown"];

/// The reason of a message that another record has sent. Not every message that is `skipped` is one.
const DUPLICATE: &str = "duplicate";

/// Every outcome that is owed is there, and no other; none has changed.
pub(super) fn check(history: &History, verdict: &mut Verdict) {
    let owed: BTreeMap<&str, &Owed> = history
        .owed
        .iter()
        .map(|owed| (owed.outcome_id.as_str(), owed))
        .collect();
    verdict.n_owed = owed.len();
    verdict.n_outcomes = history.outcomes.len();
    let mut statuses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outcome in &history.outcomes {
        let (id, status) = (outcome.id.as_str(), outcome.status.as_str());
        statuses.entry(id).or_default().push(status);
        let Some(owed) = owed.get(id) else {
            verdict.owed_by_nobody.push(cases::tell_outcome(outcome));
            continue;
        };
        // No template of such a run enforces grants: what is skipped can be a duplicate only.
        let is_wrongly_skipped = status == "skipped" && outcome.reason != DUPLICATE;
        let can_be = owed.ends.contains(&status) && !is_wrongly_skipped;
        if owed.message_id != outcome.message_id || !can_be {
            verdict.wrong_ends.push(cases::tell_outcome(outcome));
        }
    }
    for id in owed.keys() {
        if !statuses.contains_key(id) {
            verdict.lost.push((*id).to_owned());
        }
    }
    for (id, statuses) in statuses {
        verdict.n_repeated += statuses.len() - 1;
        for status in statuses.iter().collect::<BTreeSet<_>>() {
            *verdict.statuses.entry((*status).to_owned()).or_default() += 1;
        }
        if statuses.iter().any(|status| *status != statuses[0]) {
            verdict
                .two_statuses
                .push(format!("{id}: {}", statuses.join(", ")));
        }
    }
}

/// What the outcomes of a message say of it is true.
pub(super) fn check_message(message: &Message<'_>, history: &History, verdict: &mut Verdict) {
    for outcome in message
        .outcomes
        .iter()
        .filter(|outcome| outcome.status == "sent")
    {
        let is_it = |msgid: &String| message.sends.iter().any(|send| send.msgid == *msgid);
        if !outcome.msgid.as_ref().is_some_and(is_it) {
            verdict.never_sent.push(cases::tell(message, history));
        }
    }
    let is_told = |status: &str| TAKEN.contains(&status);
    let mut told = message
        .outcomes
        .iter()
        .filter(|outcome| is_told(&outcome.status));
    if !message.sends.is_empty() && told.next().is_none() {
        verdict.denied.push(cases::tell(message, history));
    }
    if message.owed.len() > 1 && !duplicates_are_right(message) {
        verdict.wrong_duplicates.push(cases::tell(message, history));
    }
}

/// Of several records with one message at most one has it sent; its duplicates name that one.
fn duplicates_are_right(message: &Message<'_>) -> bool {
    let outcomes = message.outcomes.iter();
    let taken: BTreeSet<&str> = outcomes
        .clone()
        .filter(|outcome| TAKEN.contains(&outcome.status.as_str()))
        .map(|outcome| outcome.id.as_str())
        .collect();
    let mut duplicates = outcomes.filter(|outcome| outcome.reason == DUPLICATE);
    let names_it = |of: &Option<String>| {
        let of = of.as_deref();
        of.is_some_and(|of| taken.contains(of))
    };
    taken.len() <= 1 && duplicates.all(|outcome| names_it(&outcome.duplicate_of))
}
