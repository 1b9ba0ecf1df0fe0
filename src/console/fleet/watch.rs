//! Asks the instances how they are, every two seconds, and Kafka what is behind.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::backlog::{Backlog, Pace, Seen};
use super::{Fleet, InstanceSeen, RuleSeen, StatusSeen};
use crate::config::Settings;
use crate::edges::clock::Clock;
use crate::edges::instance_pages::{InstancePages, Patience, reachable};
use crate::edges::kafka::scan::Scanner;

/// How often instances are asked.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// How often Kafka is asked what is behind.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// An instance that does not answer by then is told as silent; the next round asks it again.
const PATIENCE: Patience = Patience {
    time: Duration::from_secs(2),
    most_bytes: 4 << 20,
};

/// Of a larger fleet the first ones are asked.
const MOST: usize = 200;

/// Who asks, and where.
pub struct Watch {
    settings: Arc<Settings>,
    pages: InstancePages,
    /// The addresses that are known from the start.
    named: Vec<String>,
    clock: Clock,
    fleet: watch::Sender<Arc<Fleet>>,
    scanner: Option<Scanner>,
}

#[derive(Deserialize)]
struct Rules {
    rules: Vec<RuleSeen>,
}

/// What `/instances` says of one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    host: String,
    pid: u32,
    listens: String,
    phase: String,
    rules_version: String,
    program: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Instances {
    instances: Vec<Listed>,
}

impl Watch {
    /// By the settings: those that they name, or the one whose listener they describe. `at` is another place, where the settings are not of the
    /// instance that runs beside.
    pub fn new(
        settings: Arc<Settings>,
        at: Option<SocketAddr>,
        clock: Clock,
    ) -> reqwest::Result<(Self, watch::Receiver<Arc<Fleet>>)> {
        let named = match at {
            Some(at) => vec![at.to_string()],
            None if settings.console.instances.is_empty() => {
                vec![reachable(&settings.http).to_string()]
            }
            None => settings.console.instances.clone(),
        };
        let address = named.first().cloned().unwrap_or_default();
        let token = settings.http.token.clone();
        let (fleet, seen) = watch::channel(Arc::default());
        let watch = Self {
            pages: InstancePages::new(&address, token, PATIENCE)?,
            settings,
            named,
            clock,
            fleet,
            scanner: None,
        };
        Ok((watch, seen))
    }

    /// Asks, for as long as the process lives.
    pub async fn work(mut self) {
        let mut rounds = tokio::time::interval(ASK_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counted: Option<Instant> = None;
        let mut pace = Pace::default();
        let begun = Instant::now();
        let mut behind: (Option<Backlog>, Option<String>) = (None, None);
        loop {
            rounds.tick().await;
            if self.fleet.is_closed() {
                return;
            }
            let instances = self.ask_all().await;
            if counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
                counted = Some(Instant::now());
                behind = match self.count(begun).await {
                    Ok(seen) => (Some(pace.see(seen)), None),
                    Err(error) => (None, Some(format!("{error:#}"))),
                };
            }
            let (backlog, backlog_trouble) = behind.clone();
            self.fleet.send_replace(Arc::new(Fleet {
                instances,
                backlog,
                backlog_trouble,
                at_ms: self.clock.now_ms(),
            }));
        }
    }

    /// Every instance that is named or known to one that answers.
    async fn ask_all(&self) -> Vec<InstanceSeen> {
        let mut addresses: BTreeSet<String> = BTreeSet::new();
        for named in &self.named {
            // A name may stand for several: the pods of a service without a head, for example.
            match tokio::net::lookup_host(named).await {
                Ok(found) => addresses.extend(found.map(|address| address.to_string())),
                Err(_) => {
                    addresses.insert(named.clone());
                }
            }
        }
        let asked = addresses.iter().take(MOST);
        let mut instances = join_all(asked.map(|address| self.ask(address))).await;
        let answering = instances.iter().find(|it| it.status.is_some());
        if let Some(address) = answering.map(|it| it.address.clone()) {
            for other in self.others(&address).await {
                self.add(&mut instances, other).await;
            }
        }
        instances
    }

