//! Changes in the text of a table: whatever was not changed keeps its comments and its layout.

use std::collections::BTreeMap;

use toml_edit::{Array, Decor, InlineTable, Item, Key, RawString, Table, TableLike, Value};

use crate::catalog::listing::ListedParam;

/// The table below a key, as one with a header of its own: an inline one is turned into that.
pub(super) fn as_table<'a>(parent: &'a mut Table, key: &str) -> Option<&'a mut Table> {
    let item = parent.get_mut(key)?;
    if item.is_inline_table() {
        let inline = std::mem::take(item);
        *item = inline.into_table().map_or(Item::None, Item::Table);
    }
    item.as_table_mut()
}

/// Says a text, unless it is said already.
pub(super) fn set_text(table: &mut Table, key: &str, text: &str) {
    let Some(item) = table.get_mut(key) else {
        let like_id = table.key("id").map(|id| {
            let suffix = raw(id.leaf_decor().suffix());
            (id.get().len() + suffix.chars().count()).max(key.len() + 1)
        });
        let width = like_id.unwrap_or(key.len() + 1);
        table.insert_formatted(&padded(Key::new(key), width), Item::Value(text.into()));
        return;
    };
    if item.as_str() == Some(text) {
        return;
    }
    let mut fresh = Value::from(text);
    if let Some(value) = item.as_value() {
        *fresh.decor_mut() = value.decor().clone();
    }
    *item = Item::Value(fresh);
}

/// Pads the keys of a new table to one width.
pub(super) fn align(table: &mut Table) {
    let texts = |table: &Table| -> Vec<String> {
        let values = TableLike::iter(table).filter(|(_, item)| item.is_value());
        values.map(|(key, _)| key.to_owned()).collect()
    };
    let keys = texts(table);
    let width = keys.iter().map(String::len).max().unwrap_or_default() + 1;
    for name in keys {
        if let Some(mut key) = table.key_mut(&name) {
            key.leaf_decor_mut().set_suffix(spaces(width - name.len()));
        }
    }
}

/// Writes the params in the order of the card, each with its label and its example.
pub(super) fn set_params(table: &mut Table, params: &[ListedParam]) {
    let before = said_params(table.get("params").and_then(Item::as_table_like));
    let wanted = params.iter().map(|param| {
        let example = param.example.as_deref();
        (param.name.as_str(), Some(param.label.as_str()), example)
    });
    let is_same = before
        .iter()
        .map(|(name, label, example)| (name.as_str(), label.as_deref(), example.as_deref()))
        .eq(wanted);
    if is_same {
        return;
    }
    if params.is_empty() {
        table.remove("params");
        return;
    }
    let (mut fresh, mut old) = under_header(table, "params");
    let width = params
        .iter()
        .map(|param| param.name.len())
        .max()
        .unwrap_or_default()
        + 1;
    for param in params {
        let (key, item) = match old.remove_entry(&param.name) {
            Some((key, item)) => (own_line(key), Some(item)),
            None => (Key::new(&param.name), None),
        };
        fresh.insert_formatted(
            &padded(key, width),
            Item::Value(described(item.as_ref(), param)),
        );
    }
    table.insert("params", Item::Table(fresh));
}

/// Writes the values of every enum.
pub(super) fn set_enums(table: &mut Table, enums: &BTreeMap<String, Vec<String>>) {
    if said_enums(table.get("enums").and_then(Item::as_table_like)) == *enums {
        return;
    }
    if enums.is_empty() {
        table.remove("enums");
        return;
    }
    let (mut fresh, mut old) = under_header(table, "enums");
    let width = enums.keys().map(String::len).max().unwrap_or_default() + 1;
    for (name, values) in enums {
        let (key, decor) = match old.remove_entry(name) {
            Some((key, item)) => (
                own_line(key),
                item.as_value().map(|value| line_end(value.decor())),
            ),
            None => (Key::new(name), None),
        };
        let mut values = Value::from(values.iter().collect::<Array>());
        if let Some(decor) = decor {
            *values.decor_mut() = decor;
        }
        fresh.insert_formatted(&padded(key, width), Item::Value(values));
    }
    table.insert("enums", Item::Table(fresh));
}

