//! Login codes and their exchange. WeChat: `wx.login`, `jscode2session`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::account::Credentials;
use crate::answer::{Refusal, Reply};
use crate::call::Incoming;
use crate::clock::minute_of;
use crate::newest::Newest;
use crate::random;
use crate::state::{State, lock};
use crate::users::Standing;

/// WeChat: `wx.login`, a code lives five minutes.
const LIFE_MS: u64 = 5 * 60_000;
/// WeChat: `jscode2session`, a hundred a minute for each user.
const LOGINS_A_MINUTE: u32 = 100;
/// Used and expired codes are remembered to tell 40163 from 40029; a run that makes more has no use for the oldest.
const MOST_CODES: usize = 100_000;
/// The length of the codes that `wx.login` gives.
const CODE_LENGTH: usize = 32;
/// The length of WeChat's own openids.
const OPENID_LENGTH: usize = 28;
/// A code that was not made before and that names its user: `js-<openid>`, or `js-<openid>-<anything>` for another one.
const NAMED: &str = "js-";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    Fresh,
    Used,
}

#[derive(Clone, Debug)]
struct Code {
    /// A code that names its user belongs to every app.
    appid: Option<Arc<str>>,
    openid: String,
    until_ms: u64,
    used: Use,
}

/// The codes that were made, or used.
#[derive(Debug, Default)]
pub(super) struct Codes(Newest<Code, MOST_CODES>);

impl Codes {
    /// What `wx.login` gives this user of this app.
    pub(super) fn make(
        &mut self,
        appid: &str,
        openid: &str,
        now_ms: u64,
        random: &mut fastrand::Rng,
    ) -> String {
        let code = format!("0{}", random::text(random, CODE_LENGTH - 1));
        let entry = Code {
            appid: Some(Arc::from(appid)),
            openid: openid.to_owned(),
            until_ms: now_ms.saturating_add(LIFE_MS),
            used: Use::Fresh,
        };
        self.0.put(code.clone(), entry);
        code
    }

    /// The user behind a code that is still good.
    fn find(&self, code: &str, appid: &str, now_ms: u64) -> Result<String, Refusal> {
        let Some(known) = self.0.get(code) else {
            return named_openid(code).ok_or_else(|| Refusal::of(40029));
        };
        if known.appid.as_deref().is_some_and(|owner| owner != appid) {
            return Err(Refusal::of(40029));
        }
        if known.used == Use::Used {
            return Err(Refusal::of(40163));
        }
        if now_ms >= known.until_ms {
            return Err(Refusal::of(40029));
        }
        Ok(known.openid.clone())
    }

    fn used(&mut self, code: &str, openid: &str) {
        if let Some(known) = self.0.get_mut(code) {
            known.used = Use::Used;
            return;
        }
        let entry = Code {
            appid: None,
            openid: openid.to_owned(),
            until_ms: u64::MAX,
            used: Use::Used,
        };
        self.0.put(code.to_owned(), entry);
    }
}

/// The openid in a code that names it. One as long as WeChat's own may have `-` in it; a shorter one ends at the first.
fn named_openid(code: &str) -> Option<String> {
    let name = code.strip_prefix(NAMED)?;
    let (openid, rest) = name.split_at_checked(OPENID_LENGTH).unwrap_or((name, ""));
    let openid = if openid.len() == OPENID_LENGTH && (rest.is_empty() || rest.starts_with('-')) {
        openid
    } else {
        name.split('-').next().unwrap_or_default()
    };
    Some(openid.to_owned())
}

/// The logins of one user in the present minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Logins {
    minute: u64,
    n_logins: u32,
}

impl Logins {
    fn take(&mut self, now_ms: u64) -> Result<(), Refusal> {
        let minute = minute_of(now_ms);
        if self.minute != minute {
            *self = Self {
                minute,
                n_logins: 0,
            };
        }
        if self.n_logins >= LOGINS_A_MINUTE {
            return Err(Refusal::of(45011));
        }
        self.n_logins += 1;
        Ok(())
    }
}

/// `GET /sns/jscode2session`. A code that is refused for its user's sake is used up by it, except where WeChat says to wait.
pub(super) fn exchange(state: &State, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let appid = Credentials::in_query(asked).check(state, "authorization_code", asked)?;
    let code = asked.parameter("js_code").unwrap_or_default();
    if code.is_empty() {
        return Err(Refusal::of(41008));
    }
    let mut codes = lock(&state.codes);
    let openid = codes.find(&code, &appid, asked.now_ms)?;
    if !lock(&state.openids).know(&openid) {
        return Err(Refusal::of(40029));
    }
    let mut users = lock(&state.users);
    let user = users.of(&appid, &openid);
    user.logins.take(asked.now_ms)?;
    codes.used(&code, &openid);
    if user.standing == Standing::Blocked {
        return Err(Refusal::of(40226));
    }
    let session_key = STANDARD.encode(random::bytes::<16>(&mut lock(&state.ids)));
    let mut body = json!({ "session_key": session_key, "openid": openid });
    if let (Some(unionid), Some(members)) = (&user.unionid, body.as_object_mut()) {
        members.insert("unionid".to_owned(), unionid.as_str().into());
    }
    Ok(Reply::success(body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(found: Result<String, Refusal>) -> i64 {
        found.map_or_else(|refusal| refusal.code, |_| 0)
    }

    #[test]
    fn a_code_is_good_once_for_five_minutes_and_one_app() {
        let mut codes = Codes::default();
        let mut random = fastrand::Rng::with_seed(1);
        let first = codes.make("wx1", "o1", 1000, &mut random);
        let second = codes.make("wx1", "o1", 1000, &mut random);
        assert_ne!(first, second);
        assert_eq!(codes.find(&first, "wx1", 1000), Ok("o1".to_owned()));
        assert_eq!(code_of(codes.find(&first, "wx2", 1000)), 40029);
        codes.used(&first, "o1");
        assert_eq!(code_of(codes.find(&first, "wx1", 1000)), 40163);
        assert_eq!(code_of(codes.find(&second, "wx1", 999 + LIFE_MS)), 0);
        assert_eq!(code_of(codes.find(&second, "wx1", 1000 + LIFE_MS)), 40029);
        assert_eq!(code_of(codes.find("other", "wx1", 1000)), 40029);
    }

    #[test]
    fn a_named_code_is_there_from_the_start() {
        let mut codes = Codes::default();
        for code in ["js-o1", "js-o1-2"] {
            assert_eq!(codes.find(code, "wx1", 0), Ok("o1".to_owned()));
            codes.used(code, "o1");
            assert_eq!(code_of(codes.find(code, "wx2", 0)), 40163);
        }
        let long = "oAAAAAAA-BBBBBBBB_CCCCCCCC-D";
        assert_eq!(long.len(), OPENID_LENGTH);
        let found = |code: String| named_openid(&code).unwrap();
        assert_eq!(found(format!("js-{long}")), long);
        assert_eq!(found(format!("js-{long}-again-2")), long);
    }

    #[test]
    fn a_user_logs_in_a_hundred_times_a_minute() {
        let mut logins = Logins::default();
        assert!((0..100).all(|n| logins.take(n).is_ok()));
        assert_eq!(logins.take(59_999), Err(Refusal::of(45011)));
        assert_eq!(logins.take(60_000), Ok(()));
    }
}
