//! `templates.toml` brought up to date with what `WeChat` lists.
//!
//! The names are the user's, and so are comments and keys that are not read from `WeChat`: they stay. A template is known by its id.

mod edit;
mod names;

use std::collections::BTreeSet;

use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, TableLike, TomlError};

use super::drift::{DriftKind, compare_one};
use super::listing::{Listed, Listing};
use super::{Catalog, Frequency, Template, TemplateKind};
use edit::{as_table, set_enums, set_params, set_text};
use names::propose;

/// What becomes of templates that `WeChat` does not have any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    /// They stay.
    Nothing,
    /// They go, but for those whose app and name are here: rules use them.
    Unless(BTreeSet<(String, String)>),
}

/// What a pull changes, or leaves though it may surprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// A template that the file did not have.
    Added {
        /// Its app.
        app: String,
        /// The name that it was given.
        name: String,
        /// Its id.
        id: String,
        /// Its title.
        title: String,
    },
    /// A template that `WeChat` describes otherwise than the file.
    Updated {
        /// Its app.
        app: String,
        /// The name that rules use.
        name: String,
        /// Each difference in a sentence.
        what: Vec<String>,
    },
    /// A template that `WeChat` has no more, and that stays in the file.
    Gone {
        /// Its app.
        app: String,
        /// The name that rules use.
        name: String,
        /// Whether it stays because rules use it, though it was to be removed.
        used_by_rules: bool,
    },
    /// A template that `WeChat` has no more, and that leaves the file.
    Removed {
        /// Its app.
        app: String,
        /// The name that it had.
        name: String,
    },
    /// A template to which `WeChat` gives a type that is not known here, and for which the file says no kind.
    UnknownType {
        /// Its app.
        app: String,
        /// The name that rules use.
        name: String,
        /// What `WeChat` says: neither 2 nor 3.
        value: String,
    },
    /// An entry of `WeChat`'s that cannot be read; what the file says of it stays.
    Unreadable {
        /// Its app.
        app: String,
        /// Its id.
        id: String,
        /// Its title.
        title: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The file with one app's templates up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The text of the file; the same as before if nothing is to be changed.
    pub text: String,
    /// What was changed, and what was not.
    pub changes: Vec<Change>,
}

/// Brings one app up to date. `catalog` is what `text` was read as. Fails only for a text that is no TOML.
pub fn pull(
    text: &str,
    catalog: &Catalog,
    app: &str,
    listing: &Listing,
    prune: &Prune,
) -> Result<Pulled, TomlError> {
    let (head, mut document) = parse(text)?;
    let mut changes = Vec::new();
    let known: Vec<_> = catalog.of_app(app).collect();
    for listed in &listing.templates {
        for template in known.iter().filter(|template| template.id == listed.id) {
            let what = differences(template, listed);
            if !what.is_empty() {
                update(&mut document, template, listed);
                changes.push(Change::Updated {
                    app: app.to_owned(),
                    name: template.name.to_string(),
                    what,
                });
            }
        }
    }
    for template in &known {
        let is_there =
            listing.get(&template.id).is_some() || listing.unreadable(&template.id).is_some();
        if !is_there {
            changes.push(gone(&mut document, template, prune));
        }
    }
    for listed in &listing.templates {
        if !known.iter().any(|template| template.id == listed.id) {
            changes.push(add(&mut document, app, listed));
        }
    }
    let new: Vec<_> = changes
        .iter()
        .filter_map(|change| unknown_type(change, app, listing))
        .collect();
    let old = known.iter().filter(|template| template.kind.is_none());
    let old = old.filter_map(|template| {
        let value = listing.get(&template.id)?.other_type.clone()?;
        let (app, name) = (app.to_owned(), template.name.to_string());
        Some(Change::UnknownType { app, name, value })
    });
    changes.extend(new.into_iter().chain(old));
    changes.extend(listing.unreadable.iter().map(|entry| Change::Unreadable {
        app: app.to_owned(),
        id: entry.id.clone(),
        title: entry.title.clone(),
        why: entry.why.clone(),
    }));
    let is_changed = changes.iter().any(Change::is_written);
    let text = if is_changed {
        let body = document.to_string();
        // A file that begins with a table needs no empty line before it.
        let body = if head.is_empty() {
            body.trim_start_matches('\n')
        } else {
            body.as_str()
        };
        format!("{head}{body}")
    } else {
        text.to_owned()
    };
    Ok(Pulled { text, changes })
}

impl Change {
    /// Whether the file changes with it.
    pub fn is_written(&self) -> bool {
        match self {
            Self::Added { .. } | Self::Updated { .. } | Self::Removed { .. } => true,
            Self::Gone { .. } | Self::UnknownType { .. } | Self::Unreadable { .. } => false,
        }
    }
}

/// A file of comments alone would get its first table before them.
fn parse(text: &str) -> Result<(String, DocumentMut), TomlError> {
    let document: DocumentMut = text.parse()?;
    if !document.as_table().is_empty() {
        return Ok((String::new(), document));
    }
    let head = match text.trim_end() {
        "" => String::new(),
        comments => format!("{comments}\n"),
    };
    Ok((head, DocumentMut::new()))
}

