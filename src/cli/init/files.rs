//! The files of a first configuration.

use std::path::{Path, PathBuf};

use super::answers::{Answers, SecretSource};

/// A file that is to be written.
pub(super) struct FirstFile {
    /// Its place below the folder.
    pub(super) place: String,
    pub(super) text: String,
}

/// All of them.
pub(super) fn files(answers: &Answers) -> Vec<FirstFile> {
    let filled = |text: &str| fill(text, answers);
    let file = |place: &str, text: &str| FirstFile {
        place: place.to_owned(),
        text: filled(text),
    };
    vec![
        file("courier.toml", include_str!("files/courier.toml")),
        file("templates.toml", include_str!("files/templates.toml")),
        file(
            &format!("rules/{}.toml", answers.rule_name()),
            include_str!("files/rule.toml"),
        ),
        file("samples.toml", include_str!("files/samples.toml")),
    ]
}

/// What is there already and would be written over, or would be mixed with what is written.
pub(super) fn in_the_way(folder: &Path, files: &[FirstFile]) -> Vec<PathBuf> {
    let places = files.iter().map(|file| folder.join(&file.place));
    let mut found: Vec<PathBuf> = places
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    for below in ["rules", "apps"] {
        let path = folder.join(below);
        let is_used = std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some());
        if is_used && !found.iter().any(|file| file.starts_with(&path)) {
            found.push(path);
        }
    }
    found
}

fn fill(text: &str, answers: &Answers) -> String {
    let secret = match &answers.secret {
        SecretSource::File(path) => format!(
            "# Only its place stands here: the file holds the AppSecret, and only the service may read it (chmod 600).\nsecret_file = {}",
            quoted(path)
        ),
        SecretSource::Variable => format!(
            "# The AppSecret is said by the variable {}, and stands in no file.",
            answers.secret_variable()
        ),
    };
    let places = [
        ("@brokers@", quoted(&answers.brokers)),
        ("@group@", quoted(&answers.group)),
        ("@topic@", quoted(&answers.topic)),
        ("@app_name@", answers.app.clone()),
        ("@app@", quoted(&answers.app)),
        ("@appid@", quoted(&answers.appid)),
        ("@event@", quoted(&answers.event)),
        ("@rule@", quoted(&answers.rule_name())),
        ("@secret@", secret),
    ];
    let mut filled = text.to_owned();
    for (place, value) in places {
        filled = filled.replace(place, &value);
    }
    filled
}

/// Text in quotes: what JSON writes is TOML as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
