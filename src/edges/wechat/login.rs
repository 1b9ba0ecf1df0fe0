//! A login code of the mini program, exchanged for its user.
//!
//! `WeChat`: `sns/jscode2session`. The secret and the code are in the query, so no error may show the URL. The `session_key` of the answer
//! is dropped unread: it is for decrypting what the mini program was given, which the service does not do.

use std::sync::Arc;

use serde_json::Value;

use super::api::{self, Credential, Failure, LARGEST_ANSWER_BYTES};
use super::client::{AppClient, WeChat};
use wx_courier_core::flow::attempt::Refusal;
use wx_courier_core::wechat::logins::{ExchangeAnswer, ExchangeRefusal, JsCode};
use wx_courier_core::wechat::{Class, UnknownKind};

impl WeChat {
    /// Exchanges a code. It never fails: whatever goes wrong is an answer. A code is used up by the first call that `WeChat` answers,
    /// and perhaps by one that it does not.
    pub async fn exchange(&self, app: &str, code: &JsCode) -> ExchangeAnswer {
        match self.client(app) {
            Some(client) => client.exchange(code).await,
            None => not_possible(format!("the settings have no app {app}")),
        }
    }
}

impl AppClient {
    async fn exchange(&self, code: &JsCode) -> ExchangeAnswer {
        let Some(secret) = &self.secret else {
            return not_possible("the settings have no secret for this app".to_owned());
        };
        let query = [
            ("appid", self.appid.as_str()),
            ("secret", secret.expose()),
            ("js_code", code.expose()),
            ("grant_type", "authorization_code"),
        ];
        let address = format!("{}/sns/jscode2session", self.base_url);
        let url = match reqwest::Url::parse_with_params(&address, query) {
            Ok(url) => url,
            Err(error) => return not_possible(format!("base_url is no URL: {error}")),
        };
        let request = self.http.get(url);
        let answered =
            api::call(request, Credential::Secret, LARGEST_ANSWER_BYTES, openid_in).await;
        if let Err(failure) = &answered
            && !is_of_logins(failure)
        {
            self.note(UnknownKind::LoginErrcode, failure);
        }
        exchanged(answered)
    }
}

/// A success has no errcode; `WeChat`'s other APIs send 0, so that is understood as well.
fn openid_in(answer: &Value) -> Result<Arc<str>, &'static str> {
    let openid = answer.get("openid").and_then(Value::as_str);
    let openid = openid.filter(|openid| !openid.is_empty());
    openid
        .map(Arc::from)
        .ok_or("JSON without openid and errcode")
}

fn exchanged(answered: Result<Arc<str>, Failure>) -> ExchangeAnswer {
    match answered {
        Ok(openid) => ExchangeAnswer::Openid(openid),
        Err(Failure::Refused(refusal)) => ExchangeAnswer::Refused {
            why: meaning_of(&refusal),
            errcode: refusal.errcode,
            errmsg: refusal.errmsg,
            rid: refusal.rid,
        },
        // The code may be used up all the same.
        Err(
            Failure::Unreachable { detail }
            | Failure::InDoubt { detail }
            | Failure::Garbled { detail, .. },
        ) => ExchangeAnswer::Unanswered { detail },
    }
}

/// Whether it is a code that only this call answers.
fn is_of_logins(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if matches!(refusal.errcode, 40029 | 40163 | 40226))
}

/// `WeChat`: the table of jscode2session. What is the account's fault is what is so at a send. Any other code may pass.
fn meaning_of(refusal: &Refusal) -> ExchangeRefusal {
    match (refusal.errcode, refusal.class) {
        (40029, _) => ExchangeRefusal::Expired,
        (40163, _) => ExchangeRefusal::Used,
        (40226, _) => ExchangeRefusal::Blocked,
        (_, Class::Account | Class::Api) => ExchangeRefusal::Account,
        (
            _,
            Class::NotSubscribed
            | Class::UnknownRecipient
            | Class::WindowClosed
            | Class::WindowUsedUp
            | Class::BadParam
            | Class::UnknownMedia
            | Class::BadContent
            | Class::UnknownTemplate
            | Class::UnknownPage
            | Class::Banned
            | Class::Token
            | Class::Bug
            | Class::Busy
            | Class::Concurrent
            | Class::MinuteQuota
            | Class::DailyQuota
            | Class::NotAuthorised
            | Class::Unlisted,
        ) => ExchangeRefusal::Busy,
    }
}

fn not_possible(detail: String) -> ExchangeAnswer {
    ExchangeAnswer::Refused {
        errcode: 0,
        errmsg: detail,
        rid: None,
        why: ExchangeRefusal::Account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: &ExchangeAnswer) {
        let understood = api::understand(answer.as_bytes(), Credential::Secret, openid_in);
        assert_eq!(exchanged(understood), *expected, "{answer}");
    }

    #[test]
    fn an_errcode_that_cannot_be_read_names_nobody() {
        let detail = "JSON with an errcode that is no whole number".to_owned();
        check(
            r#"{"errcode":"x","openid":"o1"}"#,
            &ExchangeAnswer::Unanswered { detail },
        );
    }

    fn refused(
        errcode: i64,
        errmsg: &str,
        rid: Option<&str>,
        why: ExchangeRefusal,
    ) -> ExchangeAnswer {
        ExchangeAnswer::Refused {
            errcode,
            errmsg: errmsg.to_owned(),
            rid: rid.map(str::to_owned),
            why,
        }
    }

    #[test]
    fn a_success_has_an_openid_and_no_errcode() {
        let user = ExchangeAnswer::Openid("oUser1".into());
        check(r#"{"openid":"oUser1","session_key":"k"}"#, &user);
        let user = ExchangeAnswer::Openid("oUser1".into());
        check(r#"{"errcode":0,"openid":"oUser1","unionid":"u"}"#, &user);
        let detail = "JSON without openid and errcode".to_owned();
        check(
            r#"{"session_key":"k"}"#,
            &ExchangeAnswer::Unanswered { detail },
        );
    }

    #[test]
    fn refusals_are_told_apart() {
        let used = refused(40163, "code been used", Some("a-b"), ExchangeRefusal::Used);
        check(
            r#"{"errcode":40163,"errmsg":"code been used, rid: a-b"}"#,
            &refused(40163, "code been used,", Some("a-b"), ExchangeRefusal::Used),
        );
        check(
            r#"{"errcode":40163,"errmsg":"code been used rid: a-b"}"#,
            &used,
        );
        for (errcode, why) in [
            (40029, ExchangeRefusal::Expired),
            (40226, ExchangeRefusal::Blocked),
            (45011, ExchangeRefusal::Busy),
            (-1, ExchangeRefusal::Busy),
            (40125, ExchangeRefusal::Account),
            // Of what a send knows as the account's fault, these were once taken for something that passes.
            (40001, ExchangeRefusal::Account),
            (48004, ExchangeRefusal::Account),
            (50004, ExchangeRefusal::Account),
            (61004, ExchangeRefusal::Account),
            (89503, ExchangeRefusal::Account),
        ] {
            let answer = format!(r#"{{"errcode":{errcode},"errmsg":"x"}}"#);
            check(&answer, &refused(errcode, "x", None, why));
        }
    }
}
