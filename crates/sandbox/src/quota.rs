//! The quotas of every path, app by app: so many calls a day, so many a minute.
//!
//! WeChat: `openapi/quota/get`, the codes 45009 and 45011. Every call with a good token counts, whatever comes of it: whether
//! failed calls count is not documented, so the worse is played.

pub(super) mod clear;

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::answer::{Refusal, Reply};
use crate::call::{Incoming, read_json};
use crate::clock::{day_of, minute_of};
use crate::path::Path;
use crate::quota::clear::Clearings;
use crate::state::{State, lock};

/// The count of one path.
#[derive(Clone, Copy, Debug, Default)]
struct PathQuota {
    daily_limit: Option<u64>,
    day: u64,
    used: u64,
    minute_limit: Option<u64>,
    minute: u64,
    used_this_minute: u64,
}

impl PathQuota {
    /// When the count begins anew is not documented; users report midnight.
    fn begin(&mut self, now_ms: u64) {
        let (day, minute) = (day_of(now_ms), minute_of(now_ms));
        if self.day != day {
            (self.day, self.used) = (day, 0);
        }
        if self.minute != minute {
            (self.minute, self.used_this_minute) = (minute, 0);
        }
    }

    fn take(&mut self, now_ms: u64) -> Result<(), Refusal> {
        self.begin(now_ms);
        if self.daily_limit.is_some_and(|limit| self.used >= limit) {
            return Err(Refusal::of(45009));
        }
        if self
            .minute_limit
            .is_some_and(|limit| self.used_this_minute >= limit)
        {
            return Err(Refusal::of(45011));
        }
        self.used += 1;
        self.used_this_minute += 1;
        Ok(())
    }
}

/// One app's counts, and how often it had them cleared.
#[derive(Debug, Default)]
struct AppQuotas {
    paths: [PathQuota; Path::ALL.len()],
    clearings: Clearings,
}

/// What every app may call, and has called.
#[derive(Debug, Default)]
pub(super) struct Quotas(HashMap<Arc<str>, AppQuotas>);

impl Quotas {
    /// The settings' limits of sends in a day, nothing used.
    pub(super) fn new<'a>(limits: impl Iterator<Item = (&'a str, Option<u64>)>) -> Self {
        let mut quotas = Self::default();
        for (appid, limit) in limits {
            if let Some(limit) = limit {
                quotas.limit(appid, Path::Send, limit);
            }
        }
        quotas
    }

    /// Sets how many calls an app may make in a day.
    pub(super) fn limit(&mut self, appid: &str, path: Path, daily_limit: u64) {
        self.with(appid, path, |quota| quota.daily_limit = Some(daily_limit));
    }

    /// Sets how many calls an app may make in a minute.
    pub(super) fn limit_minute(&mut self, appid: &str, path: Path, minute_limit: u64) {
        self.with(appid, path, |quota| quota.minute_limit = Some(minute_limit));
    }

    /// Sets how many calls an app has made today.
    pub(super) fn set_used(&mut self, appid: &str, path: Path, used: u64, now_ms: u64) {
        self.with(appid, path, |quota| {
            quota.begin(now_ms);
            quota.used = used;
        });
    }

    /// No limits, and nothing used.
    pub(super) fn lift(&mut self) {
        self.0.clear();
    }

    /// Counts one call, if there is room for it.
    pub(super) fn take(
        &mut self,
        appid: &Arc<str>,
        path: Path,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let app = self.0.entry(Arc::clone(appid)).or_default();
        app.paths
            .get_mut(path as usize)
            .map_or(Ok(()), |quota| quota.take(now_ms))
    }

    fn with(&mut self, appid: &str, path: Path, change: impl FnOnce(&mut PathQuota)) {
        let app = self.0.entry(Arc::from(appid)).or_default();
        if let Some(quota) = app.paths.get_mut(path as usize) {
            change(quota);
        }
    }

    fn read(&mut self, appid: &str, path: Path, now_ms: u64) -> PathQuota {
        let mut read = PathQuota::default();
        self.with(appid, path, |quota| {
            quota.begin(now_ms);
            read = *quota;
        });
        read
    }
}

