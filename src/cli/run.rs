//! `wx-courier run`: the service.

mod start;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::opening::{Needed, Opened, first_death};
use super::reload::{self, Beginning};
use super::{Exit, asked_to_end, block_on, colour, configuration, sources};
use crate::config::{FlagSetting, Settings};
use crate::edges::descriptors::Descriptors;
use crate::edges::http::access::Access;
use crate::edges::listener::Bound;
use crate::service::{self, Ending, Parts};
use crate::telemetry;
use start::wait_for_cluster;
use wx_courier_core::rules::RuleSet;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where health, metrics and status are served
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let listen = arguments.listen.iter().map(|value| FlagSetting {
        flag: "--listen",
        key: "http.listen".to_owned(),
        value: value.clone(),
    });
    let sources = sources(folder, listen.collect());
    let looked = reload::first_look(&sources);
    match configuration(&sources) {
        Ok(configuration) => {
            let (beginning, rules) = Beginning::of(sources, looked, configuration);
            block_on(serve(beginning, rules))
        }
        Err(exit) => Ok(exit),
    }
}

async fn serve(beginning: Beginning, rules: Arc<RuleSet>) -> anyhow::Result<Exit> {
    let settings = Arc::clone(&beginning.settings);
    telemetry::start_logging(settings.log_format, &settings.log_level, colour::of_log())?;
    let socket = bind_pages(&settings, &rules).await?;
    // Taken from the start: until a task listens, the signal would end the process.
    let hangups = signal(SignalKind::hangup())?;
    let access = Access::new(&settings.http);
    let mut opened = Opened::new(socket, &access, hangups, beginning, rules)?;
    let start = tokio::select! {
        start = wait_for_cluster(&settings, &opened.troubles) => start?,
        ended = asked_to_end() => {
            ended?;
            Err(Exit::Done)
        }
        died = first_death(&mut opened.needed) => anyhow::bail!("{died} has ended unexpectedly"),
    };
    let producer = match start {
        Ok(producer) => producer,
        Err(exit) => return Ok(exit),
    };
    // Not before: a client that connects would wait for as long as Kafka does not answer.
    let public = bind_public(&settings, opened.descriptors).await?;
    let (parts, needed) = opened.into_parts(producer, public);
    run_with(parts, needed).await
}

/// Runs the service, which needs these tasks.
async fn run_with(parts: Parts, mut needed: Needed) -> anyhow::Result<Exit> {
    let (ask, asked) = oneshot::channel::<()>();
    let service = tokio::spawn(service::run(parts, async {
        // The sender going away means the same as its word.
        let _asked = asked.await.is_ok();
    }));
    until_it_ends(service, ask, first_death(&mut needed)).await
}

/// Waits until the service ends. It is asked to end when the process is, or when a task has died that it needs.
async fn until_it_ends(
    mut service: JoinHandle<anyhow::Result<Ending>>,
    ask: oneshot::Sender<()>,
    death: impl Future<Output = &'static str>,
) -> anyhow::Result<Exit> {
    let mut is_in_order = true;
    let ending = tokio::select! {
        ending = &mut service => ending?,
        ended = until_asked(death) => {
            is_in_order = ended? == Ended::Asked;
            drop(ask);
            tokio::select! {
                ending = &mut service => ending?,
                once_more = asked_once_more() => {
                    once_more?;
                    tracing::warn!("asked once more: ending at once");
                    return Ok(Exit::No);
                }
            }
        }
    };
    match ending? {
        Ending::Clean if is_in_order => Ok(Exit::Done),
        Ending::Clean | Ending::Unfinished(_) | Ending::NotCommitted => Ok(Exit::No),
    }
}

/// Supervisors send a signal to a process and to its group: two of one moment are one.
const ONE_MOMENT: Duration = Duration::from_secs(1);

async fn asked_once_more() -> std::io::Result<()> {
    tokio::time::sleep(ONE_MOMENT).await;
    asked_to_end().await
}

/// Why the service is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Asked,
    TaskDied,
}

async fn until_asked(death: impl Future<Output = &'static str>) -> std::io::Result<Ended> {
    tokio::select! {
        asked = asked_to_end() => asked.map(|()| Ended::Asked),
        who = death => {
            tracing::error!("{who} has ended unexpectedly: the service ends, in order");
            Ok(Ended::TaskDied)
        }
    }
}

/// Listens where the pages will be, and says what starts.
async fn bind_pages(settings: &Settings, rules: &RuleSet) -> anyhow::Result<TcpListener> {
    let listen = settings.http.listen;
    let socket = TcpListener::bind(listen)
        .await
        .with_context(|| format!("[http] listen: {listen} cannot be bound"))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        rules = rules.rules().len(),
        rules_version = %rules.version(),
        listen = %socket.local_addr()?,
        brokers = settings.kafka.brokers,
        group = settings.kafka.group,
        topics = settings.kafka.topics.join(", "),
        state = settings.state.url.place(),
        "starting"
    );
    Ok(socket)
}

async fn bind_public(
    settings: &Settings,
    descriptors: Descriptors,
) -> anyhow::Result<Option<Bound>> {
    let Some(public) = &settings.public else {
        return Ok(None);
    };
    let socket = TcpListener::bind(public.listen)
        .await
        .with_context(|| format!("[public] listen: {} cannot be bound", public.listen))?;
    tracing::info!(
        public = %socket.local_addr()?,
        callbacks = public.callbacks.len(),
        miniapp = public.miniapp.is_some(),
        "serving what the internet may reach"
    );
    let seats = descriptors.public_seats;
    Ok(Some(Bound { socket, seats }))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::cli::opening::{KEEPER, PAGES, RELOAD, WATCH};

    /// Stands for the service: ends when it is asked to.
    fn service() -> (JoinHandle<anyhow::Result<Ending>>, oneshot::Sender<()>) {
        let (ask, asked) = oneshot::channel();
        let service = tokio::spawn(async {
            let _asked = asked.await;
            Ok(Ending::Clean)
        });
        (service, ask)
    }

    #[tokio::test]
    async fn a_task_that_dies_ends_the_service_in_order() {
        let lives = || tokio::spawn(pending::<()>());
        let dies = || {
            tokio::spawn(async {
                panic!("a bug");
            })
        };
        for (pages, reload, watch, keeper) in [
            (dies(), lives(), lives(), lives()),
            (lives(), dies(), lives(), lives()),
            (lives(), lives(), dies(), lives()),
            (lives(), lives(), lives(), dies()),
        ] {
            let (service, ask) = service();
            let mut tasks = [
                (pages, PAGES),
                (reload, RELOAD),
                (watch, WATCH),
                (keeper, KEEPER),
            ];
            let exit = until_it_ends(service, ask, first_death(&mut tasks)).await;
            assert_eq!(exit.unwrap(), Exit::No);
        }
    }

    #[tokio::test]
    async fn a_service_that_ends_by_itself_says_how() {
        let (service, ask) = service();
        drop(ask);
        let (other, _asked) = oneshot::channel();
        let exit = until_it_ends(service, other, pending()).await;
        assert_eq!(exit.unwrap(), Exit::Done);
    }
}
