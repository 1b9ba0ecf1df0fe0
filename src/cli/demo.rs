//! `wx-courier demo`: the first minute of a new user. Everything runs in this process, on loopback, and nothing is kept.

mod builtin;
mod samples;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::sandbox::sandbox_settings;
use super::{Configuration, Exit, asked_to_end, block_on, complain, configuration, say, sources};
use crate::config::{FlagSetting, Http, Settings, load};
use crate::edges::clock::Clock;
use crate::edges::descriptors::Descriptors;
use crate::edges::holds;
use crate::edges::http;
use crate::edges::http::access::Access;
use crate::edges::kafka::embedded::EmbeddedBroker;
use crate::edges::kafka::producer::mode::{Chosen, Mode};
use crate::edges::kafka::test_client::{Upstream, Watcher};
use crate::edges::kafka::trouble::Troubles;
use crate::edges::listener::Bound;
use crate::edges::store::Store;
use crate::edges::wechat::WeChat;
use crate::service::{self, Parts, bounds_of, cluster};
use crate::telemetry::{self, Metrics};
use samples::Sample;
use wx_courier_core::document::Problems;
use wx_courier_core::rules::RuleSet;
use wx_courier_sandbox::{Answer, Handle, Sandbox, Script};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Leave when every sample has ended: 0 if each ended as the sample file says, else 1
    #[arg(long)]
    once: bool,
    /// Also show the service's own log
    #[arg(long)]
    log: bool,
}

/// All samples end within a few seconds, of which joining the group takes three; a longer wait brings no more.
const TIMEOUT: Duration = Duration::from_mins(1);

pub(super) fn run(folder: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    if !builtin::is_wanted(folder) {
        return play_on(folder, arguments);
    }
    let unpacked = builtin::unpack().context("the samples that the program brings along")?;
    say("There is no folder config/ here: this is the sample that the program brings along.");
    say("");
    play_on(unpacked.path(), arguments)
}

fn play_on(folder: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut problems = Problems::default();
    let samples = samples::read(&mut problems, folder);
    if problems.has_errors() {
        complain(&problems);
        return Ok(Exit::BadConfiguration);
    }
    let first_look = load(&sources(folder.to_owned(), Vec::new()));
    let Some(settings) = &first_look.settings else {
        return Ok(configuration(&sources(folder.to_owned(), Vec::new()))
            .err()
            .unwrap_or(Exit::BadConfiguration));
    };
    let topics = settings
        .kafka
        .topics
        .iter()
        .chain([&settings.outcomes.topic, &settings.dead_letter_topic]);
    // Alive until the end of this function: the service and the watcher are clients of it.
    let broker = EmbeddedBroker::start(topics.map(String::as_str), 3)?;
    let level = if arguments.log {
        "info"
    } else {
        "error,librdkafka=off"
    };
    telemetry::start_logging(settings.log_format, level)?;
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sandbox = Sandbox::start(
            listener,
            sandbox_settings(settings, first_look.catalog.as_ref()),
        )?;
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let pages = format!("http://{}", socket.local_addr()?);
        let flags = flags(settings, &broker.address(), &sandbox.base_url());
        let configuration = match configuration(&sources(folder.to_owned(), flags)) {
            Ok(configuration) => configuration,
            Err(exit) => return Ok(exit),
        };
        let Configuration {
            settings, rules, ..
        } = configuration;
        let parts = parts(socket, Arc::clone(&settings), rules)?;
        let (ask, asked) = tokio::sync::oneshot::channel::<()>();
        let mut service = tokio::spawn(service::run(parts, async {
            let _asked = asked.await.is_ok();
        }));
        let stage = Stage {
            settings,
            broker: broker.address(),
            sandbox: sandbox.base_url(),
            pages,
        };
        let (wechat, once) = (sandbox.handle(), arguments.once);
        // A task of its own: standard output may be a pipe that is not read, and Ctrl-C ends the demo all the same.
        let play = tokio::spawn(async move { stage.play(&samples, &wechat, once).await });
        let exit = tokio::select! {
            exit = play => exit??,
            ended = &mut service => {
                ended??;
                anyhow::bail!("the service has ended unexpectedly");
            }
            ended = asked_to_end() => {
                ended?;
                Exit::Done
            }
        };
        drop(ask);
        service.await??;
        sandbox.shutdown().await;
        Ok(exit)
    })
}

