//! Rules and events for unit tests.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::catalog::{Catalog, Policies};
use crate::document::Problems;
use crate::event::{Carrier, Event, Wish};
use crate::rules::{RuleSet, RuleSource, Surroundings};

/// Rules by name, app and further lines of their file. Each is for the event type of its own name, has a template of its own, and takes
/// `to` and `text` from the data.
pub(crate) fn rules(named: &[(&str, &str, &str)]) -> RuleSet {
    rules_and_customers(named, &[])
}

/// The same, and rules by name and app that send `text` as a customer-service message.
pub(crate) fn rules_and_customers(
    named: &[(&str, &str, &str)],
    customers: &[(&str, &str)],
) -> RuleSet {
    let mut problems = Problems::default();
    let mut templates = String::new();
    let mut sources = Vec::new();
    let mut apps = BTreeSet::new();
    for (name, app, lines) in named {
        write!(templates, "[{app}.t_{name}]\nid = \"T-{name}\"\n").unwrap();
        apps.insert((*app).to_owned());
        sources.push(RuleSource {
            file: format!("{name}.toml"),
            name: (*name).to_owned(),
            text: format!(
                "on = \"{name}\"\napp = \"{app}\"\ntemplate = \"t_{name}\"\nto = \"{{{{ data.to }}}}\"\n{lines}\n[params]\nthing1 = \"{{{{ data.text }}}}\"\n"
            ),
        });
    }
    for (name, app) in customers {
        apps.insert((*app).to_owned());
        sources.push(RuleSource {
            file: format!("{name}.toml"),
            name: (*name).to_owned(),
            text: format!(
                "on = \"{name}\"\napp = \"{app}\"\nkind = \"customer\"\nto = \"{{{{ data.to }}}}\"\n[message]\ntext = \"{{{{ data.text }}}}\"\n"
            ),
        });
    }
    let catalog = Catalog::read(&mut problems, "templates.toml", &templates).unwrap();
    let around = Surroundings {
        apps: &apps,
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    let rules = RuleSet::compile(&mut problems, &sources, &around);
    rules.unwrap_or_else(|| panic!("{problems}"))
}

/// An event of this type with this data, of 2026-11-22.
pub(crate) fn event(kind: &str, data: serde_json::Value) -> Event {
    Event {
        id: "e1".to_owned(),
        kind: kind.to_owned(),
        source: "s".to_owned(),
        time: "2026-11-22T08:30:00Z".to_owned(),
        time_ms: 0,
        subject: None,
        data: data.into(),
        traceparent: None,
        wish: Wish::default(),
        carrier: Carrier::default(),
        keys: None,
    }
}
