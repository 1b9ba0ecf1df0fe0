//! How much of the day's quota is left, as `WeChat` counts it, and the calls that put it back.

use serde::Serialize;
use serde_json::{Value, json};

use super::api::whole_number;
use super::body::path_of;
use super::client::{Endpoint, WeChat};
use super::inquiry::Unanswered;
use wx_courier_core::message::Api;

const GET: Endpoint = Endpoint::new("/cgi-bin/openapi/quota/get");
const CLEAR: Endpoint = Endpoint::new("/cgi-bin/openapi/quota/clear");
const CLEAR_ALL: Endpoint = Endpoint::new("/cgi-bin/clear_quota");

/// The day's quota of one API of one app, in calls. `WeChat`: `openapi/quota/get`, `quota`; exact to about one in a
/// hundred, and when the day begins is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// Calls that the app may make in a day.
    pub daily_limit: i64,
    /// Calls made today.
    pub used: i64,
    /// Calls left today.
    pub remain: i64,
    /// How fast they may come, if `WeChat` says it.
    pub rate: Option<CallRate>,
}

/// How many calls may come in how long a time. `WeChat`: `openapi/quota/get`, `rate_limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CallRate {
    /// Calls.
    pub call_count: i64,
    /// In so many seconds.
    pub refresh_second: i64,
}

impl WeChat {
    /// Asks for an app's quota of sends by one API.
    pub async fn quota(&self, app: &str, api: Api) -> Result<Quota, Unanswered> {
        self.quota_of(app, path_of(api)).await
    }

    /// Asks for an app's quota of one API, by its path: `/cgi-bin/message/subscribe/send`.
    pub async fn quota_of(&self, app: &str, path: &str) -> Result<Quota, Unanswered> {
        let body = json!({ "cgi_path": path });
        let quota = |answer: &Value| quota_in(answer).ok_or("JSON without a quota");
        self.app(app)?.ask(GET, Some(&body), quota).await
    }

    /// Sets today's count of one API back to none. `WeChat`: `openapi/quota/clear`, 50 times a month.
    pub async fn clear_quota(&self, app: &str, path: &str) -> Result<(), Unanswered> {
        let body = json!({ "cgi_path": path });
        self.app(app)?.ask(CLEAR, Some(&body), |_| Ok(())).await
    }

    /// Sets today's counts of every API back to none. `WeChat`: `clear_quota`, 10 times a month.
    pub async fn clear_quotas(&self, app: &str) -> Result<(), Unanswered> {
        let client = self.app(app)?;
        let body = json!({ "appid": client.appid });
        client.ask(CLEAR_ALL, Some(&body), |_| Ok(())).await
    }
}

fn quota_in(answer: &Value) -> Option<Quota> {
    let quota = answer.get("quota")?;
    let (daily_limit, used) = (
        whole_number(quota, "daily_limit")?,
        whole_number(quota, "used")?,
    );
    let remain = whole_number(quota, "remain");
    Some(Quota {
        daily_limit,
        used,
        remain: remain.unwrap_or_else(|| daily_limit.saturating_sub(used).max(0)),
        rate: answer.get("rate_limit").and_then(rate_in),
    })
}

/// Zeroes are what it answers where there is no such limit.
fn rate_in(limit: &Value) -> Option<CallRate> {
    let rate = CallRate {
        call_count: whole_number(limit, "call_count")?,
        refresh_second: whole_number(limit, "refresh_second")?,
    };
    (rate.call_count > 0 && rate.refresh_second > 0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: Option<[i64; 3]>) {
        let answered: Value = serde_json::from_str(answer).unwrap();
        let expected = expected.map(|[daily_limit, used, remain]| Quota {
            daily_limit,
            used,
            remain,
            rate: answered.get("rate_limit").map(|_| CallRate {
                call_count: 1,
                refresh_second: 60,
            }),
        });
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(quota_in(&answer), expected, "{answer}");
    }

    #[test]
    fn numbers_may_be_text_and_the_rest_can_be_counted() {
        check(
            r#"{"errcode":0,"quota":{"daily_limit":30000000,"used":5,"remain":29999995},"rate_limit":{"call_count":1,"refresh_second":60}}"#,
            Some([30_000_000, 5, 29_999_995]),
        );
        check(
            r#"{"quota":{"daily_limit":"10","used":" 4 ","remain":"6"}}"#,
            Some([10, 4, 6]),
        );
        check(
            r#"{"quota":{"daily_limit":10,"used":12}}"#,
            Some([10, 12, 0]),
        );
        check(r#"{"quota":{"daily_limit":10}}"#, None);
        check(r#"{"quota":{"daily_limit":true,"used":1}}"#, None);
        check("{}", None);
    }

    #[test]
    fn a_rate_of_nothing_is_none() {
        let answer = json!({ "call_count": 0, "refresh_second": 0 });
        assert_eq!(rate_in(&answer), None);
    }
}
