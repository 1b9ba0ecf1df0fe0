//! The image, as the last stage of the `Dockerfile` makes it.

use std::path::Path;

use wx_courier::config::StateUrl;

use super::documents::{path, text};
use crate::support::folder::read;

/// What a container of the image is given.
pub(super) struct Image {
    /// The instructions of the last stage: the word, and the rest of the line.
    instructions: Vec<(String, String)>,
}

impl Image {
    pub(super) fn of_the_dockerfile() -> Self {
        let file = text("Dockerfile").replace("\\\n", " ");
        let mut instructions = Vec::new();
        for line in file.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap();
            if word == "FROM" {
                instructions.clear();
            }
            instructions.push((word.to_owned(), rest.trim().to_owned()));
        }
        Self { instructions }
    }

    fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        let meant = self
            .instructions
            .iter()
            .filter(move |(found, _)| found == word);
        meant.map(|(_, rest)| rest.as_str())
    }

    fn one<'a>(&'a self, word: &'a str) -> &'a str {
        self.all(word)
            .last()
            .unwrap_or_else(|| panic!("the image has no {word}"))
    }

    fn list(&self, word: &str) -> Vec<String> {
        serde_json::from_str(self.one(word)).unwrap_or_else(|error| panic!("{word}: {error}"))
    }

    /// The ids of the user and of its group. Names would need a file that the base may not have, and Kubernetes cannot tell of a name that it is
    /// not root's.
    pub(super) fn user(&self) -> (u32, u32) {
        ids(self.one("USER"))
    }

    pub(super) fn entrypoint(&self) -> Vec<String> {
        self.list("ENTRYPOINT")
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        self.list("CMD")
    }

    pub(super) fn volumes(&self) -> Vec<String> {
        self.list("VOLUME")
    }

    pub(super) fn working_folder(&self) -> &str {
        self.one("WORKDIR")
    }

    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let variables = self.all("ENV").flat_map(str::split_whitespace);
        variables
            .map(|variable| {
                let (name, value) = variable.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }

    /// Where each file or folder that is copied into the image lies.
    pub(super) fn copied(&self) -> Vec<&str> {
        let copies = self.all("COPY");
        copies
            .map(|copy| copy.split_whitespace().last().unwrap())
            .collect()
    }

    /// Whose the folder is that the image has at this place; nothing if it has none.
    pub(super) fn owner(&self, place: &str) -> Option<(u32, u32)> {
        let copy = self
            .all("COPY")
            .find(|copy| copy.split_whitespace().last() == Some(place))?;
        let mut flags = copy.split_whitespace();
        let owner = flags.find_map(|flag| flag.strip_prefix("--chown="));
        Some(owner.map_or((0, 0), ids))
    }
}

fn ids(text: &str) -> (u32, u32) {
    let (user, group) = text.split_once(':').unwrap_or((text, "0"));
    let id = |text: &str| {
        text.parse()
            .unwrap_or_else(|_| panic!("{text} is no number"))
    };
    (id(user), id(group))
}

#[test]
fn the_user_is_not_root_and_owns_the_volume() {
    let image = Image::of_the_dockerfile();
    let (user, group) = image.user();
    assert!(user > 0 && group > 0, "{user}:{group}");
    assert!(!image.volumes().is_empty());
    for volume in image.volumes() {
        assert_eq!(image.owner(&volume), Some((user, group)), "{volume}");
    }
    let variables = image.variables();
    let folder = variables.iter().find(|(name, _)| name == "SQLITE_TMPDIR");
    assert!(image.volumes().contains(&folder.unwrap().1));
}

#[test]
fn what_is_kept_by_default_lies_in_the_volume() {
    let image = Image::of_the_dockerfile();
    let settings = read(&path("config")).settings.unwrap();
    let StateUrl::Sqlite(file) = settings.state.url else {
        panic!("the sample keeps its state elsewhere");
    };
    // Relative to the settings, which are in the folder that the entry point names.
    let here = path("config");
    let entrypoint = image.entrypoint();
    let there = Path::new(entrypoint.last().unwrap());
    assert!(there.is_absolute(), "{entrypoint:?}");
    let beside = file.strip_prefix(here.parent().unwrap()).unwrap();
    let place = there.parent().unwrap().join(beside);
    let is_inside = |volume: &String| place.starts_with(volume);
    assert!(image.volumes().iter().any(is_inside), "{}", place.display());
}
