//! `wx-courier demo`: the first minute of a new user. Everything runs in this process, on loopback, and nothing is kept.

mod builtin;
mod samples;
mod service;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::opening::first_death;
use super::reload::{self, Beginning};
use super::sandbox::sandbox_settings;
use super::{Exit, asked_to_end, block_on, colour, complain_of, configuration, say, sources};
use crate::config::{Settings, load};
use crate::edges::http::Report;
use crate::edges::http::reload::ReloadStatus;
use crate::edges::kafka::embedded::EmbeddedBroker;
use crate::edges::kafka::test_client::{Upstream, Watcher};
use crate::service::run as run_service;
use crate::telemetry;
use samples::Sample;
use wx_courier_core::document::Problems;
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
        return play_on(folder, Some(folder.to_owned()), arguments);
    }
    let unpacked = builtin::unpack().context("the samples that the program brings along")?;
    say("There is no folder config/ here: this is the sample that the program brings along.");
    say("");
    play_on(unpacked.path(), None, arguments)
}

/// Plays the rules of a folder, which is named to the user if it is the user's own.
fn play_on(folder: &Path, own: Option<PathBuf>, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut problems = Problems::default();
    let samples = samples::read(&mut problems, folder);
    if problems.has_errors() {
        complain_of(&problems);
        return Ok(Exit::BadConfiguration);
    }
    let loaded = load(&sources(folder.to_owned(), Vec::new()));
    let Some(settings) = &loaded.settings else {
        return Ok(configuration(&sources(folder.to_owned(), Vec::new()))
            .err()
            .unwrap_or(Exit::BadConfiguration));
    };
    let topics = settings.kafka.topics.iter().chain([
        &settings.outcomes.topic,
        &settings.dead_letter_topic,
        &settings.audit_topic,
    ]);
    // Alive until the end of this function: the service and the watcher are clients of it.
    let broker = EmbeddedBroker::start(topics.map(String::as_str), 3)?;
    let level = if arguments.log {
        "info"
    } else {
        // What comes of saved files is told among the outcomes.
        "error,librdkafka=off,wx_courier::cli::reload=off"
    };
    telemetry::start_logging(settings.log_format, level, colour::of_log())?;
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sandbox = Sandbox::start(
            listener,
            sandbox_settings(settings, loaded.catalog.as_ref()),
        )?;
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let pages = format!("http://{}", socket.local_addr()?);
        let flags = service::flags(&broker.address(), &sandbox.base_url());
        let sources = sources(folder.to_owned(), flags);
        let looked = reload::first_look(&sources);
        let configuration = match configuration(&sources) {
            Ok(configuration) => configuration,
            Err(exit) => return Ok(exit),
        };
        let (beginning, rules) = Beginning::of(sources, looked, configuration);
        let opened = service::open(socket, beginning, rules)?;
        let (settings, reports) = (Arc::clone(&opened.settings), opened.reports());
        let (parts, mut needed) = opened.into_parts(service::producer(), None);
        let (ask, asked) = tokio::sync::oneshot::channel::<()>();
        let mut service = tokio::spawn(run_service(parts, async {
            let _asked = asked.await.is_ok();
        }));
        let stage = Stage {
            settings,
            folder: own,
            reports,
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
            died = first_death(&mut needed) => anyhow::bail!("{died} has ended unexpectedly"),
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

struct Stage {
    settings: Arc<Settings>,
    /// Whose rules it plays; nothing where they are the program's own.
    folder: Option<PathBuf>,
    reports: watch::Receiver<Report>,
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
        let mut reports = self.reports.clone();
        let mut told = reports.borrow_and_update().reload.clone();
        loop {
            tokio::select! {
                record = outcomes.records.recv() => match record {
                    Some(record) => show(&mut expected, record.value.as_deref().unwrap_or_default()),
                    None => return Ok(verdict),
                },
                Ok(()) = reports.changed() => {
                    let reload = reports.borrow_and_update().reload.clone();
                    tell_of_rules(&told, &reload);
                    told = reload;
                }
            }
        }
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
        if let Some(folder) = &self.folder {
            say(format_args!(
                "A rule that is saved in {} is in force a moment later; what is wrong with it is told here.",
                folder.join("rules").display()
            ));
        }
        say("Ctrl-C ends the demo.");
        say("");
    }
}

/// What came of it that a file was saved.
fn tell_of_rules(before: &ReloadStatus, now: &ReloadStatus) {
    match &now.refused {
        Some(refused) if before.refused.as_ref() != Some(refused) => {
            say(format_args!(
                "rules      refused, those from before stay in force; errors: {}; the first: {}",
                refused.errors, refused.first
            ));
        }
        None if now.rules_version != before.rules_version || before.refused.is_some() => {
            let version = now.rules_version.as_deref().unwrap_or_default();
            say(format_args!(
                "rules      in force as they were saved: version {version}"
            ));
        }
        Some(_) | None => {}
    }
    if now.restart_needed != before.restart_needed && !now.restart_needed.is_empty() {
        say(format_args!(
            "settings   come into force when the demo is started again: {}",
            now.restart_needed.join(", ")
        ));
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
