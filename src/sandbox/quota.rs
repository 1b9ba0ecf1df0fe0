//! The day's quota of sends, app by app. WeChat: `openapi/quota/get`, code 45009.
//!
//! Every send with a good token counts, whatever comes of it: whether failed calls count is not documented, so the worse is played.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::sandbox::answer::{Refusal, Reply};
use crate::sandbox::clock::day_of;
use crate::sandbox::send::appid_of;
use crate::sandbox::state::{State, lock};
use crate::sandbox::stats::Path;

/// WeChat: the subscribe-message guide, calls a day of an account without WeChat Pay. Told where no limit is set, and never enforced.
const USUAL_LIMIT: u64 = 10_000_000;

#[derive(Clone, Copy, Debug, Default)]
struct AppQuota {
    limit: Option<u64>,
    day: u64,
    used: u64,
}

/// What every app may send in a day, and has sent today.
#[derive(Debug, Default)]
pub(super) struct Quotas(HashMap<Arc<str>, AppQuota>);

impl Quotas {
    /// The limits of the settings, nothing used.
    pub(super) fn new<'a>(limits: impl Iterator<Item = (&'a str, Option<u64>)>) -> Self {
        let app = |(appid, limit): (&str, Option<u64>)| {
            let quota = AppQuota {
                limit,
                ..AppQuota::default()
            };
            (Arc::from(appid), quota)
        };
        Self(limits.map(app).collect())
    }

    /// Sets how many sends an app may make in a day.
    pub(super) fn limit(&mut self, appid: &str, limit: u64) {
        self.0.entry(Arc::from(appid)).or_default().limit = Some(limit);
    }

    /// Sets how many sends an app has made today.
    pub(super) fn set_used(&mut self, appid: &str, used: u64, now_ms: u64) {
        self.today(&Arc::from(appid), now_ms).used = used;
    }

    /// No limits, and nothing used.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts one send, if there is room for it.
    pub(super) fn take(&mut self, appid: &Arc<str>, now_ms: u64) -> Result<(), Refusal> {
        let quota = self.today(appid, now_ms);
        if quota.limit.is_some_and(|limit| quota.used >= limit) {
            return Err(Refusal::of(45009));
        }
        quota.used += 1;
        Ok(())
    }

    /// The limit and what is used of it.
    fn read(&mut self, appid: &Arc<str>, now_ms: u64) -> (u64, u64) {
        let quota = self.today(appid, now_ms);
        (quota.limit.unwrap_or(USUAL_LIMIT), quota.used)
    }

    /// When the count begins anew is not documented; users report midnight.
    fn today(&mut self, appid: &Arc<str>, now_ms: u64) -> &mut AppQuota {
        let day = day_of(now_ms);
        let quota = self.0.entry(Arc::clone(appid)).or_default();
        if quota.day != day {
            (quota.day, quota.used) = (day, 0);
        }
        quota
    }
}

#[derive(Deserialize)]
struct QuestionBody {
    cgi_path: String,
}

/// `POST /cgi-bin/openapi/quota/get`.
pub(super) fn get(state: &State, token: Option<&str>, raw: &[u8]) -> Reply {
    let now_ms = state.clock.now_ms();
    let answer = || {
        let appid = appid_of(state, token, now_ms)?;
        if raw.is_empty() {
            return Err(Refusal::of(44002));
        }
        let question: QuestionBody = serde_json::from_slice(raw).map_err(|_| Refusal::of(47001))?;
        if question.cgi_path != Path::Send.as_str() {
            return Err(Refusal::of(76021));
        }
        Ok(lock(&state.quotas).read(&appid, now_ms))
    };
    match answer() {
        Ok((daily_limit, used)) => {
            let remain = daily_limit.saturating_sub(used);
            let quota = json!({ "daily_limit": daily_limit, "used": used, "remain": remain });
            Reply::success(json!({ "errcode": 0, "errmsg": "ok", "quota": quota }).to_string())
        }
        Err(refusal) => Reply::refused(&refusal, now_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600_000;

    #[test]
    fn sends_are_counted_by_app_and_day() {
        let mut quotas = Quotas::new([("wx1", Some(2)), ("wx2", None)].into_iter());
        let (one, two) = (Arc::from("wx1"), Arc::from("wx2"));
        assert_eq!(quotas.take(&one, 0), Ok(()));
        assert_eq!(quotas.take(&one, 1), Ok(()));
        assert_eq!(quotas.take(&one, 2), Err(Refusal::of(45009)));
        assert_eq!(quotas.take(&two, 3), Ok(()));
        assert_eq!(quotas.read(&one, 4), (2, 2));
        assert_eq!(quotas.read(&two, 4), (USUAL_LIMIT, 1));
        assert_eq!(quotas.take(&one, DAY_MS), Ok(()));
        assert_eq!(quotas.read(&one, DAY_MS), (2, 1));
    }

    #[test]
    fn limits_and_counts_can_be_set() {
        let mut quotas = Quotas::default();
        let app = Arc::from("wx1");
        quotas.limit("wx1", 5);
        quotas.set_used("wx1", 5, 0);
        assert_eq!(quotas.take(&app, 0), Err(Refusal::of(45009)));
        quotas.set_used("wx1", 0, 0);
        assert_eq!(quotas.take(&app, 0), Ok(()));
        quotas.limit("wx1", 0);
        assert_eq!(quotas.take(&app, 0), Err(Refusal::of(45009)));
        quotas.clear();
        assert_eq!(quotas.read(&app, 0), (USUAL_LIMIT, 0));
    }
}
