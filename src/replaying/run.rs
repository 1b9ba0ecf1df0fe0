//! A run under way: it goes on by itself, tells how far it is, and can be stopped.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinHandle;

use super::journal::Journal;
use super::publish::{Published, Stopped, Wish, Work, publish};
use wx_courier_core::event::RunId;

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It asks the cluster what it needs to know.
    Starting,
    /// Records are published.
    Running,
    /// No more records are published: what is under way is waited for.
    Ending,
    /// All is done, and its file is gone.
    Done,
    /// It was stopped: its file says how far it came.
    Stopped,
    /// It has failed: its file says how far it came.
    Failed,
}

impl RunState {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Ending => false,
            Self::Done | Self::Stopped | Self::Failed => true,
        }
    }
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Where it is in its life.
    pub state: RunState,
    /// Records, from the first, that are done, those of earlier runs included.
    pub done: usize,
    /// How many there are in all.
    pub of: usize,
    /// Those that the broker acknowledged in this run.
    pub acknowledged: usize,
    /// Those that were not there any more when their turn came.
    pub gone: usize,
    /// Those that their topic does not accept any more, for their size.
    pub too_large: usize,
    /// Why it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why a run has no end that is told by numbers.
#[derive(Debug, thiserror::Error)]
pub enum RunFailed {
    /// It was not begun, or broke off. Its file says how far it came.
    #[error("{0:#}")]
    Broken(anyhow::Error),
    /// All was published, and its file is still there.
    #[error("{0:#}")]
    Left(anyhow::Error),
}

/// In place of a reason, where a task has ended without one.
const FAULT: &str = "a fault in wx-courier: the replay has ended unexpectedly. Please report it, with the log of this time";

/// Tells how far a run is. When it goes, the run is over.
pub(super) struct Teller(watch::Sender<Standing>);

impl Teller {
    pub(super) fn tell(&self, published: &Published, state: RunState) {
        self.0
            .send_modify(|standing| standing.take(published, state));
    }

    fn end(&self, ended: &Result<Published, RunFailed>) {
        self.0.send_modify(|standing| match ended {
            Ok(published) => match &published.stopped {
                None => standing.take(published, RunState::Done),
                Some(Stopped::Asked) => standing.take(published, RunState::Stopped),
                Some(Stopped::Failed(why)) => {
                    standing.take(published, RunState::Failed);
                    standing.why = Some(why.clone());
                }
            },
            Err(error) => standing.fail(error.to_string()),
        });
    }
}

impl Standing {
    fn take(&mut self, published: &Published, state: RunState) {
        self.state = state;
        self.done = published.done;
        self.acknowledged = published.acknowledged;
        self.gone = published.gone;
        self.too_large = published.too_large;
    }

    fn fail(&mut self, why: String) {
        self.state = RunState::Failed;
        self.why = Some(why);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.send_if_modified(|standing| {
            let is_news = !standing.state.is_over();
            if is_news {
                standing.fail(FAULT.to_owned());
            }
            is_news
        });
    }
}

/// A run under way, or one that is over. If this is dropped, the run stops: it ends what is under way, and its file says how far it came.
#[derive(Debug)]
pub struct Run {
    id: RunId,
    journal: PathBuf,
    wish: watch::Sender<Wish>,
    standing: watch::Receiver<Standing>,
    ended: JoinHandle<Result<Published, RunFailed>>,
}

impl Run {
    /// Begins, or goes on where the journal says. It needs a runtime.
    pub fn start(work: Work, journal: Journal) -> Self {
        Self::start_in_turn(work, journal, None)
    }

    /// The same, with a turn that is given back at the end.
    pub(super) fn start_in_turn(
        work: Work,
        journal: Journal,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let (tell, standing) = watch::channel(Standing {
            state: RunState::Starting,
            done: work.done,
            of: work.errands.len(),
            acknowledged: 0,
            gone: 0,
            too_large: 0,
            why: None,
        });
        let (wish, wished) = watch::channel(Wish::GoOn);
        let (id, path) = (work.run.clone(), journal.path().to_owned());
        let ended = tokio::spawn(async move {
            let teller = Teller(tell);
            let ended = carry_out(&work, journal, wished, &teller).await;
            // Before the end is told: who hears of it may begin the next one.
            drop(turn);
            teller.end(&ended);
            ended
        });
        Self {
            id,
            journal: path,
            wish,
            standing,
            ended,
        }
    }

    /// Names it.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Where its file is, or was.
    pub fn journal(&self) -> &Path {
        &self.journal
    }

    /// How far it is, from now on.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Asks it to stop. It ends what is under way, which takes half a minute at most.
    pub fn stop(&self) {
        self.wish.send_replace(Wish::Stop);
    }

    /// Waits for its end.
    pub async fn end(self) -> Result<Published, RunFailed> {
        let Self {
            ended, wish: _wish, ..
        } = self;
        let ended = ended.await;
        ended.unwrap_or_else(|error| Err(RunFailed::Broken(error.into())))
    }
}

async fn carry_out(
    work: &Work,
    journal: Journal,
    wish: watch::Receiver<Wish>,
    teller: &Teller,
) -> Result<Published, RunFailed> {
    let published = publish(work, journal, wish, teller).await;
    let (published, journal) = published.map_err(RunFailed::Broken)?;
    if published.stopped.is_none() {
        let removed = tokio::task::spawn_blocking(|| journal.remove()).await;
        let removed = removed.map_err(anyhow::Error::new).flatten();
        removed.map_err(RunFailed::Left)?;
    }
    Ok(published)
}
