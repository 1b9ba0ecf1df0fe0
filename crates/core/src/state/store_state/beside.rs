//! What goes beside claims: grants, users, receipts, holds.

use std::sync::Arc;

use super::{Found, Stop, StoreState, found, needed};
use crate::grants::{Balance, Cleared, Counted, Ledger, Query, Report, Withdrawal};
use crate::holds::{self, Holds};
use crate::instances::{Instances, Note};
use crate::model::outcome::{Outcome, RecipientKey, are_two_records};
use crate::state::rows::{Age, ClaimState, Entry, Key, RowError, Rows, User, Value, of_user};
use crate::state::{
    ClaimSeen, ClaimStateSeen, JoinAnswer, KeepAnswer, Kept, Look, Looked, MarkSet, OnUnreadable,
    Proposal, RecallAnswer, ReceiptSeen, Row,
};
use crate::wechat::logins::{
    Keep, Recall, UserName, departed_ms, departure_name, departure_until_ms,
};
use crate::wechat::receipts::{self, Done, Join};

/// Whether a message has ended.
enum Ended {
    No,
    With(Arc<Outcome>),
    /// The outcome is of another record, which lay in the same place.
    OtherRecord,
}

impl<R: Rows> StoreState<R> {
    pub(super) fn balance(&mut self, query: &Query) -> Result<Balance, Stop<R::Error>> {
        let key = query.key();
        let kept = self.ledger(key);
        let balance = match query {
            Query::Look { now_ms, .. } => {
                let kept = needed(Row::Ledger, kept)?;
                self.work_on(key, kept, Some(*now_ms), |ledger| ledger.balance())
            }
            Query::Set { left, now_ms, .. } => {
                // The asker knows better than what cannot be read.
                let kept = match found(OnUnreadable::Overwrite, Row::Ledger, kept)? {
                    Found::Row(ledger) => Some(ledger),
                    Found::Nothing => None,
                    Found::Junk => Some(Ledger::default()),
                };
                self.work_on(key, kept, Some(*now_ms), |ledger| {
                    ledger.set(u64::from(*left), *now_ms);
                    ledger.balance()
                })
            }
        };
        needed(Row::Ledger, balance)
    }

    pub(super) fn report(&mut self, report: &Report) -> Result<Counted, Stop<R::Error>> {
        let mark: Arc<str> = Arc::from(report.mark());
        if self.is_marked(&mark)? {
            return Ok(Counted::Known);
        }
        let kept = self.ledger(&report.key);
        let kept = needed(Row::Ledger, kept)?;
        self.mark(mark, report.now_ms)?;
        let counted = self.work_on(&report.key, kept, Some(report.now_ms), |ledger| {
            ledger.hear(report)
        });
        needed(Row::Ledger, counted)
    }

    /// A ledger that cannot be read goes as a whole: the user wants nothing of it kept.
    pub(super) fn withdraw(&mut self, withdrawal: &Withdrawal) -> Result<Cleared, Stop<R::Error>> {
        let mut kept = Vec::new();
        for key in withdrawal.ledgers() {
            let ledger = self.ledger(&key);
            kept.push((key, found(OnUnreadable::Overwrite, Row::Ledger, ledger)?));
        }
        let left = Key::User(departure_name(&withdrawal.openid));
        let known = self.read(&left, Value::user);
        let known = found(OnUnreadable::Overwrite, Row::User, known)?;
        let since_ms = withdrawal.since_ms();
        let mut cleared = Cleared { ledgers: 0 };
        for (key, kept) in kept {
            cleared.ledgers += usize::from(match kept {
                Found::Nothing => false,
                Found::Junk => {
                    needed(Row::Ledger, self.rows.take(&Key::Ledger(key)))?;
                    true
                }
                Found::Row(before) => {
                    let mut ledger = before.clone();
                    ledger.clear(since_ms);
                    let is_changed = ledger != before;
                    if is_changed {
                        // What is left of it is kept no longer for that.
                        let (key, value) = (Key::Ledger(key), Value::Ledger(ledger));
                        needed(Row::Ledger, self.rows.put(key, value, Age::Unchanged))?;
                    }
                    is_changed
                }
            });
        }
        let until_ms = departure_until_ms(since_ms);
        if !matches!(known, Found::Row(known) if known.until_ms >= until_ms) {
            let user = User {
                openid: Arc::clone(&withdrawal.openid),
                until_ms,
            };
            let age = Age::Since(withdrawal.now_ms);
            needed(Row::User, self.rows.put(left, Value::User(user), age))?;
        }
        Ok(cleared)
    }

