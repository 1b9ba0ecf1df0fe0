//! Exchanges of login codes: how many there are at once, what the last ones gave, and what follows from an answer.
//!
//! A refusal for the sake of the account pauses the exchanges of its app, as one of a message pauses the messages: one code now and then is
//! the trial. A code lives for five minutes, so nothing waits longer for the end of such a pause.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::addressing::{keep, unsent};
use super::claiming::ASK_AGAIN;
use super::engine::StoreHealth;
use super::in_flight::Lent;
use super::message::{AskedAgain, PendingRecipient, State, expires_at_ms};
use super::transition::{Happened, Next};
use super::{Effect, Engine, report};
use crate::model::outcome::Reason;
use crate::model::{Moment, Ticket};
use crate::schedule::pauses::{Cause, Subject, Way};
use crate::wechat::logins::{ExchangeAnswer, ExchangeRefusal, JsCode};

/// Exchanges at once. They are rare beside sends, and `WeChat` counts them by user.
const MOST_EXCHANGES: usize = 32;

/// A code and the app that it is for.
pub(super) type CodeOf = (Arc<str>, JsCode);

/// Exchanges under way, and what the last ones gave.
#[derive(Default)]
pub(super) struct Exchanges {
    under_way: BTreeMap<Ticket, CodeOf>,
    /// The users of codes that were exchanged lately, and when: several messages may be addressed by one code.
    users: BTreeMap<CodeOf, (Arc<str>, Duration)>,
    /// Their codes, the oldest first.
    order: VecDeque<CodeOf>,
}

/// `WeChat`: a code lives for five minutes, so no message brings it later.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// How long another process may take from the answer to its exchange to keeping the user: then it has or it never will.
const KEEPING: Duration = Duration::from_secs(3);

/// `WeChat`: jscode2session, too many codes of this user in a minute. A code lives for five.
const TOO_OFTEN: i64 = 45011;
const A_MINUTE: Duration = Duration::from_mins(1);

/// How many users are kept for others with the same code.
const MOST_USERS: usize = 1_000;

impl Exchanges {
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < MOST_EXCHANGES
    }

    pub(super) fn began(&mut self, ticket: Ticket, code: CodeOf) {
        self.under_way.insert(ticket, code);
    }

    /// Whose exchanges are under way.
    pub(super) fn under_way(&self) -> impl Iterator<Item = Ticket> {
        self.under_way.keys().copied()
    }

    /// The user that this code gave lately.
    pub(super) fn user_of(&self, code: &CodeOf) -> Option<&Arc<str>> {
        self.users.get(code).map(|(openid, _)| openid)
    }

    pub(super) fn is_under_way(&self, app: &str, code: &JsCode) -> bool {
        let mut under_way = self.under_way.values();
        under_way.any(|(of_app, known)| **of_app == *app && known == code)
    }

    /// Its message ends by a fault: what comes of the exchange is of no use any more.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.under_way.remove(&ticket);
    }

    pub(super) fn ended(&mut self, now: Moment, ticket: Ticket, answer: &ExchangeAnswer) {
        let (Some(code), ExchangeAnswer::Openid(openid)) = (self.under_way.remove(&ticket), answer)
        else {
            return;
        };
        while let Some(oldest) = self.order.front()
            && (self.order.len() >= MOST_USERS
                || self
                    .users
                    .get(oldest)
                    .is_none_or(|(_, since)| now.elapsed.saturating_sub(*since) > CODE_LIFE))
        {
            self.users.remove(oldest);
            self.order.pop_front();
        }
        let user = (Arc::clone(openid), now.elapsed);
        if self.users.insert(code.clone(), user).is_none() {
            self.order.push_back(code);
        }
    }
}

