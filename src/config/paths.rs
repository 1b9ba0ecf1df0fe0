//! Paths in the configuration, made whole: the one place that says where a relative one begins.
//!
//! What `courier.toml` says, or leaves to a default, begins at the folder of that file: a service finds the same files wherever it was
//! started. What a variable or a flag says begins at the working directory, as who types it expects.

use std::path::{Component, Path, PathBuf};

use super::Sources;
use wx_courier_core::document::{Origin, Said};

/// A file lies where a relative path of the settings led in earlier versions, and none where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Which files.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Where relative paths begin.
pub(super) struct Paths {
    /// The folder of `courier.toml`.
    folder: PathBuf,
    /// The process's working directory.
    working: PathBuf,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The whole path.
    pub(super) path: PathBuf,
    /// What lies where the path led in earlier versions, below the working directory, while nothing lies where it leads.
    pub(super) left_behind: Option<PathBuf>,
}

impl Paths {
    pub(super) fn new(sources: &Sources) -> Self {
        Self {
            folder: joined(&sources.working_folder, &sources.folder),
            working: sources.working_folder.clone(),
        }
    }

    /// Where a path leads that was said there.
    pub(super) fn place(&self, written: &str, origin: &Origin) -> Place {
        self.place_after(written, written, origin)
    }

    /// The same for a path that was written otherwise in earlier versions, as a default may be.
    pub(super) fn place_after(&self, former: &str, written: &str, origin: &Origin) -> Place {
        let begins = match origin {
            Origin::Environment(_) | Origin::Flag(_) => &self.working,
            Origin::File { .. } | Origin::Default => &self.folder,
        };
        let path = joined(begins, Path::new(written));
        let former = joined(&self.working, Path::new(former));
        // What cannot be looked at is told where it is opened.
        let is_there = path.try_exists().unwrap_or(true);
        let left_behind = (!is_there && former.exists()).then_some(former);
        Place { path, left_behind }
    }

    /// The same of a setting that is a path and nothing else.
    pub(super) fn place_of(&self, said: &Said<String>) -> Place {
        self.place(&said.value, &said.origin)
    }
}

impl Place {
    /// What is wrong and what to do where something was left behind; `what` names it.
    pub(super) fn misplaced(&self, what: &str) -> Option<LeftBehind> {
        let former = self.left_behind.as_ref()?;
        let (path, former) = (self.path.display(), former.display());
        let message = format!(
            "there is no {path}, but there is {former}: a relative path in courier.toml begins at the folder of that file, no longer at the working directory"
        );
        let help = format!("move {what} to {path}, or write the whole path {former}");
        Some(LeftBehind { message, help })
    }
}

/// A path from a folder. `..` takes a name off, whatever that name links to: the result is what a person reads off.
fn joined(folder: &Path, path: &Path) -> PathBuf {
    let mut whole = folder.to_owned();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => whole.push(part),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn paths(folder: &str, working: &Path) -> Paths {
        Paths::new(&Sources {
            folder: folder.into(),
            working_folder: working.to_owned(),
            environment: Default::default(),
            flags: Vec::new(),
        })
    }

    #[test]
    fn a_path_begins_where_it_was_said() {
        let variable = Origin::Environment(Arc::from("X"));
        let working = Path::new("/nowhere/work");
        for (folder, origin, written, whole) in [
            (
                "/nowhere/config",
                &Origin::Default,
                "../data/a",
                "/nowhere/data/a",
            ),
            (
                "config",
                &Origin::Default,
                "../data/a",
                "/nowhere/work/data/a",
            ),
            (".", &Origin::Default, "./a", "/nowhere/work/a"),
            ("../config", &Origin::Default, "a", "/nowhere/config/a"),
            ("/", &Origin::Default, "../../a", "/a"),
            ("/nowhere/config", &variable, "a", "/nowhere/work/a"),
            ("/nowhere/config", &Origin::Default, "/b/a", "/b/a"),
            ("/nowhere/config", &variable, "/b/a", "/b/a"),
        ] {
            let place = paths(folder, working).place(written, origin);
            assert_eq!(place.path, Path::new(whole), "{written} of {origin:?}");
            assert_eq!(place.left_behind, None);
        }
    }

    #[test]
    fn what_was_left_behind_is_told_until_something_lies_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        std::fs::create_dir(&config).unwrap();
        let (former, place) = (folder.path().join("a"), config.join("a"));
        std::fs::write(&former, "").unwrap();
        let paths = paths("config", folder.path());
        let found = paths.place("a", &Origin::Default);
        assert_eq!(
            (&found.path, found.left_behind.as_ref()),
            (&place, Some(&former))
        );
        let LeftBehind { message, help } = found.misplaced("it").unwrap();
        for path in [&former, &place] {
            let path = path.display().to_string();
            assert!(
                message.contains(&path) && help.contains(&path),
                "{message}; {help}"
            );
        }
        let variable = Origin::Environment(Arc::from("X"));
        assert_eq!(paths.place("a", &variable).left_behind, None);
        std::fs::write(&place, "").unwrap();
        assert_eq!(paths.place("a", &Origin::Default).left_behind, None);
    }
}
