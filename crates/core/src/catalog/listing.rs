//! What `WeChat` says of an app's templates. `WeChat`: `gettemplate`.

use std::collections::BTreeMap;

use super::TemplateKind;

/// The private templates of an app, in `WeChat`'s order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that could be read.
    pub templates: Vec<Listed>,
    /// Those that are there, and whose entry is not in the form that is documented.
    pub unreadable: Vec<Unreadable>,
}

impl Listing {
    /// The template of this id.
    pub fn get(&self, id: &str) -> Option<&Listed> {
        self.templates.iter().find(|listed| listed.id == id)
    }

    /// Why the entry of this id cannot be read, if it is there and cannot.
    pub fn unreadable(&self, id: &str) -> Option<&Unreadable> {
        self.unreadable.iter().find(|entry| entry.id == id)
    }
}

/// One template as `WeChat` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `priTmplId`
    pub id: String,
    /// `title`
    pub title: String,
    /// What `type` says: 2 or 3; or that it is a service card, as far as that can be seen.
    pub kind: Option<TemplateKind>,
    /// `type`, as `WeChat` wrote it, if it says something else.
    pub other_type: Option<String>,
    /// The params of `content`, in the order of the card. A service card has none.
    pub params: Vec<ListedParam>,
    /// `keywordEnumValueList`: the values of a param of type enum, by its name.
    pub enums: BTreeMap<String, Vec<String>>,
}

/// One line of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedParam {
    /// Its name, type and number: `thing2`.
    pub name: String,
    /// What the card calls it.
    pub label: String,
    /// What `example` shows for it.
    pub example: Option<String>,
}

/// An entry that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `priTmplId`, empty if even that is missing.
    pub id: String,
    /// `title`, perhaps empty.
    pub title: String,
    /// What is wrong with the entry.
    pub why: String,
}
