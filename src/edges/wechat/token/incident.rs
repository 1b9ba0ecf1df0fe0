//! What follows from a refused token: ask again, ask by force, or wait.
//!
//! Nothing here reads a clock or calls anything: it is told what happened and when, and answers what to do.

use std::time::Duration;

use tokio::time::Instant;

use super::deaths::{Change, Death, Deaths, Others};
use super::force::Forcing;
use super::status::Mode;

/// The wait before the next question, once asking at once did not help; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// 1440 questions a day stay below the 2000 that `WeChat` allows `getAccessToken`.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A token centre is not asked more often than this, however many tokens are refused.
const CENTRE_APART: Duration = Duration::from_secs(1);

/// An incident is over when this much time has passed since its last refusal, and sends were accepted meanwhile. As long as a
/// replaced token lives on beside its successor.
const CALM: Duration = Duration::from_mins(5);
/// Without an accepted send it is over after this much time without a refusal: no token that was refused lives on. `WeChat`: a token's
/// `expires_in` is at most 7200.
const FORGOTTEN: Duration = Duration::from_hours(2);

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

/// Refusals that belong together.
#[derive(Debug)]
struct Incident {
    /// The token that was refused last.
    token: u64,
    refused_at: Instant,
    /// Whether it was refused before, and no other came in between: `WeChat` hands out what it refuses, so asking again does not help.
    is_wedged: bool,
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
    forcing: Forcing,
    deaths: Deaths,
}

impl Incidents {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            open: None,
            asked_at: None,
            forcing: Forcing::new(),
            deaths: Deaths::new(mode),
        }
    }

    /// What to do for a caller that wants a token now.
    pub(super) fn plan(&self, now: Instant) -> Plan {
        match &self.open {
            Some(incident) if now < incident.ask_at => Plan::Wait(incident.ask_at),
            Some(incident) if incident.is_wedged && self.forcing.may(now) => Plan::Ask(Ask::Forced),
            Some(_) | None => Plan::Ask(Ask::Normal),
        }
    }

    /// A question goes out.
    pub(super) fn asked(&mut self, now: Instant, ask: Ask) {
        self.asked_at = Some(now);
        match (ask, &self.open) {
            (Ask::Forced, Some(incident)) => self.forcing.asked(now, incident.token),
            (Ask::Normal, _) | (Ask::Forced, None) => {}
        }
    }

    /// A question brought this token. It is the same number whenever the same token is handed out again.
    pub(super) fn handed_out(&mut self, now: Instant, token: u64) {
        self.deaths.handed_out(now, token);
        if let Some(incident) = &mut self.open
            && incident.token != token
        {
            incident.is_wedged = false;
        }
    }

    /// `WeChat` refused a token.
    pub(super) fn refused(&mut self, now: Instant, token: u64, death: Death) -> Aftermath {
        self.close_if_over(now);
        self.deaths.refused(now, token, death, self.forcing.last());
        let earliest = match (self.mode, self.asked_at) {
            (Mode::External, Some(asked_at)) => now.max(asked_at + CENTRE_APART),
            (Mode::External, None) | (Mode::Stable | Mode::Classic, _) => now,
        };
        let force_at = self.forcing.earliest().unwrap_or(now);
        let Some(incident) = &mut self.open else {
            self.open = Some(Incident {
                token,
                refused_at: now,
                is_wedged: false,
                ask_at: earliest,
                next_wait: FIRST_WAIT,
                is_stuck: false,
                is_mending: false,
            });
            return Aftermath::Ask(Ask::Normal);
        };
        // Only a stable token can be forced; a token centre cannot, and a classic token is another one each time.
        incident.is_wedged = self.mode == Mode::Stable && incident.token == token;
        incident.token = token;
        incident.refused_at = now;
        let was_mending = std::mem::replace(&mut incident.is_mending, false);
        if incident.is_wedged && force_at <= now {
            incident.ask_at = now;
            return Aftermath::Ask(Ask::Forced);
        }
        let wait = incident.next_wait;
        incident.ask_at = earliest.max(now + wait);
        if incident.is_wedged {
            // What may cure it is not waited for any longer than it must be.
            incident.ask_at = incident.ask_at.min(force_at);
        }
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

    /// A send was accepted with this token, which is in force.
    pub(super) fn accepted(&mut self, now: Instant, token: u64) {
        self.deaths.accepted(token);
        self.forcing.accepted(token);
        if let Some(incident) = &mut self.open {
            incident.is_mending = true;
            incident.is_stuck = false;
            incident.is_wedged = false;
            match self.mode {
                // Asking costs no program anything.
                Mode::Stable | Mode::External => incident.next_wait = Duration::ZERO,
                // Each question kills a token in use and is one of 2000 a day: patience lasts as long as the incident.
                Mode::Classic => {}
            }
        }
        self.close_if_over(now);
    }

    /// Looks at what has changed with time or by the last token.
    pub(super) fn look(&mut self, now: Instant) -> Change {
        self.close_if_over(now);
        self.deaths.look(now)
    }

    /// Whether another program ends our tokens, as of the last look.
    pub(super) fn others(&self) -> Others {
        self.deaths.others()
    }

    /// Tokens that another program ended.
    pub(super) fn n_died(&self) -> u64 {
        self.deaths.n_died()
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

    fn close_if_over(&mut self, now: Instant) {
        let is_over = self.open.as_ref().is_some_and(|incident| {
            let calm = now.saturating_duration_since(incident.refused_at);
            calm >= FORGOTTEN || incident.is_mending && calm >= CALM
        });
        if is_over {
            self.open = None;
            self.forcing.incident_is_over();
        }
    }
}

#[cfg(test)]
mod tests;
