//! What is known of an app's questions for tokens and of their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Token;
use super::deaths::{Change, Death, Others};
use super::incident::{Aftermath, Ask, Incidents};
use super::life::Life;
use super::source::HandedOut;
use super::status::{Mode, TokenState, TokenStatus};
use crate::config::{Secret, TokenMode};
use wx_courier_core::flow::attempt::TokenTrouble;
use wx_courier_core::wechat::Class;

/// How long a failure counts for the callers that ask next: a backlog must not become a storm at an endpoint that fails quickly.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The same where only a person can help.
const ASK_AGAIN_ACCOUNT: Duration = Duration::from_secs(10);
/// The same where the endpoint says that it was asked too often; the shorter of the two limits counts by the minute.
const ASK_AGAIN_QUOTA: Duration = Duration::from_mins(1);

pub(super) struct TokenCache {
    appid: String,
    settings: TokenMode,
    mode: Mode,
    pub(super) incidents: Incidents,
    /// Answers that brought a token.
    generation: u64,
    last: Option<Last>,
    /// What the last answer said, if it brought none, and when.
    failure: Option<(Instant, TokenTrouble)>,
    /// The code with which the last token was refused.
    refused_with: Option<i64>,
    last_error: Option<String>,
    fetched: u64,
    forced: u64,
    failed: u64,
}

/// The token that was handed out last.
struct Last {
    text: Secret,
    identity: u64,
    has_worked: Arc<AtomicBool>,
}

impl TokenCache {
    pub(super) fn new(appid: String, settings: TokenMode) -> Self {
        let mode = match settings {
            TokenMode::Stable => Mode::Stable,
            TokenMode::Classic => Mode::Classic,
            TokenMode::External(_) => Mode::External,
        };
        Self {
            appid,
            settings,
            mode,
            incidents: Incidents::new(mode),
            generation: 0,
            last: None,
            failure: None,
            refused_with: None,
            last_error: None,
            fetched: 0,
            forced: 0,
            failed: 0,
        }
    }

    /// A question goes out.
    pub(super) fn asked(&mut self, now: Instant, ask: Ask) {
        self.incidents.asked(now, ask);
        match ask {
            Ask::Normal => {}
            Ask::Forced => self.forced += 1,
        }
    }

    /// A token came.
    pub(super) fn handed_out(&mut self, now: Instant, ask: Ask, handed_out: HandedOut) -> Token {
        let HandedOut { text, expires_in } = handed_out;
        match ask {
            Ask::Normal => self.fetched += 1,
            Ask::Forced => {}
        }
        let life = Life::of(&self.settings, expires_in);
        self.generation += 1;
        if self.failure.take().is_some() && !self.incidents.is_stuck() {
            self.last_error = None;
        }
        let (identity, has_worked) = match &self.last {
            Some(last) if last.text == text => (last.identity, Arc::clone(&last.has_worked)),
            Some(_) | None => {
                let life_s = life.end.as_secs();
                tracing::info!(appid = self.appid, life_s, "a new access token came");
                (self.generation, Arc::default())
            }
        };
        self.incidents.handed_out(now, identity);
        self.look(now);
        self.last = Some(Last {
            text: text.clone(),
            identity,
            has_worked: Arc::clone(&has_worked),
        });
        Token {
            text,
            generation: self.generation,
            identity,
            renew_at: now + life.renewal,
            old_at: now + life.old_age,
            expires_at: now + life.end,
            has_worked,
        }
    }

