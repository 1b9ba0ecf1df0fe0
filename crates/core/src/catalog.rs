//! `templates.toml`: the names that rules use for the template ids of an app, and what is known of each template.
//!
//! [`listing`] is what `WeChat` knows of the same templates, [`drift`] what differs, and [`pull`] brings the file up to date.

pub mod drift;
mod frequency;
pub mod listing;
mod order;
mod policy;
pub mod pull;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::{Item, Node, Origin, Problems, Said, Section, nearest, parse};

use crate::model::outcome::bounds;
use crate::wechat::params::ParamKind;
pub use frequency::Frequency;
use order::FileOrder;
pub use policy::{Policies, Policy};

/// How a user's permission for a template lasts. `WeChat`: subscribe-message overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// One permission, one message.
    OneTime,
    /// A permission that lasts until it is taken back.
    LongTerm,
    /// A permission that lasts, for one message of each value of a key in a while: see [`Frequency`].
    LongTermLimited,
    /// A card that `WeChat` keeps alive by states (`set_user_notify`). It is listed among the templates; `subscribe/send` and the popup do
    /// not take it.
    ServiceCard,
}

impl TemplateKind {
    /// All of them with their words in `templates.toml`.
    pub const ALL: [(&'static str, Self); 4] = [
        ("one-time", Self::OneTime),
        ("long-term", Self::LongTerm),
        ("long-term-limited", Self::LongTermLimited),
        ("service-card", Self::ServiceCard),
    ];

    /// Its word in `templates.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneTime => "one-time",
            Self::LongTerm => "long-term",
            Self::LongTermLimited => "long-term-limited",
            Self::ServiceCard => "service-card",
        }
    }

    /// The kind of this word.
    fn of_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(known, kind)| (known == word).then_some(kind))
    }

    /// Whether a template of this kind may be what `WeChat` lists as the other one. `WeChat` tells of no long-term template that it is limited,
    /// and not of every service card that it is one: what a person says of it counts.
    fn is_listed_as(self, listed: Self) -> bool {
        match self {
            Self::OneTime | Self::LongTerm => self == listed,
            Self::LongTermLimited => listed == Self::LongTerm,
            Self::ServiceCard => true,
        }
    }

    /// Whether each message uses up a permission.
    pub fn uses_grants(self) -> bool {
        match self {
            Self::OneTime => true,
            Self::LongTerm | Self::LongTermLimited | Self::ServiceCard => false,
        }
    }
}

/// A subscribe-message template of an app.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The app it belongs to.
    pub app: Arc<str>,
    /// The name that rules use.
    pub name: Arc<str>,
    /// `WeChat`'s id of it (`priTmplId`).
    pub id: String,
    /// Its title, for people.
    pub title: Option<String>,
    /// How a permission for it lasts, if that is known.
    pub kind: Option<TemplateKind>,
    /// How often it may be sent, if its kind is [`LongTermLimited`](TemplateKind::LongTermLimited).
    pub frequency: Option<Frequency>,
    /// What is made of users' grants for it, if that is not as for the rest of the app.
    pub grants: Option<Policy>,
    /// Its params and their labels, in their order in the file, which is that of the card; empty if they are not known.
    pub params: Vec<(Arc<str>, String)>,
    /// What `WeChat` shows as an example of a param, by its name. An example may break the rules of its own type.
    pub examples: BTreeMap<String, String>,
    /// The values that `WeChat` takes for a param of type enum (`keywordEnumValueList`).
    pub enums: BTreeMap<String, Vec<String>>,
    /// Where it is described.
    pub origin: Origin,
}

/// Every template of every app.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    apps: BTreeMap<String, BTreeMap<String, Arc<Template>>>,
}

impl Template {
    /// Whether each of its messages uses up a permission. One whose kind is not known may be a one-time one.
    pub fn uses_grants(&self) -> bool {
        self.kind.is_none_or(TemplateKind::uses_grants)
    }
}

impl Catalog {
    /// Reads `templates.toml`. `file` is only for the places that errors name. `None` if anything is wrong with it.
    pub fn read(problems: &mut Problems, file: &str, text: &str) -> Option<Self> {
        let mut found = Problems::default();
        let catalog = read_apps(&mut found, file, text);
        let sound = !found.has_errors();
        problems.extend(found);
        catalog.filter(|_| sound)
    }

    /// The template of this name of an app.
    pub fn get(&self, app: &str, name: &str) -> Option<&Arc<Template>> {
        self.apps.get(app)?.get(name)
    }

    /// The template of an app with this name or this id.
    pub fn find(&self, app: &str, name_or_id: &str) -> Option<&Arc<Template>> {
        let templates = self.apps.get(app)?;
        let by_id = || {
            templates
                .values()
                .find(|template| template.id == name_or_id)
        };
        templates.get(name_or_id).or_else(by_id)
    }

    /// Every template of an app, by name.
    pub fn of_app(&self, app: &str) -> impl Iterator<Item = &Arc<Template>> {
        self.apps.get(app).into_iter().flat_map(BTreeMap::values)
    }

    /// The names of the templates of an app, or of all apps.
    pub fn names(&self, app: Option<&str>) -> Vec<&str> {
        let of_app = self
            .apps
            .iter()
            .filter(|(name, _)| app.is_none_or(|app| *name == app));
        of_app
            .flat_map(|(_, templates)| templates.keys().map(String::as_str))
            .collect()
    }

    /// The name nearest to one that is not there.
    pub fn nearest(&self, app: &str, name: &str) -> Option<&str> {
        let names: Vec<_> = self.apps.get(app)?.keys().map(String::as_str).collect();
        nearest(name, &names)
    }