impl Engine {
    /// The code has to be exchanged. While the exchanges of its app are paused the message waits in line, as long as its code may live and
    /// its rule has room in the window.
    pub(super) fn await_exchange(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: Box<PendingRecipient>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let left_ms = expires_at_ms(&lent.origin, &pending.rule).saturating_sub(now.unix_ms);
        if left_ms < 0 {
            return self.expire_unaddressed(now, lent, &pending, effects);
        }
        let waited = now.elapsed.saturating_sub(lent.origin.received.elapsed);
        let life = CODE_LIFE.checked_sub(waited).filter(|life| !life.is_zero());
        let expires = Duration::from_millis(left_ms.unsigned_abs() + 1);
        let wait = life.map_or(expires, |life| life.min(expires));
        if let Some(pause) = self.pauses.pause_of_logins(&pending.rule.app)
            && (life.is_none() || self.is_at_window_limit(&pending.rule))
        {
            let refused = ExchangeAnswer::Refused {
                errcode: pause.errcode.unwrap_or_default(),
                errmsg: pause.detail.clone(),
                rid: None,
                why: ExchangeRefusal::Account,
            };
            if self.is_revoked(&lent.origin) {
                return Next::End;
            }
            return self.unaddressable(now, lent, &pending, &refused, effects);
        }
        let place = self.in_flight.next_exchange_number();
        Next::Rest(State::AwaitingExchange {
            pending,
            place,
            until: now.elapsed + wait,
        })
    }

    /// What would be sent to the user is too old by now: its code is not used up for it.
    fn expire_unaddressed(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: &PendingRecipient,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if self.is_revoked(&lent.origin) {
            return Next::End;
        }
        let mut outcome = unsent(now, &lent.origin, pending, Reason::Expired);
        outcome.detail = report::too_late(&pending.rule);
        if let Some(pause) = self.pauses.pause_of_logins(&pending.rule.app) {
            outcome.detail += &report::paused_by(pause);
        }
        self.settle_unsent(now, lent.ticket, outcome, effects)
    }

    /// Begins as many exchanges as there may be. A message with the code of an exchange that is under way waits for that one.
    pub(super) fn begin_exchanges(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        // A user who cannot be kept is lost, and the code too.
        if self.store == StoreHealth::Down || !self.exchanges.has_room() {
            return;
        }
        let may = |app: &Arc<str>| self.pauses.way_of_logins(now, app) == Way::Free;
        for ticket in self.in_flight.awaiting_exchange(may) {
            if !self.exchanges.has_room() {
                return;
            }
            let may_begin = self.in_flight.pending(ticket).is_some_and(|pending| {
                let (app, code) = (&pending.rule.app, pending.unaddressed.code());
                // The exchange before it may have been the trial of a pause.
                !self.exchanges.is_under_way(app, code)
                    && self.pauses.way_of_logins(now, app) == Way::Free
            });
            if may_begin {
                self.transition(now, ticket, Happened::ExchangeRoom, effects);
            }
        }
    }

    /// When the trial of a pause is due for which a message waits.
    pub(super) fn wake_for_exchange(&self, now: Moment) -> Option<Duration> {
        let apps = self.in_flight.apps_awaiting_exchange();
        let trials = apps.filter_map(|app| match self.pauses.way_of_logins(now, app) {
            Way::Until(at) => Some(at),
            // A full set of exchanges is woken by an answer, not by a time.
            Way::Free | Way::Closed => None,
        });
        trials.min()
    }

    pub(super) fn begin_exchange(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut pending: Box<PendingRecipient>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let code = (
            Arc::clone(&pending.rule.app),
            pending.unaddressed.code().clone(),
        );
        // The code is used up by it: a partition is given back only when the user is kept.
        self.mark_irrevocable(&lent.origin, effects);
        if let Some(openid) = self.exchanges.user_of(&code) {
            return keep(
                now,
                (lent.ticket, &lent.origin),
                pending,
                Arc::clone(openid),
                effects,
            );
        }
        pending.tries += 1;
        let ticket = lent.ticket;
        self.pauses.began_exchange(now, ticket, &code.0);
        let (app, js_code) = code.clone();
        self.exchanges.began(ticket, code);
        effects.push(Effect::Exchange {
            ticket,
            app,
            code: js_code,
        });
        Next::Become(State::Exchanging(pending))
    }

