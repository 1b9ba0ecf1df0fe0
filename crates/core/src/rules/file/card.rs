//! What a rule file says of a subscribe message: its template, page, language and params.

use std::sync::Arc;

use super::Reader;
use crate::catalog::{Template, TemplateKind};
use crate::document::{Said, Section};
use crate::message::{Lang, Sight, check_page};
use crate::rules::inspect::Tables;
use crate::rules::proof::Outline;
use crate::rules::recipe::{CardRecipe, Recipe};
use crate::rules::template::Text;
use crate::rules::unencoded::has_unencoded;

impl Reader<'_> {
    /// The card that the rule fills, and what its tests may expect of it.
    pub(super) fn card(
        &mut self,
        file: &mut Section,
        app: Option<&str>,
        tables: &Tables,
    ) -> (Option<Recipe>, Outline) {
        let template = self.template(file, app);
        let page = file
            .take_string(self.problems, "page")
            .and_then(|said| self.page("page", &said, tables));
        let lang = file.take_choice(self.problems, "lang", &Lang::ALL);
        let overflow = self.overflow(file);
        let (params, names) = self.params(file, template.as_deref(), &overflow, tables);
        let recipe = template.map(|template| {
            Recipe::Subscribe(CardRecipe {
                template,
                page,
                lang: lang.map(|said| said.value).unwrap_or_default(),
                params,
            })
        });
        (recipe, Outline::Card { params: names })
    }

    fn template(&mut self, file: &mut Section, app: Option<&str>) -> Option<Arc<Template>> {
        let help =
            "the template to fill, by its name in templates.toml: template = \"order_completed\"";
        let said = file.require_string(self.problems, "template", help)?;
        self.note_place(&said);
        let app = app?;
        if let Some(template) = self.around.catalog.get(app, &said.value) {
            if template.kind == Some(TemplateKind::ServiceCard) {
                let problem = said.error(format!(
                    "the template \"{}\" is a service card: WeChat takes none at message/subscribe/send",
                    template.name
                ));
                self.problems.push(problem.help(
                    "name a one-time or long-term template; service cards go by an API of their own (set_user_notify), which wx-courier does not use",
                ));
            }
            return Some(Arc::clone(template));
        }
        let help = match self.around.catalog.nearest(app, &said.value) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("add [{app}.{}] to templates.toml", said.value),
        };
        let mut others = self.around.catalog.iter();
        let other = others.find(|other| *other.name == *said.value);
        let help = match other {
            Some(other) => format!("{help}; the app \"{}\" has one of that name", other.app),
            None => help,
        };
        self.problems.push(
            said.error(format!(
                "templates.toml has no template \"{}\" for the app \"{app}\"",
                said.value
            ))
            .help(help),
        );
        None
    }

    /// A text that opens something: a value in it must not be able to make another address of it.
    pub(super) fn address(
        &mut self,
        key: &str,
        said: &Said<String>,
        tables: &Tables,
    ) -> Option<Text> {
        if has_unencoded(&said.value) {
            let problem = said.warning("a value of the event stands in it as it is");
            self.problems.push(problem.help(
                "a `&`, `?` or `/` in the value would change where it leads: write {{ … | urlencode }}",
            ));
        }
        let text = self.text(key, said, tables)?;
        self.look_at_text(key, said, &text, Sight::Address, tables);
        Some(text)
    }

    /// A page of the mini program, by itself or in a message.
    pub(super) fn page(&mut self, key: &str, said: &Said<String>, tables: &Tables) -> Option<Text> {
        if said.value.trim_start().starts_with('/') {
            let problem = said.warning("WeChat may refuse a page that starts with `/`");
            self.problems
                .push(problem.help("write it as in app.json: \"pages/order/detail\""));
        }
        let page = self.address(key, said, tables)?;
        if let Text::Literal(literal) = &page
            && let Err(violation) = check_page(literal)
        {
            self.problems.push(said.error(violation.detail));
        }
        Some(page)
    }
}
