//! What every store answers, said once. A request reads all the rows that it needs before it writes the first one: a row that cannot be read
//! ends the request, and then nothing was changed. Only a release goes on without such a row.

mod beside;

use std::sync::Arc;

use super::rows::{Age, ClaimState, Entry, Key, RowError, Rows, Value, of_user};
use super::{
    Answer, Claim, ClaimAnswer, Held, OnUnreadable, Reply, Request, Row, Settlement,
    SettlementAnswer, counts_as_sent,
};
use crate::grants::{self, Lack, Ledger, Need, Reservation, Without};
use crate::model::Holder;
use crate::model::outcome::{Outcome, are_two_records};

/// A store's rows, and what they mean.
pub struct StoreState<R> {
    rows: R,
}

/// Why a request stops before it has an answer of its own.
enum Stop<E> {
    /// A row of this kind cannot be read: that is the reply.
    Unreadable(Row),
    /// The store has not done what it was asked for.
    Failed(E),
}

/// What lies where a row may be.
enum Found<T> {
    Nothing,
    Row(T),
    /// What cannot be read, and may be replaced.
    Junk,
}

/// What a settlement does to the claim of its message.
enum Ending {
    /// It ends the claim, and with it what was reserved.
    EndsClaim,
    /// The claim is another record's, or has ended.
    LeavesClaim,
    /// It does not count.
    Refused(SettlementAnswer),
}

impl<R: Rows> StoreState<R> {
    /// The meaning of these rows.
    pub fn new(rows: R) -> Self {
        Self { rows }
    }

    /// The rows themselves, for what a store does for its own sake.
    pub fn rows_mut(&mut self) -> &mut R {
        &mut self.rows
    }

    /// The rows, when everything is answered.
    pub fn into_rows(self) -> R {
        self.rows
    }

