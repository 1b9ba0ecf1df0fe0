//! What a store answers, written down once more, plainly and apart from the core: a change of the core's meaning has to change this,
//! and has to mean it. It keeps everything, and can read whatever it has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use wx_courier_core::grants::{
    self, Balance, Cleared, Counted, Lack, Ledger, Reservation, Withdrawal,
};
use wx_courier_core::holds::Holds;
use wx_courier_core::instances::Instances;
use wx_courier_core::model::Holder;
use wx_courier_core::model::outcome::{Identity, Outcome, RecipientKey};
use wx_courier_core::state::{
    Answer, Claim, ClaimAnswer, ClaimSeen, ClaimStateSeen, Held, JoinAnswer, KeepAnswer, Kept,
    Look, Looked, MarkSet, RecallAnswer, ReceiptSeen, Request, Settlement, SettlementAnswer,
    counts_as_sent,
};
use wx_courier_core::wechat::logins::{Keep, Recall, UserName};
use wx_courier_core::wechat::receipts::{self, Receipts};

/// Everything that a store keeps.
#[derive(Default)]
pub(super) struct Model {
    /// By message id.
    claims: HashMap<Arc<str>, Entry>,
    /// By the outcome's id.
    outcomes: HashMap<Arc<str>, Arc<Outcome>>,
    ledgers: HashMap<grants::Key, Ledger>,
    /// What was told or done, by its mark.
    marks: HashSet<Arc<str>>,
    /// Users, by the name under which they are kept, until then.
    users: HashMap<Arc<str>, (Arc<str>, i64)>,
    /// When a user has left, by the openid.
    left: HashMap<Arc<str>, i64>,
    /// The id of the outcome that has this number.
    numbers: HashMap<receipts::Key, Arc<str>>,
    holds: Holds,
    /// The first that was proposed.
    recipient_key: Option<RecipientKey>,
    instances: Instances,
}

/// What is known of a message id.
#[derive(Clone)]
struct Entry {
    /// The record that asked, and the rule.
    outcome_id: Arc<str>,
    since_ms: i64,
    state: State,
    /// Which record it was.
    record: Option<Identity>,
}

#[derive(Clone, Copy)]
enum State {
    /// This holder is sending, or was.
    Open(Holder),
    /// It was sent, or may have been.
    Sent,
}

/// Of which record an outcome is.
enum IsOf {
    ThisRecord,
    OtherRecord,
}

fn record_of(outcome: &Outcome) -> Option<Identity> {
    outcome.record.map(|record| record.stamp.identity)
}

