//! Access tokens as WeChat issues them: two endpoints that know nothing of each other, renewal with an overlap, forced
//! refresh under a limit.
//!
//! WeChat: `getStableAccessToken` and `getAccessToken`. Nothing here reads a clock; every call is told the time.

use std::collections::HashMap;
use std::sync::Arc;

use crate::answer::Refusal;
use crate::clock::day_of;
use crate::newest::Newest;
use crate::random;

/// WeChat: `stable_token`, `force_refresh` at most 20 times a day.
const FORCED_A_DAY: u32 = 20;
/// WeChat: `stable_token`, a forced refresh within 30 s of the last one does not refresh.
const FORCED_APART_MS: u64 = 30_000;
/// Dead tokens are remembered to tell 42001 from 40001; a test that issues more than this has no use for the oldest.
const MOST_TOKENS: usize = 10_000;
/// Characters of WeChat's tokens before the counter is added.
const TOKEN_LENGTH: usize = 136;

/// What a token endpoint hands out.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Granted {
    pub(super) token: String,
    /// Remaining life in whole seconds, never 0.
    pub(super) expires_in_s: u64,
}

/// The two modes of `stable_token`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refresh {
    Normal,
    Forced,
}

/// How a token that is over is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// Its time is up: 42001.
    Expired,
    /// Another took its place: 40001.
    Superseded,
}

/// What calls with a token meet while it lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// It is taken.
    Sound,
    /// It is refused with 40001, and handed out all the same.
    Wedged,
}

struct Issued {
    appid: Arc<str>,
    until_ms: u64,
    end: End,
    standing: Standing,
}

#[derive(Default)]
struct AppTokens {
    stable: Option<String>,
    classic: Option<String>,
    forced_day: u64,
    n_forced: u32,
    forced_at_ms: Option<u64>,
}

/// Every token issued, and the current ones of each app.
pub(super) struct Tokens {
    life_ms: u64,
    overlap_ms: u64,
    issued: Newest<Issued, MOST_TOKENS>,
    apps: HashMap<Arc<str>, AppTokens>,
    n_issued: u64,
    random: fastrand::Rng,
}

impl Tokens {
    pub(super) fn new(life_ms: u64, overlap_ms: u64, random: fastrand::Rng) -> Self {
        Self {
            life_ms,
            overlap_ms: overlap_ms.min(life_ms / 2),
            issued: Newest::default(),
            apps: HashMap::new(),
            n_issued: 0,
            random,
        }
    }

    /// Nothing issued; chance goes on where it was, so that no token comes twice.
    pub(super) fn forget(&mut self) {
        let random = self.random.clone();
        *self = Self::new(self.life_ms, self.overlap_ms, random);
    }

    /// The app whose token this is or was.
    pub(super) fn owner(&self, token: &str) -> Option<Arc<str>> {
        let issued = self.issued.get(token)?;
        Some(Arc::clone(&issued.appid))
    }

    /// Tokens made so far, whatever became of them.
    pub(super) fn n_issued(&self) -> u64 {
        self.n_issued
    }

    /// The app whose token this is, if it is good now.
    pub(super) fn check(&self, token: &str, now_ms: u64) -> Result<Arc<str>, Refusal> {
        match self.issued.get(token) {
            Some(issued) if now_ms < issued.until_ms => match issued.standing {
                Standing::Sound => Ok(Arc::clone(&issued.appid)),
                Standing::Wedged => Err(Refusal::of(40001)),
            },
            Some(Issued {
                end: End::Expired, ..
            }) => Err(Refusal::of(42001)),
            Some(Issued {
                end: End::Superseded,
                ..
            }) => Err(Refusal::of(40001)),
            None if is_well_formed(token) => Err(Refusal::of(40001)),
            None => Err(Refusal::of(40014)),
        }
    }

    /// `POST /cgi-bin/stable_token`.
    pub(super) fn stable(
        &mut self,
        appid: &str,
        refresh: Refresh,
        now_ms: u64,
    ) -> Result<Granted, Refusal> {
        let app = self.apps.entry(Arc::from(appid)).or_default();
        let current = app.stable.clone();
        let remaining_ms = current
            .as_ref()
            .map_or(0, |token| remaining_ms(&self.issued, token, now_ms));
        if refresh == Refresh::Forced
            && app
                .forced_at_ms
                .is_none_or(|at| now_ms >= at.saturating_add(FORCED_APART_MS))
        {
            let day = day_of(now_ms);
            if app.forced_day != day {
                (app.forced_day, app.n_forced) = (day, 0);
            }
            if app.n_forced >= FORCED_A_DAY {
                return Err(Refusal::of(45009));
            }
            app.n_forced += 1;
            app.forced_at_ms = Some(now_ms);
            if let Some(token) = &current {
                self.finish(token, now_ms);
            }
        } else if let Some(token) = current.filter(|_| remaining_ms > self.overlap_ms) {
            return Ok(Granted {
                token,
                expires_in_s: whole_seconds(remaining_ms),
            });
        }
        // In normal mode the earlier token simply runs out: less than the overlap is left of it.
        let granted = self.issue(appid, now_ms);
        self.apps.entry(Arc::from(appid)).or_default().stable = Some(granted.token.clone());
        Ok(granted)
    }

