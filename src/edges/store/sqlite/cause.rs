//! What keeps the state file from being used, in words that say what helps. What SQLite or the system says itself stands behind them.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::ErrorCode;

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The user that runs us lacks a right on the file or its folder.
    Rights,
    /// There is no room.
    DiskFull,
    /// Another process holds the file.
    Locked,
    /// The file system takes no writes.
    ReadOnly,
    /// A folder has the file's name.
    IsFolder,
    /// The device fails.
    Device,
}

impl Cause {
    /// What the error says; `None` where only its own words do.
    pub(super) fn of(error: &anyhow::Error, path: &Path) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Self::of_io(error);
        }
        let code = error
            .downcast_ref::<rusqlite::Error>()?
            .sqlite_error_code()?;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "SQLite has many codes, and may get more; these are the ones that a person can do something about"
        )]
        match code {
            ErrorCode::DiskFull => Some(Self::DiskFull),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some(Self::Locked),
            ErrorCode::PermissionDenied => Some(Self::Rights),
            // It does not say why; the system does.
            ErrorCode::CannotOpen | ErrorCode::ReadOnly => {
                let asked = OpenOptions::new().write(true).open(path);
                // Where the file itself may be written, it is what SQLite puts beside it.
                Some(
                    asked
                        .err()
                        .as_ref()
                        .and_then(Self::of_io)
                        .unwrap_or(Self::Rights),
                )
            }
            ErrorCode::SystemIoFailure => Some(Self::Device),
            _ => None,
        }
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the system has many kinds; these are the ones with a remedy of their own"
        )]
        match error.kind() {
            ErrorKind::PermissionDenied => Some(Self::Rights),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(Self::DiskFull),
            ErrorKind::ReadOnlyFilesystem => Some(Self::ReadOnly),
            ErrorKind::IsADirectory => Some(Self::IsFolder),
            _ => None,
        }
    }

    /// What it is, and what helps.
    pub(super) fn in_words(self, path: &Path) -> String {
        let file = path.display();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = folder.display();
        match self {
            Self::Rights => format!(
                "permission denied: the user that runs wx-courier must be allowed to read and write {file}, and to make files in {folder} (`ls -la {folder}` shows who may)"
            ),
            Self::DiskFull => {
                format!("the disk is full, or the user's part of it: make room (`df -h {folder}`)")
            }
            Self::Locked => format!(
                "another process holds {file} (`fuser -v {file}` names it): an SQLite file serves one instance. Stop the other one, sqlite3 too, or let a fleet share redis://"
            ),
            Self::ReadOnly => format!(
                "the file system of {folder} is read-only: mount it for writing, or name another place in [state] url"
            ),
            Self::IsFolder => format!("{file} is a folder: name a file in [state] url"),
            Self::Device => format!(
                "the disk under {folder} fails to read or write: look at the system's log (`dmesg`)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn cause_of(error: rusqlite::Error, path: &Path) -> Option<Cause> {
        Cause::of(&error.into(), path)
    }

    #[test]
    fn a_file_that_another_connection_writes_is_locked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let first = Connection::open(&path).unwrap();
        first.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let second = Connection::open(&path).unwrap();
        second.busy_timeout(std::time::Duration::ZERO).unwrap();
        let error = second.execute_batch("BEGIN EXCLUSIVE").unwrap_err();
        assert_eq!(cause_of(error, &path), Some(Cause::Locked));
        let words = Cause::Locked.in_words(&path);
        assert!(
            words.contains("another process holds") && words.contains("fuser"),
            "{words}"
        );
    }

    #[test]
    fn a_file_that_may_not_grow_is_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA max_page_count = 2; CREATE TABLE a (text TEXT)")
            .unwrap();
        let error = connection
            .execute("INSERT INTO a VALUES (zeroblob(100000))", [])
            .unwrap_err();
        assert_eq!(cause_of(error, &path), Some(Cause::DiskFull));
        assert!(
            Cause::DiskFull
                .in_words(&path)
                .starts_with("the disk is full")
        );
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Connection::open(folder.path()).unwrap_err();
        assert_eq!(cause_of(error, folder.path()), Some(Cause::IsFolder));
    }

    #[test]
    fn what_the_system_says_has_its_cause() {
        for (kind, expected) in [
            (ErrorKind::PermissionDenied, Some(Cause::Rights)),
            (ErrorKind::ReadOnlyFilesystem, Some(Cause::ReadOnly)),
            (ErrorKind::StorageFull, Some(Cause::DiskFull)),
            (ErrorKind::QuotaExceeded, Some(Cause::DiskFull)),
            (ErrorKind::NotFound, None),
        ] {
            let error = anyhow::Error::from(io::Error::from(kind)).context("somewhere");
            assert_eq!(Cause::of(&error, Path::new("state.db")), expected, "{kind}");
        }
        let words = Cause::Rights.in_words(Path::new("state.db"));
        assert!(words.contains("`ls -la .`"), "{words}");
    }
}
