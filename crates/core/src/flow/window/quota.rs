//! How much of the window each rule and each app holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::Rule;

#[derive(Default)]
pub(in crate::flow) struct WindowQuota {
    pub(super) of_rules: BTreeMap<Arc<str>, (Arc<Rule>, Amount)>,
    pub(super) of_apps: BTreeMap<Arc<str>, Amount>,
}

/// So much of the window: what is free, or what is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::flow) struct Amount {
    pub(in crate::flow) messages: usize,
    pub(in crate::flow) bytes: usize,
}

impl WindowQuota {
    pub(in crate::flow) fn take(&mut self, rule: &Arc<Rule>, bytes: usize) {
        let of_rule = self
            .of_rules
            .entry(Arc::clone(&rule.name))
            .or_insert_with(|| (Arc::clone(rule), Amount::default()));
        // The rule as it is now: a former version may wait for something else.
        of_rule.0 = Arc::clone(rule);
        of_rule.1.add(bytes);
        let of_app = self.of_apps.entry(Arc::clone(&rule.app)).or_default();
        of_app.add(bytes);
    }

    pub(in crate::flow) fn give_back(&mut self, rule: &Rule, bytes: usize) {
        if let Some((_, held)) = self.of_rules.get_mut(&rule.name) {
            held.subtract(bytes);
            if held.messages == 0 {
                self.of_rules.remove(&rule.name);
            }
        }
        if let Some(held) = self.of_apps.get_mut(&rule.app) {
            held.subtract(bytes);
            if held.messages == 0 {
                self.of_apps.remove(&rule.app);
            }
        }
    }

    /// What a rule holds of the window.
    pub(super) fn amount_of(&self, rule: &str) -> Amount {
        self.of_rules
            .get(rule)
            .map(|(_, held)| *held)
            .unwrap_or_default()
    }

    /// What each rule and each app holds, by name.
    pub(in crate::flow) fn amounts(&self) -> (BTreeMap<&str, Amount>, BTreeMap<&str, Amount>) {
        let of_rules = self.of_rules.iter();
        let of_rules = of_rules.map(|(name, (_, held))| (name.as_ref(), *held));
        let of_apps = self.of_apps.iter();
        let of_apps = of_apps.map(|(name, held)| (name.as_ref(), *held));
        (of_rules.collect(), of_apps.collect())
    }
}

impl Amount {
    pub(in crate::flow) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }

    fn subtract(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
