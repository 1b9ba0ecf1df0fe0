//! What `WeChat` has said and this version does not know, counted by name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use wx_courier_core::wechat::{OTHER, Unknown, UnknownKind};

/// Names that are kept apart. Each is a series of the metric, for as long as the process lives.
const MOST_NAMES: usize = 50;

/// Of one kind: clients of mini programs can make up words, and must not take the places of codes and events.
const MOST_NAMES_OF_A_KIND: usize = 20;

/// One name, as `/status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownName {
    /// What it is.
    pub kind: UnknownKind,
    /// The name, or `other` for all that have no place of their own.
    pub name: String,
    /// How often it came since the process began.
    pub count: u64,
}

/// All names since the process began.
#[derive(Debug, Default)]
pub struct UnknownNames(Mutex<BTreeMap<UnknownKind, BTreeMap<String, u64>>>);

impl UnknownNames {
    /// Counts it. The log tells of each name once.
    pub fn note(&self, unknown: &Unknown) {
        let kind = unknown.kind;
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = kinds.values().flat_map(BTreeMap::keys);
        let has_room = all.filter(|name| *name != OTHER).count() < MOST_NAMES;
        let names = kinds.entry(kind).or_default();
        let has_room = has_room && names.len() < MOST_NAMES_OF_A_KIND;
        let shown = unknown.shown();
        let name = if has_room || names.contains_key(shown) {
            shown
        } else {
            OTHER
        };
        if let Some(count) = names.get_mut(name) {
            *count = count.saturating_add(1);
            return;
        }
        names.insert(name.to_owned(), 1);
        drop(kinds);
        tracing::warn!(
            kind = kind.as_str(),
            name,
            "WeChat says something that this version of wx-courier does not know: {}. It is counted in /status and in \
             wx_courier_unknown_total; if it should mean something, please report it",
            kind.consequence()
        );
    }

    /// Every name and how often it came, in the order of kinds and names.
    pub fn list(&self) -> Vec<UnknownName> {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = |(kind, names): (&UnknownKind, &BTreeMap<String, u64>)| {
            let kind = *kind;
            let names = names.iter().map(move |(name, count)| UnknownName {
                kind,
                name: name.clone(),
                count: *count,
            });
            names.collect::<Vec<_>>()
        };
        kinds.iter().flat_map(of_kind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [UnknownKind; 4] = [
        UnknownKind::Word,
        UnknownKind::Event,
        UnknownKind::MessageType,
        UnknownKind::SentStatus,
    ];

    #[test]
    fn a_name_is_counted() {
        let names = UnknownNames::default();
        for name in ["perhaps", "hm", "perhaps", "oFixture00000000000000000001"] {
            names.note(&Unknown::new(UnknownKind::Word, name));
        }
        names.note(&Unknown::new(UnknownKind::SendErrcode, "12345"));
        let found = names.list();
        let found = found
            .iter()
            .map(|it| (it.kind.as_str(), it.name.as_str(), it.count));
        let expected = [
            ("word", "hm", 1),
            ("word", OTHER, 1),
            ("word", "perhaps", 2),
            ("send_errcode", "12345", 1),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        for kind in KINDS {
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
    }

    #[test]
    fn there_is_an_end_to_names_and_none_is_lost() {
        let names = UnknownNames::default();
        let letters = || ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("{a}{b}")));
        for kind in KINDS {
            for name in letters() {
                names.note(&Unknown::new(kind, name));
            }
        }
        let found = names.list();
        assert!(found.len() <= MOST_NAMES + KINDS.len(), "{}", found.len());
        for kind in KINDS {
            let of_kind = found.iter().filter(|it| it.kind == kind);
            assert!(of_kind.clone().count() <= MOST_NAMES_OF_A_KIND + 1);
            let counts = of_kind.map(|it| it.count);
            assert_eq!(counts.sum::<u64>(), 26 * 26, "{kind:?}");
        }
    }
}
