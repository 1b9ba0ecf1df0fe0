//! The store in an SQLite file, for one service.
//!
//! The journal is a write-ahead log with `synchronous = NORMAL`: what was answered survives the death of the process at any moment; a
//! loss of power can lose the last moments before it, never the file.
//!
//! All tables have row ids. Message ids are random keys; with row ids they scatter over a narrow index alone, while rows and JSON are
//! appended, and the change from claimed to sent finds its page where the newest rows are. Without row ids every insert and every change
//! would write a page somewhere in the whole file: at 300,000 messages 23 KB written for each, instead of 14 KB. Pages of forgotten rows
//! are used again: the file stays as large as it was at its fullest.

mod claims;
mod grants;
mod logins;
mod marks;
mod receipts;
mod tables;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use crate::pipeline::claims::{Answer, Horizon, Request};

/// An open file that no other process can open.
pub(super) struct Sqlite {
    connection: Connection,
}

/// How long the process before may still hold the file: it closes it as the last thing it does.
const PATIENCE: Duration = Duration::from_secs(2);

/// Every statement that is used again and again.
const N_STATEMENTS: usize = 32;

/// Enough for the pages of the indexes that a busy service touches again and again.
const CACHE_KIB: i64 = 8 * 1024;

impl Sqlite {
    /// Opens the file, and makes it and its folder if they are not there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = path.display();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the folder of {file} cannot be made"))?;
        }
        Self::try_to_open(path).map_err(|error| {
            let code = error
                .downcast_ref::<rusqlite::Error>()
                .and_then(rusqlite::Error::sqlite_error_code);
            if code == Some(ErrorCode::DatabaseBusy) {
                anyhow!(
                    "{file} belongs to another process. An SQLite file serves one instance: give each a file of its own and a group of its own, or let a fleet share redis://"
                )
            } else {
                error.context(format!("{file} cannot be opened as the state file"))
            }
        })
    }

    fn try_to_open(path: &Path) -> anyhow::Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        // Before the log is opened: then its index is kept in memory, and nobody else gets in.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // SQLite takes a negative number for KiB.
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.set_prepared_statement_cache_capacity(N_STATEMENTS);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        tables::make(&transaction)?;
        transaction.commit()?;
        Ok(Self { connection })
    }

    /// Carries a batch out in one transaction.
    pub(super) fn carry_out(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Answer>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answers: anyhow::Result<Vec<Answer>> = requests
            .iter()
            .map(|request| answer(&transaction, request))
            .collect();
        let answers = answers?;
        transaction.commit()?;
        Ok(answers)
    }

    /// When the newest row was written. One that cannot be told is as if there were none.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        let newest = self
            .connection
            .query_row(tables::NEWEST_ROW, [], |row| row.get(0));
        newest.unwrap_or_else(|error| {
            tracing::warn!(%error, "the state file does not tell how old its rows are");
            None
        })
    }

    /// Forgets rows that are over this horizon, at most so many at once. Gives how many it were.
    pub(super) fn purge(&mut self, horizon: Horizon, at_most: usize) -> anyhow::Result<usize> {
        let transaction = self.connection.transaction()?;
        let mut n_forgotten = 0;
        for table in &tables::AGING {
            let n_left = i64::try_from(at_most - n_forgotten)?;
            let mut delete = transaction.prepare_cached(table.forget)?;
            n_forgotten += delete.execute(params![table.horizon_ms(horizon), n_left])?;
        }
        transaction.commit()?;
        Ok(n_forgotten)
    }
}

fn answer(connection: &Connection, request: &Request) -> anyhow::Result<Answer> {
    Ok(match request {
        Request::Claim(claim) => claims::claim(connection, claim)?,
        Request::Release {
            message_id,
            holder,
            grant,
        } => {
            claims::release(connection, message_id, *holder, grant.as_ref())?;
            Answer::Released
        }
        Request::Settle(settlement) => claims::settle(connection, settlement)?,
        Request::Grant(question) => Answer::Grant(grants::answer(connection, question)?),
        Request::Login(question) => logins::answer(connection, question)?,
        Request::Receipt(question) => Answer::Receipt(receipts::answer(connection, question)?),
    })
}

#[cfg(test)]
mod tests;
