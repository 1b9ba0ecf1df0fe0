//! The file of the history: opened, made, moved aside where it cannot be read, and kept for one console.
//!
//! All that is in it can be made again from the topics, as far as they reach. So a file that is damaged, or of another version, keeps no console
//! from its work; it is moved aside, since topics may keep less than the history does.

mod cause;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::tables::{self, APPLICATION, N_STATEMENTS, VERSION};
pub(super) use cause::explained;

/// How long a checkpoint waits for readers, and readers for the rare moments in which nothing can be read.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// For the tails of all indexes that are written to. SQLite takes a negative number for KiB.
const WRITER_CACHE_KIB: i64 = -16 * 1024;
const READER_CACHE_KIB: i64 = -2 * 1024;

/// The file is for its owner alone: recipients stand in it.
const MODE: u32 = 0o600;

/// A damaged page, or bytes that no version of ours has written.
#[derive(Debug, thiserror::Error)]
#[error("the file is damaged: {0} cannot be read")]
pub(super) struct Damaged(pub(super) &'static str);

/// Whether an error says that the file is damaged.
pub(super) fn is_damage(error: &anyhow::Error) -> bool {
    let of_sqlite = || {
        let error = error.downcast_ref::<rusqlite::Error>()?;
        error.sqlite_error_code()
    };
    error.is::<Damaged>()
        || matches!(
            of_sqlite(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        )
}

/// An open file.
pub(super) struct Place {
    path: PathBuf,
    /// Held for as long as the file is ours. SQLite's own locks would keep our readers out.
    _lock: File,
    /// A file that goes with the process lies in a folder that does.
    _folder: Option<TempDir>,
}

impl Place {
    /// Takes a place for ours, and makes its folder.
    pub(super) fn take(path: &Path) -> anyhow::Result<Self> {
        let file = path.display();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("the folder of {file} cannot be made"))?;
        }
        let lock = beside(path, "lock");
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(MODE)
            .open(&lock)
            .with_context(|| format!("{} cannot be made", lock.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(anyhow!(Taken).context(format!(
                "another console keeps its history in {file}: give each console a file of its own in [console] history"
            ))),
            Err(TryLockError::Error(error)) => {
                return Err(anyhow!(error).context(format!("{file} cannot be locked")));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
            _folder: None,
        })
    }

    /// A place in a folder that goes when the history does.
    pub(super) fn temporary() -> anyhow::Result<Self> {
        // A machine whose disks take nothing may still have memory.
        let folders = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
        let made = folders.iter().map(|folder| {
            let made = tempfile::Builder::new()
                .prefix("wx-courier-console-")
                .tempdir_in(folder);
            made.with_context(|| format!("no folder can be made in {}", folder.display()))
        });
        let mut why = None;
        for folder in made {
            let taken = folder.and_then(|folder| {
                let place = Self::take(&folder.path().join("console.sqlite"))?;
                Ok(Self {
                    _folder: Some(folder),
                    ..place
                })
            });
            match taken {
                Ok(place) => return Ok(place),
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_else(|| anyhow!("there is no folder for temporary files")))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for its one writer, and makes it where it is not there. What cannot be used is moved aside, and said.
    pub(super) fn open(&self) -> anyhow::Result<Connection> {
        let path = &self.path;
        self.make()?;
        let why =
            match connect(path)
                .and_then(|connection| look(&connection).map(|found| (connection, found)))
            {
                Ok((connection, Found::Ours)) => return Ok(connection),
                Ok((connection, Found::Empty)) => return made(connection),
                Ok((_, Found::Foreign)) => return Err(anyhow!(Foreign).context(format!(
                    "{} is a database of something else: name another file in [console] history",
                    path.display()
                ))),
                Ok((_, Found::Version(version))) => {
                    let why =
                        format!("it is of version {version}, and this wx-courier writes {VERSION}");
                    self.move_aside(&format!("version-{version}"), &why)?;
                    return self.anew();
                }
                Err(error) if is_damage(&error) => error,
                Err(error) => return Err(error),
            };
        self.move_aside("damaged", &format!("{why:#}"))?;
        self.anew()
    }

    /// A new file in the place of one that was moved aside.
    pub(super) fn anew(&self) -> anyhow::Result<Connection> {
        self.make()?;
        made(connect(&self.path)?)
    }

    /// Moves the file aside, in the place of one that was moved there before.
    pub(super) fn move_aside(&self, ending: &str, why: &str) -> anyhow::Result<()> {
        let aside = beside(&self.path, ending);
        tracing::error!(
            file = %self.path.display(),
            aside = %aside.display(),
            "the history cannot be used, and is made again from the topics as far as they reach: {why}. The old file is kept beside it; delete it when nobody wants it"
        );
        if rename(&self.path, &aside)? {
            // A log of another file must not lie beside it.
            let (log, log_aside) = (beside_log(&self.path, "-wal"), beside_log(&aside, "-wal"));
            if !rename(&log, &log_aside)? {
                remove(&log_aside)?;
            }
        }
        remove(&beside_log(&self.path, "-shm"))
    }

    /// An empty file that no other user can read; SQLite gives what it puts beside it the same mode.
    fn make(&self) -> anyhow::Result<()> {
        let path = &self.path;
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(MODE).open(path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(anyhow!(error).context(format!("{} cannot be made", path.display()))),
        }
    }

    /// A connection for questions.
    pub(super) fn reader(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
        connection.set_prepared_statement_cache_capacity(N_STATEMENTS);
        Ok(connection)
    }

    /// What the file and its write-ahead log take on the disk.
    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(beside_log(&self.path, "-wal")).map_or(0, |about| about.len())
    }
}

/// Another process holds the file.
#[derive(Debug, thiserror::Error)]
#[error("the file is locked")]
pub(super) struct Taken;

/// The file is no history.
#[derive(Debug, thiserror::Error)]
#[error("the file is no history of a console")]
pub(super) struct Foreign;

/// What an open file is.
enum Found {
    Ours,
    Empty,
    /// A history of another version.
    Version(i64),
    /// No history at all.
    Foreign,
}

fn look(connection: &Connection) -> anyhow::Result<Found> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let n_tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (application, version, n_tables) {
        (APPLICATION, VERSION, _) => Found::Ours,
        (APPLICATION, version, _) => Found::Version(version),
        (0, 0, 0) => Found::Empty,
        _ => Found::Foreign,
    })
}

fn connect(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Before there is any table, or it is too late.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        bail!(
            "{} lies where SQLite has no write-ahead log ({mode}): name a file on a disk of this machine in [console] history",
            path.display()
        );
    }
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    // The writer does it between two batches, when no reader waits for it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(N_STATEMENTS);
    Ok(connection)
}

fn made(mut connection: Connection) -> anyhow::Result<Connection> {
    let transaction = connection.transaction()?;
    tables::make(&transaction)?;
    transaction.commit()?;
    Ok(connection)
}

/// Gives `false` if there is no such file.
fn rename(from: &Path, to: &Path) -> anyhow::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(anyhow!(error).context(format!("{} cannot be moved aside", from.display())))
        }
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(anyhow!(error).context(format!("{} cannot be deleted", path.display()))),
    }
}

/// `console.sqlite` → `console.sqlite.ending`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    beside_log(path, &format!(".{ending}"))
}

fn beside_log(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
