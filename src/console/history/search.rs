//! Searching: the newest outcomes first, by kinds or by a name, whichever has fewer to look at.

mod by_kind;
mod by_name;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::kinds::{Count, Fold, KindId, Known, Match, Standing};
use super::names::{Row, Wanted, is_name_of};
use super::readers::Limit;
use super::row;
use super::shared::{Memory, Shared};
use super::told::{Cursor, Found, Kept, Span};
use crate::console::filter::Filter;
use by_kind::ByKind;
use by_name::ByName;
use wx_courier_core::model::outcome::Outcome;

/// Where so few outcomes are of the kinds that are meant, each is looked at for a name.
const FEW: i64 = 2_000;

/// What is searched for, as the history knows it.
pub(super) struct Search {
    filter: Filter,
    /// The kinds that are meant, or may be.
    kinds: BTreeMap<KindId, (Arc<Known>, Count)>,
    /// Between which times.
    span: Span,
    /// Outcomes before this place only.
    before: Cursor,
}

/// The first of all places, which no outcome has.
const NEWEST: Cursor = Cursor {
    settled_ms: i64::MAX,
    row: i64::MAX,
};

impl Search {
    pub(super) fn new(filter: Filter, before: Option<Cursor>, memory: &Memory) -> Self {
        let span = span_of(&filter);
        let is_in_time =
            |of: &Count| of.last_ms >= span.from_ms && of.first_ms < span.to_ms && of.count > 0;
        let meant = memory.kinds.values().filter(|Standing { known, count }| {
            is_in_time(count) && known.matches(&filter) != Match::No
        });
        let kinds = meant.map(|of| (of.known.id, (Arc::clone(&of.known), of.count)));
        let kinds = kinds.collect();
        let end = Cursor {
            settled_ms: span.to_ms,
            row: i64::MIN,
        };
        Self {
            kinds,
            span,
            before: before.unwrap_or(NEWEST).min(end),
            filter,
        }
    }

    /// Looks at each that is found, the newest first, until it is told to stop or has no more time. Gives from where on others may be.
    pub(super) fn each(
        &self,
        transaction: &Transaction<'_>,
        (wanted, limit): (Option<&NamedRows>, Limit),
        mut see: impl FnMut(Kept, KindId) -> ControlFlow<()>,
    ) -> rusqlite::Result<Option<Cursor>> {
        let n_of_kinds: i64 = self.kinds.values().map(|(_, count)| count.count).sum();
        let mut places = match wanted {
            Some(wanted) if n_of_kinds > FEW => {
                Places::ByName(ByName::new(transaction, self, wanted, limit)?)
            }
            Some(_) | None => Places::ByKind(ByKind::new(transaction, self)),
        };
        while let Some(cursor) = places.next()? {
            if let Some((kept, kind)) = self.read(transaction, cursor)?
                && see(kept, kind).is_break()
            {
                return Ok(Some(cursor));
            }
            if limit.is_reached() {
                return Ok(Some(cursor));
            }
        }
        // By name it also ends where it has no more time.
        Ok(places.unseen())
    }

    /// The outcome in a place, if it is meant.
    fn read(
        &self,
        transaction: &Transaction<'_>,
        cursor: Cursor,
    ) -> rusqlite::Result<Option<(Kept, KindId)>> {
        let select = "SELECT kind, body FROM outcomes WHERE row = ?1";
        let mut select = transaction.prepare_cached(select)?;
        let found = select.query_row([cursor.row], |row| {
            let Some((known, _)) = self.kinds.get(&row.get(0)?) else {
                return Ok(None);
            };
            let body = row.get_ref(1)?.as_blob()?;
            // A row that cannot be read costs itself.
            let outcome = row::decode(body, cursor.settled_ms, known);
            Ok(outcome.map(|outcome| (outcome, Arc::clone(known))))
        });
        let Some((outcome, known)) = found.optional()?.flatten() else {
            return Ok(None);
        };
        let kept = Kept {
            cursor,
            outcome,
            settled_ms: cursor.settled_ms,
        };
        let is_meant = self.is_meant(&kept.outcome, known.fold);
        Ok(is_meant.then_some((kept, known.id)))
    }

