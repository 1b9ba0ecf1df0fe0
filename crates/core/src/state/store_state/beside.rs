//! What goes beside claims: grants, users, receipts.

use std::sync::Arc;

use super::{Found, Stop, StoreState, found, needed};
use crate::grants;
use crate::state::rows::{Age, Key, Rows, Sending, User, Value};
use crate::state::{Answer, Row, Unreadable};
use crate::wechat::logins;
use crate::wechat::receipts;

impl<R: Rows> StoreState<R> {
    pub(super) fn grant(
        &mut self,
        question: &grants::Question,
    ) -> Result<grants::Reply, Stop<R::Error>> {
        let key = question.key();
        let kept = self.ledger(key);
        let done = match question {
            grants::Question::Report(report) => return self.report(report),
            grants::Question::Look { now_ms, .. } => {
                let kept = needed(Row::Ledger, kept)?;
                self.work_on(key, kept, Some(*now_ms), |ledger| ledger.balance())
            }
            grants::Question::Set { left, now_ms, .. } => {
                // The asker knows better than what cannot be read.
                let kept = match found(Unreadable::Replace, Row::Ledger, kept)? {
                    Found::Row(ledger) => Some(ledger),
                    Found::Nothing => None,
                    Found::Junk => Some(grants::Ledger::default()),
                };
                self.work_on(key, kept, Some(*now_ms), |ledger| {
                    ledger.set(u64::from(*left), *now_ms);
                    ledger.balance()
                })
            }
        };
        needed(Row::Ledger, done).map(grants::Reply::Balance)
    }

    fn report(&mut self, report: &grants::Report) -> Result<grants::Reply, Stop<R::Error>> {
        let mark: Arc<str> = Arc::from(report.mark());
        if self.is_marked(&mark)? {
            return Ok(grants::Reply::Noted(grants::Counted::Known));
        }
        let kept = self.ledger(&report.key);
        let kept = needed(Row::Ledger, kept)?;
        self.mark(mark, report.now_ms)?;
        let counted = self.work_on(&report.key, kept, Some(report.now_ms), |ledger| {
            ledger.hear(report)
        });
        needed(Row::Ledger, counted).map(grants::Reply::Noted)
    }

    pub(super) fn login(&mut self, question: &logins::Question) -> Result<Answer, Stop<R::Error>> {
        let outcome = self.outcome(question.name());
        if let Some(outcome) = needed(Row::Outcome, outcome)? {
            return Ok(Answer::Settled(outcome));
        }
        match question {
            logins::Question::Keep {
                name,
                openid,
                now_ms,
                until_ms,
            } => {
                let user = User {
                    openid: Arc::clone(openid),
                    until_ms: *until_ms,
                };
                let (key, age) = (Key::User(Arc::clone(name)), Age::Since(*now_ms));
                needed(Row::User, self.rows.put(key, Value::User(user), age))?;
                Ok(Answer::Login(logins::Reply::Kept))
            }
            logins::Question::Recall {
                name,
                message_id,
                now_ms,
            } => {
                let user = self.read(&Key::User(Arc::clone(name)), Value::user);
                let user = needed(Row::User, user)?;
                let user = user.filter(|user| user.until_ms > *now_ms);
                if let (None, Some(message_id)) = (&user, message_id) {
                    let entry = self.entry(message_id);
                    let entry = needed(Row::Claim, entry)?;
                    if let Some(entry) = entry.filter(|entry| entry.state == Sending::Done) {
                        let of = entry.outcome_id;
                        return Ok(Answer::Duplicate { of });
                    }
                }
                let openid = user.map(|user| user.openid);
                Ok(Answer::Login(logins::Reply::User(openid)))
            }
        }
    }

    pub(super) fn receipt(
        &mut self,
        question: &receipts::Question,
    ) -> Result<receipts::Reply, Stop<R::Error>> {
        let mark: Arc<str> = Arc::from(question.key().mark());
        match question {
            receipts::Question::Join { key, .. } => {
                if self.is_marked(&mark)? {
                    return Ok(receipts::Reply::Published);
                }
                let id = self.read(&Key::Number(key.clone()), Value::number);
                let Some(id) = needed(Row::Number, id)? else {
                    return Ok(receipts::Reply::Unknown);
                };
                let outcome = self.outcome(&id);
                let outcome = needed(Row::Outcome, outcome)?;
                Ok(outcome.map_or(receipts::Reply::Unknown, receipts::Reply::Joined))
            }
            receipts::Question::Done { now_ms, .. } => {
                self.mark(mark, *now_ms)?;
                Ok(receipts::Reply::Noted)
            }
        }
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
