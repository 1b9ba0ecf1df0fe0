//! What follows from a refused token: ask again, ask by force, or wait; and whether another program ends our tokens.
//!
//! Nothing here reads a clock or calls anything: it is told what happened and when, and answers what to do.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::status::Mode;

/// `WeChat`: `getStableAccessToken`, a forced refresh within 30 s of the last one brings the same token.
const FORCED_APART: Duration = Duration::from_secs(30);
/// `WeChat`: `getStableAccessToken`, `force_refresh` 20 times a day.
const FORCED_A_DAY: usize = 20;
const DAY: Duration = Duration::from_hours(24);

/// The wait before the next question, once asking at once did not help; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// 1440 questions a day stay below the 2000 that `WeChat` allows `getAccessToken`.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A token centre is not asked more often than this, however many tokens are refused.
const CENTRE_APART: Duration = Duration::from_secs(1);

/// An incident is over when this much time has passed since its last refusal, and sends were accepted meanwhile. As long as a
/// replaced token lives on beside its successor.
const CALM: Duration = Duration::from_mins(5);

/// So many tokens that worked and died young name a culprit …
const TOO_MANY_DEATHS: usize = 3;
/// … within this time. Two programs that take the classic token from each other need ten minutes a turn, because each token lives
/// on for five minutes after its successor came; a program that renews by the clock does it every hour or two.
const DEATHS_WITHIN: Duration = Duration::from_hours(2);
/// After this much time without such a death the culprit is believed to be gone.
const QUIET: Duration = Duration::from_hours(1);

/// How to ask for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The present token, or a new one if it is time.
    Normal,
    /// A new token in any case; the present one dies. `stable_token` alone knows this.
    Forced,
}

/// What to do when a token is wanted and there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Ask now.
    Ask(Ask),
    /// No caller may ask before this time.
    Wait(Instant),
}

/// How a token ended that `WeChat` refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// It had worked, was not old, and is said to be invalid: another program ended it.
    Early,
    /// Its age, or it never worked.
    Other,
}

/// What a refusal came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// The next question may be asked at once.
    Ask(Ask),
    /// No caller may ask for a while, and no token has worked since the last refusal: a person should look.
    Alarm,
    /// No caller may ask for a while, and that is no news.
    Wait,
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

/// Whether this incident has had its forced refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Force {
    /// There was no reason for it yet.
    Unneeded,
    /// The same token came back and was refused again.
    Wanted,
    /// It was asked for; once is all.
    Used,
}

/// Refusals that belong together.
#[derive(Debug)]
struct Incident {
    /// The token that was refused last.
    token: u64,
    refused_at: Instant,
    force: Force,
    ask_at: Instant,
    /// The wait before the next question but one.
    next_wait: Duration,
    /// Whether questions had to wait since a send was accepted last.
    is_stuck: bool,
    /// Whether sends were accepted since the last refusal.
    is_mending: bool,
}

/// The incidents of one app.
#[derive(Debug)]
pub(super) struct Incidents {
    mode: Mode,
    open: Option<Incident>,
    asked_at: Option<Instant>,
    /// Forced refreshes of the last day.
    forced_at: VecDeque<Instant>,
    /// Early deaths within the time that counts.
    died_at: VecDeque<Instant>,
    n_died: u64,
    /// The last token that died young.
    died: Option<u64>,
    others: Others,
}