    /// Every template, by app and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.apps.values().flat_map(BTreeMap::values)
    }
}

fn read_apps(problems: &mut Problems, file: &str, text: &str) -> Option<Catalog> {
    let mut root = parse(problems, file, text).map(|node| Section::new(problems, "", node))?;
    let order = FileOrder::of(text);
    let mut catalog = Catalog::default();
    for (app, said) in root.take_rest() {
        let mut templates = BTreeMap::new();
        check_name(problems, &app, &said);
        for (name, said) in Section::new(problems, said.key, said.value).take_rest() {
            check_name(problems, &name, &said);
            if let Some(template) = read_template(problems, &order, &app, &name, said) {
                templates.insert(name, Arc::new(template));
            }
        }
        catalog.apps.insert(app, templates);
    }
    Some(catalog)
}

fn check_name(problems: &mut Problems, name: &str, said: &Said<Node>) {
    if let Some(message) = bounds::name_too_long(name) {
        problems.push(said.error(message).help("give it a shorter name"));
    }
}

fn read_template(
    problems: &mut Problems,
    order: &FileOrder,
    app: &str,
    name: &str,
    said: Said<Node>,
) -> Option<Template> {
    const ID_HELP: &str =
        "the template id is shown in the mini program's console under subscribe messages";
    let origin = said.origin.clone();
    let mut section = Section::new(problems, said.key, said.value);
    let id = section.require_string(problems, "id", ID_HELP);
    let title = section.take_string(problems, "title");
    let kind = section.take_choice(problems, "kind", &TemplateKind::ALL);
    let grants = section.take_choice(problems, "grants", &Policy::ALL);
    let (mut params, examples) = section
        .take_section(problems, "params")
        .map(|params| read_params(problems, params))
        .unwrap_or_default();
    params.sort_by_cached_key(|(param, _)| order.of_param(app, name, param));
    let kind = kind.map(|said| said.value);
    let frequency = frequency::read(problems, &mut section, kind, &params);
    let enums = section
        .take_section(problems, "enums")
        .map(|enums| read_enums(problems, enums))
        .unwrap_or_default();
    section.finish(problems);
    let id = id?;
    if id.value.is_empty()
        || !id
            .value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        problems.push(
            id.error("this is no template id: expected letters, digits, `-` and `_`")
                .help(ID_HELP),
        );
        return None;
    }
    Some(Template {
        app: Arc::from(app),
        name: Arc::from(name),
        id: id.value,
        title: title.map(|said| said.value),
        kind,
        frequency,
        grants: grants.map(|said| said.value),
        params,
        examples,
        enums,
        origin,
    })
}

/// What a person shall know of a param whose type no table lists, where it is named. It is used all the same: `WeChat` has more types
/// than it lists.
pub(crate) fn warn_of_unlisted<T>(problems: &mut Problems, param: &str, said: &Said<T>) {
    if !matches!(ParamKind::of(param), Some(ParamKind::Unlisted) | None) {
        return;
    }
    let problem = said.warning(format!(
        "the type of `{param}` is in no list of WeChat's: its value is sent as text, and no limit is known"
    ));
    problems.push(match ParamKind::nearest_name(param) {
        Some(near) => problem.help(format!(
            "did you mean `{near}`? If not, nothing is to be done"
        )),
        None => problem,
    });
}

/// Params with their labels, and the examples of those that have one.
type Params = (Vec<(Arc<str>, String)>, BTreeMap<String, String>);

/// A param is its label, or a table with `label` and `example`.
fn read_params(problems: &mut Problems, mut section: Section) -> Params {
    let mut params = Vec::new();
    let mut examples = BTreeMap::new();
    for (name, said) in section.take_rest() {
        warn_of_unlisted(problems, &name, &said);
        match &said.value.item {
            Item::String(label) => params.push((Arc::from(name), label.clone())),
            Item::Table(_) => {
                let mut param = Section::new(problems, said.key, said.value);
                let help = "say what the card calls it: { label = \"商品\", example = \"拿铁\" }";
                let label = param.require_string(problems, "label", help);
                let example = param.take_string(problems, "example");
                param.finish(problems);
                examples.extend(example.map(|said| (name.clone(), said.value)));
                params.extend(label.map(|said| (Arc::from(name), said.value)));
            }
            Item::Integer(_) | Item::Float(_) | Item::Boolean(_) | Item::Array(_) => {
                problems.push(said.error(format!(
                    "expected the label of the param as text, or a table with `label` and `example`, found {}",
                    said.value.item.kind()
                )));
            }
        }
    }
    (params, examples)
}

fn read_enums(problems: &mut Problems, mut section: Section) -> BTreeMap<String, Vec<String>> {
    let mut enums = BTreeMap::new();
    for (name, said) in section.take_rest() {
        let mut values = Vec::new();
        let Item::Array(nodes) = &said.value.item else {
            problems.push(said.error(format!(
                "expected a list of texts, found {}",
                said.value.item.kind()
            )));
            continue;
        };
        for node in nodes {
            if let Item::String(value) = &node.item {
                values.push(value.clone());
            } else {
                problems.push(said.error(format!(
                    "expected a list of texts, found {} in it",
                    node.item.kind()
                )));
            }
        }
        enums.insert(name, values);
    }
    enums
}

/// By the number in its name: the order of params where no file says another one.
pub(super) fn param_order(name: &str) -> (u32, String) {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    (digits.parse().unwrap_or(u32::MAX), name.to_owned())
}

#[cfg(test)]
mod tests;