    /// What its kind and its place have not told.
    fn is_meant(&self, outcome: &Outcome, fold: Fold) -> bool {
        let filter = &self.filter;
        let is_named = filter
            .id
            .as_deref()
            .is_none_or(|name| is_name_of(name, outcome));
        is_named && (fold == Fold::Whole || holds(filter, outcome))
    }
}

/// Whether an outcome is one of those that a filter names, its id and its time aside.
fn holds(filter: &Filter, outcome: &Outcome) -> bool {
    let word =
        |wanted: &[String], word: &str| wanted.is_empty() || wanted.iter().any(|one| one == word);
    let name = |wanted: &[String], name: &Option<Arc<str>>| {
        wanted.is_empty()
            || name
                .as_deref()
                .is_some_and(|name| wanted.iter().any(|one| one == name))
    };
    word(&filter.statuses, outcome.status.as_str())
        && word(&filter.reasons, outcome.reason.as_str())
        && (filter.errcodes.is_empty()
            || outcome
                .errcode
                .is_some_and(|code| filter.errcodes.contains(&code)))
        && name(&filter.rules, &outcome.rule)
        && name(&filter.apps, &outcome.app)
        && name(&filter.templates, &outcome.template)
        && word(&filter.versions, &outcome.rules_version)
}

/// Between which times a filter looks.
pub(super) fn span_of(filter: &Filter) -> Span {
    Span {
        from_ms: filter.from_ms.unwrap_or(i64::MIN),
        to_ms: filter.to_ms.unwrap_or(i64::MAX),
    }
}

/// What a name may lead to: in memory, and what is to be looked for in the file.
pub(super) struct NamedRows {
    wanted: Wanted,
    rows: Vec<Row>,
}

impl NamedRows {
    /// In the chapter that is being written.
    pub(super) fn of(name: &str, memory: &Memory) -> Self {
        let wanted = Wanted::of(name);
        let hashes = wanted.hashes.iter();
        let rows = hashes.flat_map(|hash| memory.names.rows(*hash)).collect();
        Self { wanted, rows }
    }
}

/// Places of outcomes that may be meant, the newest first.
enum Places<'a> {
    ByKind(ByKind<'a>),
    ByName(ByName<'a>),
}

impl Places<'_> {
    fn next(&mut self) -> rusqlite::Result<Option<Cursor>> {
        match self {
            Self::ByKind(places) => places.next(),
            Self::ByName(places) => places.next(),
        }
    }

    /// Before which place others may be, where it has ended early.
    fn unseen(&self) -> Option<Cursor> {
        match self {
            Self::ByKind(_) => None,
            Self::ByName(places) => places.unseen(),
        }
    }
}

/// Finds a page of outcomes.
pub(super) fn search(
    shared: &Shared,
    connection: &Connection,
    (filter, before): (Filter, Option<Cursor>),
    most: usize,
    limit: Limit,
) -> anyhow::Result<Found> {
    let (transaction, (search, named)) = shared.snapshot(connection, |memory| {
        let named = filter.id.as_deref().map(|name| NamedRows::of(name, memory));
        (Search::new(filter, before, memory), named)
    })?;
    let mut outcomes: Vec<Kept> = Vec::new();
    let mut last = None;
    let stopped = search.each(&transaction, (named.as_ref(), limit), |kept, _| {
        if outcomes.len() == most {
            // There is at least one more.
            return ControlFlow::Break(());
        }
        last = Some(kept.cursor);
        outcomes.push(kept);
        ControlFlow::Continue(())
    })?;
    let is_full = outcomes.len() == most;
    let older = match stopped {
        None => None,
        Some(_) if is_full => last,
        Some(place) => Some(place),
    };
    Ok(Found { outcomes, older })
}
