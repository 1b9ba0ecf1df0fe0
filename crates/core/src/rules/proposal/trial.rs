//! A guess tried on the sample event, by what the service itself makes and checks values with.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::Value;

use crate::catalog::Template;
use crate::event::{Event, Unreadable};
use crate::message::{Examined, Overflow, To};
use crate::rules::context::{self, Belongings, EventValues};
use crate::rules::inspect::Tables;
use crate::rules::template::Text;

/// The sample event as a rule of the template would see it.
pub(super) struct Trial<'a> {
    template: &'a Template,
    root: Value,
}

impl<'a> Trial<'a> {
    /// Opens the event's data, which may show that it cannot be read.
    pub(super) fn new(
        template: &'a Template,
        event: &Event,
        time_zone: &TimeZone,
    ) -> Result<Self, Unreadable> {
        let belongings = Arc::new(Belongings {
            tables: BTreeMap::new(),
            time_zone: time_zone.clone(),
        });
        let values = EventValues::of(event)?;
        Ok(Self {
            template,
            root: context::root(&values, &belongings),
        })
    }

    /// What a value of a param comes to, or why it cannot be sent.
    pub(super) fn param(&self, name: &str, source: &str) -> Result<Tried, String> {
        let value = self.text(name, source)?;
        let found = Examined::of_param(self.template, Overflow::Reject, name, &value);
        match (found.value, found.rejection) {
            (Some(value), None) => Ok(Tried {
                value,
                is_doubtful: !found.doubts.is_empty(),
            }),
            (_, Some(rejection)) => Err(rejection.detail),
            (None, None) => Err("it gives no value".to_owned()),
        }
    }

    /// The recipient that a value gives, or why it is none.
    pub(super) fn recipient(&self, source: &str) -> Result<String, String> {
        let openid = self.text("to", source)?;
        let found = Examined::of_recipient(&To::Openid(openid));
        match (found.value, found.rejection) {
            (Some(openid), None) => Ok(openid),
            (_, rejection) => Err(rejection.map(|it| it.detail).unwrap_or_default()),
        }
    }

    fn text(&self, key: &str, source: &str) -> Result<String, String> {
        let text = Text::compile(key, source, &Tables::new()).map_err(|findings| {
            findings
                .into_iter()
                .map(|it| it.message)
                .collect::<Vec<_>>()
                .join("; ")
        })?;
        text.render(&self.root).map_err(|failure| failure.detail)
    }
}

/// What came of a guess that can be sent.
pub(super) struct Tried {
    /// As it would be sent.
    pub(super) value: String,
    /// Whether `WeChat` may refuse it all the same, or it is hardly meant.
    pub(super) is_doubtful: bool,
}