impl Incidents {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            open: None,
            asked_at: None,
            forced_at: VecDeque::new(),
            died_at: VecDeque::new(),
            n_died: 0,
            died: None,
            others: Others::Unseen,
        }
    }

    /// What to do for a caller that wants a token now.
    pub(super) fn plan(&self, now: Instant) -> Plan {
        match &self.open {
            Some(incident) if now < incident.ask_at => Plan::Wait(incident.ask_at),
            Some(incident) if incident.force == Force::Wanted && self.may_force(now) => {
                Plan::Ask(Ask::Forced)
            }
            Some(_) | None => Plan::Ask(Ask::Normal),
        }
    }

    /// A question goes out. A forced one counts from here on: whether it was carried out cannot be known if its answer is lost.
    pub(super) fn asked(&mut self, now: Instant, ask: Ask) {
        self.asked_at = Some(now);
        match ask {
            Ask::Normal => {}
            Ask::Forced => {
                self.forget_forced(now);
                self.forced_at.push_back(now);
                if let Some(incident) = &mut self.open {
                    incident.force = Force::Used;
                }
            }
        }
    }

    /// `WeChat` refused a token. `token` is the same number whenever the same token is handed out again.
    pub(super) fn refused(&mut self, now: Instant, token: u64, death: Death) -> Aftermath {
        self.close_if_calm(now);
        // A token that comes back and is refused again has not died twice.
        if death == Death::Early && self.died != Some(token) {
            self.died = Some(token);
            self.n_died += 1;
            self.died_at.push_back(now);
        }
        let may_force = self.may_force(now);
        let earliest = match (self.mode, self.asked_at) {
            (Mode::External, Some(asked_at)) => now.max(asked_at + CENTRE_APART),
            (Mode::External, None) | (Mode::Stable | Mode::Classic, _) => now,
        };
        let Some(incident) = &mut self.open else {
            self.open = Some(Incident {
                token,
                refused_at: now,
                force: Force::Unneeded,
                ask_at: earliest,
                next_wait: FIRST_WAIT,
                is_stuck: false,
                is_mending: false,
            });
            return Aftermath::Ask(Ask::Normal);
        };
        let is_same = incident.token == token;
        incident.token = token;
        incident.refused_at = now;
        let was_mending = std::mem::replace(&mut incident.is_mending, false);
        if is_same && self.mode == Mode::Stable && incident.force == Force::Unneeded {
            incident.force = Force::Wanted;
        }
        if incident.force == Force::Wanted && may_force {
            incident.ask_at = now;
            return Aftermath::Ask(Ask::Forced);
        }
        let wait = incident.next_wait;
        incident.ask_at = earliest.max(now + wait);
        incident.next_wait = (wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        if wait.is_zero() {
            return Aftermath::Ask(Ask::Normal);
        }
        let was_stuck = std::mem::replace(&mut incident.is_stuck, true);
        if was_stuck || was_mending {
            Aftermath::Wait
        } else {
            Aftermath::Alarm
        }
    }

    /// A send was accepted with the token in force.
    pub(super) fn accepted(&mut self, now: Instant) {
        if let Some(incident) = &mut self.open {
            incident.is_mending = true;
            incident.is_stuck = false;
            match self.mode {
                // Asking costs no program anything.
                Mode::Stable | Mode::External => incident.next_wait = Duration::ZERO,
                // Each question kills a token in use and is one of 2000 a day: patience lasts as long as the incident.
                Mode::Classic => {}
            }
        }
        self.close_if_calm(now);
    }

    /// Looks at what has changed with time or by the last refusal.
    pub(super) fn look(&mut self, now: Instant) -> Change {
        self.close_if_calm(now);
        let counts = |at: &Instant| now.saturating_duration_since(*at) < DEATHS_WITHIN;
        while self.died_at.front().is_some_and(|at| !counts(at)) {
            self.died_at.pop_front();
        }
        while self.died_at.len() > TOO_MANY_DEATHS {
            self.died_at.pop_front();
        }
        match self.others {
            Others::Unseen if self.died_at.len() >= TOO_MANY_DEATHS => {
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

    /// Tokens that worked and died young.
    pub(super) fn n_died(&self) -> u64 {
        self.n_died
    }

    /// Whether questions have to wait, and no send was accepted since.
    pub(super) fn is_stuck(&self) -> bool {
        self.open.as_ref().is_some_and(|incident| incident.is_stuck)
    }

    /// Whether an accepted send would be news.
    pub(super) fn wants_to_hear(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|incident| !incident.is_mending)
    }

    fn may_force(&self, now: Instant) -> bool {
        let within = |at: &&Instant, time| now.saturating_duration_since(**at) < time;
        let today = self.forced_at.iter().filter(|at| within(at, DAY)).count();
        self.mode == Mode::Stable
            && today < FORCED_A_DAY
            && !self.forced_at.iter().any(|at| within(&at, FORCED_APART))
    }

    fn forget_forced(&mut self, now: Instant) {
        self.forced_at
            .retain(|at| now.saturating_duration_since(*at) < DAY);
    }

    fn close_if_calm(&mut self, now: Instant) {
        if self.open.as_ref().is_some_and(|incident| {
            incident.is_mending && now.saturating_duration_since(incident.refused_at) >= CALM
        }) {
            self.open = None;
        }
    }
}

#[cfg(test)]
mod tests;
