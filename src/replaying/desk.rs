//! The replays of a server: one at a time, so that no two select the same messages while neither has an outcome yet.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::journal::{Journal, place_in};
use super::publish::Work;
use super::run::Run;
use super::survey::{Bounds, Search, SurveyError, survey_in_turn};
use crate::config::Settings;
use crate::edges::kafka::scan::HowFar;
use wx_courier_core::replay::Judged;
use wx_courier_core::rules::RuleSet;

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// Another one is under way.
    #[error("another replay is under way: wait for its end, or stop it")]
    Busy,
    /// Its file could not be written.
    #[error("{0:#}")]
    Journal(anyhow::Error),
    /// Nothing was judged.
    #[error(transparent)]
    Survey(#[from] SurveyError),
}

/// Where replays are begun. Copies are of one desk.
#[derive(Clone, Debug)]
pub struct Desk {
    settings: Arc<Settings>,
    /// Where the files of runs lie.
    folder: PathBuf,
    /// One is counted at a time,
    surveys: Arc<Semaphore>,
    /// and one is published.
    runs: Arc<Semaphore>,
    last: Arc<Mutex<Option<Arc<Run>>>>,
}

impl Desk {
    /// No replay is under way. The files of runs lie in this folder, which is made when the first begins.
    pub fn new(settings: Arc<Settings>, folder: PathBuf) -> Self {
        Self {
            settings,
            folder,
            surveys: Arc::new(Semaphore::new(1)),
            runs: Arc::new(Semaphore::new(1)),
            last: Arc::default(),
        }
    }

    /// Reads and judges what a selection takes, and tells how far the reading is. If this is dropped, the reading ends.
    pub async fn survey(
        &self,
        rules: Arc<RuleSet>,
        search: Search,
        bounds: Bounds,
        told: &watch::Sender<HowFar>,
    ) -> Result<Judged, NotBegun> {
        let turn = turn(&self.surveys)?;
        let settings = Arc::clone(&self.settings);
        let judged = survey_in_turn((settings, rules), search, bounds, told, Some(turn));
        Ok(judged.await?)
    }

    /// Begins a run. It goes on when the caller has gone; [`Desk::last`] has it.
    pub async fn begin(&self, work: Work) -> Result<Arc<Run>, NotBegun> {
        let turn = turn(&self.runs)?;
        let path = place_in(&self.folder, &work.run);
        let create = {
            let (run, errands) = (work.run.to_string(), Arc::clone(&work.errands));
            move || Journal::create(&path, &run, &errands)
        };
        let journal = tokio::task::spawn_blocking(create).await;
        let journal = journal.map_err(anyhow::Error::new).flatten();
        let journal = journal.map_err(NotBegun::Journal)?;
        let run = Arc::new(Run::start_in_turn(work, journal, Some(turn)));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Arc::clone(&run));
        Ok(run)
    }

    /// The run that was begun last, be it over or not.
    pub fn last(&self) -> Option<Arc<Run>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, NotBegun> {
    Arc::clone(turns)
        .try_acquire_owned()
        .map_err(|_taken| NotBegun::Busy)
}
