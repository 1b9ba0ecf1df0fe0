//! The private templates of each app, as they are now: the settings are only how they begin.
//!
//! WeChat: the subscribe-message template APIs below `/wxaapi/newtmpl/`.

pub(super) mod calls;
mod library;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::answer::Refusal;
use crate::random;
use crate::settings::{Kind, Settings, Template};
use crate::templates::library::{Keyword, Title};

/// WeChat: code 200012. The pages give 25 and 50; the larger one refuses no call that would have passed.
const MOST_TEMPLATES: usize = 50;
/// The length of WeChat's template ids.
const ID_LENGTH: usize = 43;

/// One template with an example of each value.
#[derive(Clone, Debug)]
struct Listed {
    template: Arc<Template>,
    /// By key; a param without one gets an example of its type.
    examples: BTreeMap<String, &'static str>,
}

impl Listed {
    fn plain(template: &Template) -> Self {
        Self {
            template: Arc::new(template.clone()),
            examples: BTreeMap::new(),
        }
    }

    /// What `addtemplate` makes of a title and some of its keywords.
    fn of_library(title: &Title, keywords: &[&Keyword]) -> Self {
        let mut template = Template {
            title: title.name.to_owned(),
            kind: title.kind,
            ..Template::default()
        };
        let mut examples = BTreeMap::new();
        for keyword in keywords {
            let key = format!("{}{}", keyword.rule, keyword.kid);
            template.labels.insert(key.clone(), keyword.name.to_owned());
            if !keyword.allowed.is_empty() {
                let allowed = keyword.allowed.iter();
                let allowed = allowed.map(|value| (*value).to_owned());
                template.enums.insert(key.clone(), allowed.collect());
            }
            examples.insert(key.clone(), keyword.example);
            template.params.push(key);
        }
        Self {
            template: Arc::new(template),
            examples,
        }
    }

    /// What users see: the title and the names of the values, in their order.
    fn looks_like(&self, other: &Self) -> bool {
        let labels = |listed: &Self| -> Vec<String> {
            let params = listed.template.params.iter();
            let label = |param: &String| listed.template.labels.get(param).unwrap_or(param).clone();
            let mut labels: Vec<String> = params.map(label).collect();
            labels.sort_unstable();
            labels
        };
        self.template.title == other.template.title && labels(self) == labels(other)
    }
}

/// The templates of every app, by id.
#[derive(Debug)]
pub(super) struct Catalogs(BTreeMap<String, BTreeMap<String, Listed>>);

impl Catalogs {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut catalogs = Self(BTreeMap::new());
        for (appid, app) in &settings.apps {
            catalogs.replace(appid, &app.templates);
        }
        catalogs
    }

    /// From now on these are the app's templates, and no others.
    pub(super) fn replace(&mut self, appid: &str, templates: &BTreeMap<String, Template>) {
        let listed = templates
            .iter()
            .map(|(id, template)| (id.clone(), Listed::plain(template)));
        self.0.insert(appid.to_owned(), listed.collect());
    }

    /// A template of an app.
    pub(super) fn find(&self, appid: &str, id: &str) -> Option<Arc<Template>> {
        let listed = self.0.get(appid)?.get(id)?;
        Some(Arc::clone(&listed.template))
    }

    /// Whether any app has it.
    pub(super) fn know(&self, id: &str) -> bool {
        self.0.values().any(|templates| templates.contains_key(id))
    }

    /// The templates of an app, by id.
    pub(super) fn of_app(&self, appid: &str) -> BTreeMap<String, Template> {
        let templates = self.listed(appid);
        templates
            .map(|(id, listed)| (id.clone(), listed.template.as_ref().clone()))
            .collect()
    }

    fn listed(&self, appid: &str) -> impl Iterator<Item = (&String, &Listed)> {
        self.0.get(appid).into_iter().flatten()
    }

    /// Adds a template and gives its new id.
    fn add(
        &mut self,
        appid: &str,
        listed: Listed,
        chance: &mut fastrand::Rng,
    ) -> Result<String, Refusal> {
        let templates = self.0.entry(appid.to_owned()).or_default();
        if templates.values().any(|other| other.looks_like(&listed)) {
            return Err(Refusal::of(200_022));
        }
        if templates.len() >= MOST_TEMPLATES {
            return Err(Refusal::of(200_012));
        }
        let id = random::text(chance, ID_LENGTH);
        templates.insert(id.clone(), listed);
        Ok(id)
    }

    /// Takes a template away; false if there is none.
    fn remove(&mut self, appid: &str, id: &str) -> bool {
        let templates = self.0.get_mut(appid);
        templates.is_some_and(|templates| templates.remove(id).is_some())
    }
}

/// WeChat's number for a kind. WeChat: `gettemplate`, `type`. What it is for a service card or a limited template is not documented; its
/// overview calls the ones one-time, the others long-term.
fn number_of(kind: Kind) -> u8 {
    match kind {
        Kind::OneTime | Kind::ServiceCard => 2,
        Kind::LongTerm | Kind::LongTermLimited => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_has_room_for_fifty() {
        let mut catalogs = Catalogs(BTreeMap::new());
        let mut chance = fastrand::Rng::with_seed(1);
        for n in 0..=MOST_TEMPLATES {
            let template = Template {
                title: format!("t{n}"),
                ..Template::default()
            };
            let added = catalogs.add("wx1", Listed::plain(&template), &mut chance);
            let again = catalogs.add("wx1", Listed::plain(&template), &mut chance);
            if n < MOST_TEMPLATES {
                assert_eq!(added.unwrap().len(), ID_LENGTH);
                assert_eq!(again, Err(Refusal::of(200_022)));
            } else {
                assert_eq!(added, Err(Refusal::of(200_012)));
            }
        }
    }
}
