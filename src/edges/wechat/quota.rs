//! How much of the day's quota is left, as `WeChat` counts it.

use serde::Serialize;
use serde_json::{Value, json};

use super::client::{AppClient, WeChat, errcode_in, read_json, shortened, why};
use super::errcode::class_of;
use crate::pipeline::delivery::Class;

/// The path that the quota is asked for, as `WeChat` writes it.
const SEND: &str = "/cgi-bin/message/subscribe/send";

/// The day's quota of `message/subscribe/send` of one app, in calls. `WeChat`: `openapi/quota/get`, `quota`; exact to about one in a
/// hundred, and when the day begins is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// Calls that the app may make in a day.
    pub daily_limit: i64,
    /// Calls made today.
    pub used: i64,
    /// Calls left today.
    pub remain: i64,
}

impl WeChat {
    /// Asks for an app's quota. The error is a sentence, without URL and token.
    pub async fn quota(&self, app: &str) -> Result<Quota, String> {
        match self.apps.get(app) {
            Some(client) => client.quota().await,
            None => Err(format!("the settings have no app {app}")),
        }
    }
}

impl AppClient {
    async fn quota(&self) -> Result<Quota, String> {
        let token = self.tokens.token().await;
        let token = token.map_err(|trouble| format!("there is no token: {}", trouble.detail))?;
        let url = format!("{}{}", self.quota_url, token.expose());
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json; charset=utf-8")
            .body(json!({ "cgi_path": SEND }).to_string());
        let response = request.send().await;
        let response =
            response.map_err(|error| format!("quota/get was not answered: {}", why(error)))?;
        let answer = read_json(response).await;
        let answer = answer.map_err(|detail| format!("quota/get answers {detail}"))?;
        let refused = errcode_in(&answer).filter(|errcode| *errcode != 0);
        if let Some(errcode) = refused {
            if class_of(errcode) == Class::Token {
                self.tokens.refuse(&token, errcode);
            }
            let errmsg = answer.get("errmsg").and_then(Value::as_str);
            let errmsg = shortened(errmsg.unwrap_or_default());
            return Err(format!("quota/get answers errcode {errcode}: {errmsg}"));
        }
        self.tokens.accepted(&token);
        quota_in(&answer).ok_or_else(|| "quota/get answers without a quota".to_owned())
    }
}

/// `WeChat` writes numbers; other writers of the same answer have been seen to write text.
fn quota_in(answer: &Value) -> Option<Quota> {
    let quota = answer.get("quota")?;
    let number = |key: &str| match quota.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let (daily_limit, used) = (number("daily_limit")?, number("used")?);
    let remain = number("remain").unwrap_or_else(|| daily_limit.saturating_sub(used).max(0));
    Some(Quota {
        daily_limit,
        used,
        remain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: Option<[i64; 3]>) {
        let expected = expected.map(|[daily_limit, used, remain]| Quota {
            daily_limit,
            used,
            remain,
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

    #[tokio::test]
    async fn the_quota_is_asked_for_with_a_token_that_is_dropped_when_refused() {
        let (appid, secret) = ("wx1", "s");
        let settings = crate::sandbox::Settings {
            apps: [(
                appid.to_owned(),
                crate::sandbox::App {
                    secret: secret.to_owned(),
                    daily_quota: Some(7),
                    ..Default::default()
                },
            )]
            .into(),
            ..Default::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = crate::sandbox::Sandbox::start(listener, settings).unwrap();
        let app = crate::config::App {
            appid: appid.to_owned(),
            secret: Some(crate::config::Secret::new(secret)),
            base_url: sandbox.base_url(),
            token: crate::config::TokenMode::Stable,
            rate: None,
            max_in_flight: 1,
            miniprogram_state: crate::config::MiniprogramState::Formal,
            grants: crate::pipeline::grants::Policy::Off,
        };
        let client = AppClient::new(
            reqwest::Client::new(),
            &app,
            std::time::Duration::from_secs(5),
        )
        .unwrap();
        let quota = Quota {
            daily_limit: 7,
            used: 0,
            remain: 7,
        };
        assert_eq!(client.quota().await, Ok(quota));
        sandbox.handle().invalidate_tokens();
        let refused = client.quota().await.unwrap_err();
        assert!(
            refused.starts_with("quota/get answers errcode 40001: invalid credential"),
            "{refused}"
        );
        assert_eq!(client.quota().await, Ok(quota));
        let status = client.tokens.status();
        assert_eq!((status.fetched, status.invalidated), (2, 1));
        sandbox.shutdown().await;
        let unanswered = client.quota().await.unwrap_err();
        assert!(
            unanswered.starts_with("quota/get was not answered: ")
                && !unanswered.contains("access_token"),
            "{unanswered}"
        );
    }
}
