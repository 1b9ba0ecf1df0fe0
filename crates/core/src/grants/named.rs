//! Ledgers as people name them: an app, an openid, and a template by its name or id.

use std::sync::Arc;

use super::Key;
use crate::catalog::{Catalog, Template, TemplateKind};
use crate::document::known_instead;
use crate::message::check_openid;

/// A ledger, and the name of its template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The template, by its name in `templates.toml`.
    pub template: Arc<str>,
    /// Which ledger it is.
    pub key: Key,
}

/// Why there is no such ledger. Openids are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLedger {
    /// The catalog does not know the app.
    #[error("templates.toml has no template of an app `{app}`{instead}")]
    App {
        /// What was said.
        app: String,
        /// What may be meant.
        instead: String,
    },
    /// The catalog does not know the template.
    #[error(
        "templates.toml has no template with the name or id `{template}` for the app `{app}`{instead}"
    )]
    Template {
        /// The app whose template it would be.
        app: String,
        /// What was said.
        template: String,
        /// What may be meant.
        instead: String,
    },
    /// A user's permission for it lasts until the user takes it back.
    #[error(
        "the template `{template}` is long-term: its messages need no grants, and none are counted"
    )]
    LongTerm {
        /// Its name.
        template: Arc<str>,
    },
    /// `WeChat` keeps it alive by states: no message is sent by it.
    #[error("the template `{template}` is a service card: no message is sent by it")]
    ServiceCard {
        /// Its name.
        template: Arc<str>,
    },
    /// The openid cannot be one.
    #[error("{0}")]
    Openid(String),
}

impl NoLedger {
    fn no_app(catalog: &Catalog, app: &str) -> Self {
        let known: Vec<&str> = catalog.iter().map(|known| known.app.as_ref()).collect();
        Self::App {
            app: app.to_owned(),
            instead: known_instead(app, &known),
        }
    }
}

impl Named {
    /// The ledger of this user for one template.
    pub fn find(
        catalog: &Catalog,
        app: &str,
        openid: &str,
        template: &str,
    ) -> Result<Self, NoLedger> {
        let openid = check_openid(openid).map_err(NoLedger::Openid)?;
        if !catalog.iter().any(|known| known.app.as_ref() == app) {
            return Err(NoLedger::no_app(catalog, app));
        }
        let Some(found) = catalog.find(app, template) else {
            return Err(NoLedger::Template {
                app: app.to_owned(),
                template: template.to_owned(),
                instead: known_instead(template, &catalog.names(Some(app))),
            });
        };
        if !found.uses_grants() {
            let template = Arc::clone(&found.name);
            return Err(match found.kind {
                Some(TemplateKind::ServiceCard) => NoLedger::ServiceCard { template },
                Some(
                    TemplateKind::OneTime | TemplateKind::LongTerm | TemplateKind::LongTermLimited,
                )
                | None => NoLedger::LongTerm { template },
            });
        }
        Ok(Self::of(found, openid))
    }

    /// The ledgers of this user for all templates of the app that need grants.
    pub fn all(catalog: &Catalog, app: &str, openid: &str) -> Result<Vec<Self>, NoLedger> {
        let openid = check_openid(openid).map_err(NoLedger::Openid)?;
        let templates: Vec<_> = catalog
            .iter()
            .filter(|template| template.app.as_ref() == app)
            .collect();
        if templates.is_empty() {
            return Err(NoLedger::no_app(catalog, app));
        }
        Ok(templates
            .into_iter()
            .filter(|template| template.uses_grants())
            .map(|template| Self::of(template, openid))
            .collect())
    }

    fn of(template: &Template, openid: &str) -> Self {
        Self {
            template: Arc::clone(&template.name),
            key: Key {
                app: Arc::clone(&template.app),
                openid: Arc::from(openid),
                template_id: Arc::from(template.id.as_str()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Problems;

    const TEMPLATES: &str = "[shop.order]\nid = \"T1\"\n[shop.parcel]\nid = \"T2\"\n\
        [shop.news]\nid = \"T3\"\nkind = \"long-term\"\n[cafe.order]\nid = \"T4\"\n";

    fn catalog() -> Catalog {
        Catalog::read(&mut Problems::default(), "templates.toml", TEMPLATES).unwrap()
    }

    fn why_not(app: &str, openid: &str, template: &str) -> String {
        let found = Named::find(&catalog(), app, openid, template);
        found.unwrap_err().to_string()
    }

    #[test]
    fn a_template_is_found_by_its_name_and_by_its_id() {
        let by_name = Named::find(&catalog(), "shop", " o1 ", "order").unwrap();
        assert_eq!(
            by_name,
            Named::find(&catalog(), "shop", "o1", "T1").unwrap()
        );
        assert_eq!(by_name.key.to_string(), "shop/o1/T1");
    }

    #[test]
    fn all_are_those_of_the_app_that_need_grants() {
        let all = Named::all(&catalog(), "shop", "o1").unwrap();
        let names: Vec<&str> = all.iter().map(|named| named.template.as_ref()).collect();
        assert_eq!(names, ["order", "parcel"]);
        assert!(Named::all(&catalog(), "shopp", "o1").is_err());
    }

    #[test]
    fn what_is_not_there_is_said_without_the_openid() {
        assert!(
            why_not("shop", "o1", "ordr")
                .contains("did you mean `order`? There are: news, order, parcel")
        );
        assert!(why_not("shopp", "o1", "order").contains("an app `shopp`; did you mean `shop`?"));
        assert!(why_not("shop", "o1", "T4").contains("for the app `shop`"));
        assert!(why_not("shop", "o1", "news").contains("long-term"));
        assert!(!why_not("shop", "o1 o2", "order").contains("o2"));
    }
}
