//! The layers of the crate, and house rules that no lint knows.

use std::fs;
use std::path::{Path, PathBuf};

/// Files of the crate that are longer than others may be, and why.
const MAY_BE_LONG: &[(&str, &str)] = &[("pipeline/rules/inspect.rs", "every check of a rule")];

const LONGEST_FILE: usize = 400;

/// A file of the crate: its path below `src/`, and its lines.
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
            Some(format!("src/{}:{number}: {word}", self.path))
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 50, "found only {} files", files.len());
    files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&root).unwrap();
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

#[test]
fn the_core_has_no_io_no_clock_no_async_and_no_chance() {
    let words = [
        "tokio",
        "rdkafka",
        "reqwest",
        "axum",
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
    check(
        |source| source.is_in("pipeline"),
        &words,
        "pipeline decides, and does nothing",
    );
    let draws = |line: &str| {
        let rest = line
            .replace("fastrand::Rng::with_seed", "")
            .replace("fastrand::Rng", "");
        rest.contains("fastrand::")
    };
    for source in sources().iter().filter(|source| source.is_in("pipeline")) {
        for (number, line) in source.code() {
            assert!(
                !draws(line),
                "src/{}:{number} draws without a seed",
                source.path
            );
        }
    }
}

#[test]
fn the_core_knows_nothing_of_what_is_around_it() {
    let words = [
        "crate::edges",
        "crate::service",
        "crate::config",
        "crate::sandbox",
        "crate::telemetry",
        "crate::console",
    ];
    check(
        |source| source.is_in("pipeline"),
        &words,
        "pipeline is imported, and imports nobody",
    );
}

#[test]
fn nobody_imports_the_command_line() {
    check(
        |source| !source.is_in("cli"),
        &["crate::cli"],
        "only main runs the command line",
    );
}

#[test]
fn the_sandbox_shares_no_code_with_the_service() {
    let mut places = Vec::new();
    for source in sources().iter().filter(|source| source.is_in("sandbox")) {
        for (number, line) in source.code() {
            let others = line.replace("crate::sandbox", "");
            if has_word(&others, "crate") || has_word(&others, "wx_courier") {
                places.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(
        places.is_empty(),
        "the sandbox is an oracle:\n  {}",
        places.join("\n  ")
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
    let folders = ["src", "tests", "examples", "benches"].map(|folder| root.join(folder));
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
    // An excuse that nobody needs any more goes.
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
    let source = Source {
        path: "pipeline/engine.rs".to_owned(),
        text: "//! tokio\nuse tokio::time;\nlet tokio_like = 1;\nmod tests {\nuse tokio;"
            .to_owned(),
    };
    assert_eq!(
        source.places_of(&["tokio"]),
        ["src/pipeline/engine.rs:2: tokio"]
    );
    assert!(source.is_in("pipeline") && !source.is_in("pipe"));
}
