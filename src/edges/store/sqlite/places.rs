//! Where the file lies, to notice that it was deleted or replaced: SQLite goes on writing to a file that no path leads to any more.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// The files of an open database.
pub(super) struct Places {
    path: PathBuf,
    file: Option<Identity>,
    log: Option<Identity>,
}

/// What has become of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// They are what they were.
    Same,
    /// The file is gone.
    Gone,
    /// Another file lies in its place.
    Replaced,
    /// Only the write-ahead log is not where it was: what it has can still be brought into the file.
    WithoutLog,
}

/// The file is for its owner alone: openids stand in it.
const MODE: u32 = 0o600;

impl Places {
    /// Notes where a database lies that was just opened.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: identity(path).unwrap_or_default(),
            log: identity(&log_of(path)).unwrap_or_default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the log away that belongs to the file which was here before, if another one lies here now: SQLite would read it as the log of
    /// that one. To be called when the file is closed.
    pub(super) fn take_log_away(&self) -> std::io::Result<()> {
        let log = log_of(&self.path);
        let is_ours = self.log.is_some() && identity(&log)? == self.log;
        if is_ours && identity(&self.path)? != self.file {
            fs::remove_file(log)?;
        }
        Ok(())
    }

    /// Looks for the files. A folder that cannot be looked into says nothing.
    pub(super) fn look(&self) -> Found {
        let Ok(file) = identity(&self.path) else {
            return Found::Same;
        };
        if file.is_none() {
            return Found::Gone;
        }
        if file != self.file {
            return Found::Replaced;
        }
        match identity(&log_of(&self.path)) {
            Ok(log) if self.log.is_some() && log != self.log => Found::WithoutLog,
            Ok(_) | Err(_) => Found::Same,
        }
    }
}

/// `None` if there is no such file.
fn identity(path: &Path) -> std::io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(about) => Ok(Some(Identity {
            device: about.dev(),
            inode: about.ino(),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log)
}

/// Makes the file if it is not there, readable by no other user; SQLite gives what it puts beside it the same mode. A file that others can
/// read stays as it was made, and is told.
pub(super) fn make(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(MODE).open(path) {
        Ok(_) => {
            tracing::info!(
                file = %path.display(),
                "a new state file is made: nothing that was sent before is known"
            );
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode() & 0o777;
            if mode & !MODE != 0 {
                tracing::warn!(
                    file = %path.display(),
                    mode = format!("{mode:o}"),
                    "others may read the state file, and openids stand in it: chmod 600"
                );
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}
