//! `templates.toml` on the disk.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::read_text;

/// How a file begins that is not written yet.
const HEAD: &str = "\
# The subscribe-message templates of each mini program, as `wx-courier templates pull` found them. The name behind the app's,
# [app.name], is yours: rename it as you like, rules use it. A pull knows a template by its id and keeps names and comments.
";

/// The file and what was in it.
pub(super) struct CatalogFile {
    path: PathBuf,
    found: Option<String>,
}

impl CatalogFile {
    /// Reads it; a file that is not there is an empty one.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let found = read(&path)?;
        Ok(Self { path, found })
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// What is in it, or what a new one begins with.
    pub(super) fn text(&self) -> &str {
        self.found.as_deref().unwrap_or(HEAD)
    }

    /// Puts another text in its place, whole or not at all. Refused if another program has written it since it was read.
    pub(super) fn replace(&self, text: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            read(&self.path)? == self.found,
            "{} has changed since it was read: nothing was written, pull again",
            self.path.display()
        );
        self.write(text)
            .with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        // A link stays one: what it leads to is replaced.
        let target = match std::fs::canonicalize(&self.path) {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::NotFound => self.path.clone(),
            Err(error) => return Err(error),
        };
        let beside = target.with_extension(format!("toml.{:08x}", fastrand::u32(..)));
        let written = write_beside(&beside, &target, text);
        if written.is_err() {
            let _is_gone = std::fs::remove_file(&beside).is_ok();
        }
        written
    }
}

fn write_beside(beside: &Path, target: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(beside)?;
    if let Ok(metadata) = std::fs::metadata(target) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, target)
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}
