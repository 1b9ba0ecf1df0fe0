//! The outcomes of some kinds, the newest first: the index of each kind is read a little at a time, and no kind before it matters.

use std::collections::BinaryHeap;

use rusqlite::{Transaction, params};

use super::Search;
use crate::console::history::kinds::KindId;
use crate::console::history::told::Cursor;

/// How many places of a kind are read at first, and at most.
const FIRST: i64 = 2;
const MOST: i64 = 256;

/// Places of one kind.
struct Lane {
    kind: KindId,
    /// Those that were read, the newest last.
    places: Vec<Cursor>,
    /// Those before this place are not read yet; none are left without.
    rest: Option<Cursor>,
    step: i64,
}

pub(super) struct ByKind<'a> {
    transaction: &'a Transaction<'a>,
    from_ms: i64,
    lanes: Vec<Lane>,
    /// Each lane that may have more, by its newest place, or by one that no place of it is newer than.
    heap: BinaryHeap<(Cursor, usize)>,
}

impl<'a> ByKind<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, search: &Search) -> Self {
        let mut lanes = Vec::with_capacity(search.kinds.len());
        let mut heap = BinaryHeap::with_capacity(search.kinds.len());
        for (kind, (_, count)) in &search.kinds {
            let last = Cursor {
                settled_ms: count.last_ms,
                row: i64::MAX,
            };
            heap.push((last.min(search.before), lanes.len()));
            lanes.push(Lane {
                kind: *kind,
                places: Vec::new(),
                rest: Some(search.before),
                step: FIRST,
            });
        }
        Self {
            transaction,
            from_ms: search.span.from_ms,
            lanes,
            heap,
        }
    }

    pub(super) fn next(&mut self) -> rusqlite::Result<Option<Cursor>> {
        while let Some((place, index)) = self.heap.pop() {
            let Some(lane) = self.lanes.get_mut(index) else {
                continue;
            };
            // A place that was read is the next of all; else the lane is looked into first.
            let found = lane.places.pop_if(|newest| *newest == place);
            if lane.places.is_empty() {
                read(self.transaction, self.from_ms, lane)?;
            }
            if let Some(newest) = lane.places.last() {
                self.heap.push((*newest, index));
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// Reads the next places of a lane.
fn read(transaction: &Transaction<'_>, from_ms: i64, lane: &mut Lane) -> rusqlite::Result<()> {
    let Some(before) = lane.rest else {
        return Ok(());
    };
    let mut select = transaction.prepare_cached(
        "SELECT ms, row FROM by_kind WHERE kind = ?1 AND (ms, row) < (?2, ?3) AND ms >= ?4 ORDER BY ms DESC, row DESC LIMIT ?5",
    )?;
    let asked = params![lane.kind, before.settled_ms, before.row, from_ms, lane.step];
    let rows = select.query_map(asked, |row| {
        Ok(Cursor {
            settled_ms: row.get(0)?,
            row: row.get(1)?,
        })
    })?;
    lane.places = rows.collect::<rusqlite::Result<_>>()?;
    let is_full = usize::try_from(lane.step).is_ok_and(|step| lane.places.len() == step);
    lane.rest = lane.places.last().copied().filter(|_| is_full);
    lane.places.reverse();
    lane.step = MOST.min(lane.step * 4);
    Ok(())
}
