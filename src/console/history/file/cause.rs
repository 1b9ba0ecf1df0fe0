//! What keeps the history from its file, in words that say what helps.

use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::ErrorCode;

/// The error with what it means and what helps in front, where that is known.
pub(in crate::console::history) fn explained(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (file, folder) = (path.display(), folder.display());
    let words = match cause(&error) {
        None => return error,
        Some(Cause::DiskFull) => {
            format!(
                "the disk of {file} is full: make room (`df -h {folder}`), or lower [console] max_bytes"
            )
        }
        Some(Cause::Rights) => format!(
            "permission denied: the user that runs wx-courier must be allowed to read and write {file}, and to make files in {folder} (`ls -la {folder}`)"
        ),
        Some(Cause::ReadOnly) => format!(
            "{file} takes no writes: mount {folder} for writing, or name another place in [console] history"
        ),
        Some(Cause::Device) => {
            format!(
                "the disk under {folder} fails to read or write: look at the system's log (`dmesg`)"
            )
        }
        Some(Cause::NoPlace) => {
            format!("{file} can be no file: name another place in [console] history")
        }
    };
    error.context(words)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    DiskFull,
    Rights,
    ReadOnly,
    Device,
    /// A folder has its name, or a file that of its folder.
    NoPlace,
}

fn cause(error: &anyhow::Error) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error);
    }
    let code = error
        .downcast_ref::<rusqlite::Error>()?
        .sqlite_error_code()?;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "SQLite has many codes, and may get more; these are the ones that a person can do something about"
    )]
    match code {
        ErrorCode::DiskFull => Some(Cause::DiskFull),
        ErrorCode::PermissionDenied | ErrorCode::CannotOpen => Some(Cause::Rights),
        ErrorCode::ReadOnly => Some(Cause::ReadOnly),
        ErrorCode::SystemIoFailure => Some(Cause::Device),
        _ => None,
    }
}

fn of_io(error: &io::Error) -> Option<Cause> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the system has many kinds; these are the ones with a remedy of their own"
    )]
    match error.kind() {
        ErrorKind::PermissionDenied => Some(Cause::Rights),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(Cause::DiskFull),
        ErrorKind::ReadOnlyFilesystem => Some(Cause::ReadOnly),
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            Some(Cause::NoPlace)
        }
        _ => None,
    }
}
