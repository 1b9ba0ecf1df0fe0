//! `wx-courier run`: the service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::{
    Configuration, Exit, asked_to_end, block_on, check_all, complain, configuration, sources,
};
use crate::config::{FlagSetting, Public, Settings, Sources};
use crate::document::{Origin, Problem, Problems, Severity};
use crate::edges::clock::Clock;
use crate::edges::http;
use crate::edges::kafka::topics::{self, TopicsError};
use crate::edges::store::Store;
use crate::pipeline::rules::RuleSet;
use crate::service::{self, Ending, Parts};
use crate::telemetry::{self, Metrics};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where health, metrics and status are served
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// The wait before a broker that does not answer at the start is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(3);

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let listen = arguments.listen.iter().map(|value| FlagSetting {
        flag: "--listen",
        key: "http.listen".to_owned(),
        value: value.clone(),
    });
    let sources = sources(folder, listen.collect());
    match configuration(&sources) {
        Ok(configuration) => block_on(serve(configuration, sources)),
        Err(exit) => Ok(exit),
    }
}

async fn serve(configuration: Configuration, sources: Sources) -> anyhow::Result<Exit> {
    let Configuration {
        settings, rules, ..
    } = configuration;
    telemetry::start_logging(settings.log_format, &settings.log_level)?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("[http] listen: {} cannot be bound", settings.listen))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        rules = rules.rules().len(),
        rules_version = %rules.version(),
        listen = %listener.local_addr()?,
        brokers = settings.kafka.brokers,
        "starting"
    );
    // Taken from the start: until somebody listens, the signal would end the process.
    let hangups = signal(SignalKind::hangup())?;
    let clock = Clock::start();
    let metrics = Metrics::new()?;
    let (stored_in, stored) = mpsc::unbounded_channel();
    let store = Store::start(&settings.state, &settings.kafka.group, stored_in)?;
    // From here on the process can be asked how it is, even while it waits for Kafka.
    let (rules_in, rules) = watch::channel(rules);
    let counter = http::open(
        listener,
        Arc::clone(&metrics),
        rules.clone(),
        store.client(),
        clock.clone(),
    );
    let missing = tokio::select! {
        missing = missing_topics(&settings) => missing?,
        ended = asked_to_end() => {
            ended?;
            return Ok(Exit::Done);
        }
    };
    if !missing.is_empty() {
        tell_missing(&settings, &missing);
        return Ok(Exit::No);
    }
    let _reload = tokio::spawn(reload_on_hangup(
        hangups,
        sources,
        Arc::clone(&settings),
        rules_in,
    ));
    // Not before: whoever connects would wait for as long as Kafka does not answer.
    let public = match &settings.public {
        Some(public) => Some(bind_public(public).await?),
        None => None,
    };
    let parts = Parts {
        clock,
        settings,
        rules,
        reports: counter.reports,
        resumptions: counter.resumptions,
        store,
        stored,
        metrics,
        public,
        seed: fastrand::u64(..),
    };
    until_it_ends(parts).await
}

/// Runs the service until it ends, or is asked to.
async fn until_it_ends(parts: Parts) -> anyhow::Result<Exit> {
    let (ask, asked) = tokio::sync::oneshot::channel::<()>();
    let mut service = tokio::spawn(service::run(parts, async {
        // The sender going away means the same as its word.
        let _asked = asked.await.is_ok();
    }));
    let ending = tokio::select! {
        ending = &mut service => ending?,
        first = asked_to_end() => {
            first?;
            drop(ask);
            tokio::select! {
                ending = &mut service => ending?,
                second = asked_to_end() => {
                    second?;
                    tracing::warn!("asked a second time: ending at once");
                    return Ok(Exit::No);
                }
            }
        }
    };
    match ending? {
        Ending::Clean => Ok(Exit::Done),
        Ending::Unfinished(_) | Ending::NotCommitted => Ok(Exit::No),
    }
}

