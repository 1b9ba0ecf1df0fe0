//! What a rule, and a set of rules, is recognised by: what they say, not how their files are written.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::recipe::Recipe;
use super::{Rule, Surroundings};
use crate::catalog::{Frequency, Policies, Template};
use crate::document::{Item, Node};
use crate::model::hex;

/// The version of a set: of the names and versions of its rules, which are in the order of their names.
pub(super) fn version_of(rules: &[Arc<Rule>]) -> Arc<str> {
    let mut all = Fingerprint::default();
    for rule in rules {
        all.add(&rule.name);
        all.add(&rule.version);
    }
    all.finished()
}

/// The version of a rule whose file says this: also of what else decides what it sends.
pub(super) fn version_of_rule(
    mut said: Fingerprint,
    recipe: &Recipe,
    around: &Surroundings<'_>,
) -> Arc<str> {
    said.add(around.time_zone.iana_name().unwrap_or_default());
    match recipe {
        Recipe::Subscribe(card) => said.add_template(&card.template, around.policies),
        Recipe::Customer(_) => {}
    }
    said.finished()
}

/// The key of a rule's tests.
const TESTS: &str = "tests";

/// A hash that grows with what is added.
#[derive(Default)]
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of what the file of a rule says, but for its tests: they decide nothing of what is sent.
    pub(super) fn of(rule: &Node) -> Self {
        let mut said = Self::default();
        match &rule.item {
            Item::Table(table) => {
                let mut entries: Vec<(&String, &Node)> = table.iter().collect();
                entries.retain(|(key, _)| key.as_str() != TESTS);
                said.add(rule.item.kind());
                said.add_entries(&entries);
            }
            Item::String(_)
            | Item::Integer(_)
            | Item::Float(_)
            | Item::Boolean(_)
            | Item::Array(_) => said.add_node(rule),
        }
        said
    }

    /// With the length before it, no text can pass for the end of one and the beginning of the next.
    fn add(&mut self, text: &str) {
        self.add_number(text.len());
        self.0.update(text);
    }

    fn add_number(&mut self, number: usize) {
        self.0.update((number as u64).to_be_bytes());
    }

    fn add_node(&mut self, node: &Node) {
        self.add(node.item.kind());
        match &node.item {
            Item::String(text) => self.add(text),
            Item::Integer(number) => self.0.update(number.to_be_bytes()),
            Item::Float(number) => self.0.update(number.to_bits().to_be_bytes()),
            Item::Boolean(answer) => self.0.update([u8::from(*answer)]),
            Item::Array(nodes) => {
                self.add_number(nodes.len());
                for node in nodes {
                    self.add_node(node);
                }
            }
            Item::Table(table) => {
                let entries: Vec<(&String, &Node)> = table.iter().collect();
                self.add_entries(&entries);
            }
        }
    }

    fn add_entries(&mut self, entries: &[(&String, &Node)]) {
        self.add_number(entries.len());
        for (key, node) in entries {
            self.add(key);
            self.add_node(node);
        }
    }

    /// What of a template decides what is sent, and to whom. Titles, labels and examples are for people.
    fn add_template(&mut self, template: &Template, policies: &Policies) {
        // All fields by name: a new one is in here, or is for people.
        let Template {
            app: _,
            name,
            id,
            title: _,
            // What these two mean is what is made of grants.
            kind: _,
            grants: _,
            frequency,
            params,
            examples: _,
            enums,
            origin: _,
        } = template;
        self.add(name);
        self.add(id);
        if let Some(Frequency { key, per }) = frequency {
            self.add(key);
            self.0.update(per.as_millis().to_be_bytes());
        }
        self.add(policies.of(template).as_str());
        self.add(policies.of_frequency(template).as_str());
        let mut params: Vec<&str> = params.iter().map(|(param, _label)| &**param).collect();
        params.sort_unstable();
        self.add_number(params.len());
        for param in params {
            self.add(param);
        }
        self.add_number(enums.len());
        for (param, values) in enums {
            self.add(param);
            self.add_number(values.len());
            for value in values {
                self.add(value);
            }
        }
    }

    /// Its first six bytes, in hex.
    fn finished(self) -> Arc<str> {
        Arc::from(hex(self.0.finalize().into_iter().take(6)))
    }
}
