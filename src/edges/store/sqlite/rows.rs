//! Rows in the tables. What they mean is said in the core.

use anyhow::anyhow;
use rusqlite::{Connection, Error, OptionalExtension as _, Params, Row as Columns, params};

use super::is_outage;
use crate::edges::store::failure::NotReadable;
use wx_courier_core::state::Row;
use wx_courier_core::state::encoding::{holder_of_text, holder_to_text};
use wx_courier_core::state::rows::{
    Age, ClaimState, Entry, Key, RowError, Rows, User, Value, sorted_name, with_rule, without_rule,
};

type Found<T> = Result<T, RowError<anyhow::Error>>;

/// What lies in a row's place.
enum Kept {
    Nothing,
    Row(Value),
    Junk,
}

/// The tables of an open transaction.
pub(super) struct Tables<'a>(pub(super) &'a Connection);

impl Rows for Tables<'_> {
    type Error = anyhow::Error;

    fn get(&mut self, key: &Key) -> Found<Option<Value>> {
        let row = key.row();
        let found = match key {
            Key::Claim(message_id) => self.entry(message_id),
            Key::Outcome(id) => {
                self.one("SELECT json FROM outcomes WHERE id = ?1", [id], |columns| {
                    Ok(Value::of_text(key, columns.get_ref(0)?.as_str()?))
                })
            }
            Key::Ledger(of) => self.one(
                "SELECT json FROM ledgers WHERE app = ?1 AND openid = ?2 AND template_id = ?3",
                params![of.app, of.openid, of.template_id],
                |columns| Ok(Value::of_text(key, columns.get_ref(0)?.as_str()?)),
            ),
            Key::Mark(mark) => self.one("SELECT 1 FROM marks WHERE mark = ?1", [mark], |_| {
                Ok(Some(Value::Mark))
            }),
            Key::User(name) => self.one(
                "SELECT openid, until_ms FROM users WHERE name = ?1",
                [name],
                |columns| {
                    Ok(Some(Value::User(User {
                        openid: columns.get(0)?,
                        until_ms: columns.get(1)?,
                    })))
                },
            ),
            Key::Number(key) => self.one(
                "SELECT outcome_id FROM numbers WHERE app = ?1 AND msgid = ?2",
                params![key.app, key.msgid],
                |columns| columns.get(0).map(Value::Number).map(Some),
            ),
            Key::Holds => self.one("SELECT json FROM holds", [], |columns| {
                Ok(Value::of_text(key, columns.get_ref(0)?.as_str()?))
            }),
            Key::Instances => self.one("SELECT json FROM instances", [], |columns| {
                Ok(Value::of_text(key, columns.get_ref(0)?.as_str()?))
            }),
            Key::RecipientKey => self.one("SELECT text FROM recipient_key", [], |columns| {
                Ok(Value::of_text(key, columns.get_ref(0)?.as_str()?))
            }),
        };
        match found.map_err(|error| self.of_row(row, error))? {
            Kept::Nothing => Ok(None),
            Kept::Row(value) => Ok(Some(value)),
            Kept::Junk => Err(RowError::Unreadable),
        }
    }

    fn put(&mut self, key: Key, value: Value, age: Age) -> Found<()> {
        let row = key.row();
        let since_ms = match age {
            Age::Since(since_ms) => Some(since_ms),
            Age::Unchanged => None,
        };
        let text = || {
            let text = value.to_text(&key);
            text.map_err(|error| RowError::Failed(error.into()))
        };
        let written = match (&key, &value) {
            (Key::Claim(message_id), Value::Claim(entry)) => self.put_entry(message_id, entry),
            (Key::Outcome(id), Value::Outcome(_)) => {
                self.run(PUT_OUTCOME, params![id, text()?, since_ms])
            }
            (Key::Ledger(key), Value::Ledger(_)) => self.run(
                PUT_LEDGER,
                params![key.app, key.openid, key.template_id, text()?, since_ms],
            ),
            (Key::Mark(mark), Value::Mark) => self.run(PUT_MARK, params![mark, since_ms]),
            (Key::User(name), Value::User(user)) => {
                self.run(PUT_USER, params![name, user.openid, user.until_ms])
            }
            (Key::Number(key), Value::Number(outcome_id)) => self.run(
                PUT_NUMBER,
                params![key.app, key.msgid, outcome_id, since_ms],
            ),
            (Key::Holds, Value::Holds(_)) => self.run(PUT_HOLDS, params![text()?]),
            (Key::Instances, Value::Instances(_)) => self.run(PUT_INSTANCES, params![text()?]),
            (Key::RecipientKey, Value::RecipientKey(_)) => {
                self.run(PUT_RECIPIENT_KEY, params![text()?])
            }
            (key, _) => {
                let kind = key.row().as_str();
                let error = anyhow!("a row of another kind was to be put in place of a {kind}");
                return Err(RowError::Failed(error));
            }
        };
        written.map_err(|error| self.of_row(row, error))
    }

    fn take(&mut self, key: &Key) -> Found<()> {
        let taken = match key {
            Key::Claim(message_id) => self.take_entry(message_id),
            Key::Outcome(id) => self.run("DELETE FROM outcomes WHERE id = ?1", [id]),
            Key::Ledger(key) => self.run(
                "DELETE FROM ledgers WHERE app = ?1 AND openid = ?2 AND template_id = ?3",
                params![key.app, key.openid, key.template_id],
            ),
            Key::Mark(mark) => self.run("DELETE FROM marks WHERE mark = ?1", [mark]),
            Key::User(name) => self.run("DELETE FROM users WHERE name = ?1", [name]),
            Key::Number(key) => self.run(
                "DELETE FROM numbers WHERE app = ?1 AND msgid = ?2",
                params![key.app, key.msgid],
            ),
            Key::Holds => self.run("DELETE FROM holds", []),
            Key::Instances => self.run("DELETE FROM instances", []),
            Key::RecipientKey => self.run("DELETE FROM recipient_key", []),
        };
        taken.map_err(|error| self.of_row(key.row(), error))
    }
}

