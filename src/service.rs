//! The loop: wait for what happens next, tell the engine, carry its effects out.
//!
//! One task owns the engine. Calls run as tasks of their own, the consumer and the producer on their threads; all of them answer
//! through channels that this loop alone reads, so nothing is locked and nothing happens twice at once.

mod alarm;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::Settings;
use crate::edges::http::{Phase, Report};
use crate::edges::kafka::consumer::{self, Command, GroupEvent, Source};
use crate::edges::kafka::producer::{Publication, Publisher};
use crate::edges::wechat::{Called, WeChat};
use crate::pipeline::admission::{AppBounds, Cleared, Ticket};
use crate::pipeline::delivery::Answer;
use crate::pipeline::engine::{self, Effect, Engine, Input, Setup};
use crate::pipeline::moment::Moment;
use crate::pipeline::rules::RuleSet;
use crate::telemetry::Metrics;
use alarm::Alarm;

/// What a service is made of.
pub struct Parts {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The rules in force; a new set is taken up as soon as it is there.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// Where the service says how it is.
    pub reports: watch::Sender<Report>,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// Where the jitter of retries begins.
    pub seed: u64,
}

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that had begun has its outcome, and offsets are committed.
    Clean,
    /// The drain's time was up with this many messages open; their records will be read again.
    Unfinished(usize),
}

/// How long the group and the broker may take to hear that we leave.
const CLOSE: Duration = Duration::from_secs(10);

/// How often the report is renewed.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Runs until `shutdown` ends, then drains.
pub async fn run(parts: Parts, shutdown: impl Future<Output = ()>) -> anyhow::Result<Ending> {
    let Parts {
        settings,
        rules,
        reports,
        metrics,
        seed,
    } = parts;
    let (publications_in, publications) = mpsc::unbounded_channel();
    let (calls_in, calls) = mpsc::unbounded_channel();
    let publisher = Publisher::new(
        &settings.kafka,
        &settings.outcomes.topic,
        &settings.dead_letter_topic,
        publications_in,
    )?;
    let wechat = Arc::new(WeChat::new(&settings)?);
    let source = consumer::start(&settings.kafka, settings.engine.handover)?;
    let engine = Engine::new(setup(&settings, seed), Arc::clone(&rules.borrow()));
    reports.send_modify(|report| report.phase = Phase::Joining);
    let service = Service {
        engine,
        source,
        publisher,
        wechat,
        metrics,
        calls_in,
        rules,
        reports,
        began: Instant::now(),
        alarm: Alarm::start()?,
        drain: settings.engine.drain,
        handover: settings.engine.handover,
    };
    service.work(calls, publications, shutdown).await
}

fn setup(settings: &Settings, seed: u64) -> Setup {
    let bounds = |app: &crate::config::App| AppBounds {
        rate: app.rate,
        max_in_flight: app.max_in_flight,
    };
    Setup {
        decoding: settings.events.clone(),
        apps: settings
            .apps
            .iter()
            .map(|(name, app)| (Arc::clone(name), bounds(app)))
            .collect(),
        retry: settings.send.retry,
        max_messages: settings.engine.max_messages,
        max_bytes: settings.engine.max_bytes,
        recipient_style: settings.outcomes.recipient,
        unmatched: settings.outcomes.unmatched,
        seed,
    }
}

struct Service {
    engine: Engine,
    source: Source,
    publisher: Publisher,
    wechat: Arc<WeChat>,
    metrics: Arc<Metrics>,
    calls_in: mpsc::UnboundedSender<(Ticket, Arc<str>, Called)>,
    rules: watch::Receiver<Arc<RuleSet>>,
    reports: watch::Sender<Report>,
    began: Instant,
    alarm: Alarm,
    drain: Duration,
    handover: Duration,
}

/// A call under way. It always answers, even if its task panics: a message without an answer would never end.
struct Call {
    ticket: Ticket,
    app: Arc<str>,
    called: Option<Called>,
    calls: mpsc::UnboundedSender<(Ticket, Arc<str>, Called)>,
}

impl Call {
    async fn make(mut self, wechat: Arc<WeChat>, cleared: Cleared) {
        self.called = Some(wechat.send(&cleared).await);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let abandoned = || Called {
            answer: Answer::InDoubt {
                detail: "the call was abandoned".to_owned(),
            },
            api_ms: 0,
        };
        let called = self.called.take().unwrap_or_else(abandoned);
        let answer = (self.ticket, Arc::clone(&self.app), called);
        if self.calls.send(answer).is_err() {
            tracing::debug!("a call came back after the service had ended");
        }
    }
}