    async fn ask(&self, address: &str) -> InstanceSeen {
        let pages = self.pages.at(address);
        let seen = InstanceSeen {
            address: address.to_owned(),
            ..InstanceSeen::default()
        };
        let status = match pages.look("/status").await {
            Ok(text) => {
                serde_json::from_str::<StatusSeen>(&text).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.in_words()),
        };
        let rules = match &status {
            Ok(_) => pages.look("/rules").await.ok(),
            Err(_) => None,
        };
        let rules = rules.and_then(|text| serde_json::from_str::<Rules>(&text).ok());
        InstanceSeen {
            silent: status.as_ref().err().cloned(),
            status: status.ok(),
            rules: rules.map(|rules| rules.rules).unwrap_or_default(),
            ..seen
        }
    }

    /// Those that the store knows, as one of them tells.
    async fn others(&self, address: &str) -> Vec<Listed> {
        let told = self.pages.at(address).look("/instances").await.ok();
        let told = told.and_then(|text| serde_json::from_str::<Instances>(&text).ok());
        told.map(|told| told.instances).unwrap_or_default()
    }

    /// Adds one that is not there yet. Where it listens on every address, only its machine's name says where that is.
    async fn add(&self, instances: &mut Vec<InstanceSeen>, other: Listed) {
        let Ok(listens) = other.listens.parse::<SocketAddr>() else {
            return;
        };
        let known = instances.iter_mut().find(|it| {
            it.address.parse::<SocketAddr>().is_ok_and(|at| {
                at.port() == listens.port()
                    && (at.ip() == listens.ip() || listens.ip().is_unspecified())
            }) && it.pid == 0
        });
        if let Some(known) = known {
            known.host = other.host;
            known.pid = other.pid;
            return;
        }
        if instances.len() >= MOST {
            return;
        }
        let address = if listens.ip().is_unspecified() {
            format!("{}:{}", other.host, listens.port())
        } else {
            other.listens.clone()
        };
        let mut seen = self.ask(&address).await;
        if seen.status.is_none() {
            // Its note in the store says that it lives; only its pages cannot be reached from here.
            let mut status = StatusSeen {
                phase: other.phase,
                version: other.program,
                ..StatusSeen::default()
            };
            status.cluster.reached = true;
            status.reload.rules_version = Some(other.rules_version);
            seen.status = Some(status);
            seen.silent = None;
        }
        instances.push(InstanceSeen {
            host: other.host,
            pid: other.pid,
            ..seen
        });
    }

    /// Ends and committed offsets of the source topics. The client is kept from one question to the next, as long as it is answered.
    async fn count(&mut self, begun: Instant) -> anyhow::Result<Seen> {
        let settings = Arc::clone(&self.settings);
        let kept = self.scanner.take();
        let counted = tokio::task::spawn_blocking(move || {
            let scanner = match kept {
                Some(scanner) => scanner,
                None => Scanner::new(&settings.kafka)?,
            };
            let sums = sums(&scanner, &settings.kafka.topics)?;
            anyhow::Ok((scanner, sums))
        });
        let (scanner, (ends, committed)) = counted.await??;
        self.scanner = Some(scanner);
        let at_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Seen {
            at_ms,
            ends,
            committed,
        })
    }
}

/// The ends of all partitions of these topics, added up, and how far the group has committed.
fn sums(scanner: &Scanner, topics: &[String]) -> anyhow::Result<(u64, u64)> {
    let (mut ends, mut committed) = (0, 0);
    for topic in topics {
        let extent = scanner.extent(topic, None)?;
        let partitions: BTreeSet<i32> = extent.bounds().keys().copied().collect();
        let known = scanner.committed(topic, &partitions)?;
        for (partition, (begin, end)) in extent.bounds() {
            // A group that has committed nothing there begins at the first record.
            let at = known.get(partition).copied().unwrap_or(*begin);
            ends += u64::try_from(*end).unwrap_or_default();
            committed += u64::try_from(at.clamp(*begin, *end)).unwrap_or_default();
        }
    }
    Ok((ends, committed))
}
