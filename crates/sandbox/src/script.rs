//! Scripted trouble: answers that replace or delay the true one, for chosen calls and a chosen number of times, and
//! random failures from a seed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::state::lock;

/// An answer for the calls that match. A script is tried after the token and the form of the body were found good, so
/// it uses up none of its `times` on a call that would have failed anyway.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Which endpoint.
    #[serde(default)]
    pub on: Endpoint,
    /// Only sends to this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// Only sends of this template id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// How many calls get it; without a number, every call until the scripts are cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What they get.
    pub answer: Answer,
}

impl Script {
    /// A script for every send, without end.
    pub fn every_send(answer: Answer) -> Self {
        Self {
            on: Endpoint::Send,
            openid: None,
            template: None,
            times: None,
            answer,
        }
    }

    /// The same for this many calls.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The same for one user.
    #[must_use]
    pub fn for_openid(self, openid: impl Into<String>) -> Self {
        Self {
            openid: Some(openid.into()),
            ..self
        }
    }

    /// The same for one template id.
    #[must_use]
    pub fn for_template(self, template: impl Into<String>) -> Self {
        Self {
            template: Some(template.into()),
            ..self
        }
    }

    fn matches(&self, call: &Call<'_>) -> bool {
        (self.on == Endpoint::Any || self.on == call.on)
            && self
                .openid
                .as_deref()
                .is_none_or(|openid| openid == call.openid)
            && self
                .template
                .as_deref()
                .is_none_or(|template| template == call.template)
    }
}

/// The endpoints that can be scripted, by the last words of their paths.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `message/subscribe/send`.
    #[default]
    Send,
    /// `stable_token` and `token`.
    Token,
    /// `jscode2session`.
    Login,
    /// `message/custom/send`.
    CustomSend,
    /// `message/wxopen/template/uniform_send`.
    UniformSend,
    /// `message/wxopen/template/send`.
    TemplateSend,
    /// `newtmpl/gettemplate`.
    Gettemplate,
    /// `newtmpl/addtemplate`.
    Addtemplate,
    /// `newtmpl/deltemplate`.
    Deltemplate,
    /// `newtmpl/getcategory`.
    Getcategory,
    /// `newtmpl/getpubtemplatetitles`.
    Getpubtemplatetitles,
    /// `newtmpl/getpubtemplatekeywords`.
    Getpubtemplatekeywords,
    /// `openapi/quota/get`.
    QuotaGet,
    /// `openapi/quota/clear`.
    QuotaClear,
    /// `clear_quota` and `clear_quota/v2`.
    ClearQuota,
    /// `openapi/rid/get`.
    RidGet,
    /// All of them.
    Any,
}

/// What a scripted call gets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// One of WeChat's codes; nothing is sent.
    Errcode {
        /// The code.
        code: i64,
        /// The whole `errmsg`. Without it the usual text for the code with a fresh `rid`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A bare HTTP answer: a gateway's page, an empty 200, JSON cut short.
    Http {
        /// The status.
        status: u16,
        /// The whole body.
        #[serde(default)]
        body: String,
        /// What became of the message.
        #[serde(default)]
        fate: Fate,
    },
    /// Silence, then the connection is cut.
    Hang {
        /// How long, in milliseconds.
        ms: u64,
        /// What became of the message.
        #[serde(default)]
        fate: Fate,
    },
    /// The connection is closed without an answer.
    Drop {
        /// What became of the message.
        #[serde(default)]
        fate: Fate,
    },
    /// The connection is reset without an answer.
    Reset {
        /// What became of the message.
        #[serde(default)]
        fate: Fate,
    },
    /// The true answer, broken off.
    Truncate {
        /// After so many bytes.
        bytes: usize,
    },
    /// The true answer, later.
    Delay {
        /// How much later, in milliseconds, on top of the latency.
        ms: u64,
    },
}

/// No client waits longer for an answer, and a mistyped number should not stop a test for a day: ten minutes.
pub(super) const LONGEST_MS: u64 = 600_000;

