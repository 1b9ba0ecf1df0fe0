//! Which instances there are: each notes in the store how it is, and hears of the others.
//!
//! Where no other process can share the store, nothing is asked: this one is alone.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Sharing, StateUrl};
use crate::edges::clock::Clock;
use crate::edges::http::Report;
use crate::edges::store::StoreClient;
use wx_courier_core::instances::{Instance, Instances, NOTED_EVERY_MS, Note};

/// How often it is looked whether there is news of this instance.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks for all instances.
#[derive(Clone)]
pub struct InstancesClient {
    store: StoreClient,
    sharing: Sharing,
    clock: Clock,
    own: watch::Receiver<Option<Instance>>,
}

impl InstancesClient {
    /// All that there are now; `None` if the store does not say it.
    pub async fn all(&self) -> Option<Instances> {
        let own = self.own.borrow().clone();
        let now_ms = self.clock.now_ms();
        match self.sharing {
            Sharing::Alone => {
                let mut alone = Instances::default();
                alone.note(&Note { own, now_ms });
                Some(alone)
            }
            Sharing::WithOthers => {
                let asked = self.store.ask(Note { own, now_ms }).await;
                asked.ok().and_then(Result::ok)
            }
        }
    }
}

/// Who this instance is.
pub struct Identity {
    /// Which run it is.
    pub id: u64,
    /// Where its pages are.
    pub listens: String,
}

/// Notes how this instance is, for as long as the process lives.
pub fn open(
    store: StoreClient,
    clock: Clock,
    state: &StateUrl,
    identity: Identity,
    reports: watch::Receiver<Report>,
) -> (InstancesClient, JoinHandle<()>) {
    let (own_in, own) = watch::channel(None);
    let client = InstancesClient {
        store,
        sharing: state.sharing(),
        clock,
        own,
    };
    let keeper = Keeper {
        client: client.clone(),
        identity,
        host: host(),
        reports,
        own: own_in,
    };
    (client, tokio::spawn(keeper.work()))
}

struct Keeper {
    client: InstancesClient,
    identity: Identity,
    host: String,
    reports: watch::Receiver<Report>,
    own: watch::Sender<Option<Instance>>,
}

impl Keeper {
    async fn work(self) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut heard = None;
        loop {
            looks.tick().await;
            let own = self.own();
            let is_due = self.own.borrow().as_ref().is_none_or(|noted| {
                own.seen_ms.saturating_sub(noted.seen_ms) >= NOTED_EVERY_MS || !is_same(noted, &own)
            });
            if !is_due {
                continue;
            }
            self.own.send_replace(Some(own));
            if self.client.sharing == Sharing::WithOthers
                && let Some(all) = self.client.all().await
            {
                tell(&mut heard, &all);
            }
        }
    }

    fn own(&self) -> Instance {
        let report = self.reports.borrow();
        let reload = &report.reload;
        Instance {
            id: format!("{:016x}", self.identity.id),
            host: self.host.clone(),
            pid: std::process::id(),
            listens: self.identity.listens.clone(),
            program: report.version.to_owned(),
            phase: report.phase.as_str().to_owned(),
            rules_version: reload
                .rules_version
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            in_force_since_ms: reload.in_force_since_ms,
            on_disk: reload.on_disk.as_deref().map(str::to_owned),
            refused: reload.refused.as_ref().map(|refused| refused.first.clone()),
            seen_ms: self.client.clock.now_ms(),
            more: std::collections::BTreeMap::new(),
        }
    }
}

/// Whether both say the same, whenever they say it.
fn is_same(noted: &Instance, own: &Instance) -> bool {
    let then = Instance {
        seen_ms: own.seen_ms,
        ..noted.clone()
    };
    then == *own
}

/// Says which instances there are, when they are others than before.
fn tell(heard: &mut Option<Vec<String>>, all: &Instances) {
    let list = all.list();
    let ids: Vec<String> = list.iter().map(|instance| instance.id.clone()).collect();
    if heard.as_ref() == Some(&ids) {
        return;
    }
    let names: Vec<String> = list
        .iter()
        .map(|instance| format!("{} ({})", instance.host, instance.listens))
        .collect();
    tracing::info!(
        instances = names.len(),
        seen = names.join(", "),
        "instances that share the state store"
    );
    *heard = Some(ids);
}

/// The machine's name; a pod's in Kubernetes.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.map(|name| name.trim().to_owned()).unwrap_or_default();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}
