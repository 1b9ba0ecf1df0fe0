//! The order in which the file says things.
//!
//! `WeChat` numbers params by keyword, not by their place on the card: `time4` may stand above `thing1`. The tree that
//! [`crate::document`] makes is sorted by name, so the order is read from the text itself.

use toml_edit::{DocumentMut, Item, TableLike};

use super::param_order;

/// The order of the keys of a `templates.toml`.
pub(super) struct FileOrder(Option<DocumentMut>);

impl FileOrder {
    /// Of a text that is no TOML there is no order; the reader of its values tells the mistake.
    pub(super) fn of(text: &str) -> Self {
        Self(text.parse().ok())
    }

    /// Sorts the params of a template as they stand in the file.
    pub(super) fn of_param(
        &self,
        app: &str,
        template: &str,
        param: &str,
    ) -> (usize, (u32, String)) {
        let place = self.params(app, template).and_then(|params| {
            let mut names = params.iter().map(|(name, _)| name);
            names.position(|name| name == param)
        });
        (place.unwrap_or(usize::MAX), param_order(param))
    }

    fn params(&self, app: &str, template: &str) -> Option<&dyn TableLike> {
        let templates = self.0.as_ref()?.get(app)?.as_table_like()?;
        let template = templates.get(template)?.as_table_like()?;
        template.get("params").and_then(Item::as_table_like)
    }
}
