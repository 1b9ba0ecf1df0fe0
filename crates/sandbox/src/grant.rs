//! Which user agreed to how many messages. WeChat: subscribe-message overview; accepts of a one-time template add up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::settings::{GrantCheck, Kind};

/// The counters, and whether they matter.
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub(super) check: GrantCheck,
    by_template: HashMap<String, HashMap<String, u64>>,
    /// Until when a message is refused, by template, user and value of the key.
    closed_until_ms: HashMap<Turn, u64>,
}

/// A message of a template that is limited by frequency, as WeChat counts it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Turn {
    pub(super) template_id: String,
    pub(super) openid: String,
    /// The value of the key.
    pub(super) value: String,
}

/// So many turns are kept before those that are over are looked for.
const MANY_TURNS: usize = 100_000;

impl Grants {
    pub(super) fn new(check: GrantCheck) -> Self {
        Self {
            check,
            by_template: HashMap::new(),
            closed_until_ms: HashMap::new(),
        }
    }

    /// Whether the last message of this turn is so long ago that the next may be sent, whatever the user agreed to.
    pub(super) fn is_open(&self, turn: &Turn, now_ms: u64) -> bool {
        self.closed_until_ms
            .get(turn)
            .is_none_or(|until_ms| *until_ms <= now_ms)
    }

    /// A message was sent: the next one is refused until then.
    pub(super) fn close(&mut self, turn: Turn, until_ms: u64, now_ms: u64) {
        if self.closed_until_ms.len() >= MANY_TURNS {
            self.closed_until_ms
                .retain(|_, until_ms| *until_ms > now_ms);
        }
        self.closed_until_ms.insert(turn, until_ms);
    }

    pub(super) fn give(&mut self, openid: &str, template_id: &str, times: u64) {
        let users = self.by_template.entry(template_id.to_owned()).or_default();
        let left = users.entry(openid.to_owned()).or_default();
        *left = left.saturating_add(times);
    }

    /// One accept in the popup: one more message of a one-time template, a lasting permission for a long-term one.
    pub(super) fn accept(&mut self, openid: &str, template_id: &str, kind: Kind) {
        if kind.lasts() {
            self.revoke(openid, template_id);
        }
        self.give(openid, template_id, 1);
    }

    /// Takes away what a user has given for a template.
    pub(super) fn revoke(&mut self, openid: &str, template_id: &str) {
        if let Some(users) = self.by_template.get_mut(template_id) {
            users.remove(openid);
        }
    }

    /// What a user has given and how much of it is left, by template id.
    pub(super) fn of(&self, openid: &str) -> BTreeMap<String, u64> {
        let templates = self.by_template.iter();
        templates
            .filter_map(|(id, users)| Some((id.clone(), *users.get(openid)?)))
            .collect()
    }

    /// The openids that have given anything.
    pub(super) fn openids(&self) -> BTreeSet<String> {
        self.by_template
            .values()
            .flat_map(HashMap::keys)
            .cloned()
            .collect()
    }

    /// Takes one grant for one message; false if there is none. A long-term grant stays.
    pub(super) fn take(&mut self, openid: &str, template_id: &str, kind: Kind) -> bool {
        if self.check == GrantCheck::Off {
            return true;
        }
        let left = self
            .by_template
            .get_mut(template_id)
            .and_then(|users| users.get_mut(openid));
        match left {
            Some(left) if *left > 0 => {
                *left -= u64::from(kind == Kind::OneTime);
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_grants_add_up_and_are_used_up() {
        let mut grants = Grants::new(GrantCheck::On);
        assert!(!grants.take("o1", "T", Kind::OneTime));
        grants.give("o1", "T", 1);
        grants.give("o1", "T", 1);
        assert!(!grants.take("o2", "T", Kind::OneTime));
        assert!(grants.take("o1", "T", Kind::OneTime));
        assert!(grants.take("o1", "T", Kind::OneTime));
        assert!(!grants.take("o1", "T", Kind::OneTime));
    }

    #[test]
    fn a_revoked_grant_is_gone() {
        let mut grants = Grants::new(GrantCheck::On);
        grants.give("o1", "T", 2);
        grants.give("o1", "U", 1);
        grants.revoke("o1", "T");
        assert!(!grants.take("o1", "T", Kind::OneTime));
        assert_eq!(grants.of("o1"), [("U".to_owned(), 1)].into());
    }

    #[test]
    fn long_term_grants_stay() {
        let mut grants = Grants::new(GrantCheck::On);
        grants.give("o1", "T", 1);
        assert!((0..5).all(|_| grants.take("o1", "T", Kind::LongTerm)));
    }

    #[test]
    fn nobody_is_asked_while_the_check_is_off() {
        assert!(Grants::new(GrantCheck::Off).take("o1", "T", Kind::OneTime));
    }
}