/// What the service is made of, with its pages open.
fn parts(
    socket: TcpListener,
    settings: Arc<Settings>,
    rules: Arc<RuleSet>,
) -> anyhow::Result<Parts> {
    let clock = Clock::start();
    let metrics = Metrics::new()?;
    let (stored_in, stored) = mpsc::unbounded_channel();
    let store = Store::start(&settings.state, &settings.kafka.group, stored_in)?;
    let rules = watch::Sender::new(rules).subscribe();
    let apps = watch::Sender::new(bounds_of(&settings.apps)).subscribe();
    let wechat = Arc::new(WeChat::new(&settings, metrics.unknown())?);
    let descriptors = Descriptors::raise_limit(&settings);
    let bound = Bound {
        socket,
        seats: descriptors.private_seats,
    };
    // The demo listens on this machine alone, whatever the settings say of their own listener.
    let access = Access::new(&Http {
        listen: bound.socket.local_addr()?,
        token: None,
        hosts: Vec::new(),
    });
    let holds = holds::open(store.client(), clock.clone(), &settings.state.url);
    let counter = http::open(
        bound,
        &access,
        Arc::clone(&metrics),
        rules.clone(),
        (store.client(), holds.client.clone(), &settings.state.url),
        clock.clone(),
    );
    let troubles = Troubles::new(clock.clone());
    // Its broker is in this process.
    troubles.answered();
    tokio::spawn(cluster::watch(
        troubles.clone(),
        Arc::clone(&settings),
        counter.reports.clone(),
    ));
    Ok(Parts {
        clock,
        settings,
        rules,
        apps,
        wechat,
        reports: counter.reports,
        holds: holds.client,
        resumptions: holds.resumed,
        store,
        stored,
        metrics,
        producer: Chosen {
            mode: Mode::Idempotent,
            why: "the embedded broker takes idempotent producers".to_owned(),
        },
        troubles,
        public: None,
        seed: fastrand::u64(..),
    })
}

/// What the demo changes in the configuration, as flags would: its own broker and API, a store that keeps nothing, and an outcome for
/// unmatched events too.
fn flags(settings: &Settings, broker: &str, sandbox: &str) -> Vec<FlagSetting> {
    let flag = |key: String, value: &str| FlagSetting {
        flag: "demo",
        key,
        value: value.to_owned(),
    };
    let apps = settings
        .apps
        .keys()
        .map(|app| flag(format!("apps.{app}.base_url"), sandbox));
    let mut flags: Vec<FlagSetting> = apps.collect();
    flags.push(flag("kafka.brokers".to_owned(), broker));
    flags.push(flag("outcomes.unmatched".to_owned(), "publish"));
    flags.push(flag("state.url".to_owned(), "memory:"));
    flags
}

struct Stage {
    settings: Arc<Settings>,
    broker: String,
    sandbox: String,
    pages: String,
}

impl Stage {
    async fn play(&self, samples: &[Sample], wechat: &Handle, once: bool) -> anyhow::Result<Exit> {
        say(format_args!(
            "Kafka    {}  (embedded; any client on this machine may use it)",
            self.broker
        ));
        say(format_args!("WeChat   {}  (the sandbox)", self.sandbox));
        say(format_args!("Status   {}/status", self.pages));
        say("");
        let topic = self
            .settings
            .kafka
            .topics
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        for sample in samples {
            for errcode in &sample.wechat {
                let refusal = Answer::Errcode {
                    code: *errcode,
                    message: None,
                };
                wechat.script(
                    Script::every_send(refusal)
                        .for_openid(sample.openid.as_str())
                        .times(1),
                );
            }
        }
        let upstream = Upstream::new(&self.broker)?;
        if samples.is_empty() {
            say("There is no samples.toml in the folder: no event is published here.");
        }
        for sample in samples {
            say(format_args!("published  {:<12} {}", sample.id, sample.name));
            upstream.publish(topic, &sample.openid, &[], &sample.as_cloud_event())?;
        }
        tokio::task::spawn_blocking(move || upstream.flush()).await??;
        say("");
        let mut outcomes = Watcher::start(
            &self.broker,
            "wx-courier-demo",
            &[&self.settings.outcomes.topic],
        )?;
        let mut expected = Expected::of(samples);
        let all = tokio::time::timeout(TIMEOUT, async {
            while !expected.left.is_empty() {
                let Some(record) = outcomes.records.recv().await else {
                    return;
                };
                show(&mut expected, record.value.as_deref().unwrap_or_default());
            }
        });
        let in_time = all.await.is_ok();
        let verdict = expected.verdict(in_time);
        if once {
            return Ok(verdict);
        }
        self.invite(topic);
        while let Some(record) = outcomes.records.recv().await {
            show(&mut expected, record.value.as_deref().unwrap_or_default());
        }
        Ok(verdict)
    }

