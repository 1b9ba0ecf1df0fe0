//! The tables, how they grow from version to version, and what is forgotten of them.

use anyhow::bail;
use rusqlite::Connection;

use wx_courier_core::state::{Horizon, Row};

/// The version of the tables, kept in the file's `user_version`.
const NEWEST: usize = STEPS.len();

/// What each version adds to the one before.
const STEPS: [&str; 4] = [VERSION_1, VERSION_2, VERSION_3, VERSION_4];

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

/// What version 4 adds: what was sent lies by itself, in rows that are written once, and short. Its rows grow old in the order of their row ids.
/// What earlier versions have sent stays in `claims`, with NULL for its holder. Texts of outcomes are of a form that version 3 cannot read.
const VERSION_4: &str = "
    CREATE TABLE sent (
        message    TEXT NOT NULL UNIQUE,  -- the sorted name of the message id (`state::rows::sorted_name`)
        outcome_id TEXT NOT NULL,         -- up to the rule, if the message id begins with the same rule
        since_ms   INTEGER NOT NULL
    ) STRICT;
    PRAGMA user_version = 4;
";

/// What every file has beside the versions: tables that an earlier version does not know, and passes over, so that going back to it stays
/// possible. Each has one row.
const BESIDE: &str = "
    CREATE TABLE IF NOT EXISTS recipient_key (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS holds (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        json TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS instances (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        json TEXT NOT NULL
    ) STRICT;
";

/// When the newest row was written, by the tables' indexes by age; NULL without one. Claims do not tell: after a jump they are stamped with the
/// later of two calendars, which may be wrong by days.
pub(super) const NEWEST_ROW: &str = "
    SELECT max(at_ms) FROM (
        SELECT max(settled_ms) AS at_ms FROM outcomes
        UNION ALL SELECT max(since_ms) FROM marks
        UNION ALL SELECT max(changed_ms) FROM ledgers)";

/// Makes what the file does not have yet. Fails if it has more than is known here.
pub(super) fn make(connection: &Connection) -> anyhow::Result<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let Some(missing) = usize::try_from(version).ok().and_then(|n| STEPS.get(n..)) else {
        bail!(
            "it was written by a newer wx-courier (version {version} of the tables, this one knows {NEWEST}): run that one again, or name another file in [state] url"
        );
    };
    for step in missing {
        connection.execute_batch(step)?;
    }
    connection.execute_batch(BESIDE)?;
    Ok(())
}

/// A table whose rows are forgotten one day.
pub(super) struct Aging {
    /// Its name.
    pub(super) table: &'static str,
    /// The column by which its rows grow old.
    pub(super) age: &'static str,
    order: Order,
    /// What its rows are.
    row: Row,
}

/// How the oldest rows of a table are found.
#[derive(Clone, Copy)]
enum Order {
    /// By the index of its age.
    Indexed,
    /// By their row ids: a row is written once, and is younger than all before it. Where the clock was set back that is not so, and rows
    /// stay a little longer. Only so many rows are looked at as may be deleted at once.
    Appended,
}

impl Aging {
    const fn new(table: &'static str, age: &'static str, row: Row) -> Self {
        Self {
            table,
            age,
            order: Order::Indexed,
            row,
        }
    }

    const fn appended(table: &'static str, age: &'static str, row: Row) -> Self {
        Self {
            table,
            age,
            order: Order::Appended,
            row,
        }
    }

    /// Rows from before this moment are forgotten.
    pub(super) fn horizon_ms(&self, horizon: Horizon) -> i64 {
        horizon.of(self.row)
    }

    /// Finds rows behind the one with the age `?1` and the row id `?2`, and before the age `?3`, at most `?4` of them, the oldest first:
    /// their age and row id.
    pub(super) fn oldest(&self) -> String {
        let Self { table, age, .. } = self;
        match self.order {
            Order::Indexed => format!(
                "SELECT {age}, rowid AS row FROM {table}
                    WHERE ({age}, rowid) > (?1, ?2) AND {age} < ?3 ORDER BY {age}, rowid LIMIT ?4"
            ),
            // The age of the last one does not count here.
            Order::Appended => format!(
                "SELECT {age}, row FROM
                    (SELECT {age}, rowid AS row FROM {table}
                        WHERE ?1 NOTNULL AND rowid > ?2 ORDER BY rowid LIMIT ?4)
                    WHERE {age} < ?3"
            ),
        }
    }

    /// Deletes the same rows.
    pub(super) fn forget(&self) -> String {
        let (table, oldest) = (self.table, self.oldest());
        format!("DELETE FROM {table} WHERE rowid IN (SELECT row FROM ({oldest}))")
    }
}

/// All of them, in the order in which they are looked through.
pub(super) const AGING: [Aging; 7] = [
    Aging::new("claims", "since_ms", Row::Claim),
    Aging::appended("sent", "since_ms", Row::Claim),
    Aging::new("outcomes", "settled_ms", Row::Outcome),
    Aging::new("marks", "since_ms", Row::Mark),
    Aging::new("numbers", "since_ms", Row::Number),
    Aging::new("users", "until_ms", Row::User),
    Aging::new("ledgers", "changed_ms", Row::Ledger),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_row_is_kept_for_ever_but_those_with_one_row() {
        for row in Row::ALL {
            let grows_old = AGING.iter().any(|aging| aging.row == row);
            let has_one = matches!(row, Row::RecipientKey | Row::Holds | Row::Instances);
            assert_eq!(grows_old, !has_one, "{row:?}");
        }
    }
}