    /// `GET /cgi-bin/token`.
    pub(super) fn classic(&mut self, appid: &str, now_ms: u64) -> Granted {
        let granted = self.issue(appid, now_ms);
        let app = self.apps.entry(Arc::from(appid)).or_default();
        if let Some(earlier) = app.classic.replace(granted.token.clone()) {
            self.finish(&earlier, now_ms.saturating_add(self.overlap_ms));
        }
        granted
    }

    /// Ends every live token now and says how many there were.
    pub(super) fn end_all(&mut self, end: End, now_ms: u64) -> usize {
        let live = self
            .issued
            .values_mut()
            .filter(|issued| now_ms < issued.until_ms);
        live.map(|issued| (issued.until_ms, issued.end) = (now_ms, end))
            .count()
    }

    /// Lets the present stable token of each app be refused from now on, while normal mode goes on handing it out, and says how many there
    /// were. A forced refresh is the cure, or the token's age.
    pub(super) fn wedge_stable(&mut self, now_ms: u64) -> usize {
        let present = self.apps.values().filter_map(|app| app.stable.as_ref());
        let mut n_wedged = 0;
        for token in present {
            if let Some(issued) = self.issued.get_mut(token)
                && now_ms < issued.until_ms
            {
                issued.standing = Standing::Wedged;
                n_wedged += 1;
            }
        }
        n_wedged
    }

    fn issue(&mut self, appid: &str, now_ms: u64) -> Granted {
        self.n_issued += 1;
        let random = random::text(&mut self.random, TOKEN_LENGTH);
        let token = format!("{}_{random}", 80 + self.n_issued % 20);
        let until_ms = now_ms.saturating_add(self.life_ms);
        self.issued.put(
            token.clone(),
            Issued {
                appid: Arc::from(appid),
                until_ms,
                end: End::Expired,
                standing: Standing::Sound,
            },
        );
        Granted {
            token,
            expires_in_s: whole_seconds(self.life_ms),
        }
    }

    /// Lets a token that has a successor live no longer than this.
    fn finish(&mut self, token: &str, until_ms: u64) {
        if let Some(issued) = self.issued.get_mut(token)
            && until_ms < issued.until_ms
        {
            (issued.until_ms, issued.end) = (until_ms, End::Superseded);
        }
    }
}

fn remaining_ms(issued: &Newest<Issued, MOST_TOKENS>, token: &str, now_ms: u64) -> u64 {
    issued
        .get(token)
        .map_or(0, |issued| issued.until_ms.saturating_sub(now_ms))
}

/// Rounded down, so that no client is promised more than there is; a life below a second is still a second to a client
/// that would divide by it.
fn whole_seconds(ms: u64) -> u64 {
    (ms / 1000).max(1)
}

