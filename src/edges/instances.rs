//! Which instances there are: each notes in the store how it is, and hears of the others.
//!
//! Where no other process can share the store, nothing is asked: this one is alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Sharing, StateUrl};
use crate::edges::clock::Clock;
use crate::edges::http::Report;
use crate::edges::store::StoreClient;
use wx_courier_core::instances::{Instance, NOTED_EVERY_MS, Note, Roll};

/// How often it is looked whether there is news of this instance.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A mistake may repeat what stands in a file: more of it is in the log.
const LONGEST_REFUSAL: usize = 300;

/// Asks for all instances.
#[derive(Clone)]
pub struct InstancesClient {
    store: StoreClient,
    sharing: Sharing,
    clock: Clock,
    own: watch::Receiver<Option<Instance>>,
    roll: Arc<Mutex<Roll>>,
}

impl InstancesClient {
    /// All that live now, by their host and process; `None` if the store does not say it.
    pub async fn all(&self) -> Option<Vec<Instance>> {
        let own = self.own.borrow().clone();
        match self.sharing {
            Sharing::Alone => Some(own.into_iter().collect()),
            Sharing::WithOthers => self.ask(None).await,
        }
    }

    /// Asks the store, and notes how this instance is if that is given.
    async fn ask(&self, own: Option<Instance>) -> Option<Vec<Instance>> {
        let now_ms = self.clock.now_ms();
        let asked = self.store.ask(Note { own, now_ms }).await;
        let all = asked.ok().and_then(Result::ok)?;
        let mut roll = self.roll.lock().unwrap_or_else(PoisonError::into_inner);
        let living = roll.call(&all, self.clock.now());
        Some(living.into_iter().cloned().collect())
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
        roll: Arc::default(),
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
            let Some(own) = self.own() else {
                continue;
            };
            let is_due = self.own.borrow().as_ref().is_none_or(|noted| {
                own.seen_ms.saturating_sub(noted.seen_ms) >= NOTED_EVERY_MS || !is_same(noted, &own)
            });
            if !is_due {
                continue;
            }
            self.own.send_replace(Some(own.clone()));
            if self.client.sharing == Sharing::WithOthers
                && let Some(all) = self.client.ask(Some(own)).await
            {
                tell(&mut heard, &all);
            }
        }
    }

    /// How this instance is; `None` before it knows its rules.
    fn own(&self) -> Option<Instance> {
        let report = self.reports.borrow();
        let reload = &report.reload;
        let refused = reload.refused.as_ref();
        Some(Instance {
            id: format!("{:016x}", self.identity.id),
            host: self.host.clone(),
            pid: std::process::id(),
            listens: self.identity.listens.clone(),
            program: report.version.to_owned(),
            phase: report.phase.as_str().to_owned(),
            rules_version: reload.rules_version.as_deref()?.to_owned(),
            in_force_since_ms: reload.in_force_since_ms,
            on_disk: reload.on_disk.as_deref().map(str::to_owned),
            refused: refused.map(|it| it.first.chars().take(LONGEST_REFUSAL).collect()),
            seen_ms: self.client.clock.now_ms(),
            more: BTreeMap::new(),
        })
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
fn tell(heard: &mut Option<Vec<String>>, list: &[Instance]) {
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
