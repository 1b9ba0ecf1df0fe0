//! What the outcomes of a kind usually say: the texts of the first one. A row that says the same needs not repeat it.

use std::sync::Arc;

use crate::console::history::bytes::{Reader, Writer};
use wx_courier_core::model::outcome::Outcome;

/// The texts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::console::history) struct Usual {
    pub(in crate::console::history) detail: Option<Arc<str>>,
    pub(in crate::console::history) template_id: Option<Arc<str>>,
    pub(in crate::console::history) event_type: Option<Arc<str>>,
    pub(in crate::console::history) event_source: Option<Arc<str>>,
    pub(in crate::console::history) topic: Option<Arc<str>>,
    pub(in crate::console::history) errmsg: Option<Arc<str>>,
    pub(in crate::console::history) param: Option<Arc<str>>,
}

/// Longer texts are usual nowhere: all kinds lie in memory.
const LONGEST: usize = 256;

impl Usual {
    /// The texts of an outcome.
    pub(super) fn of(outcome: &Outcome, mut one: impl FnMut(&str) -> Arc<str>) -> Self {
        let mut keep = |text: Option<&str>| {
            let text = text.filter(|text| text.len() <= LONGEST);
            text.map(&mut one)
        };
        Self {
            detail: keep(Some(&outcome.detail)),
            template_id: keep(outcome.template_id.as_deref()),
            event_type: keep(outcome.event_type.as_deref()),
            event_source: keep(outcome.event_source.as_deref()),
            topic: keep(Some(&outcome.topic)),
            errmsg: keep(outcome.errmsg.as_deref()),
            param: keep(outcome.param.as_deref()),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let Self {
            detail,
            template_id,
            event_type,
            event_source,
            topic,
            errmsg,
            param,
        } = self;
        for text in [
            detail,
            template_id,
            event_type,
            event_source,
            topic,
            errmsg,
            param,
        ] {
            writer.optional(text.as_deref());
        }
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        mut one: impl FnMut(&str) -> Arc<str>,
    ) -> Option<Self> {
        let mut next = || {
            let text = reader.optional()?;
            Some(text.map(&mut one))
        };
        Some(Self {
            detail: next()?,
            template_id: next()?,
            event_type: next()?,
            event_source: next()?,
            topic: next()?,
            errmsg: next()?,
            param: next()?,
        })
    }
}
