//! Exchanges of login codes: how many there are at once, and what the last ones gave.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Moment, Ticket};
use crate::wechat::logins::{Exchanged, JsCode};

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

    pub(super) fn ended(&mut self, now: Moment, ticket: Ticket, answer: &Exchanged) {
        let (Some(code), Exchanged::Openid(openid)) = (self.under_way.remove(&ticket), answer)
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
