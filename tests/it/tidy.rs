//! The layers of the crates, and house rules that no lint knows. That the core can do no IO, and that the sandbox knows nothing of the
//! service, their `Cargo.toml` say: there the compiler holds it.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that are longer than others may be, and why.
const MAY_BE_LONG: &[(&str, &str)] =
    &[("crates/core/src/rules/inspect.rs", "every check of a rule")];

/// The modules of the core: each imports only those before it.
const ORDER_OF_THE_CORE: [&str; 16] = [
    "document",
    "model",
    "wechat",
    "event",
    "catalog",
    "message",
    "rules",
    "grants",
    "holds",
    "instances",
    "state",
    "schedule",
    "calendar",
    "flow",
    "replay",
    "explanation",
];

/// The modules of the service, and which of the others each may name. The command line may name them all.
const MAY_NAME: [(&str, &[&str]); 7] = [
    ("config", &[]),
    ("telemetry", &["config", "edges"]),
    ("edges", &["config", "telemetry"]),
    ("service", &["config", "telemetry", "edges"]),
    ("explaining", &["config", "edges"]),
    ("replaying", &["config", "edges"]),
    (
        "console",
        &["config", "telemetry", "edges", "explaining", "replaying"],
    ),
];

const LONGEST_FILE: usize = 400;

/// A file of ours: its path below the root, and its lines.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_in(&self, module: &str) -> bool {
        self.path == format!("{module}.rs") || self.path.starts_with(&format!("{module}/"))
    }

    /// The lines that a program is made of, with their numbers: no comments, and nothing from the tests at the end on.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.text.lines());
        lines
            .take_while(|(_, line)| line.trim() != "mod tests {")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Where one of these words stands in the code.
    fn places_of(&self, words: &[&str]) -> Vec<String> {
        let places = self.code().filter_map(|(number, line)| {
            let word = words.iter().find(|word| has_word(line, word))?;
            Some(format!("{}:{number}: {word}", self.path))
        });
        places.collect()
    }
}

/// Whether the word stands in the line, not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let (_, after) = rest.split_at(word.len());
        let (before, after) = (before.chars().next_back(), after.chars().next());
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "crates/core/src", "crates/sandbox/src"].map(|folder| root.join(folder));
    let files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| rust_files(folder))
        .collect();
    assert!(files.len() > 200, "found only {} files", files.len());
    files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(root).unwrap();
            Source {
                path: path.to_str().unwrap().to_owned(),
                text: fs::read_to_string(file).unwrap(),
            }
        })
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn check(is_meant: impl Fn(&Source) -> bool, words: &[&str], why: &str) {
    let sources = sources();
    let places: Vec<String> = sources
        .iter()
        .filter(|source| is_meant(source))
        .flat_map(|source| source.places_of(words))
        .collect();
    assert!(places.is_empty(), "{why}:\n  {}", places.join("\n  "));
}

/// The packages that a `Cargo.toml` names under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let manifest: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    dependencies.keys().cloned().collect()
}

/// What the compiler cannot hold: the standard library has a clock, files and threads, too.
#[test]
fn the_core_has_no_io_no_clock_no_async_and_no_chance() {
    for package in [
        "tokio",
        "rdkafka",
        "reqwest",
        "axum",
        "redis",
        "rusqlite",
        "tracing",
        "getrandom",
    ] {
        let named = dependencies("crates/core/Cargo.toml");
        assert!(!named.iter().any(|name| name == package), "{package}");
    }
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "SystemTime",
        "time::Instant",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "async",
        "await",
    ];
    let is_of_the_core = |source: &Source| source.path.starts_with("crates/core/");
    check(is_of_the_core, &words, "the core decides, and does nothing");
    let draws = |line: &str| {
        let rest = line
            .replace("fastrand::Rng::with_seed", "")
            .replace("fastrand::Rng", "");
        rest.contains("fastrand::")
    };
    for source in sources().iter().filter(|source| is_of_the_core(source)) {
        for (number, line) in source.code() {
            assert!(
                !draws(line),
                "{}:{number} draws without a seed",
                source.path
            );
        }
    }
}

#[test]
fn the_sandbox_shares_no_code_with_the_service() {
    let ours: Vec<String> = dependencies("crates/sandbox/Cargo.toml")
        .into_iter()
        .filter(|name| name.starts_with("wx"))
        .collect();
    assert!(ours.is_empty(), "the sandbox is an oracle: {ours:?}");
}

/// The module of the core that a file belongs to.
fn module_of(path: &str) -> Option<&str> {
    let below = path.strip_prefix("crates/core/src/")?;
    let end = below.find(['/', '.'])?;
    below
        .get(..end)
        .filter(|module| ORDER_OF_THE_CORE.contains(module))
}

/// The modules of its own crate that a line names.
fn named_in(line: &str) -> impl Iterator<Item = &str> {
    let after = line.split("crate::").skip(1);
    after.filter_map(|after| {
        let mut words = after.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.next()
    })
}

