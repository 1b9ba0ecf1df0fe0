//! Claims and outcomes in an SQLite file, for one service.
//!
//! The journal is a write-ahead log with `synchronous = NORMAL`: what was answered survives the death of the process at any moment; a
//! loss of power can lose the last moments before it, never the file.
//!
//! Both tables have row ids. Message ids are random keys; with row ids they scatter over a narrow index alone, while rows and JSON are
//! appended, and the change from claimed to sent finds its page where the newest rows are. Without row ids every insert and every change
//! would write a page somewhere in the whole file: at 300,000 messages 23 KB written for each, instead of 14 KB. Pages of forgotten rows
//! are used again: the file stays as large as it was at its fullest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, params};

use crate::pipeline::claims::{
    Answer, Claim, Held, Holder, Horizon, Request, Settlement, counts_as_sent,
};
use crate::pipeline::grants::Reservation;
use crate::pipeline::outcome::Outcome;

/// An open file that no other process can open.
pub(super) struct Sqlite {
    connection: Connection,
}

/// The version of the tables below, kept in the file's `user_version`.
const SCHEMA: i64 = 1;

const TABLES: &str = "
    CREATE TABLE claims (
        message_id TEXT NOT NULL UNIQUE,
        outcome_id TEXT NOT NULL,
        holder     TEXT,                -- NULL: it was sent, or may have been
        since_ms   INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX claims_by_age ON claims (since_ms);
    CREATE TABLE outcomes (
        id         TEXT NOT NULL UNIQUE,
        json       TEXT NOT NULL,
        settled_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX outcomes_by_age ON outcomes (settled_ms);
    PRAGMA user_version = 1;
";

/// How long the process before may still hold the file: it closes it as the last thing it does.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            0 => transaction.execute_batch(TABLES)?,
            SCHEMA => {}
            newer => bail!(
                "it was written by a newer wx-courier (version {newer} of the tables, this one knows {SCHEMA}): run that one again, or name another file in [state] url"
            ),
        }
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

    /// Forgets rows that are over this horizon, at most so many at once. Gives how many it were.
    pub(super) fn purge(&mut self, horizon: Horizon, at_most: usize) -> anyhow::Result<usize> {
        let before_ms = horizon.entries_ms();
        let transaction = self.connection.transaction()?;
        let mut n_forgotten = 0;
        for delete in [
            "DELETE FROM claims WHERE rowid IN
                (SELECT rowid FROM claims WHERE since_ms < ?1 ORDER BY since_ms LIMIT ?2)",
            "DELETE FROM outcomes WHERE rowid IN
                (SELECT rowid FROM outcomes WHERE settled_ms < ?1 ORDER BY settled_ms LIMIT ?2)",
        ] {
            let n_left = i64::try_from(at_most - n_forgotten)?;
            let mut delete = transaction.prepare_cached(delete)?;
            n_forgotten += delete.execute(params![before_ms, n_left])?;
        }
        transaction.commit()?;
        Ok(n_forgotten)
    }
}

/// A row of `claims`.
struct Entry {
    outcome_id: Arc<str>,
    /// `None`: it was sent, or may have been.
    holder: Option<Holder>,
    since_ms: i64,
}

impl Entry {
    fn held(self, holder: Holder) -> Answer {
        Answer::Held(Held {
            outcome_id: self.outcome_id,
            holder,
            since_ms: self.since_ms,
        })
    }
}

fn answer(connection: &Connection, request: &Request) -> anyhow::Result<Answer> {
    match request {
        Request::Claim(claim) => answer_claim(connection, claim),
        Request::Release {
            message_id,
            holder,
            grant: _,
        } => {
            connection
                .prepare_cached("DELETE FROM claims WHERE message_id = ?1 AND holder = ?2")?
                .execute(params![message_id, holder.to_string()])?;
            Ok(Answer::Released)
        }
        Request::Settle(settlement) => answer_settlement(connection, settlement),
        Request::Grant(_) | Request::Login(_) | Request::Receipt(_) => {
            bail!("not kept in SQLite yet")
        }
    }
}

