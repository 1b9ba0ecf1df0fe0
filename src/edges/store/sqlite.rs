//! The store in an SQLite file, for one service.
//!
//! The journal is a write-ahead log with `synchronous = NORMAL`: what was answered survives the death of the process at any moment; a
//! loss of power can lose the last moments before it, never the file.
//!
//! All tables have row ids. Message ids are random keys; with row ids they scatter over a narrow index alone, while rows and texts are
//! appended. Without row ids every insert would write a page somewhere in the whole file. What was sent lies apart from what is being sent:
//! a row that is written once leaves no room behind on its page, and the claims of messages in hand are few pages that are used again and
//! again. Pages of forgotten rows are used again too: the file stays as large as it was at its fullest.

mod cause;
mod places;
mod purge;
mod rows;
mod tables;

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};

use super::failure::{Failure, NotReadable};
use super::probe;
use cause::Cause;
use places::{Found, Places};
use purge::Purge;
use rows::Tables;
use wx_courier_core::state::{Horizon, Reply, Request, StoreState};

/// An open file that no other process can open.
pub(super) struct Sqlite {
    /// `None` while a file that was lost could not be made anew.
    connection: Option<Connection>,
    places: Places,
    purge: Purge,
}

/// How long the process before may still hold the file: it closes it as the last thing it does.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Every statement that is used again and again.
const N_STATEMENTS: usize = 48;

/// Enough for the pages of the indexes that a busy service touches again and again.
const CACHE_KIB: i64 = 8 * 1024;

/// How long the file is looked through for damage at the start. A file of some hundred MB is looked through whole.
const LOOK_THROUGH: Duration = Duration::from_secs(1);

/// How many new messages are tried where one request fails: each finds its place somewhere in the indexes, and one may meet a damaged page
/// by chance.
const N_PROBES: usize = 3;

impl Sqlite {
    /// Opens the file, and makes it and its folder if they are not there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = path.display();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| explained(error, path))
                .with_context(|| format!("the folder of {file} cannot be made"))?;
        }
        places::make(path)
            .map_err(|error| explained(error, path))
            .with_context(|| format!("{file} cannot be made"))?;
        let connection = connect(path).map_err(|error| {
            let code = error
                .downcast_ref::<rusqlite::Error>()
                .and_then(rusqlite::Error::sqlite_error_code);
            match code {
                Some(ErrorCode::DatabaseBusy) => anyhow!(
                    "{file} belongs to another process. An SQLite file serves one instance: give each a file of its own and a group of its own, or let a fleet share redis://"
                ),
                Some(ErrorCode::DatabaseCorrupt) => error.context(format!(
                    "{file} is damaged where everything begins: put a copy of it back, or what `sqlite3 {file} .recover` gives, or move it away; without it, what was sent before is not known"
                )),
                _ => explained(error, path)
                    .context(format!("{file} cannot be opened as the state file")),
            }
        })?;
        look_through(&connection, path);
        Ok(Self {
            connection: Some(connection),
            places: Places::of(path),
            purge: Purge::new(),
        })
    }

    /// Carries a batch out in one transaction.
    pub(super) fn carry_out(&mut self, requests: &[Request]) -> Result<Vec<Reply>, Failure> {
        let (connection, _) = self.open_file()?;
        let carried_out = carry_out(connection, requests).map_err(failure_of);
        carried_out.map_err(|failure| self.explain(failure))
    }

    /// Adds to an outage what it is and what helps.
    fn explain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Outage(error) => Failure::Outage(explained(error, self.places.path())),
            Failure::Fault { .. } | Failure::Lost { .. } => failure,
        }
    }

    /// When the newest row was written. One that cannot be told is as if there were none.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        let newest = self
            .connection
            .as_ref()?
            .query_row(tables::NEWEST_ROW, [], |row| row.get(0));
        newest.unwrap_or_else(|error| {
            tracing::warn!(%error, "the state file does not tell how old its rows are");
            None
        })
    }

    /// Looks for the file, and forgets rows that are over this horizon, at most so many at once. Gives how many it were.
    pub(super) fn look_after(
        &mut self,
        horizon: Horizon,
        at_most: usize,
    ) -> Result<usize, Failure> {
        let file = self.places.path().display();
        match self.places.look() {
            Found::Same => {}
            Found::WithoutLog => {
                tracing::warn!(
                    "the write-ahead log of {file} was deleted under the running service; what it had is brought into the file now"
                );
                self.begin_anew()?;
            }
            Found::Gone => {
                let why = format!("the state file {file} was deleted under the running service");
                return Err(Failure::Lost { why });
            }
            Found::Replaced => {
                let why = format!("another file was put in place of the state file {file}");
                return Err(Failure::Lost { why });
            }
        }
        let (connection, purge) = self.open_file()?;
        let forgotten = purge.forget(connection, horizon, at_most);
        forgotten.map_err(|failure| self.explain(failure))
    }

    /// Whether requests in general are carried out, while a certain one is not.
    pub(super) fn probe(&mut self) -> Result<(), Failure> {
        for _ in 1..N_PROBES {
            match self.probe_once() {
                Err(Failure::Fault { .. }) => {}
                other => return other,
            }
        }
        self.probe_once()
    }

    fn probe_once(&mut self) -> Result<(), Failure> {
        let answers = self.carry_out(&probe::requests())?;
        probe::judge(&answers)
    }

    /// Opens what lies in the file's place now, or makes it.
    pub(super) fn begin_anew(&mut self) -> Result<(), Failure> {
        // The old one is closed first: it may be the same file.
        self.connection = None;
        self.places
            .take_log_away()
            .map_err(|error| Failure::Outage(error.into()))?;
        self.open_file().map(|_open| ())
    }

    fn open_file(&mut self) -> Result<(&mut Connection, &mut Purge), Failure> {
        if self.connection.is_none() {
            *self = Self::open(self.places.path()).map_err(Failure::Outage)?;
        }
        let Self {
            connection, purge, ..
        } = self;
        match connection {
            Some(connection) => Ok((connection, purge)),
            None => Err(Failure::Outage(anyhow!("the state file is not open"))),
        }
    }
}

