//! The loop: wait for what happens next, tell the engine, carry its effects out.
//!
//! One task owns the engine. Calls run as tasks of their own, the consumer and the producer on their threads; all of them answer
//! through channels that this loop alone reads, so nothing is locked and nothing happens twice at once.

mod alarm;
mod effects;
mod setup;
mod templates;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::Settings;
use crate::edges::clock::Clock;
use crate::edges::http::{Phase, Report};
use crate::edges::kafka::consumer::{self, Command, GroupEvent, Read, Source};
use crate::edges::kafka::producer::{Publication, Publisher, Replacement};
use crate::edges::kafka::reread::{ReadAgain, Rereader};
use crate::edges::public;
use crate::edges::store::{Store, Stored};
use crate::edges::wechat::WeChat;
use crate::pipeline::catalog::drift::Comparison;
use crate::pipeline::engine::{self, Engine, Input};
use crate::pipeline::rules::RuleSet;
use crate::telemetry::Metrics;
use alarm::Alarm;
use effects::Answered;
use setup::setup;

/// What a service is made of.
pub struct Parts {
    /// The clocks of the process.
    pub clock: Clock,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The rules in force; a new set is taken up as soon as it is there.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// Where the service says how it is.
    pub reports: watch::Sender<Report>,
    /// Rules that somebody wants to go on.
    pub resumptions: mpsc::Receiver<Arc<str>>,
    /// The state store, open. It is opened before the service, for those who have questions of their own beside it.
    pub store: Store,
    /// What the store says to the service.
    pub stored: mpsc::UnboundedReceiver<Stored>,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// Where callbacks and the mini program are served, if they are.
    pub public: Option<TcpListener>,
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
    /// Nothing is open, but the group did not take our last positions in time: some records will be read again, and repeat their
    /// outcomes.
    NotCommitted,
}

/// How long the consumer may take to close, and after it the producer.
const CLOSE: Duration = Duration::from_secs(10);

/// How long the store may take to carry out what it was asked.
const CLOSE_STORE: Duration = Duration::from_secs(5);

/// Inputs that are taken together at most. It bounds how late the first effect of a round is, and how old its time.
const ROUND: usize = 256;

/// How often the report is renewed.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Runs until `shutdown` ends, then drains.
pub async fn run(parts: Parts, shutdown: impl Future<Output = ()>) -> anyhow::Result<Ending> {
    let Parts {
        clock,
        settings,
        rules,
        reports,
        resumptions,
        store,
        stored,
        metrics,
        public,
        seed,
    } = parts;
    let (publications_in, publications) = mpsc::unbounded_channel();
    let (answers_in, answers) = mpsc::unbounded_channel();
    let publisher = Publisher::new(
        &settings.kafka,
        &settings.outcomes.topic,
        &settings.dead_letter_topic,
        clock.clone(),
        publications_in,
    )?;
    let wechat = Arc::new(WeChat::new(&settings)?);
    let public = match public {
        Some(listener) => {
            let parts = public::Parts {
                clock: clock.clone(),
                settings: Arc::clone(&settings),
                rules: rules.clone(),
                wechat: Arc::clone(&wechat),
                store: store.client(),
                metrics: Arc::clone(&metrics),
            };
            Some(public::open(listener, &parts)?)
        }
        None => None,
    };
    let source = consumer::start(&settings.kafka, settings.engine.handover)?;
    let (again_in, read_again) = mpsc::unbounded_channel();
    let rereader = Rereader::start(&settings.kafka, again_in)?;
    let engine = Engine::new(setup(&settings, seed), Arc::clone(&rules.borrow()));
    reports.send_modify(|report| report.phase = Phase::Joining);
    // Ends with the service: a question under way is dropped.
    let mut background = JoinSet::new();
    if settings.compare_templates == Comparison::Daily {
        let (wechat, rules, reports) = (Arc::clone(&wechat), rules.clone(), reports.clone());
        background.spawn(templates::watch(wechat, rules, reports));
    }
    let service = Service {
        engine,
        source,
        rereader,
        publisher,
        wechat,
        store,
        public,
        metrics,
        answers_in,
        rules,
        resumptions,
        reports,
        calendar_breaks: clock.status().breaks,
        clock,
        alarm: Alarm::start()?,
        drain: settings.engine.drain,
        handover: settings.engine.handover,
    };
    let heard = Heard {
        answers,
        publications,
        stored,
        read_again,
    };
    let ending = service.work(heard, shutdown).await;
    drop(background);
    ending
}

struct Service {
    engine: Engine,
    source: Source,
    rereader: Rereader,
    publisher: Publisher,
    wechat: Arc<WeChat>,
    store: Store,
    public: Option<public::Open>,
    metrics: Arc<Metrics>,
    answers_in: mpsc::UnboundedSender<Answered>,
    rules: watch::Receiver<Arc<RuleSet>>,
    resumptions: mpsc::Receiver<Arc<str>>,
    reports: watch::Sender<Report>,
    clock: Clock,
    /// Those that the engine has heard of.
    calendar_breaks: u64,
    alarm: Alarm,
    drain: Duration,
    handover: Duration,
}

/// What comes back from the edges.
struct Heard {
    answers: mpsc::UnboundedReceiver<Answered>,
    publications: mpsc::UnboundedReceiver<Publication>,
    stored: mpsc::UnboundedReceiver<Stored>,
    read_again: mpsc::UnboundedReceiver<ReadAgain>,
}

