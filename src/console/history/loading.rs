//! What of the file lies in memory, read at the start.

use rusqlite::Connection;

use super::covered::Covered;
use super::file::Damaged;
use super::kinds::{Count, KindId};
use super::names::{Open, Row, chapter_of, first_row, hashes_of};
use super::row;
use super::shared::{Memory, Shared};
use super::tables::Number;
use super::taking::Books;
use super::told::Bounds;

/// Reads it, and tells it to those who ask.
pub(super) fn load(connection: &Connection, shared: &Shared) -> anyhow::Result<Books> {
    let mut books = Books {
        next_row: Number::NextRow.read(connection)?.unwrap_or(1),
        ..Books::default()
    };
    kinds(connection, &mut books)?;
    covered(connection, &mut books)?;
    let names = names(connection, &books)?;
    let by_id = books.kinds.iter().map(|of| (of.known.id, of.clone()));
    let memory = Memory {
        kinds: by_id.collect(),
        names,
        coverage: books.coverage.clone(),
        floor_ms: floor(connection, shared.bounds)?,
    };
    shared
        .board
        .change(|progress| progress.kept = memory.total());
    *shared.memory_mut() = memory;
    Ok(books)
}

fn kinds(connection: &Connection, books: &mut Books) -> anyhow::Result<()> {
    let mut select =
        connection.prepare("SELECT kind, said, count, first_ms, last_ms FROM kinds")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let count = Count {
            count: row.get(2)?,
            first_ms: row.get(3)?,
            last_ms: row.get(4)?,
        };
        let id: KindId = row.get(0)?;
        let said = row.get_ref(1)?.as_blob()?;
        books.kinds.read(id, said, count).ok_or(Damaged("a kind"))?;
    }
    let next = Number::NextKind.read(connection)?;
    books.kinds.begin_at(next.unwrap_or_default());
    Ok(())
}

fn covered(connection: &Connection, books: &mut Books) -> anyhow::Result<()> {
    let select = "SELECT topic, partition, begin, end, from_ms, mark FROM covered";
    let mut select = connection.prepare(select)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let covered = Covered {
            offsets: row.get(2)?..row.get(3)?,
            from_ms: row.get(4)?,
            mark: row.get(5)?,
        };
        books.coverage.add(&(row.get(0)?, row.get(1)?), covered);
    }
    Ok(())
}

/// The names of the chapter that was being written.
fn names(connection: &Connection, books: &Books) -> anyhow::Result<Open> {
    let mut names = Open::new(chapter_of(books.next_row));
    let mut select =
        connection.prepare("SELECT row, kind, ms, body FROM outcomes WHERE row >= ?1")?;
    let mut rows = select.query([first_row(names.chapter)])?;
    while let Some(row) = rows.next()? {
        let Some(standing) = books.kinds.get(row.get(1)?) else {
            continue;
        };
        let (number, at_ms): (Row, i64) = (row.get(0)?, row.get(2)?);
        let body = row.get_ref(3)?.as_blob()?;
        if let Some(outcome) = row::decode(body, at_ms, &standing.known) {
            names.add(number, at_ms, hashes_of(&outcome));
        }
    }
    Ok(names)
}

/// What found no room under the bounds of before may find room now.
fn floor(connection: &Connection, bounds: Bounds) -> anyhow::Result<Option<i64>> {
    let under = Number::FloorBytes.read(connection)?.unwrap_or_default();
    if u64::try_from(under).is_ok_and(|under| under >= bounds.max_bytes) {
        return Ok(Number::FloorMs.read(connection)?);
    }
    Number::FloorMs.forget(connection)?;
    Number::FloorBytes.forget(connection)?;
    Ok(None)
}
