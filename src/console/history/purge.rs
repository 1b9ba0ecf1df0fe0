//! What is old goes, and what finds no room: the oldest outcomes first, in small steps between what comes in.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::kinds::{KindId, Kinds};
use super::names::{Row, chapter_of, first_part, first_row, place_key};
use super::row;
use super::shared::Shared;
use super::tables::Number;
use super::taking::{Books, HOUR_MS, MINUTE_MS, write_kinds};

/// More changes than this are not kept, however young they are.
const MOST_CHANGES: i64 = 20_000;

/// Changes that go in one step.
const CHANGES_A_STEP: i64 = 200;

/// Pages that are given back to the disk in one step.
const PAGES_A_STEP: i64 = 512;

/// Of the bound of bytes, one part in so many is for what the write-ahead log takes at a time.
const LOG_PART: u64 = 16;
const LARGEST_LOG: u64 = 16 << 20;
const SMALLEST_LOG: u64 = 256 << 10;

/// How large the write-ahead log becomes before it is brought into the file.
pub(super) fn log_bound(max_bytes: u64) -> u64 {
    (max_bytes / LOG_PART).clamp(SMALLEST_LOG, LARGEST_LOG)
}

/// How large the file may become beside its log. The log is brought in when it is full, and grows beyond that by what one transaction writes, and
/// while a reader delays it.
fn room(max_bytes: u64) -> u64 {
    max_bytes.saturating_sub(2 * log_bound(max_bytes) + LARGEST_TRANSACTION)
}

const LARGEST_TRANSACTION: u64 = 1 << 20;

/// Whether there is more to be done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    More,
}

/// What the file takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// All of it, on the disk.
    pub(super) file: u64,
    /// What of that holds nothing.
    pub(super) free: u64,
}

pub(super) fn size(connection: &Connection) -> rusqlite::Result<Size> {
    let number = |pragma: &str| {
        let number = connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
        number.map(i64::cast_unsigned)
    };
    let page = number("PRAGMA page_size")?;
    Ok(Size {
        file: number("PRAGMA page_count")?.saturating_mul(page),
        free: number("PRAGMA freelist_count")?.saturating_mul(page),
    })
}

/// Forgets what is over the bounds, at most so many outcomes.
pub(super) fn purge(
    connection: &mut Connection,
    shared: &Shared,
    books: &mut Books,
    at_most: usize,
) -> rusqlite::Result<Left> {
    let keep = i64::try_from(shared.bounds.keep.as_millis()).unwrap_or(i64::MAX);
    let by_age = Until::Time((shared.now)().saturating_sub(keep));
    let left = step(connection, shared, books, by_age, at_most)?;
    let room = room(shared.bounds.max_bytes);
    let now = size(connection)?;
    let over = (now.file - now.free.min(now.file)).saturating_sub(room);
    if over > 0 {
        return step(connection, shared, books, Until::Room, at_most);
    }
    if now.file > room && now.free > 0 {
        // As a query: each row of its answer is a page.
        let vacuum = format!("PRAGMA incremental_vacuum({PAGES_A_STEP})");
        let mut vacuum = connection.prepare(&vacuum)?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
        return Ok(Left::More);
    }
    Ok(left)
}

/// Which outcomes go.
#[derive(Clone, Copy)]
enum Until {
    /// Those that were settled before this time.
    Time(i64),
    /// The oldest ones.
    Room,
}

