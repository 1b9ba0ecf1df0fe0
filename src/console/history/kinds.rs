//! The kinds of outcomes that are kept: in memory all of them, since every question begins with which of them are meant.

mod known;
mod usual;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::told::Kind;
pub(super) use known::{Known, Match};
pub(super) use usual::Usual;
use wx_courier_core::model::outcome::{Outcome, Reason, Status};

/// The number of a kind. It is never used again for another one.
pub(super) type KindId = i64;

/// How much of an outcome its kind tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fold {
    /// All of [`Kind`].
    Whole,
    /// All but the version of the rules: there are too many kinds.
    WithoutVersion,
    /// Status and reason, as far as they are on our lists: there are too many kinds even so, or a name is too long for one.
    StatusAlone,
}

impl Fold {
    const ALL: [Self; 3] = [Self::Whole, Self::WithoutVersion, Self::StatusAlone];

    fn number(self) -> u64 {
        match self {
            Self::Whole => 0,
            Self::WithoutVersion => 1,
            Self::StatusAlone => 2,
        }
    }
}

/// The word of a status or reason that is on no list of ours, in kinds that tell nothing else.
const UNLISTED: &str = "unlisted";

/// More kinds than this are not told apart by their version. A hundred rules with five ends each have had thirty versions then. In unit tests
/// there is an end sooner.
const MOST_WHOLE: usize = if cfg!(test) { 256 } else { 16_384 };

/// More than this are told apart by status and reason alone.
const MOST: usize = MOST_WHOLE + MOST_WHOLE / 4;

/// Longer names make no kind. No name of ours is.
const LONGEST_NAME: usize = 256;

/// How many outcomes there are of a kind, and from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) count: i64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

impl Count {
    pub(super) fn of_one(at_ms: i64) -> Self {
        Self {
            count: 1,
            first_ms: at_ms,
            last_ms: at_ms,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

/// A kind, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) known: Arc<Known>,
    pub(super) count: Count,
}

/// Texts that many kinds have, each once.
#[derive(Clone, Debug, Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn one(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() > 4 * MOST {
            self.0.retain(|text| Arc::strong_count(text) > 1);
        }
        let text: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&text));
        text
    }
}

/// All kinds, as the writer has them. What a transaction changes of them can be taken back.
#[derive(Debug)]
pub(super) struct Kinds {
    by_id: BTreeMap<KindId, Standing>,
    ids: HashMap<(Kind, Fold), KindId>,
    texts: Texts,
    next: KindId,
    /// How those that were changed stood before; none where they are new.
    former: BTreeMap<KindId, Option<Standing>>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            ids: HashMap::new(),
            texts: Texts::default(),
            next: 1,
            former: BTreeMap::new(),
        }
    }
}

impl Kinds {
    /// Takes in a kind that the file has; `None` if it cannot be read.
    pub(super) fn read(&mut self, id: KindId, bytes: &[u8], count: Count) -> Option<()> {
        let known = Known::of_bytes(id, bytes, &mut self.texts)?;
        self.put(Arc::new(known), count);
        Some(())
    }

    /// From this number on kinds are made.
    pub(super) fn begin_at(&mut self, next: KindId) {
        self.next = self.next.max(next);
    }

    pub(super) fn next(&self) -> KindId {
        self.next
    }

    fn put(&mut self, known: Arc<Known>, count: Count) {
        self.next = self.next.max(known.id + 1);
        self.ids.insert((known.kind.clone(), known.fold), known.id);
        self.by_id.insert(known.id, Standing { known, count });
    }

    fn take(&mut self, id: KindId) {
        if let Some(gone) = self.by_id.remove(&id) {
            self.ids.remove(&(gone.known.kind.clone(), gone.known.fold));
        }
    }

