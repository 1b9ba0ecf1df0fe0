//! The sample rule `order-completed`, among others that want other events.

use std::collections::BTreeSet;
use std::sync::Arc;

use wx_courier_core::catalog::{Catalog, Policies};
use wx_courier_core::document::Problems;
use wx_courier_core::event::Event;
use wx_courier_core::message::{Made, Message};
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};

const TEMPLATES: &str = include_str!("../../config/templates.toml");
const RULE: &str = include_str!("../../config/rules/order-completed.toml");

/// The sample rule without its rate, and so many others beside it that there are `n_rules`.
pub(crate) fn set(n_rules: usize) -> Arc<RuleSet> {
    let lines = RULE.lines().filter(|line| !line.starts_with("rate"));
    let without_rate = lines.collect::<Vec<_>>().join("\n");
    let source = |name: String, text: String| RuleSource {
        file: format!("{name}.toml"),
        name,
        text,
    };
    let mut sources = vec![source("order-completed".to_owned(), without_rate.clone())];
    for other in 1..n_rules {
        let kind = format!("\"order.completed.{other}\"");
        let text = without_rate.replace("\"order.completed\"", &kind);
        sources.push(source(format!("other-{other}"), text));
    }
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", TEMPLATES);
    let catalog = catalog.expect("the sample's templates are sound");
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: jiff::tz::TimeZone::get("Asia/Shanghai").expect("the zone is known"),
    };
    match RuleSet::compile(&mut problems, &sources, &around) {
        Some(rules) => Arc::new(rules),
        None => panic!("{problems}"),
    }
}

/// What the rule that wants the event makes of it.
pub(crate) fn message(rules: &RuleSet, event: &Event) -> Message {
    let planned = rules.plan(event).pop().expect("one rule wants it");
    match planned.result {
        Ok(Made::Message(message)) => message,
        Ok(Made::Unaddressed(_)) | Err(_) => panic!("the rule makes a message of it"),
    }
}
