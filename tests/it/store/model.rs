//! What a store answers, written down once more, plainly and apart from the core: a change of the core's meaning has to change this,
//! and has to mean it. It keeps everything, and can read whatever it has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use wx_courier_core::grants::{self, Ledger, Reservation};
use wx_courier_core::model::Holder;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::state::{Answer, Claim, Held, Request, Settlement, counts_as_sent};
use wx_courier_core::wechat::logins;
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
    /// The id of the outcome that has this number.
    numbers: HashMap<receipts::Key, Arc<str>>,
}

/// What is known of a message id.
#[derive(Clone)]
struct Entry {
    /// The record that asked, and the rule.
    outcome_id: Arc<str>,
    since_ms: i64,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// This holder is sending, or was.
    Open(Holder),
    /// It was sent, or may have been.
    Sent,
}

impl Model {
    /// Answers, and remembers.
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Claim(claim) => self.claim(claim),
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
            Request::Settle(settlement) => self.settle(settlement),
            Request::Grant(question) => Answer::Grant(self.grant(question)),
            Request::Login(question) => self.login(question),
            Request::Receipt(question) => Answer::Receipt(self.receipt(question)),
        }
    }

    fn claim(&mut self, claim: &Claim) -> Answer {
        if let Some(outcome) = self.outcomes.get(&claim.outcome_id) {
            return Answer::Settled(Arc::clone(outcome));
        }
        if let Some(entry) = self.claims.get(&claim.message_id) {
            match entry.state {
                State::Sent => {
                    return Answer::Duplicate {
                        of: Arc::clone(&entry.outcome_id),
                    };
                }
                // The first answer was lost on the way.
                State::Open(holder) if holder == claim.holder => {}
                State::Open(holder) if claim.over == Some(holder) => {}
                State::Open(holder) => return Answer::Held(entry.held(holder)),
            }
        }
        let Some(reservation) = self.reserve(claim) else {
            return Answer::NoGrant;
        };
        self.write_claim(
            &claim.message_id,
            &claim.outcome_id,
            State::Open(claim.holder),
            claim.now_ms,
        );
        Answer::Claimed(reservation)
    }

    /// Sets a grant aside where one is wished for; `None` if the message is not to be sent without.
    fn reserve(&mut self, claim: &Claim) -> Option<Reservation> {
        let Some(wish) = &claim.grant else {
            return Some(Reservation::NotAsked);
        };
        self.in_ledger(&wish.key, Some(claim.now_ms), |ledger| {
            ledger.reserve(&claim.message_id, wish.without, claim.now_ms)
        })
    }

    fn settle(&mut self, settlement: &Settlement) -> Answer {
        let outcome = &settlement.outcome;
        if let Some(earlier) = self.outcomes.get(outcome.id.as_str()) {
            return Answer::Settled(Arc::clone(earlier));
        }
        let id: Arc<str> = Arc::from(outcome.id.as_str());
        match self.claims.get(outcome.message_id.as_str()) {
            Some(entry) => match entry.state {
                State::Open(holder) if settlement.holder == Some(holder) => {
                    self.end_claim(settlement, &id);
                }
                State::Open(holder) if entry.outcome_id == id => {
                    return match settlement.holder {
                        None => Answer::Held(entry.held(holder)),
                        Some(_) => Answer::TakenOver,
                    };
                }
                State::Sent if entry.outcome_id == id => {}
                // Another record has the message: only one of them can have sent it.
                State::Open(holder) if counts_as_sent(outcome.status) => {
                    return Answer::Held(entry.held(holder));
                }
                State::Sent if counts_as_sent(outcome.status) => {
                    return Answer::Duplicate {
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
        self.users.remove(outcome.id.as_str());
        if let (Receipts::Expected, Some(key)) = (settlement.receipts, receipts::Key::of(outcome)) {
            self.numbers.insert(key, Arc::clone(&id));
        }
        self.outcomes.insert(id, Arc::clone(outcome));
        Answer::Settled(Arc::clone(outcome))
    }

    fn end_claim(&mut self, settlement: &Settlement, outcome_id: &Arc<str>) {
        let message_id: Arc<str> = Arc::from(settlement.outcome.message_id.as_str());
        if counts_as_sent(settlement.outcome.status) {
            self.write_claim(&message_id, outcome_id, State::Sent, settlement.now_ms);
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
        state: State,
        since_ms: i64,
    ) {
        let entry = Entry {
            outcome_id: Arc::clone(outcome_id),
            since_ms,
            state,
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

    fn grant(&mut self, question: &grants::Question) -> grants::Reply {
        match question {
            grants::Question::Report(report) => {
                let mark: Arc<str> = Arc::from(report.mark());
                if self.marks.contains(&mark) {
                    return grants::Reply::Noted(grants::Counted::Known);
                }
                self.marks.insert(mark);
                let counted = self.in_ledger(&report.key, Some(report.now_ms), |ledger| {
                    ledger.hear(report)
                });
                grants::Reply::Noted(counted)
            }
            grants::Question::Look { key, now_ms } => {
                let balance = self.in_ledger(key, Some(*now_ms), |ledger| ledger.balance());
                grants::Reply::Balance(balance)
            }
            grants::Question::Set { key, left, now_ms } => {
                let balance = self.in_ledger(key, Some(*now_ms), |ledger| {
                    ledger.set(u64::from(*left), *now_ms);
                    ledger.balance()
                });
                grants::Reply::Balance(balance)
            }
        }
    }

    fn login(&mut self, question: &logins::Question) -> Answer {
        if let Some(outcome) = self.outcomes.get(question.name()) {
            return Answer::Settled(Arc::clone(outcome));
        }
        Answer::Login(match question {
            logins::Question::Keep {
                name,
                openid,
                until_ms,
                ..
            } => {
                let user = (Arc::clone(openid), *until_ms);
                self.users.insert(Arc::clone(name), user);
                logins::Reply::Kept
            }
            logins::Question::Recall {
                name,
                message_id,
                now_ms,
            } => {
                let user = self.users.get(name);
                let user = user.filter(|(_, until_ms)| until_ms > now_ms);
                let entry = message_id.as_ref().and_then(|id| self.claims.get(id));
                if let (None, Some(entry)) = (user, entry)
                    && matches!(entry.state, State::Sent)
                {
                    let of = Arc::clone(&entry.outcome_id);
                    return Answer::Duplicate { of };
                }
                logins::Reply::User(user.map(|(openid, _)| Arc::clone(openid)))
            }
        })
    }

    fn receipt(&mut self, question: &receipts::Question) -> receipts::Reply {
        match question {
            receipts::Question::Join { key, .. } => {
                if self.marks.contains(key.mark().as_str()) {
                    return receipts::Reply::Published;
                }
                let id = self.numbers.get(key);
                match id.and_then(|id| self.outcomes.get(id)) {
                    Some(outcome) => receipts::Reply::Joined(Arc::clone(outcome)),
                    None => receipts::Reply::Unknown,
                }
            }
            receipts::Question::Done { key, .. } => {
                self.marks.insert(Arc::from(key.mark()));
                receipts::Reply::Noted
            }
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