impl Service {
    async fn work(
        mut self,
        mut calls: mpsc::UnboundedReceiver<(Ticket, Arc<str>, Called)>,
        mut publications: mpsc::UnboundedReceiver<Publication>,
        shutdown: impl Future<Output = ()>,
    ) -> anyhow::Result<Ending> {
        tokio::pin!(shutdown);
        let mut is_draining = false;
        let mut inputs = Vec::new();
        let mut effects = Vec::new();
        let mut renew_report = tokio::time::interval(REPORT_EVERY);
        renew_report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.alarm
                .set(self.engine.wake_at(self.now()).map(|at| self.began + at));
            // In this order: what ends messages before what begins them, and an assignment before its first record.
            tokio::select! {
                biased;
                () = &mut shutdown, if !is_draining => {
                    is_draining = true;
                    inputs.push(self.begin_drain());
                }
                Some(event) = self.source.events.recv() => inputs.push(self.group_event(event)?),
                Some((ticket, app, called)) = calls.recv() => {
                    self.metrics.call(&app, &called.answer, called.api_ms);
                    inputs.push(Input::SendFinished { ticket, answer: called.answer, api_ms: called.api_ms });
                }
                Some(publication) = publications.recv() => inputs.push(self.publication(publication)?),
                () = self.alarm.rang() => inputs.push(Input::Tick),
                Ok(()) = self.rules.changed() => {
                    inputs.push(Input::RulesChanged(Arc::clone(&self.rules.borrow_and_update())));
                }
                _ = renew_report.tick() => {
                    self.renew_report();
                    continue;
                }
                read = self.source.records.recv() => {
                    let Some(read) = read else {
                        anyhow::bail!("the consumer's thread has ended unexpectedly");
                    };
                    // An assignment may have come in since the events were looked at, and this may be its first record.
                    while let Ok(event) = self.source.events.try_recv() {
                        inputs.push(self.group_event(event)?);
                    }
                    inputs.push(Input::Record { epoch: read.epoch, record: read.record });
                }
            }
            let now = self.now();
            for input in inputs.drain(..) {
                self.engine.step(now, input, &mut effects);
            }
            for effect in effects.drain(..) {
                if let Some(unfinished) = self.carry_out(effect) {
                    return self.close(unfinished).await;
                }
            }
        }
    }

    fn begin_drain(&self) -> Input {
        tracing::info!(
            patience_s = self.drain.as_secs(),
            "shutting down: finishing what has begun"
        );
        self.reports
            .send_modify(|report| report.phase = Phase::Draining);
        self.source.command(Command::Pause);
        Input::Drain {
            patience: self.drain,
        }
    }

    fn group_event(&self, event: GroupEvent) -> anyhow::Result<Input> {
        match event {
            GroupEvent::Assigned(partitions) => {
                self.reports.send_modify(|report| {
                    if report.phase == Phase::Joining {
                        report.phase = Phase::Running;
                    }
                });
                Ok(Input::Assigned(partitions))
            }
            GroupEvent::Revoked {
                handover,
                partitions,
            } => Ok(Input::Revoked {
                handover,
                partitions,
                patience: self.handover,
            }),
            GroupEvent::Lost(partitions) => Ok(Input::Lost(partitions)),
            GroupEvent::Fatal(error) => Err(anyhow::anyhow!("the consumer cannot go on: {error}")),
        }
    }

    fn publication(&self, publication: Publication) -> anyhow::Result<Input> {
        match publication {
            Publication::Acknowledged(ticket) => Ok(Input::Published { ticket }),
            Publication::Failed(ticket) => {
                if let Some(reason) = self.publisher.fatal_error() {
                    anyhow::bail!("the producer cannot go on: {reason}");
                }
                self.metrics.publish_failed();
                Ok(Input::PublishFailed { ticket })
            }
        }
    }

    /// Carries one effect out; none of them waits. The last one gives the number of messages that were left open.
    fn carry_out(&self, effect: Effect) -> Option<usize> {
        match effect {
            Effect::Send { ticket, cleared } => {
                let wechat = Arc::clone(&self.wechat);
                let call = Call {
                    ticket,
                    app: Arc::clone(&cleared.rule().app),
                    called: None,
                    calls: self.calls_in.clone(),
                };
                tokio::spawn(call.make(wechat, cleared));
            }
            Effect::Publish {
                ticket,
                outcome,
                dead_letter,
            } => {
                self.publisher
                    .publish(ticket, &outcome, dead_letter.as_deref());
            }
            Effect::Settled { outcome } => self.metrics.outcome(&outcome),
            Effect::Commit {
                partition,
                epoch,
                position,
            } => self.source.command(Command::Store {
                partition,
                epoch,
                position,
            }),
            Effect::Pause => self.source.command(Command::Pause),
            Effect::Resume => self.source.command(Command::Resume),
            Effect::Release {
                handover,
                positions,
            } => self.source.command(Command::Released {
                handover,
                positions,
            }),
            Effect::Drained { unfinished } => return Some(unfinished),
        }
        None
    }

    async fn close(mut self, unfinished: usize) -> anyhow::Result<Ending> {
        self.source.command(Command::Close);
        // The consumer may be waiting to hand a record over, which nobody will take any more.
        self.source.records.close();
        let closed = tokio::time::timeout(CLOSE, self.source.closed).await;
        if closed.is_err() {
            tracing::warn!(
                "the consumer did not leave its group in time; the group will notice by itself"
            );
        }
        let publisher = self.publisher;
        tokio::task::spawn_blocking(move || publisher.flush(CLOSE)).await?;
        if unfinished == 0 {
            tracing::info!("shut down, nothing left open");
            return Ok(Ending::Clean);
        }
        tracing::warn!(
            unfinished,
            "shut down with messages open: their records will be read again"
        );
        Ok(Ending::Unfinished(unfinished))
    }

    fn renew_report(&self) {
        let engine: engine::Status = self.engine.status();
        let tokens = self.wechat.tokens();
        self.reports.send_modify(|report| {
            report.engine = engine;
            report.tokens = tokens;
        });
    }

    fn now(&self) -> Moment {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the core's calendar comes from"
        )]
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Moment {
            elapsed: self.began.elapsed(),
            unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
        }
    }
}