    pub(super) fn exchanged(
        &mut self,
        now: Moment,
        lent: &Lent,
        mut pending: Box<PendingRecipient>,
        answer: &ExchangeAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match answer {
            ExchangeAnswer::Openid(openid) => {
                self.trial_went_well(now, lent.ticket, effects);
                keep(
                    now,
                    (lent.ticket, &lent.origin),
                    pending,
                    Arc::clone(openid),
                    effects,
                )
            }
            ExchangeAnswer::Refused {
                why: ExchangeRefusal::Busy,
                ..
            }
            | ExchangeAnswer::Unanswered { .. } => {
                let next_delay = self
                    .setup
                    .retry
                    .next_delay(pending.tries, self.jitter.f64());
                let is_too_often = matches!(
                    answer,
                    ExchangeAnswer::Refused {
                        errcode: TOO_OFTEN,
                        ..
                    }
                );
                let wait = next_delay.map(|wait| if is_too_often { A_MINUTE } else { wait });
                match wait {
                    Some(wait) => self.recall_later(now, lent, pending, wait),
                    None => self.unaddressable(now, lent, &pending, answer, effects),
                }
            }
            // Another process that has, or had, this record may have exchanged it, and be about to keep the user.
            ExchangeAnswer::Refused {
                why: ExchangeRefusal::Used,
                ..
            } if pending.asked_again == AskedAgain::No => {
                // WeChat knows the code, so account and secret are good.
                self.trial_went_well(now, lent.ticket, effects);
                pending.asked_again = AskedAgain::Yes;
                // Its call may have used the code at once and be answered late.
                let wait = self.setup.call_limit + KEEPING;
                self.recall_later(now, lent, pending, wait)
            }
            ExchangeAnswer::Refused {
                why: ExchangeRefusal::Account,
                errcode,
                errmsg,
                ..
            } => {
                self.pause_logins(now, lent, &pending.rule.app, (*errcode, errmsg), effects);
                // It was not this message's fault, and its code is as good as before.
                pending.tries = pending.tries.saturating_sub(1);
                self.recall_later(now, lent, pending, ASK_AGAIN)
            }
            ExchangeAnswer::Refused {
                why: ExchangeRefusal::Used | ExchangeRefusal::Expired | ExchangeRefusal::Blocked,
                ..
            } => {
                self.trial_went_well(now, lent.ticket, effects);
                self.unaddressable(now, lent, &pending, answer, effects)
            }
        }
    }

    /// No login code of the app can be exchanged for now.
    fn pause_logins(
        &mut self,
        now: Moment,
        lent: &Lent,
        app: &Arc<str>,
        (errcode, errmsg): (i64, &str),
        effects: &mut Vec<Effect>,
    ) {
        let what = (Subject::Logins(Arc::clone(app)), Cause::Account);
        let errcode = Some(errcode).filter(|errcode| *errcode != 0);
        let begun = self
            .pauses
            .begin(now, lent.ticket, what, (errcode, errmsg.to_owned()));
        self.announce(begun, effects);
    }

    fn recall_later(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: Box<PendingRecipient>,
        wait: Duration,
    ) -> Next {
        self.clear_irrevocable(&lent.origin);
        let until = now.elapsed + wait;
        Next::Rest(State::ExchangeBackoff { pending, until })
    }

    /// No user can be had from the code.
    fn unaddressable(
        &mut self,
        now: Moment,
        lent: &Lent,
        pending: &PendingRecipient,
        answer: &ExchangeAnswer,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let mut outcome = unsent(now, &lent.origin, pending, end_of(answer));
        match answer {
            ExchangeAnswer::Refused {
                errcode,
                errmsg,
                rid,
                why,
            } => {
                outcome.detail = report::explain_login(Some(*why), pending.tries, errmsg);
                outcome.errcode = Some(*errcode).filter(|errcode| *errcode != 0);
                outcome.errmsg = Some(errmsg.clone());
                outcome.rid.clone_from(rid);
            }
            ExchangeAnswer::Unanswered { detail } => {
                outcome.detail = report::explain_login(None, pending.tries, detail);
            }
            ExchangeAnswer::Openid(_) => {}
        }
        self.settle_unsent(now, lent.ticket, outcome, effects)
    }
}

/// How a message ends whose code gave no user.
fn end_of(answer: &ExchangeAnswer) -> Reason {
    match answer {
        ExchangeAnswer::Refused { why, .. } => match why {
            ExchangeRefusal::Expired => Reason::LoginCodeExpired,
            ExchangeRefusal::Used => Reason::LoginCodeUsed,
            ExchangeRefusal::Blocked => Reason::UserBlocked,
            ExchangeRefusal::Busy => Reason::AttemptsUsed,
            ExchangeRefusal::Account => Reason::AccountFault,
        },
        ExchangeAnswer::Unanswered { .. } | ExchangeAnswer::Openid(_) => Reason::AttemptsUsed,
    }
}