/// One transaction.
fn step(
    connection: &mut Connection,
    shared: &Shared,
    books: &mut Books,
    until: Until,
    at_most: usize,
) -> rusqlite::Result<Left> {
    let is_old = |minute: i64| match until {
        Until::Time(ms) => (minute + 1) * MINUTE_MS <= ms,
        Until::Room => true,
    };
    let oldest = oldest(connection)?;
    let has_old_change = old_change(connection, until, oldest)?;
    if !oldest.is_some_and(is_old) && has_old_change.is_none() {
        return Ok(Left::Nothing);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut purging = Purging {
        transaction: &transaction,
        kinds: &mut books.kinds,
        chapters: BTreeSet::new(),
        floor_ms: None,
        n_gone: 0,
    };
    if let Some(before_ms) = has_old_change {
        purging.forget_changes(before_ms)?;
    } else {
        while purging.n_gone < at_most && purging.forget_some(at_most, is_old)? {}
        purging.forget_chapters(chapter_of(books.next_row))?;
    }
    let floor_ms = purging.floor_ms.filter(|_| matches!(until, Until::Room));
    let left = if purging.n_gone < at_most && has_old_change.is_none() {
        Left::Nothing
    } else {
        Left::More
    };
    write_kinds(&transaction, &books.kinds)?;
    if let Some(floor_ms) = floor_ms {
        Number::FloorMs.write(&transaction, floor_ms)?;
        let under = i64::try_from(shared.bounds.max_bytes).unwrap_or(i64::MAX);
        Number::FloorBytes.write(&transaction, under)?;
    }
    let mut memory = shared.memory_mut();
    transaction.commit()?;
    for (id, standing) in books.kinds.changed() {
        match standing {
            Some(standing) => memory.kinds.insert(id, standing.clone()),
            None => memory.kinds.remove(&id),
        };
    }
    memory.floor_ms = floor_ms.or(memory.floor_ms);
    let kept = memory.total();
    drop(memory);
    books.kinds.keep();
    shared.board.change(|progress| progress.kept = kept);
    Ok(left)
}

/// The oldest minute with outcomes.
fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT min(minute) FROM minutes")?;
    select.query_row([], |row| row.get(0))
}

/// Before which time changes go, if there are any: a change goes with the outcomes of its time, and where there are too many.
fn old_change(
    connection: &Connection,
    until: Until,
    oldest_minute: Option<i64>,
) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT min(at_ms), count(*) FROM changes")?;
    let (oldest_ms, count): (Option<i64>, i64) =
        select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(oldest_ms) = oldest_ms else {
        return Ok(None);
    };
    if count > MOST_CHANGES {
        return Ok(Some(i64::MAX));
    }
    let before_ms = match until {
        Until::Time(ms) => ms,
        Until::Room => oldest_minute.map_or(i64::MAX, |minute| minute * MINUTE_MS),
    };
    Ok((oldest_ms < before_ms).then_some(before_ms))
}

struct Purging<'a> {
    transaction: &'a Transaction<'a>,
    kinds: &'a mut Kinds,
    /// The chapters that have lost rows.
    chapters: BTreeSet<i64>,
    /// All before this time is gone.
    floor_ms: Option<i64>,
    n_gone: usize,
}

