//! Defaults, file, environment, flags → one tree whose every value knows which layer said it.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{Environment, File, FileFormat, ValueKind};

use super::app_files::{self, AppFile};
use super::file::read_text;
use super::{ENVIRONMENT_PREFIX, FlagSetting, Sources, files};
use wx_courier_core::document::{Item, Node, Origin, Problem, Problems, parse};

/// Merges the layers. `None` if the file cannot be read as TOML at all.
pub(super) fn merge(problems: &mut Problems, sources: &Sources) -> Option<Node> {
    let path = files::settings(&sources.folder);
    let file = path.display().to_string();
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) => {
            let problem = Problem::in_file(&file, format!("the settings cannot be read: {error}"));
            problems.push(problem.help(
                "name the folder that holds courier.toml, templates.toml and rules/ with --config",
            ));
            return None;
        }
    };
    let apps = app_files::read(problems, &sources.folder);
    let mut written = parse(problems, &file, &text)?;
    let apps = app_files::insert(problems, &mut written, apps);
    match merged(sources, &text, &apps, &written) {
        Ok(value) => Some(with_origins(value, &[], Some(&written), sources)),
        Err(error) => {
            problems.push(Problem::in_file(
                file,
                format!("the settings cannot be put together: {error}"),
            ));
            None
        }
    }
}

/// The layers without any file, where what lies there cannot be read as TOML. `None` if there is no `courier.toml`: then the folder is another one.
pub(super) fn without_files(sources: &Sources) -> Option<Node> {
    let is_there = files::settings(&sources.folder)
        .try_exists()
        .unwrap_or(true);
    let empty = Node {
        item: Item::Table(BTreeMap::new()),
        origin: Origin::Default,
    };
    let merged = merged(sources, "", &[], &empty).ok().filter(|_| is_there)?;
    Some(with_origins(merged, &[], None, sources))
}

fn merged(
    sources: &Sources,
    text: &str,
    apps: &[AppFile],
    written: &Node,
) -> Result<config::Value, config::ConfigError> {
    let environment = Environment::with_prefix(ENVIRONMENT_PREFIX)
        .prefix_separator("__")
        .separator("__")
        .source(Some(sources.environment.clone().into_iter().collect()));
    let mut builder = config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment);
    for app in apps {
        let alone =
            config::Config::builder().add_source(File::from_str(&app.text, FileFormat::Toml));
        builder = builder.set_default(format!("apps.{}", app.name), alone.build()?.cache)?;
    }
    for flag in &sources.flags {
        for key in keys_of(flag, written) {
            builder = builder.set_override(key, flag.value.clone())?;
        }
    }
    Ok(builder.build()?.cache)
}

/// The keys that a flag sets: one, or one of each name that the files say in the place of its `*`.
fn keys_of(flag: &FlagSetting, written: &Node) -> Vec<String> {
    let Some((table, key)) = flag.key.split_once(".*.") else {
        return vec![flag.key.clone()];
    };
    let names = match &written.item {
        Item::Table(top) => top.get(table).map(|table| &table.item),
        Item::Array(_) | Item::String(_) | Item::Integer(_) | Item::Float(_) | Item::Boolean(_) => {
            None
        }
    };
    let Some(Item::Table(names)) = names else {
        return Vec::new();
    };
    let keys = names.keys();
    keys.map(|name| format!("{table}.{name}.{key}")).collect()
}

/// The merge keeps which values came from the environment; the file's own tree knows the lines of the others.
fn with_origins(
    value: config::Value,
    path: &[String],
    written: Option<&Node>,
    sources: &Sources,
) -> Node {
    let from_environment = value.origin() == Some("the environment");
    let key = path.join(".");
    let origin = if let Some(flag) = sources.flags.iter().find(|flag| flag.says(&key)) {
        Origin::Flag(Arc::from(flag.flag))
    } else if from_environment {
        Origin::Environment(Arc::from(variable(&key)))
    } else {
        written.map_or(Origin::Default, |node| node.origin.clone())
    };
    let item =
        match value.kind {
            ValueKind::Nil => Item::Table(BTreeMap::new()),
            ValueKind::Boolean(answer) => Item::Boolean(answer),
            ValueKind::I64(number) => Item::Integer(number),
            ValueKind::I128(number) => i64::try_from(number)
                .map_or_else(|_| Item::String(number.to_string()), Item::Integer),
            ValueKind::U64(number) => i64::try_from(number)
                .map_or_else(|_| Item::String(number.to_string()), Item::Integer),
            ValueKind::U128(number) => i64::try_from(number)
                .map_or_else(|_| Item::String(number.to_string()), Item::Integer),
            ValueKind::Float(number) => Item::Float(number),
            ValueKind::String(text) => Item::String(text),
            ValueKind::Array(values) => {
                let written = written.and_then(|node| {
                    if let Item::Array(nodes) = &node.item {
                        Some(nodes)
                    } else {
                        None
                    }
                });
                let element = |(index, value)| {
                    let below = written.and_then(|nodes| nodes.get(index));
                    with_origins(value, path, below, sources)
                };
                Item::Array(values.into_iter().enumerate().map(element).collect())
            }
            ValueKind::Table(table) => {
                let written = written.and_then(|node| {
                    if let Item::Table(table) = &node.item {
                        Some(table)
                    } else {
                        None
                    }
                });
                let entry = |(name, value): (String, config::Value)| {
                    let mut path = path.to_vec();
                    path.push(name.clone());
                    let below = written.and_then(|table| table.get(&name));
                    (name, with_origins(value, &path, below, sources))
                };
                Item::Table(table.into_iter().map(entry).collect())
            }
        };
    Node { item, origin }
}

/// The variable that says a dotted key.
pub(super) fn variable(key: &str) -> String {
    let key = key.replace('.', "__").to_uppercase();
    format!("{ENVIRONMENT_PREFIX}__{key}")
}
