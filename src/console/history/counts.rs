//! Charts and tables: from the counts of minutes and hours, so that no outcome is read for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, params};

use super::kinds::{Count, KindId, Known, Match};
use super::readers::Limit;
use super::search::{NamedRows, Search, span_of};
use super::shared::{Memory, Shared};
use super::taking::{HOUR_MS, MINUTE_MS};
use super::told::{Bucket, KindCount, Span};
use crate::console::filter::Filter;

/// A chart has no more parts.
const MOST_BUCKETS: usize = 2_000;

/// In a shorter span minutes are read, in a longer one hours, and minutes where an hour lies in two parts.
const SHORT_MS: i64 = 6 * HOUR_MS;

/// How many outcomes there are of a kind in a part of the time.
struct Counted {
    kind: KindId,
    count: Count,
}

/// What is counted, and where.
struct Counting {
    kinds: BTreeMap<KindId, Arc<Known>>,
    /// When there are outcomes at all.
    there: Option<Span>,
    /// With a name, outcomes are looked at one by one.
    named: Option<(NamedRows, Search)>,
}

impl Counting {
    fn new(filter: &Filter, span: Span, memory: &Memory) -> Self {
        let named = filter.id.as_deref().map(|name| {
            let within = Filter {
                from_ms: Some(span.from_ms),
                to_ms: Some(span.to_ms),
                ..filter.clone()
            };
            let search = Search::new(within, None, memory);
            (NamedRows::of(name, memory), search)
        });
        // What a kind leaves out is counted nowhere; by a name it is read.
        let is_meant = |known: &Known| match known.matches(filter) {
            Match::No => false,
            Match::Surely => true,
            Match::Perhaps => named.is_some(),
        };
        let meant = memory.kinds.values().filter(|of| is_meant(&of.known));
        let mut there: Option<Span> = None;
        let mut kinds = BTreeMap::new();
        for standing in meant {
            let Count {
                first_ms, last_ms, ..
            } = standing.count;
            let known = there.get_or_insert(Span {
                from_ms: first_ms,
                to_ms: last_ms,
            });
            known.from_ms = known.from_ms.min(first_ms);
            known.to_ms = known.to_ms.max(last_ms);
            kinds.insert(standing.known.id, Arc::clone(&standing.known));
        }
        Self {
            kinds,
            there,
            named,
        }
    }

    /// Tells each count, part by part of the time; `edges` are the beginnings of the parts and the end of the last one.
    fn each(
        &self,
        transaction: &Transaction<'_>,
        (edges, limit): (&[i64], Limit),
        mut see: impl FnMut(i64, Counted),
    ) -> rusqlite::Result<()> {
        let (Some(from_ms), Some(to_ms)) = (edges.first(), edges.last()) else {
            return Ok(());
        };
        if let Some((named, search)) = &self.named {
            let seen = search.each(transaction, (Some(named), limit), |kept, kind| {
                let at_ms = minute(kept.settled_ms);
                let count = Count::of_one(at_ms);
                see(at_ms, Counted { kind, count });
                ControlFlow::Continue(())
            });
            return seen.map(drop);
        }
        let Some(there) = self.there else {
            return Ok(());
        };
        // No minute outside of these has anything.
        let from_ms = (*from_ms).max(there.from_ms);
        let to_ms = (*to_ms).min(there.to_ms.saturating_add(1));
        if from_ms >= to_ms {
            return Ok(());
        }
        let first = from_ms.div_euclid(MINUTE_MS);
        let end = to_ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS);
        if to_ms - from_ms <= SHORT_MS {
            return self.minutes(transaction, (first, end), see);
        }
        let mut divided: BTreeSet<i64> = edges
            .iter()
            .filter(|edge| (from_ms..to_ms).contains(edge))
            .filter(|edge| edge.rem_euclid(HOUR_MS) != 0)
            .map(|edge| edge.div_euclid(HOUR_MS))
            .collect();
        for ends_within in [first, end] {
            if ends_within.rem_euclid(60) != 0 {
                divided.insert(ends_within.div_euclid(60));
            }
        }
        for hour in &divided {
            let minutes = (first.max(hour * 60), end.min((hour + 1) * 60));
            self.minutes(transaction, minutes, &mut see)?;
        }
        let hours = (first.div_euclid(60), end.div_euclid(60));
        self.hours(transaction, hours, |hour, counted| {
            if !divided.contains(&hour) {
                see(hour * HOUR_MS, counted);
            }
        })
    }

    fn minutes(
        &self,
        transaction: &Transaction<'_>,
        (first, end): (i64, i64),
        mut see: impl FnMut(i64, Counted),
    ) -> rusqlite::Result<()> {
        let select = "SELECT minute, kind, count FROM minutes WHERE minute >= ?1 AND minute < ?2";
        let mut select = transaction.prepare_cached(select)?;
        let mut rows = select.query(params![first, end])?;
        while let Some(row) = rows.next()? {
            let kind = row.get(1)?;
            if !self.kinds.contains_key(&kind) {
                continue;
            }
            let at_ms = row.get::<_, i64>(0)? * MINUTE_MS;
            let count = Count {
                count: row.get(2)?,
                ..Count::of_one(at_ms)
            };
            see(at_ms, Counted { kind, count });
        }
        Ok(())
    }

    fn hours(
        &self,
        transaction: &Transaction<'_>,
        (first, end): (i64, i64),
        mut see: impl FnMut(i64, Counted),
    ) -> rusqlite::Result<()> {
        let select =
            "SELECT hour, kind, count, first, last FROM hours WHERE hour >= ?1 AND hour < ?2";
        let mut select = transaction.prepare_cached(select)?;
        let mut rows = select.query(params![first, end])?;
        while let Some(row) = rows.next()? {
            let kind = row.get(1)?;
            if !self.kinds.contains_key(&kind) {
                continue;
            }
            let count = Count {
                count: row.get(2)?,
                first_ms: row.get::<_, i64>(3)? * MINUTE_MS,
                last_ms: row.get::<_, i64>(4)? * MINUTE_MS,
            };
            see(row.get(0)?, Counted { kind, count });
        }
        Ok(())
    }
}

