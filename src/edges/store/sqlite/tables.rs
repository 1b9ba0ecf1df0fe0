//! The tables, how they grow from version to version, and what is forgotten of them.

use anyhow::bail;
use rusqlite::Connection;

use wx_courier_core::state::Horizon;

/// The version of the tables, kept in the file's `user_version`.
const NEWEST: i64 = 3;

/// What version 1 has. Files with just this are about: it does not change any more.
pub(super) const VERSION_1: &str = "
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

/// What version 2 adds.
const VERSION_2: &str = "
    CREATE TABLE ledgers (
        app         TEXT NOT NULL,
        openid      TEXT NOT NULL,
        template_id TEXT NOT NULL,
        json        TEXT NOT NULL,
        changed_ms  INTEGER NOT NULL,
        UNIQUE (app, openid, template_id)
    ) STRICT;
    CREATE INDEX ledgers_by_age ON ledgers (changed_ms);
    CREATE TABLE marks (
        mark     TEXT NOT NULL UNIQUE,  -- what was told or done
        since_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX marks_by_age ON marks (since_ms);
    CREATE TABLE users (
        name     TEXT NOT NULL UNIQUE,  -- the id of an outcome, or of a session
        openid   TEXT NOT NULL,
        until_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX users_by_age ON users (until_ms);
    CREATE TABLE numbers (
        app        TEXT NOT NULL,
        msgid      TEXT NOT NULL,
        outcome_id TEXT NOT NULL,
        since_ms   INTEGER NOT NULL,
        UNIQUE (app, msgid)
    ) STRICT;
    CREATE INDEX numbers_by_age ON numbers (since_ms);
    CREATE TRIGGER user_is_forgotten_with_his_message AFTER INSERT ON outcomes
        BEGIN DELETE FROM users WHERE name = NEW.id; END;
    PRAGMA user_version = 2;
";

/// What version 3 changes: texts of outcomes that version 2 cannot read stand where its JSON stood, and both are read. Users are taken away by
/// the core, with their outcomes.
const VERSION_3: &str = "
    DROP TRIGGER IF EXISTS user_is_forgotten_with_his_message;
    PRAGMA user_version = 3;
";

/// When the newest row was written, by the tables' indexes by age; NULL without one.
pub(super) const NEWEST_ROW: &str = "
    SELECT max(at_ms) FROM (
        SELECT max(since_ms) AS at_ms FROM claims
        UNION ALL SELECT max(settled_ms) FROM outcomes
        UNION ALL SELECT max(since_ms) FROM marks
        UNION ALL SELECT max(changed_ms) FROM ledgers)";

/// Makes what the file does not have yet. Fails if it has more than is known here.
pub(super) fn make(connection: &Connection) -> anyhow::Result<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        0 => {
            connection.execute_batch(VERSION_1)?;
            connection.execute_batch(VERSION_2)?;
            connection.execute_batch(VERSION_3)?;
        }
        1 => {
            connection.execute_batch(VERSION_2)?;
            connection.execute_batch(VERSION_3)?;
        }
        2 => connection.execute_batch(VERSION_3)?,
        NEWEST => {}
        newer => bail!(
            "it was written by a newer wx-courier (version {newer} of the tables, this one knows {NEWEST}): run that one again, or name another file in [state] url"
        ),
    }
    Ok(())
}

/// A table whose rows are forgotten one day.
pub(super) struct Aging {
    /// Its name.
    pub(super) table: &'static str,
    /// The column by which its rows grow old. It has an index.
    pub(super) age: &'static str,
    reach: Reach,
}

/// How long rows are kept.
#[derive(Clone, Copy)]
enum Reach {
    Entries,
    Ledgers,
    /// Until the time that stands in them.
    TheirOwn,
}

impl Aging {
    const fn new(table: &'static str, age: &'static str, reach: Reach) -> Self {
        Self { table, age, reach }
    }

    /// Rows from before this moment are forgotten.
    pub(super) fn horizon_ms(&self, horizon: Horizon) -> i64 {
        match self.reach {
            Reach::Entries => horizon.entries_ms(),
            Reach::Ledgers => horizon.ledgers_ms(),
            Reach::TheirOwn => horizon.now_ms,
        }
    }

    /// Finds rows behind the one with the age `?1` and the row id `?2`, and before the age `?3`, at most `?4` of them, the oldest first:
    /// their age and row id.
    pub(super) fn oldest(&self) -> String {
        let Self { table, age, .. } = self;
        format!(
            "SELECT {age}, rowid FROM {table}
                WHERE ({age}, rowid) > (?1, ?2) AND {age} < ?3 ORDER BY {age}, rowid LIMIT ?4"
        )
    }

    /// Deletes the same rows.
    pub(super) fn forget(&self) -> String {
        let Self { table, age, .. } = self;
        format!(
            "DELETE FROM {table} WHERE rowid IN
                (SELECT rowid FROM {table}
                    WHERE ({age}, rowid) > (?1, ?2) AND {age} < ?3 ORDER BY {age}, rowid LIMIT ?4)"
        )
    }
}

/// All of them, in the order in which they are looked through.
pub(super) const AGING: [Aging; 6] = [
    Aging::new("claims", "since_ms", Reach::Entries),
    Aging::new("outcomes", "settled_ms", Reach::Entries),
    Aging::new("marks", "since_ms", Reach::Entries),
    Aging::new("numbers", "since_ms", Reach::Entries),
    Aging::new("users", "until_ms", Reach::TheirOwn),
    Aging::new("ledgers", "changed_ms", Reach::Ledgers),
];
