//! Sessions: which browser is whose, for a while. They are kept in memory, so they end with the process, and by hashes, so that no id can be read
//! from what is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::people::Who;
use super::token::{ForgeryToken, draw};
use crate::config::{Secret, TokenHash};

/// How long one lasts.
const LIFE: Duration = Duration::from_hours(12);

/// How long one lasts that is not used.
const IDLE: Duration = Duration::from_hours(1);

/// How many there are at once: half a megabyte.
const MOST: usize = 2_048;

/// How many one person has at once. A program that comes without a cookie each time ends its own.
const MOST_OF_ONE: usize = 64;

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Kept>);

type Kept = HashMap<TokenHash, Session>;

struct Session {
    who: Who,
    forgery: ForgeryToken,
    begun: Instant,
    seen: Instant,
    used: Use,
    /// Hung up when the session ends.
    life: watch::Sender<()>,
}

/// Whether the browser has come back with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Never,
    Since,
}

/// A session that lasts, for who works in it.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) key: TokenHash,
    pub(super) forgery: ForgeryToken,
    until: Instant,
    life: watch::Receiver<()>,
}

impl Live {
    /// Comes back when the session has ended.
    pub(super) async fn ended(&self) {
        let mut life = self.life.clone();
        tokio::select! {
            // Nothing is ever said there: it is hung up.
            _ = life.changed() => {}
            () = tokio::time::sleep_until(self.until) => {}
        }
    }
}

impl Session {
    fn lasts(&self, now: Instant) -> bool {
        let since = |then: Instant| now.saturating_duration_since(then);
        since(self.begun) < LIFE && since(self.seen) < IDLE
    }

    fn live(&self, key: TokenHash) -> Live {
        Live {
            key,
            forgery: self.forgery.clone(),
            until: self.begun + LIFE,
            life: self.life.subscribe(),
        }
    }
}

impl Sessions {
    /// Begins one, and gives its id, which only the browser is told.
    pub(super) fn begin(
        &self,
        who: &Who,
        now: Instant,
    ) -> Result<(Secret, Live), getrandom::Error> {
        let id = draw()?;
        let key = TokenHash::of(id.expose());
        let session = Session {
            who: who.clone(),
            forgery: ForgeryToken::new()?,
            begun: now,
            seen: now,
            used: Use::Never,
            life: watch::Sender::new(()),
        };
        let live = session.live(key);
        let mut kept = self.kept();
        make_room(&mut kept, who, now);
        kept.insert(key, session);
        Ok((id, live))
    }

    /// The session with this id, if there is one that lasts.
    pub(super) fn find(&self, id: &Secret, now: Instant) -> Option<(Who, Live)> {
        let key = TokenHash::of(id.expose());
        let mut kept = self.kept();
        let session = kept.get_mut(&key)?;
        if !session.lasts(now) {
            kept.remove(&key);
            return None;
        }
        session.seen = now;
        session.used = Use::Since;
        Some((session.who.clone(), session.live(key)))
    }

    /// Ends the one with this id.
    pub(super) fn end(&self, id: &Secret) {
        self.end_one(&TokenHash::of(id.expose()));
    }

    pub(super) fn end_one(&self, key: &TokenHash) {
        self.kept().remove(key);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept().len()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for one more of this person. Those go first that were never used again, then those that have not been used for longest.
fn make_room(kept: &mut Kept, who: &Who, now: Instant) {
    let is_full = |kept: &Kept| kept.len() >= MOST || n_of(kept, who) >= MOST_OF_ONE;
    if is_full(kept) {
        kept.retain(|_, session| session.lasts(now));
    }
    if n_of(kept, who) >= MOST_OF_ONE {
        drop_least(kept, |session| session.who == *who);
    } else if kept.len() >= MOST {
        drop_least(kept, |_| true);
    }
}

fn n_of(kept: &Kept, who: &Who) -> usize {
    kept.values().filter(|session| session.who == *who).count()
}

fn drop_least(kept: &mut Kept, is_meant: impl Fn(&Session) -> bool) {
    let meant = kept.iter().filter(|(_, session)| is_meant(session));
    let least = meant.min_by_key(|(_, session)| (session.used, session.seen));
    let key = least.map(|(key, _)| *key);
    if let Some(key) = key {
        kept.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::console::access::Via;

    fn who(name: &str) -> Who {
        Who {
            name: Arc::from(name),
            via: Via::Token,
        }
    }

    fn begin(sessions: &Sessions, name: &str, now: Instant) -> Secret {
        sessions.begin(&who(name), now).unwrap().0
    }

    #[test]
    fn a_session_is_found_by_its_id_alone_and_until_it_ends() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let (first, second) = (begin(&sessions, "li", now), begin(&sessions, "li", now));
        let name = |id: &Secret| sessions.find(id, now).map(|(who, _)| who.name.to_string());
        assert_eq!(name(&first).as_deref(), Some("li"));
        assert_eq!(name(&Secret::new("x")), None);
        assert_eq!(name(&Secret::new("")), None);
        sessions.end(&first);
        assert_eq!(name(&first), None);
        assert_eq!(name(&second).as_deref(), Some("li"));
    }

    #[test]
    fn a_session_ends_when_it_rests_and_when_it_is_old() {
        let sessions = Sessions::default();
        let begun = Instant::now();
        let rests = begin(&sessions, "li", begun);
        assert!(sessions.find(&rests, begun + IDLE).is_none());
        let works = begin(&sessions, "li", begun);
        let half = IDLE / 2;
        let mut now = begun;
        while now + half < begun + LIFE {
            now += half;
            assert!(sessions.find(&works, now).is_some(), "{:?}", now - begun);
        }
        assert!(sessions.find(&works, begun + LIFE).is_none());
        assert_eq!(sessions.len(), 0);
    }

    #[test]
    fn thousands_of_sessions_of_one_person_cost_no_other_one_and_none_that_is_used() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let (used, other) = (begin(&sessions, "li", now), begin(&sessions, "wang", now));
        assert!(sessions.find(&used, now).is_some());
        for n in 0..5_000 {
            begin(&sessions, "li", now + Duration::from_millis(n));
        }
        assert_eq!(sessions.len(), MOST_OF_ONE + 1);
        for id in [&used, &other] {
            assert!(sessions.find(id, now).is_some());
        }
    }

    #[test]
    fn sessions_of_many_people_are_bounded() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let used = begin(&sessions, "li", now);
        assert!(sessions.find(&used, now).is_some());
        for n in 0..=MOST {
            begin(&sessions, &format!("user {n}"), now);
        }
        assert_eq!(sessions.len(), MOST);
        assert!(sessions.find(&used, now).is_some());
        // Those that are over make room first.
        begin(&sessions, "wang", now + IDLE);
        assert_eq!(sessions.len(), 1);
    }

    #[tokio::test]
    async fn who_works_in_a_session_hears_that_it_ends() {
        let sessions = Sessions::default();
        let (id, live) = sessions.begin(&who("li"), Instant::now()).unwrap();
        let mut ended = std::pin::pin!(live.ended());
        let at_once = tokio::time::timeout(Duration::ZERO, &mut ended).await;
        assert!(at_once.is_err());
        sessions.end(&id);
        ended.await;
    }
}
