//! What people are told of the store: entries that could not be read, and what was lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::config::{OnLoss, State};
use wx_courier_core::grants;
use wx_courier_core::model::outcome::RecipientStyle;
use wx_courier_core::state::{Look, Request, Row};
use wx_courier_core::wechat::logins::{Keep, Recall, UserName};
use wx_courier_core::wechat::receipts::{Done, Join};

/// How the store is, as people see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateStatus {
    /// Requests that were answered as unreadable since the process began, by the kind of row.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// What was lost, for as long as it would have been remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// The end of everything that was kept before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// When it was noticed: RFC 3339, UTC.
    pub noticed_at: String,
    /// What happened.
    pub what: String,
    /// Whether sending waits until an operator says that it goes on.
    pub paused: bool,
    /// What cannot be promised any more.
    pub not_promised: &'static str,
}

const NOT_PROMISED: &str = "what was sent before is not known: an event that comes again is sent again, and an outcome that is repeated may differ from the first; grants, sessions and users behind login codes from before are gone, and receipts find no outcome; recipient_hash is another one after all instances were stopped, unless the settings say its key";

/// Lines about unreadable rows, at most: one row may be asked for again and again, and ten thousand may lie side by side.
const LINES: u64 = 20;
const LINES_PER: Duration = Duration::from_mins(10);

pub(super) struct Tally {
    on_loss: OnLoss,
    remember: Duration,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    unreadable: BTreeMap<&'static str, u64>,
    n_lines: u64,
    lines_since: Option<Instant>,
    loss: Option<(Instant, Loss)>,
    /// An operator has said that it goes on.
    goes_on: bool,
}

/// Whether it goes on without what was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GoesOn {
    No,
    Yes,
}

impl Tally {
    pub(super) fn new(state: &State) -> Self {
        Self {
            on_loss: state.on_loss,
            remember: state.remember,
            told: Mutex::default(),
        }
    }

    pub(super) fn remember_ms(&self) -> i64 {
        i64::try_from(self.remember.as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn status(&self) -> StateStatus {
        let told = self.told();
        let loss = told.loss.as_ref();
        let loss = loss.filter(|(noticed, loss)| loss.paused || noticed.elapsed() < self.remember);
        StateStatus {
            unreadable: told.unreadable.clone(),
            loss: loss.map(|(_, loss)| loss.clone()),
        }
    }

    /// A request was answered as unreadable.
    pub(super) fn unreadable(&self, request: &Request, row: Row) {
        let mut told = self.told();
        *told.unreadable.entry(row.as_str()).or_default() += 1;
        if told
            .lines_since
            .is_none_or(|since| since.elapsed() >= LINES_PER)
        {
            (told.n_lines, told.lines_since) = (0, Some(Instant::now()));
        }
        told.n_lines += 1;
        if told.n_lines > LINES {
            return;
        }
        let is_last = told.n_lines == LINES;
        drop(told);
        tracing::error!(
            row = row.as_str(),
            of = name_of(request),
            "an entry of the state store cannot be read: a later version may have written it, or it is damaged. Only what needs it is concerned; see the reason state_unreadable in docs/outcomes.md"
        );
        if is_last {
            tracing::error!(
                minutes = LINES_PER.as_secs() / 60,
                "more entries that cannot be read are only counted for now: wx_courier_store_unreadable_total"
            );
        }
    }

    /// What was kept is gone; said once.
    pub(super) fn lost(&self, why: &str) {
        let mut told = self.told();
        if told.loss.as_ref().is_some_and(|(_, loss)| loss.paused) {
            return;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a person compares it with other clocks"
        )]
        let now = jiff::Timestamp::now();
        let loss = Loss {
            noticed_at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            what: why.to_owned(),
            paused: true,
            not_promised: NOT_PROMISED,
        };
        (told.loss, told.goes_on) = (Some((Instant::now(), loss)), false);
        drop(told);
        match self.on_loss {
            OnLoss::Pause => tracing::error!(
                why,
                not_promised = NOT_PROMISED,
                "the state is lost, and nothing is sent until an operator has looked: put it back, or go on without by `wx-courier state resume` or a restart"
            ),
            OnLoss::Continue => tracing::error!(
                why,
                not_promised = NOT_PROMISED,
                "the state is lost, and sending goes on without it, as [state] on_loss says"
            ),
        }
    }

    pub(super) fn goes_on(&self) -> GoesOn {
        match self.on_loss {
            OnLoss::Continue => GoesOn::Yes,
            OnLoss::Pause if self.told().goes_on => GoesOn::Yes,
            OnLoss::Pause => GoesOn::No,
        }
    }

    /// An operator says that it goes on. Gives whether anything waited for that.
    pub(super) fn resume(&self) -> bool {
        let mut told = self.told();
        let is_paused = told.loss.as_ref().is_some_and(|(_, loss)| loss.paused);
        told.goes_on |= is_paused;
        is_paused
    }

    /// What was lost is there again.
    pub(super) fn is_back(&self) {
        self.told().loss = None;
        tracing::info!("the state is there again, as it was");
    }

    /// It goes on without what was lost.
    pub(super) fn went_on(&self) {
        let mut told = self.told();
        if let Some((_, loss)) = &mut told.loss {
            loss.paused = false;
        }
        drop(told);
        tracing::warn!("the store goes on without what was lost");
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request is about, without what an event says.
fn name_of(request: &Request) -> String {
    let masked = |openid: &str| RecipientStyle::Masked.show(openid);
    let ledger = |key: &grants::Key| {
        let user = masked(&key.openid);
        format!("{}/{user}/{}", key.app, key.template_id)
    };
    match request {
        Request::Claim(claim) => claim.outcome_id.to_string(),
        Request::Settle(settlement) => settlement.outcome.id.clone(),
        Request::Report(report) => ledger(&report.key),
        Request::Withdraw(withdrawal) => {
            format!("{}/{}", withdrawal.app, masked(&withdrawal.openid))
        }
        Request::Balance(query) => ledger(query.key()),
        Request::Keep(Keep { name, .. }) | Request::Recall(Recall { name, .. }) => {
            match name {
                // The name of a session is nearly the session.
                UserName::Session { .. } => "session".to_owned(),
                UserName::Message { outcome_id, .. } => outcome_id.to_string(),
            }
        }
        Request::Join(Join { key, .. }) | Request::Done(Done { key, .. }) => key.to_string(),
        Request::Release { .. } => "release".to_owned(),
        Request::Holds(_) => "holds".to_owned(),
        Request::Note(_) => "instances".to_owned(),
        Request::Look(Look {
            outcome_id,
            message_id,
            ..
        }) => {
            let id = outcome_id.as_deref().or(message_id.as_deref());
            id.unwrap_or_default().to_owned()
        }
        Request::Propose(_) => "the key of recipient_hash".to_owned(),
    }
}