async fn bind_public(public: &Public) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(public.listen)
        .await
        .with_context(|| format!("[public] listen: {} cannot be bound", public.listen))?;
    tracing::info!(
        public = %listener.local_addr()?,
        callbacks = public.callbacks.len(),
        miniapp = public.miniapp.is_some(),
        "serving what the internet may reach"
    );
    Ok(listener)
}

/// SIGHUP: the rules are read again and swapped whole, if they pass everything that `check` asks. Settings stay as they are until a
/// restart.
async fn reload_on_hangup(
    mut hangups: Signal,
    sources: Sources,
    settings: Arc<Settings>,
    rules: watch::Sender<Arc<RuleSet>>,
) -> anyhow::Result<()> {
    while hangups.recv().await.is_some() {
        let (sources, settings) = (sources.clone(), Arc::clone(&settings));
        // Compiling a thousand rules takes a while, and calls are under way.
        let fresh = tokio::task::spawn_blocking(move || fresh_rules(&sources, &settings));
        match fresh.await? {
            Ok(fresh) if is_in_force(&fresh, &rules.borrow()) => {
                tracing::info!(rules_version = %fresh.version(), "the rules are the same as before");
            }
            Ok(fresh) => {
                tracing::info!(rules = fresh.rules().len(), rules_version = %fresh.version(), "rules swapped");
                rules.send_replace(fresh);
            }
            Err(problems) => {
                let errors = problems.count(Severity::Error);
                let in_force = rules.borrow().version().to_string();
                tracing::error!(
                    errors,
                    rules_version = in_force,
                    "the new rules are refused, the old ones stay in force"
                );
                for problem in &problems {
                    tracing::error!("{problem}");
                }
            }
        }
    }
    Ok(())
}

/// The version says nothing of what else `templates.toml` knows: labels, values of enums.
fn is_in_force(fresh: &RuleSet, rules: &RuleSet) -> bool {
    fresh.version() == rules.version() && fresh.catalog() == rules.catalog()
}

fn fresh_rules(sources: &Sources, settings: &Settings) -> Result<Arc<RuleSet>, Problems> {
    let mut loaded = check_all(sources).loaded;
    let rules = loaded.rules.iter().flat_map(|rules| rules.rules());
    for rule in rules.filter(|rule| !settings.apps.contains_key(&rule.app)) {
        let problem = Problem::error(&Origin::Default, format!("the app {} is new", rule.app));
        loaded.problems.push(
            problem
                .rule(rule.name.as_ref())
                .help("restart the service: settings are read at the start"),
        );
    }
    match loaded.rules {
        Some(rules) if !loaded.problems.has_errors() => Ok(rules),
        _ => Err(loaded.problems),
    }
}

/// Waits for a broker as long as it takes: a service that is started with its cluster should not fail for being first.
async fn missing_topics(settings: &Arc<Settings>) -> anyhow::Result<Vec<String>> {
    loop {
        let asked = Arc::clone(settings);
        let answer = tokio::task::spawn_blocking(move || {
            let wanted = topics::wanted(&asked, topics::Sources::Too);
            let names: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
            topics::missing(&asked.kafka, &names)
        });
        match answer.await? {
            Ok(missing) => return Ok(missing),
            Err(error @ TopicsError::Refused { .. }) => return Err(error.into()),
            Err(error @ TopicsError::Unreachable { .. }) => {
                tracing::warn!(%error, again_in_s = ASK_AGAIN.as_secs(), "waiting for Kafka");
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}

fn tell_missing(settings: &Settings, missing: &[String]) {
    for topic in missing {
        let is_source = settings.kafka.topics.contains(topic);
        let purpose = if is_source {
            "the source topic"
        } else {
            "the topic"
        };
        let command = if is_source {
            "wx-courier topics create --sources"
        } else {
            "wx-courier topics create"
        };
        complain(format_args!(
            "error: {purpose} {topic} does not exist at {}\n    help: `{command}` creates it",
            settings.kafka.brokers
        ));
    }
}