impl Service {
    async fn work(
        mut self,
        mut heard: Heard,
        shutdown: impl Future<Output = ()>,
    ) -> anyhow::Result<Ending> {
        tokio::pin!(shutdown);
        let mut is_draining = false;
        let mut inputs = Vec::new();
        let mut effects = Vec::new();
        let mut renew_report = tokio::time::interval(REPORT_EVERY);
        renew_report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.alarm.set(
                self.engine
                    .wake_at(self.clock.now())
                    .map(|at| self.clock.began() + at),
            );
            // In this order: what ends messages before what begins them, and an assignment before its first record.
            tokio::select! {
                biased;
                () = &mut shutdown, if !is_draining => {
                    is_draining = true;
                    inputs.push(self.begin_drain());
                }
                Some(event) = self.source.events.recv() => inputs.push(self.group_event(event)?),
                Some(answered) = heard.answers.recv() => inputs.push(self.answered(answered)),
                Some(stored) = heard.stored.recv() => inputs.push(input_of(stored)),
                Some(publication) = heard.publications.recv() => inputs.push(self.publication(publication)),
                Some(ReadAgain { ticket, record }) = heard.read_again.recv() => {
                    inputs.push(Input::ReadAgain { ticket, record });
                }
                () = self.alarm.rang() => inputs.push(Input::Tick),
                Ok(()) = self.rules.changed() => {
                    inputs.push(Input::RulesChanged(Arc::clone(&self.rules.borrow_and_update())));
                }
                Some(rule) = self.resumptions.recv() => inputs.push(Input::ResumeRule(rule)),
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
                    inputs.extend(read.into_iter().map(input_of_read));
                }
            }
            // The runtime lets a task that is woken run at once, before others that are ready: without this the loop would go round for each
            // single answer, and so wake the store's thread for each.
            tokio::task::yield_now().await;
            self.hear_more(&mut heard, &mut inputs);
            let now = self.clock.now();
            let jump = self.calendar_jump();
            let inputs = jump.into_iter().chain(inputs.drain(..));
            self.engine.round(now, inputs, &mut effects);
            if let Some(unfinished) = self.carry_out(&mut effects) {
                return self.close(unfinished).await;
            }
        }
    }

    /// What else has come back from the edges already: to go round for each answer, with the alarm set anew every time, would cost more
    /// than the step that it leads to.
    fn hear_more(&mut self, heard: &mut Heard, inputs: &mut Vec<Input>) {
        while inputs.len() < ROUND
            && let Ok(answered) = heard.answers.try_recv()
        {
            inputs.push(self.answered(answered));
        }
        while inputs.len() < ROUND
            && let Ok(stored) = heard.stored.try_recv()
        {
            inputs.push(input_of(stored));
        }
        while inputs.len() < ROUND
            && let Ok(publication) = heard.publications.try_recv()
        {
            inputs.push(self.publication(publication));
        }
    }

    fn begin_drain(&self) -> Input {
        tracing::info!(
            patience_s = self.drain.as_secs(),
            "shutting down: finishing what has begun"
        );
        self.reports
            .send_modify(|report| report.phase = Phase::Draining);
        if let Some(public) = &self.public {
            public.drain();
        }
        self.source.command(Command::Pause);
        Input::Drain {
            patience: self.drain,
        }
    }

    fn group_event(&self, event: GroupEvent) -> anyhow::Result<Input> {
        match event {
            GroupEvent::TopicsCounted(layout) => Ok(Input::TopicsCounted(layout)),
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

    fn publication(&mut self, publication: Publication) -> Input {
        match publication {
            Publication::Acknowledged(ticket) => Input::Published { ticket },
            Publication::Failed(ticket) => {
                self.metrics.publish_failed();
                if self.publisher.replace_if_fatal() == Replacement::Made {
                    self.metrics.producer_replaced();
                }
                Input::PublishFailed { ticket }
            }
        }
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
        // What WeChat pushed and is not kept yet it pushes again.
        drop(self.public.take());
        let (publisher, store) = (self.publisher, self.store);
        let close = move || {
            publisher.close(CLOSE);
            store.close(CLOSE_STORE);
        };
        tokio::task::spawn_blocking(close).await?;
        if unfinished == 0 && closed.is_err() {
            return Ok(Ending::NotCommitted);
        }
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
        let calendar = self.clock.status();
        self.reports.send_modify(|report| {
            report.engine = engine;
            report.calendar = calendar;
            report.tokens = tokens;
        });
    }

    /// What the engine has not heard of yet. Another task may have noticed it.
    fn calendar_jump(&mut self) -> Option<Input> {
        let breaks = self.clock.status().breaks;
        let is_news = breaks != self.calendar_breaks;
        if is_news {
            self.source.wake();
        }
        self.calendar_breaks = breaks;
        is_news.then_some(Input::CalendarJumped)
    }
}

fn input_of_read(Read { epoch, record }: Read) -> Input {
    Input::Record { epoch, record }
}

fn input_of(stored: Stored) -> Input {
    match stored {
        Stored::Answer { ticket, answer } => Input::Stored { ticket, answer },
        // The store has said so in the log.
        Stored::Down { .. } => Input::StoreDown,
        Stored::Back => Input::StoreBack,
    }
}
