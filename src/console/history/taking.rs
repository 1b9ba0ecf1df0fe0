//! A batch is taken in: rows, counts, names and the offsets that were read, all in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::arriving::{Arriving, Audited, Content, Way};
use super::covered::{Coverage, Covered, Of};
use super::kinds::{Count, KindId, Kinds};
use super::names::{Open, Row, chapter_of, first_row, hash, hashes_of, place_key};
use super::row;
use super::settled::settled_ms;
use super::shared::Shared;
use super::tables::Number;
use super::told::{Cursor, Kept};
use wx_courier_core::model::outcome::Outcome;

/// What came of a batch.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Records that were read: all but those that were read before.
    pub(super) n_read: u64,
    /// Outcomes and changes that are kept now.
    pub(super) n_kept: usize,
    /// Records that are not understood.
    pub(super) n_not_understood: u64,
    /// Outcomes from the newest end.
    pub(super) news: Vec<Kept>,
}

/// So many outcomes of one record are looked at for one of the same id. More there are where no record is the same in truth.
const MOST_OF_PLACE: i64 = 64;

/// Longer records of the audit topic are none of ours.
const LONGEST_CHANGE: usize = 64 * 1024;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What the writer knows, and a transaction may change. It is taken back where the transaction fails.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) kinds: Kinds,
    pub(super) coverage: Coverage,
    pub(super) next_row: Row,
}

/// An open transaction, and what it will have changed.
pub(super) struct Taking<'a> {
    transaction: &'a Transaction<'a>,
    shared: &'a Shared,
    books: &'a mut Books,
    /// The names of its rows in the chapter that is being written.
    pub(super) names: Open,
    /// What was covered before of the partitions that it has read.
    pub(super) covered_before: BTreeMap<Of, Vec<Covered>>,
    minutes: BTreeMap<(i64, KindId), i64>,
    by_kind: Vec<(KindId, i64, Row)>,
    now_ms: i64,
    oldest_ms: i64,
    pub(super) taken: Taken,
}