/// Calls a day of an account without special terms. Told where no limit is set, and never enforced.
///
/// WeChat: the subscribe-message guide for sends, the pages of the two token endpoints. For the others no figure is published, and
/// this one is made up.
fn usual_limit(path: Path) -> u64 {
    const TOLD: [(Path, u64); 3] = [
        (Path::Send, 10_000_000),
        (Path::StableToken, 500_000),
        (Path::Token, 2000),
    ];
    let told = TOLD.iter().find(|(known, _)| *known == path);
    told.map_or(100_000, |(_, limit)| *limit)
}

#[derive(Deserialize)]
struct QuestionBody {
    cgi_path: String,
}

impl QuestionBody {
    /// The path that is asked for. WeChat: paths of `sns` have no quota that could be read.
    fn path(&self) -> Result<Path, Refusal> {
        Path::of(&self.cgi_path)
            .filter(|path| *path != Path::Login)
            .ok_or_else(|| Refusal::of(76021))
    }
}

/// `POST /cgi-bin/openapi/quota/get`.
pub(super) fn get(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let path = read_json::<QuestionBody>(asked.body)?.path()?;
    let quota = lock(&state.quotas).read(appid, path, asked.now_ms);
    let daily_limit = quota.daily_limit.unwrap_or(usual_limit(path));
    let mut body = json!({
        "errcode": 0,
        "errmsg": "ok",
        "quota": {
            "daily_limit": daily_limit,
            "used": quota.used,
            "remain": daily_limit.saturating_sub(quota.used),
        },
    });
    if let (Some(call_count), Some(members)) = (quota.minute_limit, body.as_object_mut()) {
        for name in ["rate_limit", "component_rate_limit"] {
            let rate = json!({ "call_count": call_count, "refresh_second": 60 });
            members.insert(name.to_owned(), rate);
        }
    }
    Ok(Reply::success(body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600_000;

    fn code(taken: Result<(), Refusal>) -> i64 {
        taken.map_or_else(|refusal| refusal.code, |()| 0)
    }

    #[test]
    fn calls_are_counted_by_app_path_and_day() {
        let mut quotas = Quotas::new([("wx1", Some(2)), ("wx2", None)].into_iter());
        let (one, two) = (Arc::from("wx1"), Arc::from("wx2"));
        assert_eq!(quotas.take(&one, Path::Send, 0), Ok(()));
        assert_eq!(quotas.take(&one, Path::Send, 1), Ok(()));
        assert_eq!(code(quotas.take(&one, Path::Send, 2)), 45009);
        assert_eq!(quotas.take(&one, Path::CustomSend, 2), Ok(()));
        assert_eq!(quotas.take(&two, Path::Send, 3), Ok(()));
        assert_eq!(quotas.read("wx1", Path::Send, 4).used, 2);
        assert_eq!(quotas.read("wx2", Path::Send, 4).used, 1);
        assert_eq!(quotas.take(&one, Path::Send, DAY_MS), Ok(()));
        assert_eq!(quotas.read("wx1", Path::Send, DAY_MS).used, 1);
    }

    #[test]
    fn a_minute_has_its_own_limit() {
        let mut quotas = Quotas::default();
        let app = Arc::from("wx1");
        quotas.limit_minute("wx1", Path::Send, 2);
        let codes: Vec<i64> = [0, 1, 59_999, 60_000]
            .map(|now_ms| code(quotas.take(&app, Path::Send, now_ms)))
            .into();
        assert_eq!(codes, [0, 0, 45011, 0]);
        assert_eq!(quotas.read("wx1", Path::Send, 60_000).used, 3);
    }

    #[test]
    fn limits_and_counts_can_be_set() {
        let mut quotas = Quotas::default();
        let app = Arc::from("wx1");
        quotas.limit("wx1", Path::Send, 5);
        quotas.set_used("wx1", Path::Send, 5, 0);
        assert_eq!(code(quotas.take(&app, Path::Send, 0)), 45009);
        quotas.set_used("wx1", Path::Send, 0, 0);
        assert_eq!(quotas.take(&app, Path::Send, 0), Ok(()));
        quotas.limit("wx1", Path::Send, 0);
        assert_eq!(code(quotas.take(&app, Path::Send, 0)), 45009);
        quotas.lift();
        let lifted = quotas.read("wx1", Path::Send, 0);
        assert_eq!((lifted.daily_limit, lifted.used), (None, 0));
    }
}
