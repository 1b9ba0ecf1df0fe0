//! Whether another program ends our tokens: what a token that died young is evidence of.
//!
//! A refusal alone accuses no program. `WeChat` may refuse the very token that it goes on handing out, and our own forced refresh ends the
//! token before it. Only a token that was replaced, and not by us, was ended by another program; so the next token that comes decides.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::status::Mode;

/// So many tokens that worked and died young name a culprit …
const TOO_MANY: usize = 3;
/// … within this time. Two programs that take the classic token from each other need ten minutes a turn, because each token lives
/// on for five minutes after its successor came; a program that renews by the clock does it every hour or two.
const WITHIN: Duration = Duration::from_hours(2);
/// After this much time without such a death the culprit is believed to be gone.
const QUIET: Duration = Duration::from_hours(1);

/// How a token ended that `WeChat` refused, by our own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// It had worked, and was not old, whatever code `WeChat` gave.
    Early,
    /// Its age, or it never worked.
    Other,
}

/// Whether another program ends our tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// There is no sign of it.
    Unseen,
    /// Too many died young.
    Seen,
}

/// What happened to [`Others`] since they were looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Appeared,
    Left,
}

/// What is known of the token that was refused last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// None died young, or it was accepted again.
    None,
    /// This one died young; the next token tells why.
    Open { token: u64, died_at: Instant },
    /// This one has been judged, however often it is refused.
    Closed { token: u64 },
}

/// The deaths of one app's tokens.
#[derive(Debug)]
pub(super) struct Deaths {
    mode: Mode,
    /// The token that came last, and when it came first.
    current: Option<(u64, Instant)>,
    case: Case,
    /// When those died that another program ended, within the time that counts.
    died_at: VecDeque<Instant>,
    n_died: u64,
    others: Others,
}

impl Deaths {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            current: None,
            case: Case::None,
            died_at: VecDeque::new(),
            n_died: 0,
            others: Others::Unseen,
        }
    }

    /// A token was refused. `forced_at` is when we asked for a forced refresh last.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        token: u64,
        death: Death,
        forced_at: Option<Instant>,
    ) {
        // A token that comes back and is refused again has not died twice.
        let is_known = match self.case {
            Case::None => false,
            Case::Open { token: known, .. } | Case::Closed { token: known } => known == token,
        };
        if is_known || death == Death::Other {
            return;
        }
        let came_at = self.current.filter(|(current, _)| *current == token);
        let is_ours = match (came_at, forced_at) {
            (Some((_, came_at)), Some(forced_at)) => came_at <= forced_at,
            (Some(_) | None, _) => false,
        };
        self.case = if is_ours {
            Case::Closed { token }
        } else {
            Case::Open {
                token,
                died_at: now,
            }
        };
    }

    /// A token came. It is the same number whenever the same token is handed out again.
    pub(super) fn handed_out(&mut self, now: Instant, came: u64) {
        if self.current.is_none_or(|(token, _)| token != came) {
            self.current = Some((came, now));
        }
        let Case::Open { token, died_at } = self.case else {
            return;
        };
        if token != came {
            self.case = Case::Closed { token };
            self.died_at.push_back(died_at);
            self.n_died += 1;
            return;
        }
        match self.mode {
            // WeChat has replaced it for no program: it refuses what it hands out.
            Mode::Stable => self.case = Case::Closed { token },
            // A token centre may not have heard yet.
            Mode::Classic | Mode::External => {}
        }
    }

    /// A send was accepted with this token: whatever it was refused for is over.
    pub(super) fn accepted(&mut self, token: u64) {
        match self.case {
            Case::Open { token: known, .. } | Case::Closed { token: known } if known == token => {
                self.case = Case::None;
            }
            Case::None | Case::Open { .. } | Case::Closed { .. } => {}
        }
    }

    /// Looks at what has changed with time or by the last token.
    pub(super) fn look(&mut self, now: Instant) -> Change {
        let counts = |at: &Instant| now.saturating_duration_since(*at) < WITHIN;
        while self.died_at.front().is_some_and(|at| !counts(at)) {
            self.died_at.pop_front();
        }
        while self.died_at.len() > TOO_MANY {
            self.died_at.pop_front();
        }
        match self.others {
            Others::Unseen if self.died_at.len() >= TOO_MANY => {
                self.others = Others::Seen;
                Change::Appeared
            }
            Others::Unseen => Change::None,
            Others::Seen => {
                let last = self.died_at.back();
                if last.is_some_and(|at| now.saturating_duration_since(*at) < QUIET) {
                    return Change::None;
                }
                self.died_at.clear();
                self.others = Others::Unseen;
                Change::Left
            }
        }
    }

    /// Whether another program ends our tokens, as of the last look.
    pub(super) fn others(&self) -> Others {
        self.others
    }

    /// Tokens that another program ended.
    pub(super) fn n_died(&self) -> u64 {
        self.n_died
    }
}

#[cfg(test)]
mod tests;
