//! `[explain]`: by what people look for an event.

use std::sync::Arc;

use super::Reader;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Mistake, Texts};
use wx_courier_core::document::Section;
use wx_courier_core::event::{BusinessKeys, MOST_BUSINESS_KEYS, Pointer, ROOTS_OF_BUSINESS_KEYS};
use wx_courier_core::model::outcome::RecipientStyle;

pub(super) static EXPLAIN: Table = Table {
    path: "explain",
    keys: &[&KEYS],
};

static KEYS: Key<Texts> = Key {
    name: "keys",
    kind: Texts {
        what: "JSON Pointers",
        check: place_of_key,
    },
    default: Vec::new,
    about: "where the business key of an event lies, an order number for example: `/data/order_no`, `/ext/NAME`, `/key` (of the record) or `/subject`. The first place that has a text or a number counts; outcomes have it as `business_key`, and `wx-courier explain` finds it",
};

impl Reader<'_> {
    /// `None` where no place is named.
    pub(super) fn explain(
        &mut self,
        top: &mut Section,
        style: RecipientStyle,
    ) -> Option<Arc<BusinessKeys>> {
        let mut section = self.section(top, &EXPLAIN);
        let places = self.read(&mut section, &KEYS);
        if places.len() > MOST_BUSINESS_KEYS {
            let problem = section.error(format!("{} places are named", places.len()));
            self.problems.push(problem.key("explain.keys").help(format!(
                "name {MOST_BUSINESS_KEYS} at most: all may be looked at for each outcome"
            )));
        }
        section.finish(self.problems);
        let places: Vec<Pointer> = places
            .iter()
            .filter_map(|place| Pointer::new(place))
            .collect();
        (!places.is_empty()).then(|| Arc::new(BusinessKeys::new(places, style)))
    }
}

fn place_of_key(text: &str) -> Result<(), Mistake> {
    let pointer = Pointer::new(text);
    let root = pointer.as_ref().and_then(|pointer| pointer.steps().next());
    let n_steps = pointer
        .as_ref()
        .map_or(0, |pointer| pointer.steps().count());
    match root.as_deref() {
        Some("key" | "subject") if n_steps == 1 => Ok(()),
        Some("data" | "ext") if n_steps > 1 => Ok(()),
        Some(_) | None => {
            let roots = ROOTS_OF_BUSINESS_KEYS.map(|root| format!("/{root}"));
            Err(Mistake {
                message: format!("\"{text}\" is no place of a business key"),
                help: format!(
                    "write a JSON Pointer into the event as rules see it: \"/data/order_no\"; it may begin with {}",
                    roots.join(", ")
                ),
            })
        }
    }
}