/// The key of a template's frequency, if `WeChat` has no such param of it: a template cannot be limited by that any more.
fn key_without_param<'a>(frequency: Option<&'a Frequency>, listed: &Listed) -> Option<&'a str> {
    let key = frequency?.key.as_ref();
    let is_param = listed.params.iter().any(|param| param.name == key);
    (!is_param).then_some(key)
}

/// What is to be changed of a template, in sentences.
fn differences(template: &Template, listed: &Listed) -> Vec<String> {
    let drifts = compare_one(template, listed).into_iter();
    let mut what: Vec<String> = drifts
        // Of a type that is not known, nothing is written.
        .filter(|drift| drift.kind != DriftKind::Type)
        .map(|drift| drift.detail)
        .collect();
    let mut learn = |is_new: bool, sentence: &str| {
        if is_new {
            what.push(sentence.to_owned());
        }
    };
    learn(
        template.title.is_none() && !listed.title.is_empty(),
        "its title is known now",
    );
    let is_kind_new = template.kind.is_none() && listed.kind.is_some();
    // Of a service card that has been said.
    learn(
        is_kind_new && listed.kind != Some(TemplateKind::ServiceCard),
        "its kind is known now",
    );
    if let Some(key) = key_without_param(template.frequency.as_ref(), listed) {
        let sentence = format!(
            "its `key` {key} is no param any more: it counts as long-term until you say `kind`, `key` and `per` anew"
        );
        learn(true, &sentence);
    }
    learn(
        template.params.is_empty() && !listed.params.is_empty(),
        "its params are known now",
    );
    let examples = listed.params.iter().filter_map(|param| {
        let example = param.example.as_ref()?;
        Some((&param.name, example))
    });
    let is_same = template.examples.iter().eq(sorted(examples));
    let sentence = if template.examples.is_empty() {
        "its examples are known now"
    } else {
        "other examples"
    };
    learn(!is_same, sentence);
    what
}

fn sorted<'a>(
    pairs: impl Iterator<Item = (&'a String, &'a String)>,
) -> std::collections::btree_map::IntoIter<&'a String, &'a String> {
    let sorted: std::collections::BTreeMap<_, _> = pairs.collect();
    sorted.into_iter()
}

fn update(document: &mut DocumentMut, template: &Template, listed: &Listed) {
    let table = as_table(document.as_table_mut(), &template.app);
    let table = table.and_then(|app| as_table(app, &template.name));
    // The catalog was read from this text, so the table is there.
    if let Some(table) = table {
        if key_without_param(template.frequency.as_ref(), listed).is_some() {
            set_text(table, "kind", TemplateKind::LongTerm.as_str());
        }
        write(table, listed);
        if table.get("kind").and_then(Item::as_str) != Some(TemplateKind::LongTermLimited.as_str())
        {
            table.remove("key");
            table.remove("per");
        }
    }
}

fn add(document: &mut DocumentMut, app: &str, listed: &Listed) -> Change {
    let root = document.as_table_mut();
    if !root.contains_key(app) {
        let mut fresh = Table::new();
        fresh.set_implicit(true);
        root.insert(app, Item::Table(fresh));
    }
    let mut name = String::new();
    if let Some(templates) = as_table(root, app) {
        let taken: BTreeSet<String> = TableLike::iter(templates)
            .map(|(name, _)| name.to_owned())
            .collect();
        name = propose(&listed.title, &taken);
        let mut fresh = Table::new();
        set_text(&mut fresh, "id", &listed.id);
        write(&mut fresh, listed);
        edit::align(&mut fresh);
        fresh.decor_mut().set_prefix("\n");
        templates.insert(&name, Item::Table(fresh));
    }
    Change::Added {
        app: app.to_owned(),
        name,
        id: listed.id.clone(),
        title: listed.title.clone(),
    }
}

/// What a template that was added has of a type that is not known.
fn unknown_type(added: &Change, app: &str, listing: &Listing) -> Option<Change> {
    let Change::Added { name, id, .. } = added else {
        return None;
    };
    let value = listing.get(id)?.other_type.clone()?;
    let (app, name) = (app.to_owned(), name.clone());
    Some(Change::UnknownType { app, name, value })
}

/// What differs is written; what is the same keeps its layout.
fn write(table: &mut Table, listed: &Listed) {
    set_text(table, "title", &listed.title);
    let said = table.get("kind").and_then(Item::as_str);
    let said = said.and_then(TemplateKind::of_word);
    if let Some(kind) = listed.kind
        && !said.is_some_and(|said| said.is_listed_as(kind))
    {
        set_text(table, "kind", kind.as_str());
    }
    set_params(table, &listed.params);
    set_enums(table, &listed.enums);
}

fn gone(document: &mut DocumentMut, template: &Template, prune: &Prune) -> Change {
    let (app, name) = (template.app.to_string(), template.name.to_string());
    let used_by_rules = match prune {
        Prune::Nothing => false,
        Prune::Unless(used) if used.contains(&(app.clone(), name.clone())) => true,
        Prune::Unless(_) => {
            if let Some(templates) = as_table(document.as_table_mut(), &app) {
                templates.remove(&name);
            }
            return Change::Removed { app, name };
        }
    };
    Change::Gone {
        app,
        name,
        used_by_rules,
    }
}

#[cfg(test)]
mod tests;