/// Takes a table out, however it was written: an empty one with a header that keeps its comments and its place, and what was in it.
fn under_header(parent: &mut Table, name: &str) -> (Table, Table) {
    let mut fresh = Table::new();
    // No empty line before it: a template stays one block.
    fresh.decor_mut().set_prefix("");
    let Some((key, item)) = parent.remove_entry(name) else {
        return (fresh, Table::new());
    };
    if let Some(old) = item.as_table().filter(|old| !old.is_dotted()) {
        *fresh.decor_mut() = old.decor().clone();
        fresh.set_position(old.position());
    } else {
        let prefix = raw(key.leaf_decor().prefix());
        if !prefix.trim().is_empty() {
            fresh.decor_mut().set_prefix(prefix);
        }
        let value = item.as_value();
        let suffix = value.map_or("", |value| raw(value.decor().suffix()));
        fresh.decor_mut().set_suffix(suffix);
    }
    (fresh, item.into_table().unwrap_or_default())
}

/// The label alone, or a table where there is more to say.
fn described(old: Option<&Item>, param: &ListedParam) -> Value {
    let decor = old
        .and_then(Item::as_value)
        .map(|value| line_end(value.decor()));
    let mut table = match old.and_then(Item::as_table_like) {
        Some(said) => {
            let mut table = InlineTable::new();
            for (key, item) in said.iter() {
                if let Some(value) = item.as_value() {
                    table.insert(key, value.clone().decorated(" ", ""));
                }
            }
            table
        }
        None => InlineTable::new(),
    };
    let is_plain = table.is_empty() && param.example.is_none();
    let mut value = if is_plain {
        Value::from(param.label.as_str())
    } else {
        table.insert("label", param.label.as_str().into());
        match &param.example {
            Some(example) => table.insert("example", example.as_str().into()),
            None => table.remove("example"),
        };
        table.fmt();
        Value::InlineTable(table)
    };
    if let Some(decor) = decor {
        *value.decor_mut() = decor;
    }
    value
}

type SaidParam = (String, Option<String>, Option<String>);

fn said_params(params: Option<&dyn TableLike>) -> Vec<SaidParam> {
    let text =
        |table: &dyn TableLike, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let said = params.into_iter().flat_map(TableLike::iter);
    said.map(|(name, item)| match item.as_table_like() {
        Some(table) => (
            name.to_owned(),
            text(table, "label"),
            text(table, "example"),
        ),
        None => (name.to_owned(), item.as_str().map(str::to_owned), None),
    })
    .collect()
}

fn said_enums(enums: Option<&dyn TableLike>) -> BTreeMap<String, Vec<String>> {
    let texts = |item: &Item| -> Vec<String> {
        let values = item.as_array().into_iter().flatten();
        values
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let said = enums.into_iter().flat_map(TableLike::iter);
    said.map(|(name, item)| (name.to_owned(), texts(item)))
        .collect()
}

/// A key that may have stood inside braces, as one that begins a line.
fn own_line(mut key: Key) -> Key {
    let prefix = raw(key.leaf_decor().prefix()).to_owned();
    if prefix.trim().is_empty() {
        key.leaf_decor_mut().set_prefix("");
    }
    key
}

/// A value that may have stood inside braces, as one that ends a line: only a comment stays behind it.
fn line_end(decor: &Decor) -> Decor {
    let suffix = raw(decor.suffix());
    Decor::new(" ", if suffix.contains('#') { suffix } else { "" })
}

fn padded(mut key: Key, width: usize) -> Key {
    let used = key.get().len();
    key.leaf_decor_mut()
        .set_suffix(spaces(width.saturating_sub(used).max(1)));
    key
}

fn spaces(n: usize) -> String {
    " ".repeat(n)
}

fn raw(text: Option<&RawString>) -> &str {
    text.and_then(RawString::as_str).unwrap_or_default()
}