impl Answer {
    /// Whether it could be an answer; the error is a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Errcode { code: 0, .. } => Err(
                "errcode 0 is success, which needs no script; `http` answers with any body"
                    .to_owned(),
            ),
            Self::Http { status, .. } if !(200..600).contains(status) => Err(format!(
                "{status} is no HTTP status of an answer: 200 to 599"
            )),
            Self::Hang { ms, .. } | Self::Delay { ms } if *ms > LONGEST_MS => Err(format!(
                "ms is {ms}; at most {LONGEST_MS} are taken, which is ten minutes"
            )),
            Self::Errcode { .. }
            | Self::Http { .. }
            | Self::Hang { .. }
            | Self::Delay { .. }
            | Self::Drop { .. }
            | Self::Reset { .. }
            | Self::Truncate { .. } => Ok(()),
        }
    }
}

/// What became of a message, or of what else was asked for, when the caller gets no proper answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was not sent, or not done.
    #[default]
    Lost,
    /// It was sent, if nothing is wrong with it; the caller cannot know.
    Accepted,
}

/// Random failures, of sends unless said otherwise.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// The share of calls that fail, 0.0 to 1.0.
    pub ratio: f64,
    /// The same seed and the same order of calls give the same failures.
    #[serde(default)]
    pub seed: u64,
    /// What a failing call gets, each as likely as the others. Empty: errcode -1.
    #[serde(default)]
    pub answers: Vec<Answer>,
}

impl Failures {
    /// Whether calls could fail like this; the error is a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.ratio) {
            return Err(format!("ratio is {}; a share is 0.0 to 1.0", self.ratio));
        }
        self.answers.iter().try_for_each(Answer::check)
    }
}

/// The call for which a script is sought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) on: Endpoint,
    pub(super) openid: &'a str,
    pub(super) template: &'a str,
}

#[derive(Debug, Default)]
struct Pending {
    scripts: Vec<Script>,
    failures: BTreeMap<Endpoint, (Failures, fastrand::Rng)>,
}

/// The scripts that are not used up, and the random failures.
#[derive(Debug, Default)]
pub(super) struct Scripts(Mutex<Pending>);

impl Scripts {
    pub(super) fn new(failures: Option<Failures>) -> Self {
        let scripts = Self::default();
        scripts.fail_randomly(Endpoint::Send, failures);
        scripts
    }