    /// No token came. Answers what that means for those who wait for one.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        ask: Ask,
        mut trouble: TokenTrouble,
    ) -> TokenTrouble {
        // WeChat counts forced refreshes by themselves: that none is left says nothing of the next question in normal mode.
        if ask == Ask::Forced && matches!(trouble.class, Class::MinuteQuota | Class::DailyQuota) {
            trouble.class = Class::Token;
        }
        let detail = &trouble.detail;
        tracing::warn!(
            appid = self.appid,
            errcode = trouble.errcode,
            detail,
            "no access token"
        );
        self.failed += 1;
        self.last_error = Some(detail.clone());
        self.failure = Some((now, trouble.clone()));
        trouble
    }

    /// What the last question failed with, if that is so recent that it counts for the next one too.
    pub(super) fn recent_failure(&self, now: Instant) -> Option<TokenTrouble> {
        let (failed_at, trouble) = self.failure.as_ref()?;
        let counts_for = match trouble.class {
            Class::Account | Class::Api | Class::NotAuthorised => ASK_AGAIN_ACCOUNT,
            Class::MinuteQuota | Class::DailyQuota => ASK_AGAIN_QUOTA,
            Class::NotSubscribed
            | Class::UnknownRecipient
            | Class::WindowClosed
            | Class::WindowUsedUp
            | Class::UnknownMedia
            | Class::BadParam
            | Class::BadContent
            | Class::UnknownTemplate
            | Class::UnknownPage
            | Class::Banned
            | Class::Token
            | Class::Busy
            | Class::Concurrent
            | Class::Bug
            | Class::Unlisted => ASK_AGAIN,
        };
        (now.saturating_duration_since(*failed_at) < counts_for).then(|| trouble.clone())
    }

    /// The token in force was refused, with this code.
    pub(super) fn refused(&mut self, now: Instant, token: &Token, errcode: i64) {
        // The code is not asked: 42001 speaks of age, and is not believed against our own clock.
        let has_worked = token.has_worked.load(Ordering::Relaxed);
        let death = if has_worked && now < token.old_at {
            Death::Early
        } else {
            Death::Other
        };
        self.refused_with = Some(errcode);
        let appid = &self.appid;
        match self.incidents.refused(now, token.identity, death) {
            Aftermath::Ask(Ask::Normal) => tracing::warn!(
                appid,
                errcode,
                "WeChat refused the token: asking for it again"
            ),
            Aftermath::Ask(Ask::Forced) => tracing::warn!(
                appid,
                errcode,
                "WeChat refuses the very token that it hands out: forcing a refresh"
            ),
            Aftermath::Alarm => {
                self.last_error = Some(refused_text(errcode));
                tracing::error!(
                    appid,
                    errcode,
                    "WeChat goes on refusing the tokens of this app: asking less often"
                );
            }
            Aftermath::Wait => {
                tracing::warn!(
                    appid,
                    errcode,
                    "WeChat refused the token again: asking for it later"
                );
            }
        }
        self.look(now);
    }

    /// A call passed with the token in force.
    pub(super) fn accepted(&mut self, now: Instant, token: &Token) {
        if self.incidents.is_stuck() {
            tracing::info!(appid = self.appid, "WeChat takes the token again");
        }
        self.last_error = None;
        self.incidents.accepted(now, token.identity);
    }

    /// Why there is no token although no source failed to give one.
    pub(super) fn waiting(&self, now: Instant, until: Instant) -> TokenTrouble {
        let what = match self.incidents.others() {
            Others::Seen => others_text(self.mode).to_owned(),
            Others::Unseen => refused_text(self.refused_with.unwrap_or_default()),
        };
        let wait_s = until.saturating_duration_since(now).as_secs();
        TokenTrouble {
            errcode: self.refused_with,
            detail: format!("{what}; the next question is asked in {wait_s} s"),
            class: Class::Token,
        }
    }

    /// How it stands; `left` is the life that is left of the token in force.
    pub(super) fn status(&mut self, now: Instant, left: Option<Duration>) -> TokenStatus {
        self.look(now);
        let others = self.incidents.others();
        let state = match (others, left) {
            (Others::Seen, _) => TokenState::InvalidatedByOthers,
            (Others::Unseen, Some(_)) => TokenState::Holding,
            (Others::Unseen, None) if self.incidents.is_stuck() => TokenState::Refused,
            (Others::Unseen, None) if self.failure.is_some() => TokenState::Failing,
            (Others::Unseen, None) => TokenState::None,
        };
        let last_error = match others {
            Others::Seen => Some(others_text(self.mode).to_owned()),
            Others::Unseen => self.last_error.clone(),
        };
        TokenStatus {
            mode: self.mode,
            state,
            expires_in_s: left.map(|left| left.as_secs()),
            fetched: self.fetched,
            forced: self.forced,
            failed: self.failed,
            invalidated: self.incidents.n_died(),
            last_error,
        }
    }

    fn look(&mut self, now: Instant) {
        let appid = &self.appid;
        match self.incidents.look(now) {
            Change::None => {}
            Change::Appeared => tracing::warn!(appid, "{}", others_text(self.mode)),
            Change::Left => tracing::info!(
                appid,
                "no other program has ended the access token of this app for an hour"
            ),
        }
    }
}

fn refused_text(errcode: i64) -> String {
    format!("WeChat refuses the access tokens of this app with errcode {errcode}")
}

/// What is wrong when tokens die young, and what to do.
fn others_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Stable => {
            "the access token of this app is renewed elsewhere: another program forces the refresh of the stable token, or \
             another instance of this one had to (its `forced` in /status has grown); stop that program, or let a token centre hold \
             the token for all"
        }
        Mode::Classic => {
            "the access token of this app is renewed elsewhere: another program, or another instance of this one, calls \
             /cgi-bin/token; use token = \"stable\", or a token centre"
        }
        Mode::External => {
            "the access token of this app is renewed elsewhere: another program fetches it beside the token centre, or the \
             centre hands out tokens that it has replaced"
        }
    }
}

#[cfg(test)]
mod tests;
