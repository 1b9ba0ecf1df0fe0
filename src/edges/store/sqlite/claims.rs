//! Claims and outcomes.

use std::sync::Arc;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::grants;
use super::kept::{Kept, kept};
use super::receipts::number;
use crate::edges::store::failure::NotReadable;
use wx_courier_core::grants::{Key, Reservation};
use wx_courier_core::model::Holder;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::state::{Answer, Claim, Held, Row, Settlement, counts_as_sent};
use wx_courier_core::wechat::receipts::{self, Receipts};

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

/// May this message be sent?
pub(super) fn claim(connection: &Connection, claim: &Claim) -> anyhow::Result<Answer> {
    let outcome = read_outcome(connection, &claim.outcome_id);
    let outcome = kept(claim.unreadable, outcome)?;
    if let Kept::Row(outcome) = outcome {
        return Ok(Answer::Settled(outcome));
    }
    let entry = read_claim(connection, &claim.message_id);
    if let Kept::Row(entry) = kept(claim.unreadable, entry)? {
        let is_same_record = entry.outcome_id == claim.outcome_id;
        match entry.holder {
            // The message of this very record.
            None if is_same_record && matches!(outcome, Kept::Junk) => {
                return Ok(Answer::Unreadable(Row::Outcome));
            }
            None => {
                return Ok(Answer::Duplicate {
                    of: entry.outcome_id,
                });
            }
            // The first answer was lost on the way.
            Some(holder) if holder == claim.holder => {}
            Some(holder) if claim.over == Some(holder) => {}
            Some(holder) => return Ok(entry.held(holder)),
        }
    }
    let reservation = match &claim.grant {
        Some(wish) => grants::reserve(connection, wish, claim)?,
        None => Some(Reservation::NotAsked),
    };
    let Some(reservation) = reservation else {
        return Ok(Answer::NoGrant);
    };
    let holder = Some(claim.holder);
    write_claim(
        connection,
        &claim.message_id,
        &claim.outcome_id,
        holder,
        claim.now_ms,
    )?;
    Ok(Answer::Claimed(reservation))
}

/// The message reached nobody. Another holder's claim stays.
pub(super) fn release(
    connection: &Connection,
    message_id: &str,
    holder: Holder,
    grant: Option<&Key>,
) -> anyhow::Result<()> {
    let n_released = connection
        .prepare_cached("DELETE FROM claims WHERE message_id = ?1 AND holder = ?2")?
        .execute(params![message_id, holder.to_string()])?;
    match grant {
        Some(key) if n_released > 0 => grants::give_back(connection, key, message_id),
        Some(_) | None => Ok(()),
    }
}

/// This is how a message ended.
pub(super) fn settle(connection: &Connection, settlement: &Settlement) -> anyhow::Result<Answer> {
    let outcome = &settlement.outcome;
    let earlier = read_outcome(connection, &outcome.id);
    let earlier = kept(settlement.unreadable, earlier)?;
    if let Kept::Row(earlier) = earlier {
        return Ok(Answer::Settled(earlier));
    }
    let entry = read_claim(connection, &outcome.message_id);
    match kept(settlement.unreadable, entry)? {
        Kept::Row(entry) => {
            let is_same_record = *entry.outcome_id == *outcome.id;
            match entry.holder {
                Some(holder) if settlement.holder == Some(holder) => {
                    end_claim(connection, settlement)?;
                }
                Some(holder) if is_same_record => {
                    return Ok(match settlement.holder {
                        None => entry.held(holder),
                        Some(_) => Answer::TakenOver,
                    });
                }
                None if is_same_record => {}
                // Another record has the message: only one of them can have sent it.
                Some(holder) if counts_as_sent(outcome.status) => return Ok(entry.held(holder)),
                None if counts_as_sent(outcome.status) => {
                    return Ok(Answer::Duplicate {
                        of: entry.outcome_id,
                    });
                }
                // That it did not send it is this record's own outcome.
                Some(_) | None => {}
            }
        }
        // What was claimed may have been forgotten or given up meanwhile; what was sent, or may have been, stays marked.
        Kept::Nothing | Kept::Junk
            if settlement.holder.is_some() || counts_as_sent(outcome.status) =>
        {
            end_claim(connection, settlement)?;
        }
        Kept::Nothing | Kept::Junk => {}
    }
    if let (Receipts::Expected, Some(key)) = (settlement.receipts, receipts::Key::of(outcome)) {
        number(connection, &key, &outcome.id, settlement.now_ms)?;
    }
    if let Kept::Junk = earlier {
        connection
            .prepare_cached("DELETE FROM outcomes WHERE id = ?1")?
            .execute([&outcome.id])?;
    }
    // Whoever the message was for is forgotten with it: see the tables.
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
        write_claim(
            connection,
            &outcome.message_id,
            &outcome.id,
            None,
            settlement.now_ms,
        )?;
    } else {
        connection
            .prepare_cached("DELETE FROM claims WHERE message_id = ?1")?
            .execute([&outcome.message_id])?;
    }
    match &settlement.grant {
        Some(key) => grants::end(connection, key, settlement),
        None => Ok(()),
    }
}

/// The outcome of the record whose message with this id was sent, or may have been.
pub(super) fn sent_by(
    connection: &Connection,
    message_id: &str,
) -> anyhow::Result<Option<Arc<str>>> {
    let entry = read_claim(connection, message_id)?;
    Ok(entry
        .filter(|entry| entry.holder.is_none())
        .map(|entry| entry.outcome_id))
}

fn read_claim(connection: &Connection, message_id: &str) -> anyhow::Result<Option<Entry>> {
    try_to_read_claim(connection, message_id).context(NotReadable(Row::Claim))
}

fn try_to_read_claim(connection: &Connection, message_id: &str) -> anyhow::Result<Option<Entry>> {
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
        Some(text) => Some(Holder::parse(&text).context("no holder")?),
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

/// The outcome with this id.
pub(super) fn read_outcome(
    connection: &Connection,
    id: &str,
) -> anyhow::Result<Option<Arc<Outcome>>> {
    try_to_read_outcome(connection, id).context(NotReadable(Row::Outcome))
}

fn try_to_read_outcome(connection: &Connection, id: &str) -> anyhow::Result<Option<Arc<Outcome>>> {
    let json: Option<String> = connection
        .prepare_cached("SELECT json FROM outcomes WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(json) = json else {
        return Ok(None);
    };
    Ok(Some(Arc::new(serde_json::from_str(&json)?)))
}