/// The span, as far as the filter leaves it.
fn within(filter: &Filter, span: Span) -> Span {
    let of_filter = span_of(filter);
    Span {
        from_ms: span.from_ms.max(of_filter.from_ms),
        to_ms: span.to_ms.min(of_filter.to_ms),
    }
}

/// The parts of a span, each with how many outcomes were settled in it. A minute that lies in two parts counts in the first one.
pub(super) fn buckets(
    shared: &Shared,
    connection: &Connection,
    (filter, span): (&Filter, Span),
    n: usize,
    limit: Limit,
) -> anyhow::Result<Vec<Bucket>> {
    let n = n.clamp(1, MOST_BUCKETS);
    let edges = edges(span, n);
    let mut buckets: Vec<Bucket> = edges
        .iter()
        .take(n)
        .map(|from_ms| Bucket {
            from_ms: *from_ms,
            ..Bucket::default()
        })
        .collect();
    let wanted = within(filter, span);
    let (transaction, counting) =
        shared.snapshot(connection, |memory| Counting::new(filter, wanted, memory))?;
    let mut asked: Vec<i64> = edges
        .iter()
        .map(|edge| (*edge).clamp(wanted.from_ms, wanted.to_ms.max(wanted.from_ms)))
        .collect();
    asked.dedup();
    counting.each(
        &transaction,
        (&asked, limit),
        |at_ms, Counted { kind, count }| {
            let place = edges.partition_point(|edge| *edge <= at_ms);
            let bucket = buckets.get_mut(place.saturating_sub(1));
            if let (Some(bucket), Some(known)) = (bucket, counting.kinds.get(&kind)) {
                let status = Arc::clone(&known.kind.status);
                *bucket.counts.entry(status).or_default() += unsigned(count.count);
            }
        },
    )?;
    Ok(buckets)
}

/// Where the parts of a span begin, and its end.
fn edges(span: Span, n: usize) -> Vec<i64> {
    let length = i128::from(span.to_ms.max(span.from_ms)) - i128::from(span.from_ms);
    let parts = i128::try_from(n).unwrap_or(1);
    (0..=parts)
        .map(|part| {
            let edge = i128::from(span.from_ms) + length * part / parts;
            i64::try_from(edge).unwrap_or(i64::MAX)
        })
        .collect()
}

/// How many outcomes there are of each kind, the most frequent first.
pub(super) fn kinds(
    shared: &Shared,
    connection: &Connection,
    (filter, span): (&Filter, Span),
    limit: Limit,
) -> anyhow::Result<Vec<KindCount>> {
    let wanted = within(filter, span);
    let (transaction, counting) =
        shared.snapshot(connection, |memory| Counting::new(filter, wanted, memory))?;
    let mut counts: BTreeMap<KindId, Count> = BTreeMap::new();
    let edges = [wanted.from_ms, wanted.to_ms.max(wanted.from_ms)];
    counting.each(
        &transaction,
        (&edges, limit),
        |_, Counted { kind, count }| {
            let known = counts.entry(kind);
            known.and_modify(|known| known.add(count)).or_insert(count);
        },
    )?;
    let counted = counts.into_iter().filter_map(|(kind, count)| {
        let known = counting.kinds.get(&kind)?;
        Some(KindCount {
            kind: known.kind.clone(),
            count: unsigned(count.count),
            first_ms: minute(count.first_ms),
            last_ms: minute(count.last_ms),
        })
    });
    let mut counted: Vec<KindCount> = counted.collect();
    counted.sort_by(|one, other| (other.count, &one.kind).cmp(&(one.count, &other.kind)));
    Ok(counted)
}

/// The minute of a time.
fn minute(ms: i64) -> i64 {
    ms.div_euclid(MINUTE_MS) * MINUTE_MS
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
