//! What a rule, and a set of rules, is recognised by.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Rule, RuleSource};

/// A short hash over names and texts of rules and the ids of their templates.
pub(super) fn version_of(sources: &[RuleSource], rules: &[Arc<Rule>]) -> Arc<str> {
    let mut sorted: Vec<_> = sources
        .iter()
        .map(|source| (&source.name, &source.text))
        .collect();
    sorted.sort_unstable();
    let texts = sorted.into_iter().flat_map(|(name, text)| [name, text]);
    // The same rule with another template id sends something else.
    let mut ids: Vec<_> = rules
        .iter()
        .filter_map(|rule| Some((&rule.name, &rule.template()?.id)))
        .collect();
    ids.sort_unstable();
    let ids = ids.into_iter().map(|(_, id)| id.as_str());
    fingerprint(texts.map(String::as_str).chain(ids))
}

/// The first six bytes of a hash, in hex.
pub(super) fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> Arc<str> {
    let mut hash = Sha256::new();
    for part in parts {
        // With the length before it, no text can pass for the end of one and the beginning of the next.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hex = hash
        .finalize()
        .iter()
        .take(6)
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    Arc::from(hex)
}
