//! `[message]` of a rule file: a customer-service message.

use std::convert::Infallible;

use super::Reader;
use crate::document::{Item, Section};
use crate::message::{Customer, Field, Sight};
use crate::model::outcome::Reason;
use crate::rules::inspect::Tables;
use crate::rules::proof::Outline;
use crate::rules::recipe::Recipe;
use crate::rules::template::Text;

/// The types of a message by their keys, and how each is written.
const TYPES: [(&str, Customer<()>, &str); 4] = [
    (
        "text",
        Customer::Text { text: () },
        "text = \"{{ data.text }}\"",
    ),
    (
        "image",
        Customer::Image { media_id: () },
        "image = { media_id = \"…\" }",
    ),
    (
        "link",
        Customer::Link {
            title: (),
            description: (),
            url: (),
            thumb_url: (),
        },
        "link = { title = \"…\", description = \"…\", url = \"https://…\", thumb_url = \"https://…\" }",
    ),
    (
        "page",
        Customer::Page {
            title: (),
            pagepath: (),
            thumb_media_id: (),
        },
        "page = { title = \"…\", pagepath = \"pages/…\", thumb_media_id = \"…\" }",
    ),
];

impl Reader<'_> {
    /// The message that the rule makes, and what its tests may expect of it.
    pub(super) fn customer(
        &mut self,
        file: &mut Section,
        tables: &Tables,
    ) -> (Option<Recipe>, Outline) {
        let message = self.message(file, tables);
        let fields = message.as_ref().map(|message| {
            let fields = message.fields().into_iter();
            fields.map(|(field, _)| field).collect()
        });
        (message.map(Recipe::Customer), Outline::Customer { fields })
    }

    /// `None` if it cannot be said which type of message is meant. A value with a mistake is empty: the rule does not come into being then.
    fn message(&mut self, file: &mut Section, tables: &Tables) -> Option<Customer<Text>> {
        let Some(mut section) = file.take_section(self.problems, "message") else {
            let help = "write [message], and below it one of text, image, link and page: text = \"{{ data.text }}\"";
            let problem = file.error("[message] is missing");
            self.problems.push(problem.help(help));
            return None;
        };
        let mut said = TYPES.into_iter().filter(|(key, ..)| section.says(key));
        let (first, second) = (said.next(), said.next());
        if let (Some((one, ..)), Some((other, ..))) = (&first, &second) {
            let problem =
                section.error(format!("one message has one type, found {one} and {other}"));
            self.problems
                .push(problem.help("keep one of them, and make a rule for the other"));
            return None;
        }
        let Some((key, shape, example)) = first else {
            self.problems.push(
                section
                    .error("there is nothing to send")
                    .help("write one of text, image, link and page: text = \"{{ data.text }}\""),
            );
            // So that the nearest of them is suggested for a slip of the finger.
            for (key, ..) in TYPES {
                section.take(key);
            }
            section.finish(self.problems);
            return None;
        };
        let message = match shape {
            Customer::Text { .. } => Some(self.fields(&mut section, &shape, tables)),
            Customer::Image { .. } | Customer::Link { .. } | Customer::Page { .. } => {
                let inner = section.take(key)?;
                if let Item::Table(_) = inner.value.item {
                    let mut inner = Section::new(self.problems, inner.key, inner.value);
                    let message = self.fields(&mut inner, &shape, tables);
                    inner.finish(self.problems);
                    Some(message)
                } else {
                    let found = inner.value.item.kind();
                    let problem = inner.error(format!("expected a table, found {found}"));
                    self.problems.push(problem.help(format!("write {example}")));
                    None
                }
            }
        };
        section.finish(self.problems);
        message
    }

    fn fields(
        &mut self,
        section: &mut Section,
        shape: &Customer<()>,
        tables: &Tables,
    ) -> Customer<Text> {
        let Ok(message) = shape.try_map(|field, ()| {
            let text = self.field(section, field, tables);
            Ok::<_, Infallible>(text.unwrap_or_else(|| Text::Literal(String::new())))
        });
        message
    }

    fn field(&mut self, section: &mut Section, field: Field, tables: &Tables) -> Option<Text> {
        let key = field.as_str();
        let help = match field {
            Field::Text | Field::Title | Field::Description => {
                "WeChat takes the message only with it"
            }
            Field::MediaId | Field::ThumbMediaId => {
                "the id that WeChat gave the picture when it was uploaded (media/upload)"
            }
            Field::Url | Field::ThumbUrl => "a web address: \"https://example.com/help\"",
            Field::Pagepath => {
                "a page as in app.json: \"pages/order/detail?id={{ data.order_no | urlencode }}\""
            }
        };
        let said = section.require_string(self.problems, key, help)?;
        let text = match field {
            Field::Pagepath => self.page(key, &said, tables)?,
            Field::Url | Field::ThumbUrl => self.address(key, &said, tables)?,
            Field::Text
            | Field::MediaId
            | Field::Title
            | Field::Description
            | Field::ThumbMediaId => self.text(key, &said, tables)?,
        };
        // Fixed text is checked now: it would fail with every event. Of a page that has been told already.
        if let Text::Literal(literal) = &text
            && let Err(violation) = field.check(literal)
            && violation.reason != Reason::PageMalformed
        {
            let problem = said.error(format!(
                "this would fail with every event: {}",
                violation.detail
            ));
            self.problems.push(problem);
        }
        // Addresses have been looked at.
        if let Some(sight @ (Sight::Text | Sight::Part)) = field.sight() {
            self.look_at_text(key, &said, &text, sight, tables);
        }
        Some(text)
    }
}