    pub(super) fn keep(&mut self, keep: &Keep) -> Result<KeepAnswer, Stop<R::Error>> {
        match self.end_of_message(&keep.name)? {
            Ended::No => {}
            Ended::With(outcome) => return Ok(KeepAnswer::Settled(outcome)),
            Ended::OtherRecord => return Ok(KeepAnswer::OfOtherRecord),
        }
        let user = User {
            openid: Arc::clone(&keep.openid),
            until_ms: keep.until_ms,
        };
        let (key, age) = (Key::User(keep.name.key()), Age::Since(keep.now_ms));
        needed(Row::User, self.rows.put(key, Value::User(user), age))?;
        Ok(KeepAnswer::Kept)
    }

    pub(super) fn recall(&mut self, recall: &Recall) -> Result<RecallAnswer, Stop<R::Error>> {
        match self.end_of_message(&recall.name)? {
            Ended::No => {}
            Ended::With(outcome) => return Ok(RecallAnswer::Settled(outcome)),
            Ended::OtherRecord => return Ok(RecallAnswer::OfOtherRecord),
        }
        let mut user = None;
        for key in of_user(&recall.name) {
            if user.is_none() {
                user = needed(Row::User, self.read(&key, Value::user))?;
            }
        }
        let mut user = user.filter(|user| user.until_ms > recall.now_ms);
        if let (UserName::Session { begun_ms, .. }, Some(found)) = (&recall.name, &user)
            && self.has_left(&found.openid, *begun_ms)?
        {
            user = None;
        }
        if let (None, Some(message_id)) = (&user, &recall.message_id) {
            let entry = self.entry(message_id);
            let entry = needed(Row::Claim, entry)?;
            if let Some(entry) = entry.filter(|entry| entry.state == ClaimState::Sent) {
                let of = entry.outcome_id;
                return Ok(RecallAnswer::Duplicate { of });
            }
        }
        Ok(RecallAnswer::User(user.map(|user| user.openid)))
    }

    pub(super) fn join(&mut self, join: &Join) -> Result<JoinAnswer, Stop<R::Error>> {
        if self.is_marked(&Arc::from(join.key.mark()))? {
            return Ok(JoinAnswer::Published);
        }
        let id = self.read(&Key::Number(join.key.clone()), Value::number);
        let Some(id) = needed(Row::Number, id)? else {
            return Ok(JoinAnswer::Unknown);
        };
        let outcome = self.end_of(&id)?;
        Ok(outcome.map_or(JoinAnswer::Unknown, JoinAnswer::Joined))
    }

    pub(super) fn done(&mut self, done: &Done) -> Result<MarkSet, Stop<R::Error>> {
        self.mark(Arc::from(done.key.mark()), done.now_ms)?;
        Ok(MarkSet)
    }

    /// Where the row is gone, the store has lost it; where it cannot be read, a person's word is written all the same. What the asker has heard before
    /// stands in its place: to let one thing go on must not let others go on.
    pub(super) fn holds(&mut self, ask: &holds::Ask) -> Result<Holds, Stop<R::Error>> {
        let on_unreadable = if ask.is_of_person() {
            OnUnreadable::Overwrite
        } else {
            OnUnreadable::Fail
        };
        let kept = self.read(&Key::Holds, Value::holds);
        let before = match found(on_unreadable, Row::Holds, kept)? {
            Found::Row(holds) => Some(holds),
            Found::Nothing | Found::Junk => None,
        };
        let mut holds = before.clone().unwrap_or_else(|| (*ask.known).clone());
        holds.change(ask);
        let is_nothing_kept = before.is_none() && holds == Holds::default() && !ask.is_of_person();
        if before.as_ref() != Some(&holds) && !is_nothing_kept {
            let value = Value::Holds(holds.clone());
            let put = self.rows.put(Key::Holds, value, Age::Since(ask.now_ms));
            needed(Row::Holds, put)?;
        }
        Ok(holds)
    }

    /// A row that cannot be read, or is gone, is whole again when each instance has noted how it is.
    pub(super) fn note(&mut self, note: &Note) -> Result<Instances, Stop<R::Error>> {
        let kept = self.read(&Key::Instances, Value::instances);
        let before = match found(OnUnreadable::Overwrite, Row::Instances, kept)? {
            Found::Row(instances) => instances,
            Found::Nothing | Found::Junk => Instances::default(),
        };
        let mut instances = before;
        instances.note(note);
        if note.own.is_some() {
            let value = Value::Instances(instances.clone());
            let put = self
                .rows
                .put(Key::Instances, value, Age::Since(note.now_ms));
            needed(Row::Instances, put)?;
        }
        Ok(instances)
    }

