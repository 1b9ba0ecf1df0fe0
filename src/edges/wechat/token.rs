//! Access tokens: one question at a time, renewed ahead of time, dropped only by the very token that was refused.
//!
//! `stable_token` in normal mode gives every caller the same token until fewer than five minutes are left, so instances of a fleet need
//! not agree on anything. A forced refresh kills the token of every other program and is limited to twenty a day: it is asked for when
//! `WeChat` refuses the very token that it hands out, and again only as far as it has helped.

mod cache;
mod deaths;
mod force;
mod incident;
mod life;
mod source;
mod status;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{App, Secret};
use cache::TokenCache;
use incident::{Ask, Plan};
pub(super) use source::Source;
pub use status::{Mode, TokenState, TokenStatus};
use wx_courier_core::flow::attempt::TokenTrouble;

/// The wait before a failed renewal is tried again while the present token still holds.
const RENEW_AGAIN: Duration = Duration::from_secs(10);

/// A wait up to this long is waited out by the caller that wants the token; a longer one is told, so that its message makes room.
const MAX_INLINE_WAIT: Duration = Duration::from_secs(2);

/// A token in force.
pub(super) struct Token {
    text: Secret,
    /// Which answer brought it.
    generation: u64,
    /// The same number whenever the same token is handed out again.
    identity: u64,
    renew_at: Instant,
    old_at: Instant,
    expires_at: Instant,
    /// Whether a call has passed with it, in whichever answer it came.
    has_worked: Arc<AtomicBool>,
}

impl Token {
    /// The token itself, for the wire only.
    pub(super) fn expose(&self) -> &str {
        self.text.expose()
    }
}

/// Keeps one app's token.
pub(super) struct TokenKeeper {
    /// Another one takes its place when the app's secret is another one.
    source: RwLock<Arc<Source>>,
    current: RwLock<Option<Arc<Token>>>,
    /// Held while a question is under way.
    asking: tokio::sync::Mutex<()>,
    /// Taken before `current` where both are needed.
    state: Mutex<TokenCache>,
    /// Whether accepted sends are news for the state.
    wants_to_hear: AtomicBool,
}

impl TokenKeeper {
    pub(super) fn new(source: Arc<Source>, app: &App) -> Self {
        Self {
            source: RwLock::new(source),
            current: RwLock::default(),
            asking: tokio::sync::Mutex::default(),
            state: Mutex::new(TokenCache::new(app.appid.clone(), app.token.clone())),
            wants_to_hear: AtomicBool::new(false),
        }
    }

    /// The next token comes from there. The present one is as good as it was.
    pub(super) fn take_source(&self, source: &Arc<Source>) {
        let mut present = self.source.write().unwrap_or_else(PoisonError::into_inner);
        *present = Arc::clone(source);
    }

    /// A token that holds, asked for if need be. A failure is shared by all callers that ask within a second or so of it.
    pub(super) async fn token(&self) -> Result<Arc<Token>, TokenTrouble> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let _one_at_a_time = match self.asking.try_lock() {
            Ok(guard) => guard,
            // Another caller is asking. While the old token still holds there is no need to wait for the new one.
            Err(_) => match self.holding() {
                Some(token) => return Ok(token),
                None => self.asking.lock().await,
            },
        };
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        if let Some(trouble) = self.state().recent_failure(Instant::now()) {
            return self.holding().ok_or(trouble);
        }
        let plan = self.state().incidents.plan(Instant::now());
        if let Plan::Wait(until) = plan
            && until <= Instant::now() + MAX_INLINE_WAIT
        {
            tokio::time::sleep_until(until).await;
        }
        let now = Instant::now();
        let ask = {
            let mut state = self.state();
            match state.incidents.plan(now) {
                Plan::Ask(ask) => {
                    state.asked(now, ask);
                    ask
                }
                Plan::Wait(until) => return Err(state.waiting(now, until)),
            }
        };
        self.ask(ask).await
    }

    /// Drops the token that was used, unless another answer has replaced it since. `errcode` is what it was refused with.
    pub(super) fn refuse(&self, used: &Token, errcode: i64) {
        let now = Instant::now();
        let mut state = self.state();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_current = current
            .as_ref()
            .is_some_and(|token| token.generation == used.generation);
        if !is_current {
            return;
        }
        *current = None;
        drop(current);
        state.refused(now, used, errcode);
        self.wants_to_hear
            .store(state.incidents.wants_to_hear(), Ordering::Relaxed);
    }

    /// A call passed with this token. Costs two loads unless it is news.
    pub(super) fn accepted(&self, used: &Token) {
        if !used.has_worked.load(Ordering::Relaxed) {
            used.has_worked.store(true, Ordering::Relaxed);
        }
        if !self.wants_to_hear.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        // Late answers to calls with the refused token say nothing of its successor.
        let is_current = self
            .current()
            .is_some_and(|token| token.generation == used.generation);
        if !is_current {
            return;
        }
        state.accepted(Instant::now(), used);
        self.wants_to_hear
            .store(state.incidents.wants_to_hear(), Ordering::Relaxed);
    }

    /// How it stands.
    pub(super) fn status(&self) -> TokenStatus {
        let now = Instant::now();
        let mut state = self.state();
        let token = self.holding();
        let left = token.map(|token| token.expires_at.saturating_duration_since(now));
        state.status(now, left)
    }

    fn state(&self) -> MutexGuard<'_, TokenCache> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Option<Arc<Token>> {
        self.current()
            .filter(|token| Instant::now() < token.renew_at)
    }

    fn holding(&self) -> Option<Arc<Token>> {
        self.current()
            .filter(|token| Instant::now() < token.expires_at)
    }

    fn current(&self) -> Option<Arc<Token>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn ask(&self, ask: Ask) -> Result<Arc<Token>, TokenTrouble> {
        let source = {
            let source = self.source.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&source)
        };
        let answer = source.ask(ask).await;
        let now = Instant::now();
        let mut state = self.state();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(handed_out) => {
                let token = Arc::new(state.handed_out(now, ask, handed_out));
                *current = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(trouble) => {
                let trouble = state.failed(now, ask, trouble);
                let old = current.take().filter(|token| now < token.expires_at);
                let Some(old) = old else {
                    return Err(trouble);
                };
                // The same token, and a longer wait before the next attempt to renew it.
                let patient = Arc::new(Token {
                    text: old.text.clone(),
                    has_worked: Arc::clone(&old.has_worked),
                    renew_at: now + RENEW_AGAIN,
                    ..*old
                });
                *current = Some(Arc::clone(&patient));
                Ok(patient)
            }
        }
    }
}

#[cfg(test)]
mod tests;