fn carry_out(connection: &mut Connection, requests: &[Request]) -> anyhow::Result<Vec<Reply>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut state = StoreState::new(Tables(&transaction));
    let answers: anyhow::Result<Vec<Reply>> = requests
        .iter()
        .map(|request| state.answer(request))
        .collect();
    let answers = answers?;
    transaction.commit()?;
    Ok(answers)
}

fn connect(path: &Path) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Before the log is opened: then its index is kept in memory, and no other process gets in.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // SQLite takes a negative number for KiB.
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(N_STATEMENTS);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    tables::make(&transaction)?;
    transaction.commit()?;
    Ok(connection)
}

/// Says whether the file is damaged, as far as that can be seen in a moment.
fn look_through(connection: &Connection, path: &Path) {
    let interrupt = connection.get_interrupt_handle();
    let (look_ended, ended) = channel::<()>();
    let watch = std::thread::spawn(move || {
        if ended.recv_timeout(LOOK_THROUGH) == Err(RecvTimeoutError::Timeout) {
            interrupt.interrupt();
        }
    });
    let said = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    drop(look_ended);
    if watch.join().is_err() {
        tracing::debug!("the watch over the look through the state file has ended early");
    }
    let damage = match said {
        Ok(said) if said == "ok" => return,
        Ok(damage) => damage,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::debug!("the state file is large, and was not looked through whole");
            return;
        }
        Err(error) => error.to_string(),
    };
    tracing::error!(
        file = %path.display(),
        damage = damage.lines().next().unwrap_or_default(),
        "the state file is damaged. Messages whose entries lie there end with the reason state_unreadable, all others go on. To mend it: stop the service, keep a copy, and make a new file of what `sqlite3 FILE .recover` gives"
    );
}

/// The error with what it means and what helps in front, where that is known.
fn explained(error: impl Into<anyhow::Error>, path: &Path) -> anyhow::Error {
    let error = error.into();
    match Cause::of(&error, path) {
        Some(cause) => error.context(cause.in_words(path)),
        None => error,
    }
}

/// What follows from an error.
fn failure_of(error: anyhow::Error) -> Failure {
    if is_outage(&error) {
        return Failure::Outage(error);
    }
    let row = error.downcast_ref::<NotReadable>().map(|row| row.0);
    Failure::Fault { row, error }
}

/// Whether this is no matter of what was asked: another process holds the file, or the disk does not take what is written. A page that
/// cannot be read is one page.
fn is_outage(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<rusqlite::Error>() else {
        return false;
    };
    let rusqlite::Error::SqliteFailure(about, _) = error else {
        return false;
    };
    let is_page =
        [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ].contains(&about.extended_code);
    let is_of_disk = about.code == ErrorCode::SystemIoFailure && !is_page;
    let is_of_file = matches!(
        about.code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::OperationInterrupted
    );
    is_of_disk || is_of_file
}

#[cfg(test)]
mod tests;