const PUT_CLAIM: &str = "
    INSERT INTO claims (message_id, outcome_id, holder, since_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (message_id) DO UPDATE SET
        outcome_id = excluded.outcome_id, holder = excluded.holder, since_ms = excluded.since_ms";

const PUT_SENT: &str = "
    INSERT INTO sent (message, outcome_id, since_ms) VALUES (?1, ?2, ?3)
    ON CONFLICT (message) DO UPDATE SET
        outcome_id = excluded.outcome_id, since_ms = excluded.since_ms";

/// The claim, or what was sent. Most messages have neither when they ask first, and a claim afterwards: the few claims are looked through before
/// the many rows of what was sent.
const FIND_ENTRY: &str = "
    SELECT outcome_id, holder, since_ms, 0 FROM claims WHERE message_id = ?1
    UNION ALL SELECT outcome_id, NULL, since_ms, 1 FROM sent WHERE message = ?2
    LIMIT 1";

/// In which table an entry was found.
enum Table {
    Claims,
    Sent,
}

impl Table {
    fn of(columns: &Columns<'_>) -> rusqlite::Result<Self> {
        let is_sent: bool = columns.get(3)?;
        Ok(if is_sent { Self::Sent } else { Self::Claims })
    }
}

const FORGET_CLAIM: &str = "DELETE FROM claims WHERE message_id = ?1";

const FORGET_SENT: &str = "DELETE FROM sent WHERE message = ?1";

const PUT_OUTCOME: &str = "
    INSERT INTO outcomes (id, json, settled_ms) VALUES (?1, ?2, ?3)
    ON CONFLICT (id) DO UPDATE SET json = excluded.json, settled_ms = excluded.settled_ms";

/// Without a time, a ledger is as old as it was.
const PUT_LEDGER: &str = "
    INSERT INTO ledgers (app, openid, template_id, json, changed_ms)
        VALUES (?1, ?2, ?3, ?4, coalesce(?5, 0))
    ON CONFLICT (app, openid, template_id) DO UPDATE SET
        json = excluded.json, changed_ms = coalesce(?5, changed_ms)";

const PUT_MARK: &str = "
    INSERT INTO marks (mark, since_ms) VALUES (?1, ?2)
    ON CONFLICT (mark) DO UPDATE SET since_ms = excluded.since_ms";

const PUT_USER: &str = "
    INSERT INTO users (name, openid, until_ms) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET openid = excluded.openid, until_ms = excluded.until_ms";

const PUT_HOLDS: &str = "
    INSERT INTO holds (only, json) VALUES (1, ?1) ON CONFLICT (only) DO UPDATE SET json = excluded.json";

const PUT_INSTANCES: &str = "
    INSERT INTO instances (only, json) VALUES (1, ?1) ON CONFLICT (only) DO UPDATE SET json = excluded.json";

const PUT_NUMBER: &str = "
    INSERT INTO numbers (app, msgid, outcome_id, since_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (app, msgid) DO UPDATE SET
        outcome_id = excluded.outcome_id, since_ms = excluded.since_ms";

const PUT_RECIPIENT_KEY: &str = "
    INSERT INTO recipient_key (only, text) VALUES (1, ?1)
    ON CONFLICT (only) DO UPDATE SET text = excluded.text";

impl Tables<'_> {
    /// What a statement finds. `read` gives `None` of what is no row.
    fn one(
        &self,
        sql: &str,
        with: impl Params,
        read: impl FnOnce(&Columns<'_>) -> rusqlite::Result<Option<Value>>,
    ) -> rusqlite::Result<Kept> {
        let mut select = self.0.prepare_cached(sql)?;
        Ok(match select.query_row(with, read).optional()? {
            None => Kept::Nothing,
            Some(Some(value)) => Kept::Row(value),
            Some(None) => Kept::Junk,
        })
    }

    fn run(&self, sql: &str, with: impl Params) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare_cached(sql)?;
        statement.execute(with).map(|_n_rows| ())
    }

    /// What was sent lies in a table of its own. What an earlier version has sent lies among the claims, without a holder. A claim stands
    /// above what was sent: it was made over a row that cannot be read.
    fn entry(&self, message_id: &str) -> rusqlite::Result<Kept> {
        self.one(
            FIND_ENTRY,
            [message_id, &sorted_name(message_id)],
            |columns| {
                let holder: Option<String> = columns.get(1)?;
                let (outcome_id, state, record) = match Table::of(columns)? {
                    Table::Sent => {
                        let kept = columns.get_ref(0)?.as_str()?;
                        (with_rule(kept, message_id), ClaimState::Sent, None)
                    }
                    Table::Claims => {
                        let (state, record) = match holder.map(|text| holder_of_text(&text)) {
                            None => (ClaimState::Sent, None),
                            Some(Some((holder, record))) => (ClaimState::Open(holder), record),
                            Some(None) => return Ok(None),
                        };
                        (columns.get(0)?, state, record)
                    }
                };
                Ok(Some(Value::Claim(Entry {
                    outcome_id,
                    since_ms: columns.get(2)?,
                    state,
                    record,
                })))
            },
        )
    }

    fn put_entry(&self, message_id: &str, entry: &Entry) -> rusqlite::Result<()> {
        let Entry {
            outcome_id,
            since_ms,
            state,
            record,
        } = entry;
        match state {
            ClaimState::Open(holder) => {
                let holder = holder_to_text(*holder, *record);
                self.run(PUT_CLAIM, params![message_id, outcome_id, holder, since_ms])
            }
            ClaimState::Sent => {
                self.run(FORGET_CLAIM, [message_id])?;
                let kept = without_rule(outcome_id, message_id);
                self.run(PUT_SENT, params![sorted_name(message_id), kept, since_ms])
            }
        }
    }

    fn take_entry(&self, message_id: &str) -> rusqlite::Result<()> {
        self.run(FORGET_SENT, [sorted_name(message_id)])?;
        self.run(FORGET_CLAIM, [message_id])
    }
}

impl Tables<'_> {
    /// What an error says of a row.
    fn of_row(&self, row: Row, error: Error) -> RowError<anyhow::Error> {
        let is_of_column = matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
        );
        let error = anyhow::Error::from(error);
        if is_of_column {
            RowError::Unreadable
        } else if is_outage(&error) {
            RowError::Failed(error)
        } else if self.0.is_autocommit() {
            // SQLite ends the transaction by itself after some errors, a page that the disk does not give (SQLITE_IOERR) among them. What came
            // next would be written statement by statement.
            RowError::Failed(error.context(NotReadable(row)))
        } else {
            RowError::Damaged(error.context(NotReadable(row)))
        }
    }
}