/// Where a file of the core names a module that stands behind its own.
fn names_out_of_order(source: &Source) -> Vec<String> {
    let Some(own) = module_of(&source.path) else {
        return Vec::new();
    };
    let place = |module: &str| ORDER_OF_THE_CORE.iter().position(|known| *known == module);
    let mut found = Vec::new();
    for (number, line) in source.code() {
        for named in named_in(line) {
            if place(named) > place(own) {
                found.push(format!("{}:{number}: {own} names {named}", source.path));
            }
        }
        assert!(
            !line.contains("crate::{"),
            "{}:{number}: one module a line, please",
            source.path
        );
    }
    found
}

#[test]
fn the_modules_of_the_core_stand_in_a_line() {
    let sources = sources();
    let found: Vec<String> = sources.iter().flat_map(names_out_of_order).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    for module in ORDER_OF_THE_CORE {
        let is_there = sources
            .iter()
            .any(|source| module_of(&source.path) == Some(module));
        assert!(is_there, "there is no {module}");
    }
}

/// Where a file of the service names a module that its own may not name.
fn names_beyond_its_layer(source: &Source) -> Vec<String> {
    let own = MAY_NAME
        .iter()
        .find(|(own, _)| source.is_in(&format!("src/{own}")));
    let Some((own, others)) = own else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (number, line) in source.code() {
        for named in named_in(line) {
            if named != *own && !others.contains(&named) {
                found.push(format!("{}:{number}: {own} names {named}", source.path));
            }
        }
    }
    found
}

#[test]
fn the_modules_of_the_service_stand_in_layers() {
    let sources = sources();
    let found: Vec<String> = sources.iter().flat_map(names_beyond_its_layer).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (module, _) in MAY_NAME {
        let is_there = sources
            .iter()
            .any(|source| source.is_in(&format!("src/{module}")));
        assert!(is_there, "there is no {module}");
    }
}

#[test]
fn nobody_imports_the_command_line() {
    check(
        |source| !source.is_in("src/cli"),
        &["crate::cli"],
        "only main runs the command line",
    );
}

#[test]
fn the_judge_of_the_chaos_run_knows_nothing_of_the_service() {
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support");
    let mut files = rust_files(&support.join("oracle"));
    files.push(support.join("oracle.rs"));
    assert!(files.len() > 4, "found only {} files", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for word in ["wx_courier", "crate", "rdkafka"] {
            assert!(
                !has_word(&text.replace("pub(crate)", ""), word),
                "{}: {word}",
                file.display()
            );
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["src", "crates", "tests", "examples", "bench", "fuzz"].map(|folder| root.join(folder));
    let folders = folders.iter().filter(|folder| folder.exists());
    for file in folders.flat_map(|folder| rust_files(folder)) {
        let text = fs::read_to_string(&file).unwrap();
        if text.trim().is_empty() {
            // Nothing is there yet, so there is nothing to say.
            continue;
        }
        assert!(
            text.starts_with("//! "),
            "{} begins without //!",
            file.display()
        );
    }
}

#[test]
fn files_stay_short_enough_to_be_read() {
    let sources = sources();
    let too_long = |source: &&Source| {
        let tests_begin = source.text.lines().position(|line| line == "#[cfg(test)]");
        let length = tests_begin.unwrap_or_else(|| source.text.lines().count());
        length > LONGEST_FILE
    };
    let long: Vec<&str> = sources
        .iter()
        .filter(too_long)
        .map(|source| source.path.as_str())
        .collect();
    let excused = |path: &&str| MAY_BE_LONG.iter().any(|(excused, _)| excused == path);
    let unexcused: Vec<_> = long.iter().filter(|path| !excused(path)).collect();
    assert!(
        unexcused.is_empty(),
        "over {LONGEST_FILE} lines: {unexcused:?}"
    );
    // An excuse that no file needs any more goes.
    for (path, _) in MAY_BE_LONG {
        assert!(long.contains(path), "{path} needs no excuse");
    }
}

#[test]
fn modules_are_named_for_what_they_do() {
    let words = [
        "mod utils",
        "mod util",
        "mod common",
        "mod helpers",
        "mod helper",
        "mod misc",
    ];
    check(|_| true, &words, "a name that says nothing");
}

#[test]
fn this_would_notice() {
    let source = |path: &str, text: &str| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let low = source(
        "crates/core/src/model/ids.rs",
        "//! std::fs\nuse std::fs;\nlet std_fs = 1;\nuse crate::flow::Engine;\nmod tests {\nuse std::fs;",
    );
    assert_eq!(
        low.places_of(&["std::fs"]),
        ["crates/core/src/model/ids.rs:2: std::fs"]
    );
    assert_eq!(
        names_out_of_order(&low),
        ["crates/core/src/model/ids.rs:4: model names flow"]
    );
    let high = source("crates/core/src/flow.rs", "use crate::model::Ticket;");
    assert!(names_out_of_order(&high).is_empty());
    let part = source(
        "src/explaining/asking.rs",
        "use crate::edges::store;\nuse crate::service::Parts;",
    );
    assert_eq!(
        names_beyond_its_layer(&part),
        ["src/explaining/asking.rs:2: explaining names service"]
    );
    let command = source("src/cli/run.rs", "");
    assert!(command.is_in("src/cli") && !command.is_in("src/cl"));
}