    /// Answers, and remembers. A request that fails may have written some of its rows: the store takes them back. Which answer belongs to
    /// which request is said here, and nowhere else.
    pub fn answer(&mut self, request: &Request) -> Result<Reply, R::Error> {
        let answer = match request {
            Request::Claim(claim) => self.claim(claim).map(Answer::Claim),
            Request::Release {
                message_id,
                holder,
                grant,
            } => {
                let released = self.release(message_id, *holder, grant.as_ref());
                released.map(|()| Answer::Released)
            }
            Request::Settle(settlement) => self.settle(settlement).map(Answer::Settle),
            Request::Report(report) => self.report(report).map(Answer::Report),
            Request::Withdraw(withdrawal) => self.withdraw(withdrawal).map(Answer::Withdraw),
            Request::Balance(query) => self.balance(query).map(Answer::Balance),
            Request::Keep(keep) => self.keep(keep).map(Answer::Keep),
            Request::Recall(recall) => self.recall(recall).map(Answer::Recall),
            Request::Join(join) => self.join(join).map(Answer::Join),
            Request::Done(done) => self.done(done).map(Answer::Done),
            Request::Holds(ask) => self.holds(ask).map(Answer::Holds),
            Request::Note(note) => self.note(note).map(Answer::Note),
            Request::Propose(proposal) => self.propose(proposal).map(Answer::Propose),
            Request::Look(look) => self.look(look).map(|seen| Answer::Look(Box::new(seen))),
        };
        match answer {
            Ok(answer) => Ok(Ok(answer)),
            Err(Stop::Unreadable(row)) => Ok(Err(row)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn claim(&mut self, claim: &Claim) -> Result<ClaimAnswer, Stop<R::Error>> {
        let outcome = self.outcome(&claim.outcome_id);
        let outcome = found(claim.on_unreadable, Row::Outcome, outcome)?;
        if let Found::Row(outcome) = outcome {
            if are_two_records(outcome.identity(), claim.record) {
                return Ok(ClaimAnswer::OfOtherRecord);
            }
            return Ok(ClaimAnswer::Settled(outcome));
        }
        let entry = self.entry(&claim.message_id);
        let entry = found(claim.on_unreadable, Row::Claim, entry)?;
        if let Found::Junk = entry {
            // A claim that is written beside it would not end: what the message comes to could not be written in its place.
            let key = Key::Claim(Arc::clone(&claim.message_id));
            needed(Row::Claim, self.rows.take(&key))?;
        }
        if let Found::Row(entry) = entry {
            let is_same_record = entry.outcome_id == claim.outcome_id;
            match entry.state {
                // The message of this very record.
                ClaimState::Sent if is_same_record && matches!(outcome, Found::Junk) => {
                    return Err(Stop::Unreadable(Row::Outcome));
                }
                ClaimState::Sent => {
                    let of = entry.outcome_id;
                    return Ok(ClaimAnswer::Duplicate { of });
                }
                ClaimState::Open(_)
                    if is_same_record && are_two_records(entry.record, claim.record) =>
                {
                    return Ok(ClaimAnswer::OfOtherRecord);
                }
                // The first answer was lost on the way.
                ClaimState::Open(holder) if holder == claim.holder => {}
                ClaimState::Open(holder) if claim.takes_over == Some(holder) => {}
                ClaimState::Open(holder) => return Ok(ClaimAnswer::Held(entry.held(holder))),
            }
        }
        let reservation = match self.reserve(claim)? {
            Ok(reservation) => reservation,
            Err(Lack::Grant) => return Ok(ClaimAnswer::NoGrant),
            Err(Lack::Turn) => return Ok(ClaimAnswer::TooSoon),
        };
        let entry = Entry {
            outcome_id: Arc::clone(&claim.outcome_id),
            since_ms: claim.since_ms,
            state: ClaimState::Open(claim.holder),
            record: claim.record,
        };
        self.put_entry(&claim.message_id, entry)?;
        Ok(ClaimAnswer::Claimed(reservation))
    }

    /// Sets aside what the message needs of the ledger, or says what is lacking.
    fn reserve(&mut self, claim: &Claim) -> Result<Result<Reservation, Lack>, Stop<R::Error>> {
        let Some(wish) = &claim.grant else {
            return Ok(Ok(Reservation::NotAsked));
        };
        let reserved = self.in_ledger(&wish.key, Some(claim.now_ms), |ledger| {
            ledger.reserve(&claim.message_id, &wish.need, claim.now_ms)
        });
        let reserved = match found(claim.on_unreadable, Row::Ledger, reserved.map(Some))? {
            Found::Row(reserved) => reserved,
            Found::Nothing | Found::Junk => match wish.need {
                Need::Grant(Without::Send) => Ok(Reservation::Missing),
                Need::Grant(Without::Skip) => Err(Lack::Grant),
                // WeChat itself refuses what comes too soon.
                Need::Turn(_) => Ok(Reservation::NotAsked),
            },
        };
        Ok(reserved)
    }

    /// The message reached no user. Another holder's claim stays.
    fn release(
        &mut self,
        message_id: &Arc<str>,
        ours: Holder,
        grant: Option<&grants::Key>,
    ) -> Result<(), Stop<R::Error>> {
        // No asker waits for the answer: what cannot be read is not ours.
        let entry = self.entry(message_id);
        match found(OnUnreadable::Overwrite, Row::Claim, entry)? {
            Found::Row(entry) if entry.state == ClaimState::Open(ours) => {}
            Found::Row(_) | Found::Nothing | Found::Junk => return Ok(()),
        }
        let taken = self.rows.take(&Key::Claim(Arc::clone(message_id)));
        needed(Row::Claim, taken)?;
        if let Some(key) = grant {
            let given = self.in_ledger(key, None, |ledger| ledger.give_back(message_id));
            // The claim is given up in any case.
            found(OnUnreadable::Overwrite, Row::Ledger, given.map(Some))?;
        }
        Ok(())
    }

    fn settle(&mut self, settlement: &Settlement) -> Result<SettlementAnswer, Stop<R::Error>> {
        let outcome = &settlement.outcome;
        let id: Arc<str> = Arc::from(outcome.id.as_str());
        let earlier = self.outcome(&id);
        if let Found::Row(earlier) = found(settlement.on_unreadable, Row::Outcome, earlier)? {
            if are_two_records(earlier.identity(), settlement.outcome.identity()) {
                return Ok(SettlementAnswer::OfOtherRecord);
            }
            return Ok(SettlementAnswer::Settled(earlier));
        }
        let message_id: Arc<str> = Arc::from(outcome.message_id.as_str());
        let entry = self.entry(&message_id);
        match ending(
            settlement,
            found(settlement.on_unreadable, Row::Claim, entry)?,
        ) {
            Ending::Refused(answer) => return Ok(answer),
            Ending::LeavesClaim => {}
            Ending::EndsClaim => self.end_claim(settlement, &id, &message_id)?,
        }
        // The message has ended: the user that its login code named is not needed any more.
        for key in of_user(&settlement.user_name()) {
            needed(Row::User, self.rows.take(&key))?;
        }
        let age = Age::Since(settlement.now_ms);
        if let Some(number) = settlement.number() {
            let value = Value::Number(Arc::clone(&id));
            let put = self.rows.put(Key::Number(number), value, age);
            needed(Row::Number, put)?;
        }
        let value = Value::Outcome(Arc::clone(outcome));
        let put = self.rows.put(Key::Outcome(id), value, age);
        needed(Row::Outcome, put)?;
        Ok(SettlementAnswer::Settled(Arc::clone(outcome)))
    }

    fn end_claim(
        &mut self,
        settlement: &Settlement,
        outcome_id: &Arc<str>,
        message_id: &Arc<str>,
    ) -> Result<(), Stop<R::Error>> {
        if let Some(key) = &settlement.grant {
            let ended = self.in_ledger(key, Some(settlement.now_ms), |ledger| {
                settlement.end_grant(ledger);
            });
            found(settlement.on_unreadable, Row::Ledger, ended.map(Some))?;
        }
        if counts_as_sent(settlement.outcome.status) {
            let entry = Entry {
                outcome_id: Arc::clone(outcome_id),
                since_ms: settlement.now_ms,
                state: ClaimState::Sent,
                record: None,
            };
            self.put_entry(message_id, entry)
        } else {
            let taken = self.rows.take(&Key::Claim(Arc::clone(message_id)));
            needed(Row::Claim, taken)
        }
    }

    fn put_entry(&mut self, message_id: &Arc<str>, entry: Entry) -> Result<(), Stop<R::Error>> {
        let age = Age::Since(entry.since_ms);
        let key = Key::Claim(Arc::clone(message_id));
        needed(Row::Claim, self.rows.put(key, Value::Claim(entry), age))
    }

    /// Does something to a ledger. Without a time it is no news of the user, and the ledger grows no younger by it.
    fn in_ledger<T>(
        &mut self,
        key: &grants::Key,
        now_ms: Option<i64>,
        work: impl FnOnce(&mut Ledger) -> T,
    ) -> Result<T, RowError<R::Error>> {
        let kept = self.ledger(key)?;
        self.work_on(key, kept, now_ms, work)
    }

    /// The same, where the ledger was read before.
    fn work_on<T>(
        &mut self,
        key: &grants::Key,
        kept: Option<Ledger>,
        now_ms: Option<i64>,
        work: impl FnOnce(&mut Ledger) -> T,
    ) -> Result<T, RowError<R::Error>> {
        let was_kept = kept.is_some();
        let mut ledger = kept.unwrap_or_default();
        if let Some(now_ms) = now_ms {
            ledger.tidy(now_ms);
        }
        let done = work(&mut ledger);
        let key = Key::Ledger(key.clone());
        if ledger != Ledger::default() {
            let age = now_ms.map_or(Age::Unchanged, Age::Since);
            self.rows.put(key, Value::Ledger(ledger), age)?;
        } else if was_kept {
            self.rows.take(&key)?;
        }
        Ok(done)
    }

    fn entry(&mut self, message_id: &Arc<str>) -> Result<Option<Entry>, RowError<R::Error>> {
        self.read(&Key::Claim(Arc::clone(message_id)), Value::claim)
    }

    fn outcome(&mut self, id: &Arc<str>) -> Result<Option<Arc<Outcome>>, RowError<R::Error>> {
        self.read(&Key::Outcome(Arc::clone(id)), Value::outcome)
    }

    fn ledger(&mut self, key: &grants::Key) -> Result<Option<Ledger>, RowError<R::Error>> {
        self.read(&Key::Ledger(key.clone()), Value::ledger)
    }

    /// The row under a key. One of another kind is none that can be read.
    fn read<T>(
        &mut self,
        key: &Key,
        of_kind: fn(Value) -> Option<T>,
    ) -> Result<Option<T>, RowError<R::Error>> {
        match self.rows.get(key)? {
            None => Ok(None),
            Some(value) => of_kind(value).map(Some).ok_or(RowError::Unreadable),
        }
    }
}

impl Entry {
    fn held(self, holder: Holder) -> Held {
        Held {
            outcome_id: self.outcome_id,
            holder,
            since_ms: self.since_ms,
        }
    }
}

/// What a settlement does to the claim that its message has.
fn ending(settlement: &Settlement, entry: Found<Entry>) -> Ending {
    let outcome = &settlement.outcome;
    let is_sent = counts_as_sent(outcome.status);
    let Found::Row(entry) = entry else {
        // What was claimed may have been forgotten meanwhile, or given up by a process that was only slow: what was sent, or may have been,
        // is never sent again.
        return if settlement.holder.is_some() || is_sent {
            Ending::EndsClaim
        } else {
            Ending::LeavesClaim
        };
    };
    let is_same_record = *entry.outcome_id == *outcome.id;
    let is_other_record = are_two_records(entry.record, settlement.outcome.identity());
    match entry.state {
        ClaimState::Open(holder) if settlement.holder == Some(holder) => Ending::EndsClaim,
        ClaimState::Open(_) if is_same_record && is_other_record => {
            Ending::Refused(SettlementAnswer::OfOtherRecord)
        }
        ClaimState::Open(holder) if is_same_record => Ending::Refused(match settlement.holder {
            None => SettlementAnswer::Held(entry.held(holder)),
            Some(_) => SettlementAnswer::TakenOver,
        }),
        ClaimState::Sent if is_same_record => Ending::LeavesClaim,
        // Another record has the message: only one of them can have sent it.
        ClaimState::Open(holder) if is_sent => {
            Ending::Refused(SettlementAnswer::Held(entry.held(holder)))
        }
        ClaimState::Sent if is_sent => Ending::Refused(SettlementAnswer::Duplicate {
            of: entry.outcome_id,
        }),
        // That it did not send it is this record's own outcome.
        ClaimState::Open(_) | ClaimState::Sent => Ending::LeavesClaim,
    }
}

/// What came of reading a row, or of working on it. What cannot be read is junk if it may be replaced, and ends the request if not.
fn found<T, E>(
    on_unreadable: OnUnreadable,
    row: Row,
    read: Result<Option<T>, RowError<E>>,
) -> Result<Found<T>, Stop<E>> {
    match (read, on_unreadable) {
        (Ok(Some(value)), _) => Ok(Found::Row(value)),
        (Ok(None), _) => Ok(Found::Nothing),
        (Err(RowError::Unreadable | RowError::Damaged(_)), OnUnreadable::Overwrite) => {
            Ok(Found::Junk)
        }
        (Err(RowError::Unreadable), OnUnreadable::Fail) => Err(Stop::Unreadable(row)),
        (Err(RowError::Damaged(error)), OnUnreadable::Fail)
        | (Err(RowError::Failed(error)), OnUnreadable::Fail | OnUnreadable::Overwrite) => {
            Err(Stop::Failed(error))
        }
    }
}

/// What came of reading or writing a row that may not be replaced.
fn needed<T, E>(row: Row, read: Result<T, RowError<E>>) -> Result<T, Stop<E>> {
    read.map_err(|error| match error {
        RowError::Unreadable => Stop::Unreadable(row),
        RowError::Damaged(error) | RowError::Failed(error) => Stop::Failed(error),
    })
}

#[cfg(test)]
mod tests;
