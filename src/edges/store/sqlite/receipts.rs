//! The way from `WeChat`'s number of a message to its outcome.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::claims::read_outcome;
use super::marks::{has_mark, write_mark};
use crate::edges::store::failure::NotReadable;
use wx_courier_core::state::Row;
use wx_courier_core::wechat::receipts::{Key, Question, Reply};

/// Answers a question about a receipt.
pub(super) fn answer(connection: &Connection, question: &Question) -> anyhow::Result<Reply> {
    match question {
        Question::Join { key, .. } => {
            if has_mark(connection, &key.mark())? {
                return Ok(Reply::Published);
            }
            let outcome_id = read_number(connection, key).context(NotReadable(Row::Number))?;
            let outcome = match outcome_id {
                Some(id) => read_outcome(connection, &id)?,
                None => None,
            };
            Ok(outcome.map_or(Reply::Unknown, Reply::Joined))
        }
        Question::Done { key, now_ms } => {
            write_mark(connection, &key.mark(), *now_ms)?;
            Ok(Reply::Noted)
        }
    }
}

fn read_number(connection: &Connection, key: &Key) -> anyhow::Result<Option<String>> {
    let outcome_id = connection
        .prepare_cached("SELECT outcome_id FROM numbers WHERE app = ?1 AND msgid = ?2")?
        .query_row(params![key.app, key.msgid], |row| row.get(0))
        .optional()?;
    Ok(outcome_id)
}

/// This outcome has that number.
pub(super) fn number(
    connection: &Connection,
    key: &Key,
    outcome_id: &str,
    since_ms: i64,
) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO numbers (app, msgid, outcome_id, since_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (app, msgid) DO UPDATE SET
                outcome_id = excluded.outcome_id, since_ms = excluded.since_ms",
        )?
        .execute(params![key.app, key.msgid, outcome_id, since_ms])?;
    Ok(())
}