    pub(super) fn add(&self, script: Script) {
        lock(&self.0).scripts.push(script);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).scripts.clear();
    }

    pub(super) fn pending(&self) -> Vec<Script> {
        lock(&self.0).scripts.clone()
    }

    /// Lets a share of an endpoint's calls fail, or none.
    pub(super) fn fail_randomly(&self, on: Endpoint, failures: Option<Failures>) {
        let mut pending = lock(&self.0);
        match failures {
            Some(failures) => {
                let random = fastrand::Rng::with_seed(failures.seed);
                pending.failures.insert(on, (failures, random));
            }
            None => drop(pending.failures.remove(&on)),
        }
    }

    /// No endpoint fails by chance any more.
    pub(super) fn fail_nowhere(&self) {
        lock(&self.0).failures.clear();
    }

    /// The answer for this call if it is not to be the true one: the oldest script that matches, else chance.
    pub(super) fn pick(&self, call: &Call<'_>) -> Option<Answer> {
        let mut pending = lock(&self.0);
        if let Some(at) = pending
            .scripts
            .iter()
            .position(|script| script.matches(call) && script.times != Some(0))
        {
            let script = pending.scripts.get_mut(at)?;
            let answer = script.answer.clone();
            if let Some(times) = &mut script.times {
                *times -= 1;
                if *times == 0 {
                    pending.scripts.remove(at);
                }
            }
            return Some(answer);
        }
        let on = [call.on, Endpoint::Any];
        let on = on.iter().find(|on| pending.failures.contains_key(on))?;
        let (failures, random) = pending.failures.get_mut(on)?;
        if random.f64() >= failures.ratio {
            return None;
        }
        let drawn = random.choice(&failures.answers).cloned();
        Some(drawn.unwrap_or(Answer::Errcode {
            code: -1,
            message: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(openid: &'static str) -> Call<'static> {
        Call {
            on: Endpoint::Send,
            openid,
            template: "T",
        }
    }

    fn code(answer: Option<Answer>) -> Option<i64> {
        let Answer::Errcode { code, .. } = answer? else {
            panic!("no errcode")
        };
        Some(code)
    }

    fn errcode(code: i64) -> Answer {
        Answer::Errcode {
            code,
            message: None,
        }
    }

    #[test]
    fn the_oldest_match_answers_until_it_is_used_up() {
        let scripts = Scripts::default();
        scripts.add(Script::every_send(errcode(45011)).for_openid("o1").times(2));
        scripts.add(Script::every_send(errcode(-1)).for_template("T").times(1));
        assert_eq!(code(scripts.pick(&send("o1"))), Some(45011));
        assert_eq!(code(scripts.pick(&send("o2"))), Some(-1));
        assert_eq!(code(scripts.pick(&send("o2"))), None);
        assert_eq!(code(scripts.pick(&send("o1"))), Some(45011));
        assert!(scripts.pending().is_empty());
    }

    #[test]
    fn an_endpoint_has_its_own_scripts() {
        let scripts = Scripts::default();
        scripts.add(Script {
            on: Endpoint::Token,
            ..Script::every_send(errcode(45009))
        });
        assert_eq!(code(scripts.pick(&send("o1"))), None);
        let token = Call {
            on: Endpoint::Token,
            openid: "",
            template: "",
        };
        assert_eq!(code(scripts.pick(&token)), Some(45009));
        assert_eq!(code(scripts.pick(&token)), Some(45009));
    }

    #[test]
    fn failures_by_chance_are_an_endpoints_own_or_everybodys() {
        let always = || {
            Some(Failures {
                ratio: 1.0,
                seed: 1,
                answers: vec![errcode(45011)],
            })
        };
        let login = Call {
            on: Endpoint::Login,
            openid: "",
            template: "",
        };
        let scripts = Scripts::default();
        scripts.fail_randomly(Endpoint::Login, always());
        assert_eq!(code(scripts.pick(&login)), Some(45011));
        assert_eq!(code(scripts.pick(&send("o1"))), None);
        scripts.fail_randomly(Endpoint::Any, always());
        assert_eq!(code(scripts.pick(&send("o1"))), Some(45011));
        scripts.fail_nowhere();
        assert_eq!(code(scripts.pick(&login)), None);
    }

    #[test]
    fn random_failures_repeat_with_the_seed() {
        let draw = |seed| {
            let scripts = Scripts::new(Some(Failures {
                ratio: 0.3,
                seed,
                answers: Vec::new(),
            }));
            (0..1000)
                .map(|_| scripts.pick(&send("o1")).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let n_failed = draw(7).into_iter().filter(|failed| *failed).count();
        assert!((250..350).contains(&n_failed), "{n_failed}");
    }

    #[test]
    fn scripts_read_from_json() {
        let script: Script = serde_json::from_str(
            r#"{"openid":"o1","times":3,"answer":{"http":{"status":502,"body":"<html>bad gateway</html>"}}}"#,
        )
        .unwrap();
        assert!(matches!(
            script.answer,
            Answer::Http {
                status: 502,
                fate: Fate::Lost,
                ..
            }
        ));
        let script: Script =
            serde_json::from_str(r#"{"on":"token","answer":{"errcode":{"code":-1}}}"#).unwrap();
        assert!(matches!(
            script.answer,
            Answer::Errcode {
                code: -1,
                message: None
            }
        ));
        let script: Script =
            serde_json::from_str(r#"{"answer":{"drop":{"fate":"accepted"}}}"#).unwrap();
        assert!(matches!(
            script.answer,
            Answer::Drop {
                fate: Fate::Accepted
            }
        ));
    }
}
