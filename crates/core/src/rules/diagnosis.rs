//! All that a rule makes of an event, and all that is wrong with it: for people. The service stops at the first mistake, because one is
//! enough for `invalid`; here the other values are looked at all the same. Each is made and checked by the same functions.

use std::sync::Arc;

use minijinja::Value;

use super::context::{self, EventValues};
use super::plan::{Values, add_hint};
use super::recipe::{Address, CardRecipe, Recipe, render};
use super::template::Text;
use super::{Planned, Rule, RuleSet};
use crate::document::Origin;
use crate::event::Event;
use crate::message::{Customer, Examined, Field, Rejection, To};

/// What one rule makes of an event.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What the service makes of it.
    pub planned: Planned,
    /// Each value that the rule makes, and `when` where it fails. None of them where the event's data cannot be read.
    pub values: Vec<RuleValue>,
}

/// A value that a rule makes of an event.
#[derive(Clone, Debug)]
pub struct RuleValue {
    /// Its name: `to`, `page`, or that of a param or field.
    pub name: String,
    /// Its key in the rule's file: `params.thing2`.
    pub key: String,
    /// The line that makes it.
    pub place: Option<Origin>,
    /// What came of it.
    pub found: Examined,
}

impl Diagnosis {
    /// All that stands against the message, what the outcome would tell first.
    pub fn faults(&self) -> Vec<&Rejection> {
        let told = self.planned.result.as_ref().err();
        let values = self.values.iter();
        let others = values.filter_map(|value| value.found.rejection.as_ref());
        told.into_iter()
            .chain(others.filter(|other| Some(*other) != told))
            .collect()
    }

    /// What stands not against it and is hardly meant: the name of a value and a sentence.
    pub fn doubts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().flat_map(|value| {
            let doubts = value.found.doubts.iter();
            doubts.map(|doubt| (value.name.as_str(), doubt.as_str()))
        })
    }
}

impl RuleSet {
    /// What becomes of an event, as [`plan`](Self::plan) says it, with every value and every mistake. It costs more: it is not for the
    /// service.
    pub fn diagnose(&self, event: &Event) -> Vec<Diagnosis> {
        let values = EventValues::of(event);
        let rules = self.rules_for(&event.kind);
        let rules = rules.filter(|rule| event.wish.means(&rule.name));
        let found = rules.filter_map(|rule| rule.diagnosed(event, &values));
        found.collect()
    }
}

/// What is doubtful of the values that a rule makes of an event, but for what was told where it is written.
pub(super) fn new_doubts(rule: &Rule, event: &Arc<EventValues>) -> Vec<(String, String)> {
    let values = rule.all_values(event).into_iter();
    let doubts = values.flat_map(|RuleValue { name, found, .. }| {
        let doubts = found.doubts.into_iter();
        doubts.map(move |doubt| (name.clone(), doubt))
    });
    doubts.filter(|told| !rule.told.contains(told)).collect()
}

impl Rule {
    /// Where a key of the rule stands, if it makes something of an event.
    pub fn place_of(&self, key: &str) -> Option<&Origin> {
        self.places.get(key)
    }

    /// What it makes of an event of a type that it is for; `None` if its `when` does not hold.
    pub(super) fn diagnosed(self: &Arc<Self>, event: &Event, values: &Values) -> Option<Diagnosis> {
        let planned = self.apply(event, values)?;
        let values = match values {
            Ok(values) => self.all_values(values),
            Err(_) => Vec::new(),
        };
        Some(Diagnosis { planned, values })
    }

    fn all_values(&self, event: &Arc<EventValues>) -> Vec<RuleValue> {
        let root = context::root(event, &self.belongings);
        let mut values = Vec::new();
        let mut note = |name: &str, key: String, found: Examined| {
            let mut found = found;
            if let Some(rejection) = &mut found.rejection {
                add_hint(rejection, event);
            }
            values.push(RuleValue {
                name: name.to_owned(),
                place: self.places.get(&key).cloned(),
                key,
                found,
            });
        };
        if let Err(rejection) = self.holds(&root) {
            note(
                "when",
                "when".to_owned(),
                Examined::without_value(rejection),
            );
        }
        match self.once(&root) {
            Ok(None) => {}
            Ok(Some(once)) => note("dedupe", "dedupe".to_owned(), Examined::of_text(once)),
            Err(rejection) => note(
                "dedupe",
                "dedupe".to_owned(),
                Examined::without_value(rejection),
            ),
        }
        let to = match self.to {
            Address::Openid(_) => "to",
            Address::Code(_) => "to.js_code",
        };
        let recipient = self.to.render(&root);
        note(
            to,
            to.to_owned(),
            examine(recipient.as_ref(), Examined::of_recipient),
        );
        match &self.recipe {
            Recipe::Subscribe(card) => of_card(card, &root, &mut note),
            Recipe::Customer(message) => of_customer(message, &root, &mut note),
        }
        if let Ok(To::Code(code)) = &recipient {
            for value in &mut values {
                value.found.hide(code.trim());
            }
        }
        values
    }
}

fn of_card(card: &CardRecipe, root: &Value, note: &mut impl FnMut(&str, String, Examined)) {
    if let Some(page) = card.render_page(root) {
        let found = examine(page.as_deref(), Examined::of_page);
        note("page", "page".to_owned(), found);
    }
    for param in &card.params {
        let value = param.render(root);
        let mut found = examine(value.as_deref(), |value| {
            Examined::of_param(&card.template, param.overflow, &param.name, value)
        });
        tell_of_suffix(&mut found, &param.text, root);
        tell_of_cut(&mut found, &param.text, root, value.as_deref().ok());
        note(&param.name, format!("params.{}", param.name), found);
    }
}

fn of_customer(
    message: &Customer<Text>,
    root: &Value,
    note: &mut impl FnMut(&str, String, Examined),
) {
    for (field, text) in message.fields() {
        let name = field.as_str();
        let value = render(root, name, text);
        let mut found = examine(value.as_deref(), |value| Examined::of_field(field, value));
        tell_of_suffix(&mut found, text, root);
        tell_of_cut(&mut found, text, root, None);
        note(name, key_of(message, field), found);
    }
}

fn tell_of_suffix(found: &mut Examined, text: &Text, root: &Value) {
    if found.rejection.is_none() && text.has_lone_suffix(root) {
        let doubt = "the suffix of `fit` stands alone: the text before it is empty";
        found.doubts.push(doubt.to_owned());
    }
}

/// Notes what the value was before `fit`, or `overflow`, cut it. `made` is what the template gave.
fn tell_of_cut(found: &mut Examined, text: &Text, root: &Value, made: Option<&str>) {
    let whole = text.render_whole(root).or_else(|| made.map(str::to_owned));
    if let Some(whole) = whole {
        found.note_whole(&whole);
    }
}

/// Where a field stands in a rule's file.
fn key_of(message: &Customer<Text>, field: Field) -> String {
    let table = match message {
        Customer::Text { .. } => return "message.text".to_owned(),
        Customer::Image { .. } => "image",
        Customer::Link { .. } => "link",
        Customer::Page { .. } => "page",
    };
    format!("message.{table}.{}", field.as_str())
}

/// What is found of a value, or why there is none.
fn examine<T: ?Sized>(made: Result<&T, &Rejection>, look: impl FnOnce(&T) -> Examined) -> Examined {
    match made {
        Ok(value) => look(value),
        Err(rejection) => Examined::without_value(rejection.clone()),
    }
}

#[cfg(test)]
mod tests;
