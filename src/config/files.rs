//! Which files a configuration is made of, and what can be seen of them without reading them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Error, Result};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// `courier.toml`.
pub(super) fn settings(folder: &Path) -> PathBuf {
    folder.join("courier.toml")
}

/// `templates.toml`.
pub(super) fn templates(folder: &Path) -> PathBuf {
    folder.join("templates.toml")
}

/// The folder of the rules.
pub(super) fn rules(folder: &Path) -> PathBuf {
    folder.join("rules")
}

/// The folder of the apps that have files of their own. It need not be there.
pub(super) fn apps(folder: &Path) -> PathBuf {
    folder.join("apps")
}

/// A folder deeper than this is a link to one above it.
const DEEPEST: usize = 16;

/// Every TOML file in a folder and in those below it, in the order of their paths.
pub(super) fn toml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(folder, DEEPEST, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, levels_left: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if levels_left == 0 {
        return Err(Error::other(format!(
            "{} is more than {DEEPEST} folders deep: is it a link to a folder above?",
            folder.display()
        )));
    }
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
            walk(&path, levels_left - 1, found)?;
        } else if path.extension().is_some_and(|kind| kind == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

/// What can be seen of a configuration without reading it: which files there are, and of each its size, its times, and which file it is. Links are
/// followed, so that a link to another file is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

/// Looks at the files of a configuration, and at others that it names: its secrets.
pub(crate) fn fingerprint(folder: &Path, named: &[PathBuf]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    let alone = [settings(folder), templates(folder)];
    for path in alone.iter().chain(named) {
        add(&mut hasher, path);
    }
    for folder in [rules(folder), apps(folder)] {
        match toml_files(&folder) {
            Ok(files) => files.iter().for_each(|path| add(&mut hasher, path)),
            Err(error) => error.kind().hash(&mut hasher),
        }
    }
    Fingerprint(hasher.finish())
}

fn add(hasher: &mut DefaultHasher, path: &Path) {
    path.hash(hasher);
    match std::fs::metadata(path) {
        Ok(seen) => {
            (seen.dev(), seen.ino(), seen.len()).hash(hasher);
            (seen.mtime(), seen.mtime_nsec()).hash(hasher);
            // A tool that sets the time of a file back cannot set this one.
            (seen.ctime(), seen.ctime_nsec()).hash(hasher);
        }
        Err(error) => error.kind().hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("rules/shop")).unwrap();
        for name in ["courier.toml", "templates.toml", "rules/a.toml"] {
            fs::write(folder.path().join(name), "x = 1\n").unwrap();
        }
        folder
    }

    #[test]
    fn every_change_of_a_file_that_counts_is_seen_and_no_other() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        let secret = path("secret");
        let look = || fingerprint(folder.path(), std::slice::from_ref(&secret));
        let mut before = look();
        let mut changes = |what: &str, change: &dyn Fn()| {
            change();
            let now = look();
            assert_ne!(now, before, "{what}");
            before = now;
        };
        changes("a longer file", &|| {
            fs::write(path("rules/a.toml"), "x = 12\n").unwrap();
        });
        changes("a file of a sub-folder", &|| {
            fs::write(path("rules/shop/b.toml"), "").unwrap();
        });
        changes("a rename over it, as editors save", &|| {
            fs::write(path("rules/.a.swp"), "x = 12\n").unwrap();
            fs::rename(path("rules/.a.swp"), path("rules/a.toml")).unwrap();
        });
        changes("a file less", &|| {
            fs::remove_file(path("rules/shop/b.toml")).unwrap();
        });
        changes("an app", &|| {
            fs::create_dir(path("apps")).unwrap();
            fs::write(path("apps/club.toml"), "").unwrap();
        });
        changes("a secret", &|| fs::write(path("secret"), "s").unwrap());
        changes("another folder of rules", &|| {
            fs::create_dir(path("rules-2")).unwrap();
            fs::write(path("rules-2/a.toml"), "x = 12\n").unwrap();
            fs::rename(path("rules"), path("rules-1")).unwrap();
            symlink("rules-2", path("rules")).unwrap();
        });
        changes("no folder of rules", &|| {
            fs::remove_file(path("rules")).unwrap();
        });
        fs::write(path("notes.md"), "").unwrap();
        assert_eq!(look(), before);
    }

    /// `..data` is a link that is swapped; each file is a link through it.
    #[test]
    fn the_swap_of_a_mounted_config_map_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["..one", "..two"] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("courier.toml"), "x = 1\n").unwrap();
        }
        symlink("..one", path("..data")).unwrap();
        symlink("..data/courier.toml", path("courier.toml")).unwrap();
        let before = fingerprint(folder.path(), &[]);
        symlink("..two", path("..data_tmp")).unwrap();
        fs::rename(path("..data_tmp"), path("..data")).unwrap();
        assert_ne!(fingerprint(folder.path(), &[]), before);
    }

    #[test]
    fn a_link_to_a_folder_above_is_told() {
        let folder = folder();
        symlink("..", folder.path().join("rules/up")).unwrap();
        let error = toml_files(&rules(folder.path())).unwrap_err().to_string();
        assert!(error.contains("a link to a folder above?"), "{error}");
    }
}
