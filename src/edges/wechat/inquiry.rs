//! Calls that ask `WeChat` about an app's account, or manage it: they serve people, so what goes wrong is a sentence.

use std::fmt;

use serde_json::Value;

use super::client::{
    AppClient, Errcode, UNREADABLE_ERRCODE, WeChat, errcode_in, read_json, shortened, why,
};
use super::errcode::class_of;
use wx_courier_core::wechat::Class;

/// Why an inquiry has no answer. The text names neither URL nor token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What `WeChat` refused it with; `None` if it did not come to an answer.
    pub errcode: Option<i64>,
    detail: String,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Codes that only these calls answer, with what to do. `WeChat`: "getRidInfo", "getApiQuota", "clearQuota".
const HELP: [(i64, &str); 8] = [
    (48006, "clearing is used up for this month"),
    (
        76001,
        "WeChat does not know this request id: it forgets them after seven days",
    ),
    (
        76002,
        "this is no request id: it looks like 61725984-6126f6f9-040f19c4, and follows `rid:` in an errmsg",
    ),
    (76003, "another app made this call: name it with --app"),
    (
        76004,
        "the request id is older than the seven days for which WeChat keeps it",
    ),
    (
        76021,
        "WeChat does not know this path: write it like /cgi-bin/message/subscribe/send",
    ),
    (
        76022,
        "the app may not ask for this path; paths that begin with /sns/ cannot be asked for",
    ),
    (
        40164,
        "add this machine's address to the IP list in the mini program's console",
    ),
];

impl Unanswered {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&'static str> {
        let errcode = self.errcode?;
        let found = HELP.iter().find(|(known, _)| *known == errcode);
        found.map(|(_, help)| *help)
    }

    pub(super) fn new(detail: impl Into<String>) -> Self {
        Self {
            errcode: None,
            detail: detail.into(),
        }
    }
}

/// A path of the API, and what an answer may weigh.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inquiry {
    pub(super) path: &'static str,
    pub(super) largest_bytes: usize,
}

impl Inquiry {
    pub(super) const fn new(path: &'static str) -> Self {
        Self {
            path,
            largest_bytes: 256 * 1024,
        }
    }

    /// What people call it: `quota/get` of `/cgi-bin/openapi/quota/get`.
    fn name(&self) -> &'static str {
        self.path
            .trim_start_matches("/cgi-bin/")
            .trim_start_matches("openapi/")
            .trim_start_matches("/wxaapi/newtmpl/")
    }
}

impl WeChat {
    pub(super) fn app(&self, app: &str) -> Result<&AppClient, Unanswered> {
        let client = self.apps.get(app);
        client.ok_or_else(|| Unanswered::new(format!("the settings have no app {app}")))
    }
}

impl AppClient {
    /// Asks with a body, or with GET where there is none. A token that is refused is dropped, and the question asked once more with the
    /// next one.
    pub(super) async fn ask(
        &self,
        inquiry: Inquiry,
        body: Option<&Value>,
    ) -> Result<Value, Unanswered> {
        match self.ask_once(inquiry, body).await {
            Err(Unanswered {
                errcode: Some(errcode),
                ..
            }) if class_of(errcode) == Class::Token => self.ask_once(inquiry, body).await,
            answered => answered,
        }
    }

    async fn ask_once(&self, inquiry: Inquiry, body: Option<&Value>) -> Result<Value, Unanswered> {
        let name = inquiry.name();
        let token = self.tokens.token().await.map_err(|trouble| Unanswered {
            errcode: trouble.errcode,
            detail: format!("there is no token: {}", trouble.detail),
        })?;
        let url = format!(
            "{}{}?access_token={}",
            self.base_url,
            inquiry.path,
            token.expose()
        );
        let request = match body {
            None => self.http.get(url),
            Some(body) => self
                .http
                .post(url)
                .header("content-type", "application/json; charset=utf-8")
                .body(body.to_string()),
        };
        let response = request.send().await;
        let response = response
            .map_err(|error| Unanswered::new(format!("{name} was not answered: {}", why(error))))?;
        let answer = read_json(response, inquiry.largest_bytes).await;
        let answer =
            answer.map_err(|detail| Unanswered::new(format!("{name} answers {detail}")))?;
        let errcode = errcode_in(&answer);
        if errcode == Errcode::Unreadable {
            let detail = format!("{name} answers {UNREADABLE_ERRCODE}");
            return Err(Unanswered::new(detail));
        }
        if let Errcode::Refusal(errcode) = errcode {
            if class_of(errcode) == Class::Token {
                self.tokens.refuse(&token, errcode);
            }
            let errmsg = answer.get("errmsg").and_then(Value::as_str);
            let errmsg = shortened(errmsg.unwrap_or_default());
            return Err(Unanswered {
                errcode: Some(errcode),
                detail: format!("{name} answers errcode {errcode}: {errmsg}"),
            });
        }
        self.tokens.accepted(&token);
        Ok(answer)
    }
}

/// A whole number of an answer. `WeChat` writes numbers; other writers of the same answers have been seen to write text.
pub(super) fn number_in(answer: &Value, key: &str) -> Option<i64> {
    match answer.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
