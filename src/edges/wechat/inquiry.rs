//! Calls that ask `WeChat` about an app's account, or manage it: they serve people, so what goes wrong is a sentence.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::api::{Credential, Failure};
use super::client::{AppClient, Endpoint, WeChat};
use super::errcode::class_of;
use wx_courier_core::wechat::{Class, UnknownKind};

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

    fn of(name: &str, failure: &Failure) -> Self {
        let errcode = match failure {
            Failure::Refused(refusal) => Some(refusal.errcode),
            Failure::Unreachable { .. } | Failure::InDoubt { .. } | Failure::Garbled { .. } => None,
        };
        Self {
            errcode,
            detail: format!("{name} {failure}"),
        }
    }
}

impl Endpoint {
    /// Of a call whose answer may have 256 KiB.
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
    pub(super) fn app(&self, app: &str) -> Result<Arc<AppClient>, Unanswered> {
        self.client(app).ok_or_else(|| Unanswered {
            errcode: None,
            detail: format!("the settings have no app {app}"),
        })
    }
}

impl AppClient {
    /// Asks with a body, or with GET where there is none. A token that is refused is dropped, and the question asked once more with the
    /// next one.
    pub(super) async fn ask<T>(
        &self,
        endpoint: Endpoint,
        body: Option<&Value>,
        read: impl Fn(&Value) -> Result<T, &'static str>,
    ) -> Result<T, Unanswered> {
        match self.ask_once(endpoint, body, &read).await {
            Err(Unanswered {
                errcode: Some(errcode),
                ..
            }) if class_of(Credential::Token, errcode) == Class::Token => {
                self.ask_once(endpoint, body, read).await
            }
            answered => answered,
        }
    }

    async fn ask_once<T>(
        &self,
        endpoint: Endpoint,
        body: Option<&Value>,
        read: impl Fn(&Value) -> Result<T, &'static str>,
    ) -> Result<T, Unanswered> {
        let token = self.tokens.token().await.map_err(|trouble| Unanswered {
            errcode: trouble.errcode,
            detail: format!("there is no token: {}", trouble.detail),
        })?;
        let body = body.map(|body| body.to_string().into_bytes());
        let answered = self.call(&token, endpoint, body, read).await;
        answered.map_err(|failure| {
            let unanswered = Unanswered::of(endpoint.name(), &failure);
            if unanswered.help().is_none() {
                self.note(UnknownKind::InquiryErrcode, &failure);
            }
            unanswered
        })
    }
}

#[cfg(test)]
mod tests;
