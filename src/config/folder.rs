//! The files beside `courier.toml`: the template catalog and the rules.

use std::path::Path;

use crate::document::{Problem, Problems};
use crate::pipeline::catalog::Catalog;
use crate::pipeline::rules::RuleSource;

pub(super) fn load_catalog(problems: &mut Problems, folder: &Path) -> Option<Catalog> {
    let path = folder.join("templates.toml");
    let file = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Catalog::read(problems, &file, &text),
        Err(error) => {
            let problem = Problem::in_file(
                file,
                format!("the template catalog cannot be read: {error}"),
            );
            problems.push(problem.help("list each template there: [app.name] with `id = \"…\"`"));
            None
        }
    }
}

pub(super) fn find_rules(problems: &mut Problems, folder: &Path) -> Vec<RuleSource> {
    let root = folder.join("rules");
    let mut found = Vec::new();
    if let Err(error) = walk_rules(problems, &root, &root, &mut found) {
        let problem = Problem::in_file(
            root.display().to_string(),
            format!("the rules cannot be read: {error}"),
        );
        problems.push(problem.help("put one TOML file a rule into this folder"));
    } else if found.is_empty() && !problems.has_errors() {
        let problem = Problem::in_file(
            root.display().to_string(),
            "there is no rule in this folder",
        );
        problems
            .push(problem.help("put one TOML file a rule into it; its name is the rule's name"));
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

fn walk_rules(
    problems: &mut Problems,
    root: &Path,
    folder: &Path,
    found: &mut Vec<RuleSource>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            // Kubernetes keeps the older versions of a mounted folder beside it, in folders that begin with a dot.
            continue;
        }
        if path.is_dir() {
            walk_rules(problems, root, &path, found)?;
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let file = path.display().to_string();
        let name = path.strip_prefix(root).unwrap_or(&path).with_extension("");
        match std::fs::read_to_string(&path) {
            Ok(text) => found.push(RuleSource {
                file,
                name: name.to_string_lossy().replace('\\', "/"),
                text,
            }),
            Err(error) => problems.push(Problem::in_file(
                file,
                format!("the rule cannot be read: {error}"),
            )),
        }
    }
    Ok(())
}