    pub(super) fn get(&self, id: KindId) -> Option<&Standing> {
        self.by_id.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Standing> {
        self.by_id.values()
    }

    /// Those that were changed, and how they stand now; none where they are gone.
    pub(super) fn changed(&self) -> impl Iterator<Item = (KindId, Option<&Standing>)> {
        self.former.keys().map(|id| (*id, self.by_id.get(id)))
    }

    /// What was changed holds.
    pub(super) fn keep(&mut self) {
        self.former.clear();
    }

    /// What was changed is taken back. Numbers of kinds that were made are not used again.
    pub(super) fn undo(&mut self) {
        for (id, standing) in std::mem::take(&mut self.former) {
            self.take(id);
            if let Some(Standing { known, count }) = standing {
                self.put(known, count);
            }
        }
    }

    /// The kind of an outcome that was settled at this time, which counts. It is made if there is room.
    pub(super) fn count(&mut self, outcome: &Outcome, at_ms: i64) -> Arc<Known> {
        let fold = self.fold_of(outcome);
        let kind = kind_of(outcome, fold);
        let known = self.ids.get(&(kind.clone(), fold)).copied();
        if let Some(standing) = known.and_then(|id| self.by_id.get_mut(&id)) {
            let id = standing.known.id;
            let former = self.former.entry(id);
            former.or_insert_with(|| Some(standing.clone()));
            standing.count.add(Count::of_one(at_ms));
            return Arc::clone(&standing.known);
        }
        let known = Arc::new(Known {
            id: self.next,
            kind: self.with_known_texts(kind),
            fold,
            usual: Usual::of(outcome, |text| self.texts.one(text)),
        });
        self.former.insert(known.id, None);
        self.put(Arc::clone(&known), Count::of_one(at_ms));
        known
    }

    /// How much its kind tells: less where there are many kinds, but for those that are there.
    fn fold_of(&self, outcome: &Outcome) -> Fold {
        if !has_short_names(outcome) {
            return Fold::StatusAlone;
        }
        let n_kinds = self.by_id.len();
        let fits = |fold: Fold, most| {
            n_kinds < most || self.ids.contains_key(&(kind_of(outcome, fold), fold))
        };
        if fits(Fold::Whole, MOST_WHOLE) {
            Fold::Whole
        } else if fits(Fold::WithoutVersion, MOST) {
            Fold::WithoutVersion
        } else {
            Fold::StatusAlone
        }
    }

    fn with_known_texts(&mut self, kind: Kind) -> Kind {
        let mut name = |name: Option<Arc<str>>| name.map(|name| self.texts.one(&name));
        Kind {
            rule: name(kind.rule),
            app: name(kind.app),
            template: name(kind.template),
            rules_version: name(kind.rules_version),
            status: self.texts.one(&kind.status),
            reason: self.texts.one(&kind.reason),
            errcode: kind.errcode,
        }
    }

    /// Notes that outcomes of a kind are gone, and from when on there are others. A kind without any is forgotten.
    pub(super) fn forget(&mut self, id: KindId, n_gone: i64, first_ms: Option<i64>) {
        let Some(standing) = self.by_id.get_mut(&id) else {
            return;
        };
        let former = self.former.entry(id);
        former.or_insert_with(|| Some(standing.clone()));
        standing.count.count -= n_gone;
        match first_ms {
            Some(first_ms) => standing.count.first_ms = first_ms,
            None => self.take(id),
        }
    }
}

fn has_short_names(outcome: &Outcome) -> bool {
    let names = [&outcome.rule, &outcome.app, &outcome.template];
    let names = names.into_iter().flatten().chain([&outcome.rules_version]);
    names.into_iter().all(|name| name.len() <= LONGEST_NAME)
}

fn kind_of(outcome: &Outcome, fold: Fold) -> Kind {
    if fold == Fold::StatusAlone {
        let status = if matches!(outcome.status, Status::Unlisted(_)) {
            UNLISTED
        } else {
            outcome.status.as_str()
        };
        let reason = if matches!(outcome.reason, Reason::Unlisted(_)) {
            UNLISTED
        } else {
            outcome.reason.as_str()
        };
        return Kind {
            status: Arc::from(status),
            reason: Arc::from(reason),
            errcode: None,
            rule: None,
            app: None,
            template: None,
            rules_version: None,
        };
    }
    Kind {
        status: Arc::from(outcome.status.as_str()),
        reason: Arc::from(outcome.reason.as_str()),
        errcode: outcome.errcode,
        rule: outcome.rule.clone(),
        app: outcome.app.clone(),
        template: outcome.template.clone(),
        rules_version: (fold == Fold::Whole).then(|| Arc::clone(&outcome.rules_version)),
    }
}

#[cfg(test)]
mod tests;
