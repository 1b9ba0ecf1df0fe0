//! Who agreed to how many messages. WeChat: subscribe-message overview; accepts of a one-time template add up.

use std::collections::HashMap;

use crate::sandbox::settings::{GrantCheck, Kind};

/// The counters, and whether they matter.
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub(super) check: GrantCheck,
    by_template: HashMap<String, HashMap<String, u64>>,
}

impl Grants {
    pub(super) fn new(check: GrantCheck) -> Self {
        Self {
            check,
            by_template: HashMap::new(),
        }
    }

    pub(super) fn give(&mut self, openid: &str, template_id: &str, times: u64) {
        let users = self.by_template.entry(template_id.to_owned()).or_default();
        let left = users.entry(openid.to_owned()).or_default();
        *left = left.saturating_add(times);
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