/// Whether this could be one of WeChat's tokens at all.
fn is_well_formed(token: &str) -> bool {
    (64..=512).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600_000;

    const S: u64 = 1000;

    fn desk() -> Tokens {
        Tokens::new(7200 * S, 300 * S, fastrand::Rng::with_seed(1))
    }

    fn code(checked: Result<Arc<str>, Refusal>) -> i64 {
        checked.map_or_else(|refusal| refusal.code, |_| 0)
    }

    #[test]
    fn stable_gives_the_same_token_until_five_minutes_are_left() {
        let mut desk = desk();
        let first = desk.stable("wx1", Refresh::Normal, 0).unwrap();
        assert_eq!(first.expires_in_s, 7200);
        let again = desk.stable("wx1", Refresh::Normal, 6899 * S).unwrap();
        assert_eq!(
            again,
            Granted {
                token: first.token.clone(),
                expires_in_s: 301
            }
        );
        let next = desk.stable("wx1", Refresh::Normal, 6901 * S).unwrap();
        assert_ne!(next.token, first.token);
        assert_eq!(next.expires_in_s, 7200);
        assert_eq!(code(desk.check(&first.token, 7199 * S)), 0);
        assert_eq!(code(desk.check(&first.token, 7200 * S)), 42001);
        assert_eq!(desk.check(&next.token, 7200 * S), Ok(Arc::from("wx1")));
    }

    #[test]
    fn forced_refresh_ends_the_earlier_token_at_once_but_not_within_thirty_seconds() {
        let mut desk = desk();
        let first = desk.stable("wx1", Refresh::Normal, 0).unwrap();
        let forced = desk.stable("wx1", Refresh::Forced, S).unwrap();
        assert_ne!(forced.token, first.token);
        assert_eq!(code(desk.check(&first.token, S)), 40001);
        assert_eq!(
            desk.stable("wx1", Refresh::Forced, 30 * S).unwrap().token,
            forced.token
        );
        assert_ne!(
            desk.stable("wx1", Refresh::Forced, 31 * S).unwrap().token,
            forced.token
        );
    }

    #[test]
    fn forced_refresh_is_counted_by_the_day() {
        let mut desk = desk();
        let morning = 5 * DAY_MS;
        for n in 0..20 {
            desk.stable("wx1", Refresh::Forced, morning + n * 60 * S)
                .unwrap();
        }
        assert_eq!(
            desk.stable("wx1", Refresh::Forced, morning + 3600 * S),
            Err(Refusal::of(45009))
        );
        assert!(
            desk.stable("wx1", Refresh::Normal, morning + 3600 * S)
                .is_ok()
        );
        assert!(
            desk.stable("wx1", Refresh::Forced, morning + DAY_MS)
                .is_ok()
        );
    }

    #[test]
    fn classic_gives_a_new_token_each_time_and_overlaps() {
        let mut desk = desk();
        let stable = desk.stable("wx1", Refresh::Normal, 0).unwrap();
        let first = desk.classic("wx1", 0);
        let second = desk.classic("wx1", 10 * S);
        assert_ne!(first.token, second.token);
        assert_eq!(code(desk.check(&first.token, 309 * S)), 0);
        assert_eq!(code(desk.check(&first.token, 310 * S)), 40001);
        assert_eq!(code(desk.check(&second.token, 310 * S)), 0);
        assert_eq!(code(desk.check(&stable.token, 310 * S)), 0);
    }

    #[test]
    fn a_short_life_shortens_the_overlap() {
        let mut desk = Tokens::new(2 * S, 300 * S, fastrand::Rng::with_seed(1));
        let first = desk.stable("wx1", Refresh::Normal, 0).unwrap();
        assert_eq!(
            desk.stable("wx1", Refresh::Normal, 999).unwrap().token,
            first.token
        );
        assert_ne!(
            desk.stable("wx1", Refresh::Normal, 1001).unwrap().token,
            first.token
        );
        assert_eq!(code(desk.check(&first.token, 2 * S)), 42001);
    }

    #[test]
    fn ended_tokens_are_replaced() {
        let mut desk = desk();
        let first = desk.stable("wx1", Refresh::Normal, 0).unwrap();
        assert_eq!(desk.end_all(End::Expired, S), 1);
        assert_eq!(code(desk.check(&first.token, S)), 42001);
        let second = desk.stable("wx1", Refresh::Normal, 2 * S).unwrap();
        assert_eq!(desk.end_all(End::Superseded, 3 * S), 1);
        assert_eq!(code(desk.check(&second.token, 3 * S)), 40001);
        assert_eq!(code(desk.check(&first.token, 3 * S)), 42001);
    }

    #[test]
    fn a_wedged_token_is_handed_out_and_refused_until_it_is_forced() {
        let mut desk = desk();
        assert_eq!(desk.wedge_stable(0), 0, "there is none yet");
        let mut token = desk.stable("wx1", Refresh::Normal, 0).unwrap().token;
        let classic = desk.classic("wx1", 0).token;
        for began_s in [1, 66] {
            assert_eq!(desk.wedge_stable(began_s * S), 1);
            for now_s in began_s..began_s + 30 {
                let again = desk.stable("wx1", Refresh::Normal, now_s * S).unwrap();
                assert_eq!(again.token, token);
                assert_eq!(code(desk.check(&token, now_s * S)), 40001);
            }
            let now_ms = (began_s + 30) * S;
            let forced = desk.stable("wx1", Refresh::Forced, now_ms).unwrap().token;
            assert_eq!(code(desk.check(&forced, now_ms)), 0);
            assert_eq!(code(desk.check(&token, now_ms)), 40001);
            token = forced;
        }
        assert_eq!(code(desk.check(&classic, 100 * S)), 0);
        // Or its age ends it.
        desk.wedge_stable(100 * S);
        let next = desk.stable("wx1", Refresh::Normal, 7000 * S).unwrap();
        assert_ne!(next.token, token);
        assert_eq!(code(desk.check(&next.token, 7000 * S)), 0);
        assert_eq!(code(desk.check(&token, 8000 * S)), 42001);
    }

    #[test]
    fn unknown_tokens_are_refused_by_their_look() {
        assert_eq!(code(desk().check(&"a".repeat(140), 0)), 40001);
        assert_eq!(code(desk().check("nonsense", 0)), 40014);
    }

    #[test]
    fn apps_have_tokens_of_their_own() {
        let mut desk = desk();
        let one = desk.stable("wx1", Refresh::Normal, 0).unwrap();
        let two = desk.stable("wx2", Refresh::Normal, 0).unwrap();
        assert_eq!(desk.check(&one.token, S), Ok(Arc::from("wx1")));
        assert_eq!(desk.check(&two.token, S), Ok(Arc::from("wx2")));
    }
}
