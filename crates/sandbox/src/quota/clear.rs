//! Clearing what was counted. WeChat: `clear_quota`, `clear_quota/v2`, `openapi/quota/clear`, code 48006.

use serde::Deserialize;

use crate::account;
use crate::answer::{Refusal, Reply};
use crate::call::{Incoming, read_json};
use crate::clock::month_of;
use crate::quota::{QuestionBody, Quotas};
use crate::state::{State, lock};

/// WeChat: `clear_quota` and its v2 together, ten times a month.
const ALL_A_MONTH: u32 = 10;
/// WeChat: `openapi/quota/clear`, fifty times a month.
const PATHS_A_MONTH: u32 = 50;

/// How often an app had its counts cleared this month.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clearings {
    month: u64,
    n_all: u32,
    n_paths: u32,
}

impl Clearings {
    fn of_month(&mut self, now_ms: u64) -> &mut Self {
        let month = month_of(now_ms);
        if self.month != month {
            *self = Self {
                month,
                ..Self::default()
            };
        }
        self
    }
}

fn count(n_clearings: &mut u32, most: u32) -> Result<(), Refusal> {
    if *n_clearings >= most {
        return Err(Refusal::of(48006));
    }
    *n_clearings += 1;
    Ok(())
}

impl Quotas {
    fn clear_all(&mut self, appid: &str, now_ms: u64) -> Result<(), Refusal> {
        let app = self.0.entry(appid.into()).or_default();
        count(&mut app.clearings.of_month(now_ms).n_all, ALL_A_MONTH)?;
        for quota in &mut app.paths {
            quota.used = 0;
        }
        Ok(())
    }

    fn clear_path(
        &mut self,
        appid: &str,
        question: &QuestionBody,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let path = question.path()?;
        let app = self.0.entry(appid.into()).or_default();
        count(&mut app.clearings.of_month(now_ms).n_paths, PATHS_A_MONTH)?;
        self.set_used(appid, path, 0, now_ms);
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct AppBody {
    appid: String,
    appsecret: String,
}

/// `POST /cgi-bin/clear_quota`.
pub(crate) fn all(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let body: AppBody = read_json(asked.body)?;
    if body.appid.is_empty() {
        return Err(Refusal::of(41002));
    }
    if body.appid != appid {
        return Err(Refusal::of(40013));
    }
    lock(&state.quotas).clear_all(appid, asked.now_ms)?;
    Ok(Reply::ok())
}

/// `POST /cgi-bin/clear_quota/v2`.
pub(crate) fn all_by_secret(state: &State, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let body: AppBody = read_json(asked.body)?;
    let appid = account::prove(state, &body.appid, &body.appsecret, asked)?;
    lock(&state.quotas).clear_all(&appid, asked.now_ms)?;
    Ok(Reply::ok())
}

/// `POST /cgi-bin/openapi/quota/clear`.
pub(crate) fn path(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let question: QuestionBody = read_json(asked.body)?;
    lock(&state.quotas).clear_path(appid, &question, asked.now_ms)?;
    Ok(Reply::ok())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::path::Path;

    const NOVEMBER: u64 = 1_795_000_000_000;
    const DECEMBER: u64 = NOVEMBER + 15 * 24 * 3_600_000;

    #[test]
    fn clearing_has_a_limit_a_month() {
        let mut quotas = Quotas::default();
        quotas.limit("wx1", Path::Send, 1);
        let app = Arc::from("wx1");
        let send = |quotas: &mut Quotas| quotas.take(&app, Path::Send, NOVEMBER);
        for _ in 0..ALL_A_MONTH {
            assert_eq!(send(&mut quotas), Ok(()));
            assert_eq!(send(&mut quotas), Err(Refusal::of(45009)));
            assert_eq!(quotas.clear_all("wx1", NOVEMBER), Ok(()));
        }
        assert_eq!(send(&mut quotas), Ok(()));
        let refused = Err(Refusal::of(48006));
        assert_eq!(quotas.clear_all("wx1", NOVEMBER), refused);
        assert_eq!(quotas.clear_all("wx2", NOVEMBER), Ok(()));
        assert_eq!(quotas.clear_all("wx1", DECEMBER), Ok(()));

        let send_path = QuestionBody {
            cgi_path: Path::Send.as_str().to_owned(),
        };
        for _ in 0..PATHS_A_MONTH {
            assert_eq!(quotas.clear_path("wx1", &send_path, NOVEMBER), Ok(()));
        }
        assert_eq!(quotas.clear_path("wx1", &send_path, NOVEMBER), refused);
        assert_eq!(send(&mut quotas), Ok(()));
    }
}
