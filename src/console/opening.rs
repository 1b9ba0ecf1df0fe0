//! What a console is opened with: in a process of its own, and in the demo.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};

use super::access::Access;
use super::feed::{Feed, Topics};
use super::fleet::watch::Watch;
use super::history::History;
use super::on_disk::OnDisk;
use super::rooms::House;
use super::serve::{Parts, serve};
use crate::config::{Settings, Sources};
use crate::edges::clock::Clock;
use crate::edges::instance_pages::{InstancePages, Patience, reachable};
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

/// A console that is there. In a process of its own and in the demo it begins and ends in the same way.
pub struct Running {
    end: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    feed: Feed,
    watch: JoinHandle<()>,
}

impl Opening {
    /// Begins to read, to ask and to serve. It needs a runtime.
    pub fn start(self) -> anyhow::Result<Running> {
        let settings = self.settings;
        let topics = Topics {
            outcomes: Arc::from(settings.outcomes.topic.as_str()),
            audit: Arc::from(AUDIT),
        };
        let feed = Feed::start(&settings.kafka, &topics, &self.history)?;
        let clock = Clock::start();
        let (watch, fleet) = Watch::new(Arc::clone(&settings), self.instance, clock.clone())?;
        let address = reachable(&settings.http).to_string();
        let token = settings.http.token.clone();
        let (replay, _) = watch::channel(None);
        let house = House {
            history: self.history,
            clock,
            fleet,
            pages: InstancePages::new(&address, token, Patience::OF_A_SERVER)?,
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
        let (end, asked) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(parts, async {
            // The sender going away means the same as its word.
            let _asked = asked.await.is_ok();
        }));
        Ok(Running {
            end,
            serving,
            feed,
            watch: tokio::spawn(watch.work()),
        })
    }
}

impl Running {
    /// Comes back when the listener has ended by itself, before its time.
    pub async fn ended(&mut self) -> Result<(), JoinError> {
        (&mut self.serving).await
    }

    /// Ends it: what is being answered is answered, and the readers of topics may take so long.
    pub async fn close(self, last_read: Duration) -> anyhow::Result<()> {
        drop(self.end);
        self.serving.await?;
        self.watch.abort();
        tokio::task::spawn_blocking(move || self.feed.close(last_read)).await?;
        Ok(())
    }
}
