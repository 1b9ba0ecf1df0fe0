//! Ledgers of grants, as JSON: what happens to one is said in `wx_courier_core::grants`, and nowhere else.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::kept::{Kept, kept};
use super::marks::{has_mark, write_mark};
use crate::edges::store::failure::NotReadable;
use wx_courier_core::grants::{Counted, Key, Ledger, Question, Reply, Reservation, Wish, Without};
use wx_courier_core::state::{self, Claim, Settlement, Unreadable};

/// Answers a question about a ledger.
pub(super) fn answer(connection: &Connection, question: &Question) -> anyhow::Result<Reply> {
    let (key, now_ms) = (question.key(), Some(question.now_ms()));
    Ok(match question {
        Question::Report(report) => {
            let mark = report.mark();
            if has_mark(connection, &mark)? {
                return Ok(Reply::Noted(Counted::Known));
            }
            write_mark(connection, &mark, report.now_ms)?;
            let counted = in_ledger(connection, key, now_ms, |ledger| ledger.hear(report))?;
            Reply::Noted(counted)
        }
        Question::Look { .. } => Reply::Balance(in_ledger(connection, key, now_ms, |ledger| {
            ledger.balance()
        })?),
        Question::Set { left, .. } => {
            // Somebody knows better than what cannot be read.
            if let Kept::Junk = kept(Unreadable::Replace, read(connection, key))? {
                forget(connection, key)?;
            }
            let balance = in_ledger(connection, key, now_ms, |ledger| {
                ledger.set(u64::from(*left), question.now_ms());
                ledger.balance()
            })?;
            Reply::Balance(balance)
        }
    })
}

/// Sets a grant aside for a message; `None` if the message is not to be sent without.
pub(super) fn reserve(
    connection: &Connection,
    wish: &Wish,
    claim: &Claim,
) -> anyhow::Result<Option<Reservation>> {
    let reserved = in_ledger(connection, &wish.key, Some(claim.now_ms), |ledger| {
        ledger.reserve(&claim.message_id, wish.without, claim.now_ms)
    });
    let reserved = kept(claim.unreadable, reserved.map(Some))?;
    Ok(match (reserved, wish.without) {
        (Kept::Row(reserved), Without::Send | Without::Skip) => reserved,
        (Kept::Nothing | Kept::Junk, Without::Send) => Some(Reservation::Missing),
        (Kept::Nothing | Kept::Junk, Without::Skip) => None,
    })
}

/// What was set aside for a message is given back.
pub(super) fn give_back(
    connection: &Connection,
    key: &Key,
    message_id: &str,
) -> anyhow::Result<()> {
    let given = in_ledger(connection, key, None, |ledger| ledger.give_back(message_id));
    // Nobody waits for the answer, and the claim is given up in any case.
    kept(Unreadable::Replace, given.map(Some)).map(|_given| ())
}

/// What was set aside for a message has come to its end, with the message.
pub(super) fn end(
    connection: &Connection,
    key: &Key,
    settlement: &Settlement,
) -> anyhow::Result<()> {
    let ended = in_ledger(connection, key, Some(settlement.now_ms), |ledger| {
        settlement.end_grant(ledger);
    });
    kept(settlement.unreadable, ended.map(Some)).map(|_ended| ())
}

/// Does something to a ledger. Without a time it is no news of the user, and the ledger grows no younger by it.
fn in_ledger<T>(
    connection: &Connection,
    key: &Key,
    now_ms: Option<i64>,
    work: impl FnOnce(&mut Ledger) -> T,
) -> anyhow::Result<T> {
    try_in_ledger(connection, key, now_ms, work).context(NotReadable(state::Row::Ledger))
}

fn try_in_ledger<T>(
    connection: &Connection,
    key: &Key,
    now_ms: Option<i64>,
    work: impl FnOnce(&mut Ledger) -> T,
) -> anyhow::Result<T> {
    let row = read(connection, key)?;
    let changed_ms = now_ms.or(row.as_ref().map(|row| row.changed_ms));
    let before = row.map(|row| row.ledger);
    let mut ledger = before.clone().unwrap_or_default();
    if let Some(now_ms) = now_ms {
        ledger.tidy(now_ms);
    }
    let done = work(&mut ledger);
    match (ledger != Ledger::default(), before.is_some()) {
        (true, _) => write(connection, key, &ledger, changed_ms.unwrap_or_default())?,
        (false, true) => forget(connection, key)?,
        (false, false) => {}
    }
    Ok(done)
}

/// A row of `ledgers`.
struct Row {
    ledger: Ledger,
    changed_ms: i64,
}

fn read(connection: &Connection, key: &Key) -> anyhow::Result<Option<Row>> {
    try_to_read(connection, key).context(NotReadable(state::Row::Ledger))
}

fn try_to_read(connection: &Connection, key: &Key) -> anyhow::Result<Option<Row>> {
    let mut select = connection.prepare_cached(
        "SELECT json, changed_ms FROM ledgers WHERE app = ?1 AND openid = ?2 AND template_id = ?3",
    )?;
    let row: Option<(String, i64)> = select
        .query_row(params![key.app, key.openid, key.template_id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((json, changed_ms)) = row else {
        return Ok(None);
    };
    let ledger = serde_json::from_str(&json)?;
    Ok(Some(Row { ledger, changed_ms }))
}

fn write(
    connection: &Connection,
    key: &Key,
    ledger: &Ledger,
    changed_ms: i64,
) -> anyhow::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO ledgers (app, openid, template_id, json, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (app, openid, template_id) DO UPDATE SET
                json = excluded.json, changed_ms = excluded.changed_ms",
        )?
        .execute(params![
            key.app,
            key.openid,
            key.template_id,
            serde_json::to_string(ledger)?,
            changed_ms
        ])?;
    Ok(())
}

fn forget(connection: &Connection, key: &Key) -> anyhow::Result<()> {
    connection
        .prepare_cached("DELETE FROM ledgers WHERE app = ?1 AND openid = ?2 AND template_id = ?3")?
        .execute(params![key.app, key.openid, key.template_id])?;
    Ok(())
}
