//! What a console is opened with: in a process of its own, and in the demo.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::Access;
use super::feed::{Feed, Topics};
use super::fleet::watch::Watch;
use super::history::History;
use super::on_disk::OnDisk;
use super::rooms::House;
use super::serve::Parts;
use crate::config::{Settings, Sources};
use crate::edges::clock::Clock;
use crate::edges::listener::Bound;
use crate::replaying::Desk;
use crate::telemetry::Metrics;

/// Where it is read who changed what.
const AUDIT: &str = "wx-courier.audit";

/// What a console is opened for.
pub struct Opening {
    /// The settings.
    pub settings: Arc<Settings>,
    /// Where they, rules and templates are read again.
    pub sources: Sources,
    /// Where outcomes are kept.
    pub history: History,
    /// Where an instance listens, if the settings do not say it.
    pub instance: Option<SocketAddr>,
    /// Where the files of replays lie.
    pub replays: PathBuf,
    /// Where the pages are served.
    pub bound: Bound,
    /// Who may see them.
    pub access: Access,
}

/// What reads and asks for as long as the console is there.
pub struct Readers {
    /// Reads the topics.
    pub feed: Feed,
    /// Asks the instances.
    pub watch: JoinHandle<()>,
}

impl Opening {
    /// Begins to read and to ask. It needs a runtime.
    pub fn open(self) -> anyhow::Result<(Parts, Readers)> {
        let settings = self.settings;
        let topics = Topics {
            outcomes: Arc::from(settings.outcomes.topic.as_str()),
            audit: Arc::from(AUDIT),
        };
        let feed = Feed::start(&settings.kafka, &topics, &self.history)?;
        let (watch, fleet) = Watch::new(Arc::clone(&settings), self.instance, Clock::start())?;
        let (replay, _) = watch::channel(None);
        let house = House {
            history: self.history,
            fleet,
            on_disk: Arc::new(OnDisk::new(self.sources)),
            desk: Desk::new(Arc::clone(&settings), self.replays),
            replay,
            settings,
        };
        let parts = Parts {
            house: Arc::new(house),
            bound: self.bound,
            access: self.access,
            metrics: Metrics::new()?,
        };
        let readers = Readers {
            feed,
            watch: tokio::spawn(watch.work()),
        };
        Ok((parts, readers))
    }
}