/// Whether both are known, and are two records.
fn differ(one: Option<Identity>, other: Option<Identity>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

impl Model {
    /// Answers, and remembers.
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Claim(claim) => Answer::Claim(self.claim(claim)),
            Request::Release {
                message_id,
                holder,
                grant,
            } => {
                if self.is_open_for(message_id, *holder) {
                    self.claims.remove(message_id);
                    if let Some(key) = grant {
                        self.in_ledger(key, None, |ledger| ledger.give_back(message_id));
                    }
                }
                Answer::Released
            }
            Request::Settle(settlement) => Answer::Settle(self.settle(settlement)),
            Request::Report(report) => Answer::Report(self.report(report)),
            Request::Withdraw(withdrawal) => Answer::Withdraw(self.withdraw(withdrawal)),
            Request::Balance(query) => Answer::Balance(self.balance(query)),
            Request::Keep(keep) => Answer::Keep(self.keep(keep)),
            Request::Recall(recall) => Answer::Recall(self.recall(recall)),
            Request::Join(join) => Answer::Join(self.join(&join.key)),
            Request::Done(done) => {
                self.marks.insert(Arc::from(done.key.mark()));
                Answer::Done(MarkSet)
            }
            Request::Holds(ask) => {
                self.holds.change(ask);
                Answer::Holds(self.holds.clone())
            }
            Request::Note(note) => {
                self.instances.note(note);
                Answer::Note(self.instances.clone())
            }
            Request::Propose(proposal) => {
                let first = self.recipient_key.get_or_insert(proposal.key.clone());
                Answer::Propose(first.clone())
            }
            Request::Look(look) => Answer::Look(Box::new(self.look(look))),
        }
    }

    fn look(&self, look: &Look) -> Looked {
        let claim = look.message_id.as_ref().and_then(|id| self.claims.get(id));
        let of_claim = claim.map(|claim| &claim.outcome_id);
        let id = look.outcome_id.as_ref().or(of_claim);
        let outcome = id.and_then(|id| self.outcomes.get(id));
        let number = outcome.and_then(|outcome| receipts::Key::of(outcome));
        Looked {
            receipt: match number {
                None => ReceiptSeen::NotKnown,
                Some(number) if self.marks.contains(number.mark().as_str()) => {
                    ReceiptSeen::Published
                }
                Some(_) => ReceiptSeen::None,
            },
            outcome: outcome.map_or(Kept::Nothing, |outcome| Kept::Row(Arc::clone(outcome))),
            claim: claim.map_or(Kept::Nothing, |claim| {
                let holder = match claim.state {
                    State::Open(holder) => Some(holder),
                    State::Sent => None,
                };
                Kept::Row(ClaimSeen {
                    outcome_id: Arc::clone(&claim.outcome_id),
                    state: match claim.state {
                        State::Open(_) => ClaimStateSeen::Open,
                        State::Sent => ClaimStateSeen::Sent,
                    },
                    holder: holder.map(|holder| holder.to_string()),
                    since_ms: holder.map(|_| claim.since_ms),
                })
            }),
        }
    }

    fn claim(&mut self, claim: &Claim) -> ClaimAnswer {
        if let Some(outcome) = self.outcomes.get(&claim.outcome_id) {
            return if differ(record_of(outcome), claim.record) {
                ClaimAnswer::OfOtherRecord
            } else {
                ClaimAnswer::Settled(Arc::clone(outcome))
            };
        }
        if let Some(entry) = self.claims.get(&claim.message_id) {
            match entry.state {
                State::Sent => {
                    return ClaimAnswer::Duplicate {
                        of: Arc::clone(&entry.outcome_id),
                    };
                }
                State::Open(_)
                    if entry.outcome_id == claim.outcome_id
                        && differ(entry.record, claim.record) =>
                {
                    return ClaimAnswer::OfOtherRecord;
                }
                // The first answer was lost on the way.
                State::Open(holder) if holder == claim.holder => {}
                State::Open(holder) if claim.takes_over == Some(holder) => {}
                State::Open(holder) => return ClaimAnswer::Held(entry.held(holder)),
            }
        }
        let reservation = match self.reserve(claim) {
            Ok(reservation) => reservation,
            Err(Lack::Grant) => return ClaimAnswer::NoGrant,
            Err(Lack::Turn) => return ClaimAnswer::TooSoon,
        };
        self.write_claim(
            &claim.message_id,
            &claim.outcome_id,
            (State::Open(claim.holder), claim.record),
            claim.since_ms,
        );
        ClaimAnswer::Claimed(reservation)
    }

    /// Sets aside what the message needs, or says what is lacking.
    fn reserve(&mut self, claim: &Claim) -> Result<Reservation, Lack> {
        let Some(wish) = &claim.grant else {
            return Ok(Reservation::NotAsked);
        };
        self.in_ledger(&wish.key, Some(claim.now_ms), |ledger| {
            ledger.reserve(&claim.message_id, &wish.need, claim.now_ms)
        })
    }

    fn settle(&mut self, settlement: &Settlement) -> SettlementAnswer {
        let outcome = &settlement.outcome;
        if let Some(earlier) = self.outcomes.get(outcome.id.as_str()) {
            return if differ(record_of(earlier), record_of(outcome)) {
                SettlementAnswer::OfOtherRecord
            } else {
                SettlementAnswer::Settled(Arc::clone(earlier))
            };
        }
        let id: Arc<str> = Arc::from(outcome.id.as_str());
        match self.claims.get(outcome.message_id.as_str()) {
            Some(entry) => match entry.state {
                State::Open(holder) if settlement.holder == Some(holder) => {
                    self.end_claim(settlement, &id);
                }
                State::Open(_)
                    if entry.outcome_id == id && differ(entry.record, record_of(outcome)) =>
                {
                    return SettlementAnswer::OfOtherRecord;
                }
                State::Open(holder) if entry.outcome_id == id => {
                    return match settlement.holder {
                        None => SettlementAnswer::Held(entry.held(holder)),
                        Some(_) => SettlementAnswer::TakenOver,
                    };
                }
                State::Sent if entry.outcome_id == id => {}
                // Another record has the message: only one of them can have sent it.
                State::Open(holder) if counts_as_sent(outcome.status) => {
                    return SettlementAnswer::Held(entry.held(holder));
                }
                State::Sent if counts_as_sent(outcome.status) => {
                    return SettlementAnswer::Duplicate {
                        of: Arc::clone(&entry.outcome_id),
                    };
                }
                // That it did not send it is this record's own outcome.
                State::Open(_) | State::Sent => {}
            },
            // What was claimed may have been forgotten meanwhile, or given up by one that was only slow: what was sent, or may have been, is
            // never sent again.
            None if settlement.holder.is_some() || counts_as_sent(outcome.status) => {
                self.end_claim(settlement, &id);
            }
            None => {}
        }
        // The message has ended: the user that its login code named is not needed any more.
        let of_message = UserName::Message {
            outcome_id: Arc::clone(&id),
            record: record_of(outcome),
        };
        self.users.remove(&of_message.key());
        self.users.remove(&id);
        if let (Receipts::Expected, Some(key)) = (settlement.receipts, receipts::Key::of(outcome)) {
            self.numbers.insert(key, Arc::clone(&id));
        }
        self.outcomes.insert(id, Arc::clone(outcome));
        SettlementAnswer::Settled(Arc::clone(outcome))
    }

    fn end_claim(&mut self, settlement: &Settlement, outcome_id: &Arc<str>) {
        let message_id: Arc<str> = Arc::from(settlement.outcome.message_id.as_str());
        if counts_as_sent(settlement.outcome.status) {
            self.write_claim(
                &message_id,
                outcome_id,
                (State::Sent, None),
                settlement.now_ms,
            );
        } else {
            self.claims.remove(&message_id);
        }
        if let Some(key) = &settlement.grant {
            self.in_ledger(key, Some(settlement.now_ms), |ledger| {
                settlement.end_grant(ledger);
            });
        }
    }

    fn is_open_for(&self, message_id: &str, ours: Holder) -> bool {
        let entry = self.claims.get(message_id);
        entry.is_some_and(|entry| matches!(entry.state, State::Open(holder) if holder == ours))
    }

    fn write_claim(
        &mut self,
        message_id: &Arc<str>,
        outcome_id: &Arc<str>,
        (state, record): (State, Option<Identity>),
        since_ms: i64,
    ) {
        let entry = Entry {
            outcome_id: Arc::clone(outcome_id),
            since_ms,
            state,
            record,
        };
        self.claims.insert(Arc::clone(message_id), entry);
    }

    /// Does something to a ledger. Without a time it is no news of the user.
    fn in_ledger<T>(
        &mut self,
        key: &grants::Key,
        now_ms: Option<i64>,
        work: impl FnOnce(&mut Ledger) -> T,
    ) -> T {
        let mut ledger = self.ledgers.remove(key).unwrap_or_default();
        if let Some(now_ms) = now_ms {
            ledger.tidy(now_ms);
        }
        let done = work(&mut ledger);
        if ledger != Ledger::default() {
            self.ledgers.insert(key.clone(), ledger);
        }
        done
    }

    fn report(&mut self, report: &grants::Report) -> Counted {
        let mark: Arc<str> = Arc::from(report.mark());
        if self.marks.contains(&mark) {
            return Counted::Known;
        }
        self.marks.insert(mark);
        self.in_ledger(&report.key, Some(report.now_ms), |ledger| {
            ledger.hear(report)
        })
    }

    fn withdraw(&mut self, withdrawal: &Withdrawal) -> Cleared {
        let at_ms = withdrawal.at_ms.min(withdrawal.now_ms);
        let mut cleared = Cleared { ledgers: 0 };
        for key in withdrawal.ledgers() {
            if let Some(ledger) = self.ledgers.get_mut(&key) {
                let before = ledger.clone();
                ledger.clear(at_ms);
                cleared.ledgers += usize::from(*ledger != before);
            }
        }
        let left_ms = self.left.entry(Arc::clone(&withdrawal.openid));
        let left_ms = left_ms.or_insert(at_ms);
        *left_ms = at_ms.max(*left_ms);
        cleared
    }

    /// Whether the user of a session has left since it began.
    fn has_left(&self, name: &UserName, openid: &str) -> bool {
        match name {
            UserName::Session { begun_ms, .. } => {
                let left_ms = self.left.get(openid);
                left_ms.is_some_and(|left_ms| begun_ms <= left_ms)
            }
            UserName::Message { .. } => false,
        }
    }

    fn balance(&mut self, query: &grants::Query) -> Balance {
        match query {
            grants::Query::Look { key, now_ms } => {
                self.in_ledger(key, Some(*now_ms), |ledger| ledger.balance())
            }
            grants::Query::Set { key, left, now_ms } => {
                self.in_ledger(key, Some(*now_ms), |ledger| {
                    ledger.set(u64::from(*left), *now_ms);
                    ledger.balance()
                })
            }
        }
    }

    fn keep(&mut self, keep: &Keep) -> KeepAnswer {
        match self.end_of(&keep.name) {
            Some((outcome, IsOf::ThisRecord)) => {
                return KeepAnswer::Settled(Arc::clone(outcome));
            }
            Some((_, IsOf::OtherRecord)) => return KeepAnswer::OfOtherRecord,
            None => {}
        }
        let user = (Arc::clone(&keep.openid), keep.until_ms);
        self.users.insert(keep.name.key(), user);
        KeepAnswer::Kept
    }

    fn recall(&self, recall: &Recall) -> RecallAnswer {
        match self.end_of(&recall.name) {
            Some((outcome, IsOf::ThisRecord)) => {
                return RecallAnswer::Settled(Arc::clone(outcome));
            }
            Some((_, IsOf::OtherRecord)) => return RecallAnswer::OfOtherRecord,
            None => {}
        }
        let before = recall.name.key_before();
        let user = self
            .users
            .get(&recall.name.key())
            .or_else(|| self.users.get(&before?));
        let user = user.filter(|(openid, until_ms)| {
            *until_ms > recall.now_ms && !self.has_left(&recall.name, openid)
        });
        let message_id = recall.message_id.as_ref();
        let entry = message_id.and_then(|id| self.claims.get(id));
        if let (None, Some(entry)) = (user, entry)
            && matches!(entry.state, State::Sent)
        {
            let of = Arc::clone(&entry.outcome_id);
            return RecallAnswer::Duplicate { of };
        }
        RecallAnswer::User(user.map(|(openid, _)| Arc::clone(openid)))
    }

    /// The outcome of the message to whose user a name belongs.
    fn end_of(&self, name: &UserName) -> Option<(&Arc<Outcome>, IsOf)> {
        let UserName::Message { outcome_id, record } = name else {
            return None;
        };
        let outcome = self.outcomes.get(outcome_id)?;
        Some(if differ(record_of(outcome), *record) {
            (outcome, IsOf::OtherRecord)
        } else {
            (outcome, IsOf::ThisRecord)
        })
    }

    fn join(&self, key: &receipts::Key) -> JoinAnswer {
        if self.marks.contains(key.mark().as_str()) {
            return JoinAnswer::Published;
        }
        let id = self.numbers.get(key);
        match id.and_then(|id| self.outcomes.get(id)) {
            Some(outcome) => JoinAnswer::Joined(Arc::clone(outcome)),
            None => JoinAnswer::Unknown,
        }
    }
}

impl Entry {
    fn held(&self, holder: Holder) -> Held {
        Held {
            outcome_id: Arc::clone(&self.outcome_id),
            holder,
            since_ms: self.since_ms,
        }
    }
}