impl Purging<'_> {
    /// Forgets outcomes of one kind and the oldest minute. Gives `false` where nothing old is left.
    fn forget_some(
        &mut self,
        at_most: usize,
        is_old: impl Fn(i64) -> bool,
    ) -> rusqlite::Result<bool> {
        let select = "SELECT minute, kind, count FROM minutes ORDER BY minute, kind LIMIT 1";
        let mut select = self.transaction.prepare_cached(select)?;
        let oldest = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let Some((minute, kind, count)): Option<(i64, KindId, i64)> = oldest.optional()? else {
            return Ok(false);
        };
        if !is_old(minute) {
            return Ok(false);
        }
        self.floor_ms = Some(minute * MINUTE_MS);
        let rows = self.rows(minute, kind, at_most - self.n_gone.min(at_most))?;
        for (ms, row) in &rows {
            self.forget_row(kind, *ms, *row)?;
        }
        self.n_gone += rows.len().max(1);
        let n_gone = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        // A minute that counts more than there is ends all the same.
        let n_left = if rows.is_empty() {
            0
        } else {
            (count - n_gone).max(0)
        };
        let of_minute = if n_left == 0 { count } else { n_gone };
        self.count_off((minute, kind), of_minute, n_left)?;
        if n_left == 0 {
            self.floor_ms = Some((minute + 1) * MINUTE_MS);
        }
        Ok(true)
    }

    fn rows(&self, minute: i64, kind: KindId, at_most: usize) -> rusqlite::Result<Vec<(i64, Row)>> {
        let select = "SELECT ms, row FROM by_kind WHERE kind = ?1 AND ms >= ?2 AND ms < ?3 ORDER BY ms, row LIMIT ?4";
        let mut select = self.transaction.prepare_cached(select)?;
        let (from, to) = (minute * MINUTE_MS, (minute + 1) * MINUTE_MS);
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let rows = select.query_map(params![kind, from, to, at_most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        rows.collect()
    }

    fn forget_row(&mut self, kind: KindId, ms: i64, row: Row) -> rusqlite::Result<()> {
        let select = "SELECT body FROM outcomes WHERE row = ?1";
        let mut select = self.transaction.prepare_cached(select)?;
        let body: Option<Vec<u8>> = select.query_row([row], |row| row.get(0)).optional()?;
        let standing = self.kinds.get(kind);
        let outcome = body
            .zip(standing)
            .and_then(|(body, standing)| row::decode(&body, ms, &standing.known));
        if let Some(outcome) = outcome {
            let place = place_key(&outcome.topic, outcome.partition, outcome.offset);
            self.run(
                "DELETE FROM places WHERE place = ?1 AND row = ?2",
                params![place, row],
            )?;
        }
        self.run("DELETE FROM outcomes WHERE row = ?1", params![row])?;
        self.run(
            "DELETE FROM by_kind WHERE kind = ?1 AND ms = ?2 AND row = ?3",
            params![kind, ms, row],
        )?;
        self.chapters.insert(chapter_of(row));
        Ok(())
    }

    /// Takes so many off all counts that they stood in.
    fn count_off(
        &mut self,
        (minute, kind): (i64, KindId),
        n_gone: i64,
        n_left: i64,
    ) -> rusqlite::Result<()> {
        if n_left == 0 {
            self.run(
                "DELETE FROM minutes WHERE minute = ?1 AND kind = ?2",
                params![minute, kind],
            )?;
        } else {
            let put = "UPDATE minutes SET count = ?3 WHERE minute = ?1 AND kind = ?2";
            self.run(put, params![minute, kind, n_left])?;
        }
        let hour = minute.div_euclid(60);
        let next = "SELECT ms FROM by_kind WHERE kind = ?1 AND ms >= ?2 ORDER BY ms LIMIT 1";
        let mut next = self.transaction.prepare_cached(next)?;
        let next: Option<i64> = next
            .query_row(params![kind, minute * MINUTE_MS], |row| row.get(0))
            .optional()?;
        let is_of_hour = |ms: &i64| ms.div_euclid(HOUR_MS) == hour;
        if let Some(first) = next.filter(is_of_hour) {
            self.run(
                "UPDATE hours SET count = count - ?3, first = ?4 WHERE hour = ?1 AND kind = ?2",
                params![hour, kind, n_gone, first.div_euclid(MINUTE_MS)],
            )?;
        } else {
            self.run(
                "DELETE FROM hours WHERE hour = ?1 AND kind = ?2",
                params![hour, kind],
            )?;
        }
        self.kinds.forget(kind, n_gone, next);
        Ok(())
    }

    /// Takes the names of chapters away that have no row any more.
    fn forget_chapters(&mut self, open: i64) -> rusqlite::Result<()> {
        let mut select = self
            .transaction
            .prepare_cached("SELECT 1 FROM outcomes WHERE row >= ?1 AND row < ?2 LIMIT 1")?;
        for chapter in std::mem::take(&mut self.chapters) {
            if chapter == open || select.exists([first_row(chapter), first_row(chapter + 1)])? {
                continue;
            }
            self.run(
                "DELETE FROM parts WHERE part >= ?1 AND part < ?2",
                params![first_part(chapter), first_part(chapter + 1)],
            )?;
            self.run("DELETE FROM chapters WHERE chapter = ?1", params![chapter])?;
        }
        Ok(())
    }

    fn forget_changes(&mut self, before_ms: i64) -> rusqlite::Result<()> {
        let delete = "DELETE FROM changes WHERE row IN (SELECT row FROM changes WHERE at_ms < ?1 ORDER BY at_ms, row LIMIT ?2)";
        self.run(delete, params![before_ms, CHANGES_A_STEP])
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(sql)?
            .execute(params)
            .map(drop)
    }
}
