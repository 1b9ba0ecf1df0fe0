//! What is old is forgotten; a damaged page does not keep the rest from it.

use rusqlite::{Connection, params};

use super::failure_of;
use super::tables::{AGING, Aging};
use crate::edges::store::failure::Failure;
use wx_courier_core::state::Horizon;

/// What is known of rows that cannot be deleted.
pub(super) struct Purge {
    /// For each table, the row behind which its rows are looked at: it is on a damaged page, and those before it are gone, or are there too.
    floors: [Floor; AGING.len()],
}

/// Age, and row id.
type Floor = (i64, i64);

const NO_FLOOR: Floor = (i64::MIN, i64::MIN);
const NOTHING: Floor = (i64::MAX, i64::MAX);

impl Purge {
    pub(super) fn new() -> Self {
        Self {
            floors: [NO_FLOOR; AGING.len()],
        }
    }

    /// Forgets rows that are over this horizon, at most so many at once. Gives how many it were.
    pub(super) fn forget(
        &mut self,
        connection: &mut Connection,
        horizon: Horizon,
        at_most: usize,
    ) -> Result<usize, Failure> {
        match self
            .in_one(connection, horizon, at_most)
            .map_err(failure_of)
        {
            Err(Failure::Fault { .. }) => self.one_by_one(connection, horizon, at_most),
            other => other,
        }
    }

    /// As it mostly goes: one transaction, one statement for each table.
    fn in_one(
        &self,
        connection: &mut Connection,
        horizon: Horizon,
        at_most: usize,
    ) -> anyhow::Result<usize> {
        let transaction = connection.transaction()?;
        let mut n_forgotten = 0;
        for (aging, (age_ms, row)) in AGING.iter().zip(self.floors) {
            let n_left = i64::try_from(at_most - n_forgotten)?;
            let mut delete = transaction.prepare_cached(&aging.forget())?;
            n_forgotten +=
                delete.execute(params![age_ms, row, aging.horizon_ms(horizon), n_left])?;
        }
        transaction.commit()?;
        Ok(n_forgotten)
    }

    /// Around what is damaged: each row by itself, and those that stay are passed over from now on.
    fn one_by_one(
        &mut self,
        connection: &Connection,
        horizon: Horizon,
        at_most: usize,
    ) -> Result<usize, Failure> {
        let mut n_forgotten = 0;
        for (aging, floor) in AGING.iter().zip(&mut self.floors) {
            let horizon_ms = aging.horizon_ms(horizon);
            let n_left = at_most - n_forgotten;
            let rows = match oldest(connection, aging, (*floor, horizon_ms), n_left) {
                Ok(rows) => rows,
                Err(failure) => {
                    // Not even the index of ages can be read: nothing of this table is forgotten until an operator has mended the file.
                    pass_over(failure, aging, floor, NOTHING)?;
                    continue;
                }
            };
            for (age_ms, row) in rows {
                let delete = format!("DELETE FROM {} WHERE rowid = ?1", aging.table);
                let deleted = connection
                    .prepare_cached(&delete)
                    .and_then(|mut delete| delete.execute([row]));
                match deleted {
                    Ok(n_rows) => n_forgotten += n_rows,
                    Err(error) => {
                        let failure = failure_of(error.into());
                        pass_over(failure, aging, floor, (age_ms, row))?;
                    }
                }
            }
        }
        Ok(n_forgotten)
    }
}

fn oldest(
    connection: &Connection,
    aging: &Aging,
    ((age_ms, row), horizon_ms): (Floor, i64),
    at_most: usize,
) -> Result<Vec<Floor>, Failure> {
    let find = || {
        let mut select = connection.prepare_cached(&aging.oldest())?;
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let rows = select.query_map(params![age_ms, row, horizon_ms, at_most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<Floor>>>()
    };
    find().map_err(|error| failure_of(error.into()))
}

/// Rows up to this one are not looked at any more; an outage says nothing of them.
fn pass_over(
    failure: Failure,
    aging: &Aging,
    floor: &mut Floor,
    up_to: Floor,
) -> Result<(), Failure> {
    match failure {
        Failure::Fault { .. } => {
            tracing::warn!(
                table = aging.table,
                "old rows of the state file cannot be deleted, because a page of it is damaged: they stay. Mend the file while the service is stopped: sqlite3 FILE .recover"
            );
            *floor = up_to;
            Ok(())
        }
        Failure::Outage(_) | Failure::Lost { .. } => Err(failure),
    }
}
