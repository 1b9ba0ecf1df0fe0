//! The outcomes that may have a name, the newest first: chapter by chapter, and no chapter before its time matters.

use std::collections::BinaryHeap;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{NamedRows, Search};
use crate::console::history::names::{Row, rows_of_part};
use crate::console::history::readers::Limit;
use crate::console::history::told::Cursor;

/// A place that was found, or a chapter that was not looked into. Of the same place, the chapter comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Place,
    Chapter(i64),
}

pub(super) struct ByName<'a> {
    transaction: &'a Transaction<'a>,
    search: &'a Search,
    named: &'a NamedRows,
    limit: Limit,
    heap: BinaryHeap<(Cursor, Next)>,
    /// The last place that was given: two names of an outcome lead to it.
    last: Option<Cursor>,
    unseen: Option<Cursor>,
}

impl<'a> ByName<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        search: &'a Search,
        named: &'a NamedRows,
        limit: Limit,
    ) -> rusqlite::Result<Self> {
        let mut places = Self {
            transaction,
            search,
            named,
            limit,
            heap: BinaryHeap::new(),
            last: None,
            unseen: None,
        };
        for row in &named.rows {
            places.look_at(*row)?;
        }
        if let Some(place) = named.wanted.place {
            let mut select =
                transaction.prepare_cached("SELECT row FROM places WHERE place = ?1")?;
            let rows = select.query_map([place], |row| row.get(0))?;
            for row in rows {
                places.look_at(row?)?;
            }
        }
        let select = "SELECT chapter, to_ms FROM chapters WHERE from_ms < ?1 AND to_ms > ?2";
        let mut select = transaction.prepare_cached(select)?;
        let end_ms = search.before.settled_ms.saturating_add(1);
        let chapters = select.query_map(params![end_ms, search.span.from_ms], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        for chapter in chapters {
            let (chapter, to_ms): (i64, i64) = chapter?;
            let newest = Cursor {
                settled_ms: to_ms - 1,
                row: i64::MAX,
            };
            let newest = newest.min(search.before);
            places.heap.push((newest, Next::Chapter(chapter)));
        }
        Ok(places)
    }

    pub(super) fn unseen(&self) -> Option<Cursor> {
        self.unseen
    }

    pub(super) fn next(&mut self) -> rusqlite::Result<Option<Cursor>> {
        while let Some((place, next)) = self.heap.pop() {
            match next {
                Next::Place if self.last == Some(place) => {}
                Next::Place => {
                    self.last = Some(place);
                    return Ok(Some(place));
                }
                Next::Chapter(_) if self.limit.is_reached() => {
                    // What is of this place itself is not seen either.
                    self.unseen = Some(Cursor {
                        row: place.row.saturating_add(1),
                        ..place
                    });
                    return Ok(None);
                }
                Next::Chapter(chapter) => self.look_into(chapter)?,
            }
        }
        Ok(None)
    }

    fn look_into(&mut self, chapter: i64) -> rusqlite::Result<()> {
        let transaction = self.transaction;
        let mut select = transaction.prepare_cached("SELECT entries FROM parts WHERE part = ?1")?;
        for hash in &self.named.wanted.hashes {
            let entries: Option<Vec<u8>> = select
                .query_row([hash.part(chapter)], |row| row.get(0))
                .optional()?;
            for row in rows_of_part(chapter, &entries.unwrap_or_default(), *hash) {
                self.look_at(row)?;
            }
        }
        Ok(())
    }

    /// Notes where a row stands, if it is of a kind and a time that are meant.
    fn look_at(&mut self, row: Row) -> rusqlite::Result<()> {
        let select = "SELECT kind, ms FROM outcomes WHERE row = ?1";
        let mut select = self.transaction.prepare_cached(select)?;
        let found = select.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((kind, settled_ms)): Option<(i64, i64)> = found.optional()? else {
            return Ok(());
        };
        let place = Cursor { settled_ms, row };
        let is_in_time = place < self.search.before && settled_ms >= self.search.span.from_ms;
        if is_in_time && self.search.kinds.contains_key(&kind) {
            self.heap.push((place, Next::Place));
        }
        Ok(())
    }
}