fn answer_claim(connection: &Connection, claim: &Claim) -> anyhow::Result<Answer> {
    if let Some(outcome) = read_outcome(connection, &claim.outcome_id)? {
        return Ok(Answer::Settled(outcome));
    }
    if let Some(entry) = read_claim(connection, &claim.message_id)? {
        let is_same_record = entry.outcome_id == claim.outcome_id;
        match entry.holder {
            None => {
                return Ok(Answer::Duplicate {
                    of: entry.outcome_id,
                });
            }
            // The first answer was lost on the way.
            Some(holder) if holder == claim.holder => {}
            Some(holder) if is_same_record && claim.over == Some(holder) => {}
            Some(holder) => return Ok(entry.held(holder)),
        }
    }
    let holder = Some(claim.holder);
    write_claim(
        connection,
        &claim.message_id,
        &claim.outcome_id,
        holder,
        claim.now_ms,
    )?;
    Ok(Answer::Claimed(Reservation::NotAsked))
}

fn answer_settlement(connection: &Connection, settlement: &Settlement) -> anyhow::Result<Answer> {
    let outcome = &settlement.outcome;
    if let Some(earlier) = read_outcome(connection, &outcome.id)? {
        return Ok(Answer::Settled(earlier));
    }
    match read_claim(connection, &outcome.message_id)? {
        // Another record's claim or message; this record's outcome is its own.
        Some(entry) if *entry.outcome_id != *outcome.id => {}
        Some(entry) => match (entry.holder, settlement.holder) {
            (Some(holder), None) => return Ok(entry.held(holder)),
            (Some(holder), Some(ours)) if holder != ours => return Ok(Answer::TakenOver),
            (Some(_), Some(_)) => end_claim(connection, settlement)?,
            (None, _) => {}
        },
        // What was claimed may have been forgotten meanwhile.
        None if settlement.holder.is_some() => end_claim(connection, settlement)?,
        None => {}
    }
    connection
        .prepare_cached("INSERT INTO outcomes (id, json, settled_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![
            outcome.id,
            serde_json::to_string(&**outcome)?,
            settlement.now_ms
        ])?;
    Ok(Answer::Settled(Arc::clone(outcome)))
}

fn end_claim(connection: &Connection, settlement: &Settlement) -> anyhow::Result<()> {
    let outcome = &settlement.outcome;
    if counts_as_sent(outcome.status) {
        return write_claim(
            connection,
            &outcome.message_id,
            &outcome.id,
            None,
            settlement.now_ms,
        );
    }
    connection
        .prepare_cached("DELETE FROM claims WHERE message_id = ?1")?
        .execute([&outcome.message_id])?;
    Ok(())
}

fn read_claim(connection: &Connection, message_id: &str) -> anyhow::Result<Option<Entry>> {
    let mut select = connection
        .prepare_cached("SELECT outcome_id, holder, since_ms FROM claims WHERE message_id = ?1")?;
    let row: Option<(String, Option<String>, i64)> = select
        .query_row([message_id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((outcome_id, holder, since_ms)) = row else {
        return Ok(None);
    };
    let holder = match holder {
        Some(text) => {
            let holder = Holder::parse(&text);
            Some(
                holder
                    .with_context(|| format!("the claim of {message_id} has no readable holder"))?,
            )
        }
        None => None,
    };
    Ok(Some(Entry {
        outcome_id: Arc::from(outcome_id),
        holder,
        since_ms,
    }))
}

fn write_claim(
    connection: &Connection,
    message_id: &str,
    outcome_id: &str,
    holder: Option<Holder>,
    since_ms: i64,
) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO claims (message_id, outcome_id, holder, since_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (message_id) DO UPDATE SET
                outcome_id = excluded.outcome_id, holder = excluded.holder, since_ms = excluded.since_ms",
        )?
        .execute(params![message_id, outcome_id, holder.map(|holder| holder.to_string()), since_ms])?;
    Ok(())
}

fn read_outcome(connection: &Connection, id: &str) -> anyhow::Result<Option<Arc<Outcome>>> {
    let json: Option<String> = connection
        .prepare_cached("SELECT json FROM outcomes WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(json) = json else {
        return Ok(None);
    };
    let outcome = serde_json::from_str(&json).with_context(|| unreadable(id))?;
    Ok(Some(Arc::new(outcome)))
}

/// What is said of an outcome that this version does not understand. It may not be made anew: it may have been published.
pub(super) fn unreadable(id: &str) -> String {
    format!("the outcome {id} in the store cannot be read; a newer wx-courier may have written it")
}

#[cfg(test)]
mod tests;
