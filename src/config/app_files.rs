//! `apps/NAME.toml`: what stands in it is `[apps.NAME]` of the settings.

use std::path::Path;

use super::file::read_text;
use super::files;
use wx_courier_core::document::{Item, Node, Origin, Problem, Problems, parse};

/// An app that has a file of its own.
pub(super) struct AppFile {
    /// The name of the app: the file's, without `.toml`.
    pub(super) name: String,
    pub(super) text: String,
    /// What the text says.
    pub(super) written: Node,
}

/// Reads all of them. What is wrong with one costs that one.
pub(super) fn read(problems: &mut Problems, folder: &Path) -> Vec<AppFile> {
    let root = files::apps(folder);
    let paths = match files::toml_files(&root) {
        Ok(paths) => paths,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let message = format!("the apps cannot be read: {error}");
            problems.push(Problem::in_file(root.display().to_string(), message));
            return Vec::new();
        }
    };
    let read = paths.iter().filter_map(|path| one(problems, &root, path));
    read.collect()
}

fn one(problems: &mut Problems, root: &Path, path: &Path) -> Option<AppFile> {
    let file = path.display().to_string();
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    if path.parent() != Some(root) {
        let problem = Problem::in_file(
            &file,
            "an app's file lies in apps/ itself, not in a folder below",
        );
        problems.push(problem.help(format!(
            "move it to {}",
            root.join(format!("{stem}.toml")).display()
        )));
        return None;
    }
    if !is_name(&stem) {
        let message = format!("\"{stem}\" cannot be the name of an app");
        let problem = Problem::in_file(&file, message);
        problems.push(
            problem.help("use small letters, digits, - and _: variables could not say others"),
        );
        return None;
    }
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the app cannot be read: {error}");
            problems.push(Problem::in_file(file, message));
            return None;
        }
    };
    let written = parse(problems, &file, &text)?;
    if let Some(problem) = of_another_form(&written, &stem) {
        problems.push(problem);
        return None;
    }
    Some(AppFile {
        name: stem,
        text,
        written,
    })
}

/// Dotted keys find it, and so do variables.
fn is_name(stem: &str) -> bool {
    let mut letters = stem.chars();
    let is_small = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    letters.next().is_some_and(is_small)
        && letters.all(|letter| is_small(letter) || letter == '-' || letter == '_')
}

/// Who copies a table out of `courier.toml` copies its heading with it.
fn of_another_form(written: &Node, name: &str) -> Option<Problem> {
    let Item::Table(keys) = &written.item else {
        return None;
    };
    let apps = keys.get("apps")?;
    let problem = Problem::error(&apps.origin, format!("this file is [apps.{name}] already"));
    Some(problem.help(format!(
        "leave the heading [apps.{name}] out: `appid` and the other keys stand at the top"
    )))
}

/// Puts the apps into what the settings say. `None` stands for a settings file without a table at its top.
pub(super) fn insert(
    problems: &mut Problems,
    settings: &mut Node,
    apps: Vec<AppFile>,
) -> Vec<AppFile> {
    let Item::Table(top) = &mut settings.item else {
        return Vec::new();
    };
    if apps.is_empty() {
        return apps;
    }
    let empty = || Node {
        item: Item::Table(std::collections::BTreeMap::new()),
        origin: Origin::Default,
    };
    let table = top.entry("apps".to_owned()).or_insert_with(empty);
    let Item::Table(known) = &mut table.item else {
        return Vec::new();
    };
    let mut taken = Vec::new();
    for app in apps {
        if let Some(before) = known.get(&app.name) {
            let message = format!("the app {} is in two places", app.name);
            let problem = Problem::error(&app.written.origin, message);
            problems.push(problem.help(format!(
                "it is said at {} as well: keep one of them",
                before.origin
            )));
            continue;
        }
        known.insert(app.name.clone(), app.written.clone());
        taken.push(app);
    }
    taken
}