    /// What is known of a message. Whatever cannot be read is told, and what leads on from it is not known.
    pub(super) fn look(&mut self, look: &Look) -> Result<Looked, Stop<R::Error>> {
        let mut seen = Looked::default();
        let mut outcome_id = look.outcome_id.clone();
        if let Some(message_id) = &look.message_id {
            seen.claim = self.claim_seen(message_id)?;
            let of_claim = seen.claim.row().map(|claim| Arc::clone(&claim.outcome_id));
            outcome_id = outcome_id.or(of_claim);
        }
        if let Some(outcome_id) = &outcome_id {
            let outcome = self.outcome(outcome_id);
            seen.outcome = kept(Row::Outcome, outcome)?;
        }
        let Some(outcome) = seen.outcome.row().cloned() else {
            return Ok(seen);
        };
        if let Some(number) = receipts::Key::of(&outcome) {
            let is_published = self.is_marked(&Arc::from(number.mark()))?;
            seen.receipt = if is_published {
                ReceiptSeen::Published
            } else {
                ReceiptSeen::None
            };
        }
        Ok(seen)
    }

    fn claim_seen(&mut self, message_id: &Arc<str>) -> Result<Kept<ClaimSeen>, Stop<R::Error>> {
        let entry = self.entry(message_id);
        Ok(match kept(Row::Claim, entry)? {
            Kept::Row(entry) => Kept::Row(ClaimSeen::of(entry)),
            Kept::Nothing => Kept::Nothing,
            Kept::Unreadable => Kept::Unreadable,
        })
    }

    /// The first proposal holds, whatever instance makes the next one.
    pub(super) fn propose(&mut self, proposal: &Proposal) -> Result<RecipientKey, Stop<R::Error>> {
        let kept = self.read(&Key::RecipientKey, Value::recipient_key);
        if let Some(key) = needed(Row::RecipientKey, kept)? {
            return Ok(key);
        }
        let value = Value::RecipientKey(proposal.key.clone());
        // It never grows old.
        let put = self.rows.put(Key::RecipientKey, value, Age::Unchanged);
        needed(Row::RecipientKey, put)?;
        Ok(proposal.key.clone())
    }

    /// Whether this user has left the app since then.
    fn has_left(&mut self, openid: &str, since_ms: i64) -> Result<bool, Stop<R::Error>> {
        let left = self.read(&Key::User(departure_name(openid)), Value::user);
        let left = needed(Row::User, left)?;
        Ok(left.is_some_and(|left| since_ms <= departed_ms(left.until_ms)))
    }

    /// Whether the message has ended to whose user a name belongs.
    fn end_of_message(&mut self, name: &UserName) -> Result<Ended, Stop<R::Error>> {
        let UserName::Message { outcome_id, record } = name else {
            return Ok(Ended::No);
        };
        Ok(match self.end_of(outcome_id)? {
            None => Ended::No,
            Some(outcome) if are_two_records(outcome.identity(), *record) => Ended::OtherRecord,
            Some(outcome) => Ended::With(outcome),
        })
    }

    /// How a record's message ended, if it has.
    fn end_of(&mut self, id: &Arc<str>) -> Result<Option<Arc<Outcome>>, Stop<R::Error>> {
        let outcome = self.outcome(id);
        needed(Row::Outcome, outcome)
    }

    fn is_marked(&mut self, mark: &Arc<str>) -> Result<bool, Stop<R::Error>> {
        let mark = self.read(&Key::Mark(Arc::clone(mark)), Value::mark);
        needed(Row::Mark, mark).map(|mark| mark.is_some())
    }

    fn mark(&mut self, mark: Arc<str>, now_ms: i64) -> Result<(), Stop<R::Error>> {
        let age = Age::Since(now_ms);
        let put = self.rows.put(Key::Mark(mark), Value::Mark, age);
        needed(Row::Mark, put)
    }
}

/// What came of reading a row that is only told.
fn kept<T, E>(row: Row, read: Result<Option<T>, RowError<E>>) -> Result<Kept<T>, Stop<E>> {
    match found(OnUnreadable::Fail, row, read) {
        Ok(Found::Row(value)) => Ok(Kept::Row(value)),
        Ok(Found::Nothing) => Ok(Kept::Nothing),
        Ok(Found::Junk) | Err(Stop::Unreadable(_)) => Ok(Kept::Unreadable),
        Err(Stop::Failed(error)) => Err(Stop::Failed(error)),
    }
}

impl ClaimSeen {
    fn of(entry: Entry) -> Self {
        let (state, holder, since_ms) = match entry.state {
            ClaimState::Open(holder) => (
                ClaimStateSeen::Open,
                Some(holder.to_string()),
                Some(entry.since_ms),
            ),
            ClaimState::Sent => (ClaimStateSeen::Sent, None, None),
        };
        Self {
            outcome_id: entry.outcome_id,
            state,
            holder,
            since_ms,
        }
    }
}