    fn invite(&self, topic: &str) {
        say("");
        say(
            "The demo stays. Publish an event of your own from another terminal, its outcome appears here:",
        );
        say("");
        say(
            r#"  echo '{"specversion":"1.0","id":"mine-1","source":"/me","type":"order.completed","data":{"openid":"oMe0001","order_no":"SO9","amount_fen":990,"items":[{"name":"拿铁"}]}}' \"#,
        );
        say(format_args!("    | kcat -P -b {} -t {topic}", self.broker));
        say("");
        say(format_args!(
            "What the sandbox accepted: curl {}/sandbox/log",
            self.sandbox
        ));
        say("Ctrl-C ends the demo.");
        say("");
    }
}

/// What the sample file says, against what came.
struct Expected {
    /// Event id and rule → status and reason.
    left: BTreeMap<(String, String), (String, String)>,
    wrong: Vec<String>,
}

impl Expected {
    fn of(samples: &[Sample]) -> Self {
        let each = |sample: &Sample| {
            let id = sample.id.clone();
            let ends = sample.expect.clone().into_iter();
            ends.map(move |end| ((id.clone(), end.rule), (end.status, end.reason)))
        };
        Self {
            left: samples.iter().flat_map(each).collect(),
            wrong: Vec::new(),
        }
    }

    fn meet(&mut self, event_id: &str, rule: &str, status: &str, reason: &str) {
        let key = (event_id.to_owned(), rule.to_owned());
        let Some((wanted_status, wanted_reason)) = self.left.remove(&key) else {
            return;
        };
        if (wanted_status.as_str(), wanted_reason.as_str()) != (status, reason) {
            self.wrong.push(format!("{event_id} {rule}: expected {wanted_status} ({wanted_reason}), found {status} ({reason})"));
        }
    }

    fn verdict(&self, in_time: bool) -> Exit {
        say("");
        for wrong in &self.wrong {
            say(format_args!("not as the sample file says: {wrong}"));
        }
        if !in_time {
            for (event_id, rule) in self.left.keys() {
                say(format_args!(
                    "no outcome within {} s: {event_id} {rule}",
                    TIMEOUT.as_secs()
                ));
            }
        }
        if self.wrong.is_empty() && in_time {
            say("every sample ended as the sample file says");
            return Exit::Done;
        }
        Exit::No
    }
}

fn show(expected: &mut Expected, outcome: &[u8]) {
    let Ok(outcome) = serde_json::from_slice::<Value>(outcome) else {
        return;
    };
    let text = |field: &str| {
        outcome
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let attempts = outcome
        .get("attempts")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let (event_id, rule, status, reason) = (
        text("event_id"),
        text("rule"),
        text("status"),
        text("reason"),
    );
    let tried = if attempts > 1 {
        format!(", {attempts} attempts")
    } else {
        String::new()
    };
    let who = if rule.is_empty() {
        "(no rule)"
    } else {
        rule.as_str()
    };
    say(format_args!(
        "{status:<10} {event_id:<12} {who:<18} {reason}: {}{tried}",
        text("detail")
    ));
    expected.meet(&event_id, &rule, &status, &reason);
}