impl<'a> Taking<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        shared: &'a Shared,
        books: &'a mut Books,
    ) -> Self {
        Self {
            transaction,
            names: Open::new(chapter_of(books.next_row)),
            covered_before: BTreeMap::new(),
            minutes: BTreeMap::new(),
            by_kind: Vec::new(),
            now_ms: (shared.now)(),
            oldest_ms: shared.oldest_ms(),
            taken: Taken::default(),
            shared,
            books,
        }
    }

    /// Takes one in. What was read before is passed over.
    pub(super) fn take(&mut self, arriving: &Arriving) -> rusqlite::Result<()> {
        let of = (Arc::clone(&arriving.topic), arriving.partition);
        let mut from_ms = arriving.timestamp_ms;
        let mut mark = None;
        if !matches!(arriving.content, Content::Gap) {
            if self.books.coverage.has(&of, arriving.offsets.end - 1) {
                return Ok(());
            }
            self.taken.n_read += 1;
            mark = arriving.timestamp_ms;
        }
        match &arriving.content {
            Content::Outcome(outcome) => {
                let at_ms = settled_ms(outcome, arriving.timestamp_ms, self.now_ms);
                from_ms = from_ms.or(Some(at_ms));
                if at_ms >= self.oldest_ms {
                    self.take_outcome(outcome, at_ms, arriving.way)?;
                }
            }
            Content::Change(audited) => self.take_change(audited, arriving.timestamp_ms)?,
            Content::NotUnderstood => self.taken.n_not_understood += 1,
            Content::PassedOver | Content::Gap => {}
        }
        let before = || self.books.coverage.of(&of).to_vec();
        self.covered_before.entry(of.clone()).or_insert_with(before);
        let covered = Covered {
            offsets: arriving.offsets.clone(),
            from_ms: from_ms.unwrap_or(self.now_ms),
            mark,
        };
        self.books.coverage.add(&of, covered);
        Ok(())
    }

    fn take_outcome(&mut self, outcome: &Outcome, at_ms: i64, way: Way) -> rusqlite::Result<()> {
        let place = place_key(&outcome.topic, outcome.partition, outcome.offset);
        if self.is_repeated(outcome, place)? {
            return Ok(());
        }
        let known = self.books.kinds.count(outcome, at_ms);
        let row = self.books.next_row;
        let body = row::encode(outcome, at_ms, &known);
        self.run(
            "INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4)",
            params![row, known.id, at_ms, body],
        )?;
        self.run("INSERT INTO places VALUES (?1, ?2)", params![place, row])?;
        self.by_kind.push((known.id, at_ms, row));
        *self
            .minutes
            .entry((at_ms.div_euclid(MINUTE_MS), known.id))
            .or_default() += 1;
        self.names.add(row, at_ms, hashes_of(outcome));
        self.books.next_row += 1;
        self.taken.n_kept += 1;
        if way == Way::Newest {
            self.taken.news.push(Kept {
                cursor: Cursor {
                    settled_ms: at_ms,
                    row,
                },
                outcome: outcome.clone(),
                settled_ms: at_ms,
            });
        }
        if chapter_of(self.books.next_row) != self.names.chapter {
            self.seal()?;
        }
        Ok(())
    }

    /// Whether this outcome is there already: delivery is at least once, and the first word on a message is as good as the last.
    fn is_repeated(&self, outcome: &Outcome, place: i64) -> rusqlite::Result<bool> {
        let mut select = self.transaction.prepare_cached(
            "SELECT kind, ms, body FROM places JOIN outcomes USING (row) WHERE place = ?1 ORDER BY places.row DESC LIMIT ?2",
        )?;
        let mut rows = select.query(params![place, MOST_OF_PLACE])?;
        while let Some(row) = rows.next()? {
            let Some(standing) = self.books.kinds.get(row.get(0)?) else {
                continue;
            };
            let (at_ms, body) = (row.get(1)?, row.get_ref(2)?.as_blob()?);
            let known = row::decode(body, at_ms, &standing.known);
            if known.is_some_and(|known| known.id == outcome.id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_change(
        &mut self,
        audited: &Audited,
        timestamp_ms: Option<i64>,
    ) -> rusqlite::Result<()> {
        let at_ms = audited.at_ms.or(timestamp_ms).unwrap_or(self.now_ms);
        let json = audited.record.to_string();
        if json.len() > LONGEST_CHANGE {
            self.taken.n_not_understood += 1;
            return Ok(());
        }
        let id = audited
            .id
            .as_deref()
            .map(|id| hash(id.as_bytes()).cast_signed());
        let is_repeated = match id {
            None => false,
            Some(id) => {
                let find = "SELECT 1 FROM changes WHERE id = ?1 AND json = ?2";
                let mut find = self.transaction.prepare_cached(find)?;
                find.exists(params![id, json])?
            }
        };
        if !is_repeated {
            self.run(
                "INSERT INTO changes (at_ms, id, json) VALUES (?1, ?2, ?3)",
                params![at_ms, id, json],
            )?;
            self.taken.n_kept += 1;
        }
        Ok(())
    }

    /// Writes the names of a chapter that is full.
    fn seal(&mut self) -> rusqlite::Result<()> {
        let next = Open::new(self.names.chapter + 1);
        let mut full = std::mem::replace(&mut self.names, next);
        let memory = self.shared.memory();
        if memory.names.chapter == full.chapter {
            let mut whole = memory.names.clone();
            whole.extend(full);
            full = whole;
        }
        drop(memory);
        let is_there = "SELECT row FROM outcomes WHERE row >= ?1 ORDER BY row LIMIT 1";
        let mut is_there = self.transaction.prepare_cached(is_there)?;
        let there = is_there.query_row([first_row(full.chapter)], |row| row.get::<_, Row>(0));
        let (Some(_), Some(span)) = (there.optional()?, full.span) else {
            // What was written has grown old already.
            return Ok(());
        };
        for (part, entries) in full.parts() {
            self.run("INSERT INTO parts VALUES (?1, ?2)", params![part, entries])?;
        }
        self.run(
            "INSERT INTO chapters VALUES (?1, ?2, ?3)",
            params![full.chapter, span.from_ms, span.to_ms],
        )
    }

    /// Writes what was counted.
    pub(super) fn write_books(&mut self) -> rusqlite::Result<()> {
        let by_kind = &mut self.by_kind;
        by_kind.sort_unstable();
        for (kind, ms, row) in std::mem::take(by_kind) {
            self.run(
                "INSERT INTO by_kind VALUES (?1, ?2, ?3)",
                params![kind, ms, row],
            )?;
        }
        let mut hours: BTreeMap<(i64, KindId), Count> = BTreeMap::new();
        for ((minute, kind), count) in std::mem::take(&mut self.minutes) {
            self.run(PUT_MINUTE, params![minute, kind, count])?;
            let of_minute = Count {
                count,
                first_ms: minute,
                last_ms: minute,
            };
            let of_hour = hours.entry((minute.div_euclid(60), kind));
            of_hour
                .and_modify(|hour| hour.add(of_minute))
                .or_insert(of_minute);
        }
        for ((hour, kind), count) in hours {
            let Count {
                count,
                first_ms,
                last_ms,
            } = count;
            self.run(PUT_HOUR, params![hour, kind, count, first_ms, last_ms])?;
        }
        write_kinds(self.transaction, &self.books.kinds)?;
        for of in self.covered_before.keys() {
            write_covered(self.transaction, of, self.books.coverage.of(of))?;
        }
        Number::NextRow.write(self.transaction, self.books.next_row)?;
        Number::NextKind.write(self.transaction, self.books.kinds.next())
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(sql)?
            .execute(params)
            .map(drop)
    }
}

const PUT_MINUTE: &str = "INSERT INTO minutes VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET count = count + excluded.count";

const PUT_HOUR: &str = "INSERT INTO hours VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)";

const PUT_KIND: &str = "INSERT INTO kinds VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET count = excluded.count, first_ms = excluded.first_ms, last_ms = excluded.last_ms";

/// Writes the kinds that were changed.
pub(super) fn write_kinds(transaction: &Transaction<'_>, kinds: &Kinds) -> rusqlite::Result<()> {
    for (id, standing) in kinds.changed() {
        match standing {
            None => {
                let mut delete = transaction.prepare_cached("DELETE FROM kinds WHERE kind = ?1")?;
                delete.execute([id])?;
            }
            Some(standing) => {
                let said = standing.known.to_bytes();
                let Count {
                    count,
                    first_ms,
                    last_ms,
                } = standing.count;
                let mut put = transaction.prepare_cached(PUT_KIND)?;
                put.execute(params![id, said, count, first_ms, last_ms])?;
            }
        }
    }
    Ok(())
}

/// Writes what was read of a partition, in the place of what was written of it before.
pub(super) fn write_covered(
    transaction: &Transaction<'_>,
    (topic, partition): &Of,
    ranges: &[Covered],
) -> rusqlite::Result<()> {
    let delete = "DELETE FROM covered WHERE topic = ?1 AND partition = ?2";
    transaction
        .prepare_cached(delete)?
        .execute(params![topic, partition])?;
    let put = "INSERT INTO covered VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut put = transaction.prepare_cached(put)?;
    for Covered {
        offsets,
        from_ms,
        mark,
    } in ranges
    {
        put.execute(params![
            topic,
            partition,
            offsets.start,
            offsets.end,
            from_ms,
            mark
        ])?;
    }
    Ok(())
}
