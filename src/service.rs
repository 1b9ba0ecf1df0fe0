//! The loop: wait for what happens next, tell the engine, carry its effects out.
//!
//! One task owns the engine. Calls run as tasks of their own, the consumer and the producer on their threads; all of them answer
//! through channels that this loop alone reads, so nothing is locked and nothing happens twice at once.

mod alarm;
mod calendar;
mod close;
pub mod cluster;
mod effects;
mod inputs;
mod news;
mod recipient_key;
mod reporting;
mod setup;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};

use crate::config::Settings;
use crate::edges::clock::Clock;
use crate::edges::holds::{HeardHolds, HoldsClient};
use crate::edges::http::{Phase, Report};
use crate::edges::kafka::consumer::{self, Command, ConsumerHandle};
use crate::edges::kafka::producer::mode::Chosen;
use crate::edges::kafka::producer::{Publication, Publisher};
use crate::edges::kafka::reread::{ReadAgain, Rereader};
use crate::edges::kafka::trouble::Troubles;
use crate::edges::listener::Bound;
use crate::edges::public::{self, Punished};
use crate::edges::store::{Store, Stored};
use crate::edges::wechat::WeChat;
use crate::telemetry::Metrics;
use alarm::Alarm;
use calendar::Watch;
pub use close::Ending;
use effects::Answered;
use inputs::{input_of, input_of_read};
use news::{JoiningNews, PublishingNews};
pub use setup::bounds_of;
use setup::setup;
use wx_courier_core::flow::{Difference, Engine, Input};
use wx_courier_core::holds::Stopped;
use wx_courier_core::model::outcome::RecipientKey;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::admission::AppBounds;

/// What a service is made of.
pub struct Parts {
    /// The clocks of the process.
    pub clock: Clock,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The rules in force; a new set is taken up as soon as it is there.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// What each app may do. What is new of it is there before the rules that need it.
    pub apps: watch::Receiver<BTreeMap<Arc<str>, AppBounds>>,
    /// `WeChat`, for every app.
    pub wechat: Arc<WeChat>,
    /// Where the service says how it is.
    pub reports: watch::Sender<Report>,
    /// What is stopped until a person lets it go on.
    pub holds: HoldsClient,
    /// What an operator wants to go on.
    pub resumptions: mpsc::UnboundedReceiver<Stopped>,
    /// The state store, open. It is opened before the service, for callers that have questions of their own beside it.
    pub store: Store,
    /// What the store says to the service.
    pub stored: mpsc::UnboundedReceiver<Stored>,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// Which producer publishes outcomes.
    pub producer: Chosen,
    /// Where Kafka's clients tell what goes wrong.
    pub troubles: Troubles,
    /// Where callbacks and the mini program are served, if they are.
    pub public: Option<Bound>,
    /// Where the jitter of retries begins.
    pub seed: u64,
}

impl Parts {
    /// What the callbacks and the mini program work with.
    fn beside(&self, punished: mpsc::Sender<Punished>) -> public::Parts {
        public::Parts {
            clock: self.clock.clone(),
            settings: Arc::clone(&self.settings),
            rules: self.rules.clone(),
            wechat: Arc::clone(&self.wechat),
            store: self.store.client(),
            metrics: Arc::clone(&self.metrics),
            troubles: self.troubles.clone(),
            punished,
        }
    }
}

/// Inputs that are taken together at most. It bounds how late the first effect of a round is, and how old its time.
const ROUND: usize = 256;

/// `WeChat` punishes an app once in a while. More pushes of it at once wait, and are answered when they are heard.
const PUNISHMENTS: usize = 16;

/// How often the report is renewed.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Runs until `shutdown` ends, then drains.
pub async fn run(parts: Parts, shutdown: impl Future<Output = ()>) -> anyhow::Result<Ending> {
    let (punished_in, punished) = mpsc::channel(PUNISHMENTS);
    let beside = parts.beside(punished_in);
    let Parts {
        clock,
        settings,
        rules,
        apps,
        wechat,
        reports,
        holds,
        resumptions,
        store,
        stored,
        metrics,
        producer,
        troubles,
        public,
        seed,
    } = parts;
    let (publications_in, publications) = mpsc::unbounded_channel();
    let (answers_in, answers) = mpsc::unbounded_channel();
    let publisher = Publisher::new(
        (&settings.kafka, troubles.ear()),
        producer,
        (&settings.outcomes.topic, &settings.dead_letter_topic),
        clock.clone(),
        publications_in,
    )?;
    let public = public
        .map(|bound| public::open(bound, &beside))
        .transpose()?;
    let source = consumer::start(&settings.kafka, settings.engine.handover, troubles.ear())?;
    let (again_in, read_again) = mpsc::unbounded_channel();
    let rereader = Rereader::start(&settings.kafka, troubles.ear(), again_in)?;
    let bounds = apps.borrow().clone();
    let engine = Engine::new(setup(&settings, bounds, seed), Arc::clone(&rules.borrow()));
    reports.send_modify(|report| report.passes_into(Phase::Joining, clock.now()));
    let (comparing, comparisons, differs) =
        templates::start(settings.compare_templates, (&wechat, &rules, &reports));
    let (agreeing, recipient_keys) = recipient_key::start(&settings, &store);
    let service = Service {
        engine,
        consumer: source,
        rereader,
        publisher,
        wechat,
        store,
        public,
        metrics,
        answers_in,
        comparisons,
        rules,
        apps,
        held: holds.newest(),
        holds,
        resumptions,
        recipient_keys,
        punished,
        reports,
        calendar: Watch::new(&clock),
        clock,
        alarm: Alarm::start()?,
        publishing_news: PublishingNews::default(),
        joining_news: JoiningNews::default(),
        drain: settings.engine.drain,
        handover: settings.engine.handover,
    };
    let heard = Heard {
        answers,
        publications,
        stored,
        read_again,
        differs,
    };
    let ending = service.work(heard, shutdown).await;
    drop((comparing, agreeing));
    ending
}

struct Service {
    engine: Engine,
    consumer: ConsumerHandle,
    rereader: Rereader,
    publisher: Publisher,
    wechat: Arc<WeChat>,
    store: Store,
    public: Option<public::Open>,
    metrics: Arc<Metrics>,
    answers_in: mpsc::UnboundedSender<Answered>,
    /// Templates that are to be compared. Nothing listens where the settings want no comparison.
    comparisons: mpsc::UnboundedSender<templates::Asked>,
    rules: watch::Receiver<Arc<RuleSet>>,
    apps: watch::Receiver<BTreeMap<Arc<str>, AppBounds>>,
    holds: HoldsClient,
    held: watch::Receiver<Option<HeardHolds>>,
    resumptions: mpsc::UnboundedReceiver<Stopped>,
    /// The key by which recipients are hashed, if it comes from the store.
    recipient_keys: mpsc::Receiver<RecipientKey>,
    punished: mpsc::Receiver<Punished>,
    reports: watch::Sender<Report>,
    clock: Clock,
    /// Those that the engine has heard of.
    calendar: Watch,
    alarm: Alarm,
    publishing_news: PublishingNews,
    joining_news: JoiningNews,
    drain: Duration,
    handover: Duration,
}

/// What comes back from the edges.
struct Heard {
    answers: mpsc::UnboundedReceiver<Answered>,
    publications: mpsc::UnboundedReceiver<Publication>,
    stored: mpsc::UnboundedReceiver<Stored>,
    read_again: mpsc::UnboundedReceiver<ReadAgain>,
    differs: mpsc::UnboundedReceiver<Difference>,
}

impl Service {
    async fn work(
        mut self,
        mut heard: Heard,
        shutdown: impl Future<Output = ()>,
    ) -> anyhow::Result<Ending> {
        match self.until_drained(&mut heard, shutdown).await {
            Ok(unfinished) => self.close(unfinished).await,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the service cannot go on, and ends"
                );
                if let Err(why) = self.close_edges().await {
                    tracing::error!(%why, "it could not end in order");
                }
                Err(error)
            }
        }
    }

    /// The loop. Gives the number of messages that were left open; fails if something has ended without which nothing goes on.
    async fn until_drained(
        &mut self,
        heard: &mut Heard,
        shutdown: impl Future<Output = ()>,
    ) -> anyhow::Result<usize> {
        tokio::pin!(shutdown);
        let mut is_draining = false;
        let mut inputs = Vec::new();
        let mut effects = Vec::new();
        let mut renew_report = tokio::time::interval(REPORT_EVERY);
        renew_report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake_at = self.engine.wake_at(self.clock.now());
            self.alarm.set(wake_at.map(|at| self.clock.began() + at))?;
            // In this order: what ends messages before what begins them, and an assignment before its first record.
            tokio::select! {
                biased;
                () = &mut shutdown, if !is_draining => {
                    is_draining = true;
                    inputs.push(self.begin_drain());
                }
                Some(key) = self.recipient_keys.recv() => inputs.push(Input::RecipientKey(key)),
                Ok(()) = self.held.changed() => {
                    let newest = self.held.borrow_and_update().clone();
                    inputs.extend(newest.map(|HeardHolds { holds, n_kept }| Input::Held { holds, n_kept }));
                }
                Some(what) = self.resumptions.recv() => inputs.push(Input::Resume(what)),
                Some(event) = self.consumer.events.recv() => inputs.extend(self.group_event(event)?),
                Some(answered) = heard.answers.recv() => inputs.push(self.answered(answered)),
                stored = heard.stored.recv() => inputs.push(input_of(lives(stored, "store")?)),
                Some(publication) = heard.publications.recv() => inputs.push(self.publication(publication)),
                read = heard.read_again.recv() => {
                    let ReadAgain { ticket, record } = lives(read, "kafka-reread")?;
                    inputs.push(Input::ReadAgain { ticket, record });
                }
                () = public_ended(&mut self.public), if !is_draining => {
                    anyhow::bail!("the task that serves callbacks and the mini program has ended unexpectedly");
                }
                () = self.alarm.rang() => inputs.push(Input::Tick),
                Ok(()) = self.rules.changed() => {
                    // In this order: apps are set before the rules that need them, so these are at least as new.
                    let rules = Arc::clone(&self.rules.borrow_and_update());
                    inputs.push(Input::AppsChanged(self.apps.borrow().clone()));
                    inputs.push(Input::RulesChanged(rules));
                }
                Some(differs) = heard.differs.recv() => inputs.push(Input::TemplateDiffers(differs)),
                Some(Punished { app, punishment }) = self.punished.recv() => {
                    inputs.push(Input::Punished { app, punishment });
                }
                _ = renew_report.tick() => {
                    self.renew_report();
                    continue;
                }
                read = self.consumer.records.recv() => {
                    let read = lives(read, "kafka-consumer")?;
                    // An assignment may have come in since the events were looked at, and this may be its first record.
                    while let Ok(event) = self.consumer.events.try_recv() {
                        inputs.extend(self.group_event(event)?);
                    }
                    inputs.extend(read.into_iter().map(input_of_read));
                }
            }
            // The runtime lets a task that is woken run at once, before others that are ready: without this the loop would go round for each
            // single answer, and so wake the store's thread for each.
            tokio::task::yield_now().await;
            self.hear_more(heard, &mut inputs);
            let now = self.clock.now();
            let jump = self.calendar.news(&self.clock);
            if jump.is_some() {
                self.consumer.wake();
            }
            let inputs = jump.into_iter().chain(inputs.drain(..));
            self.engine.round(now, inputs, &mut effects);
            if let Some(unfinished) = self.carry_out(&mut effects) {
                return Ok(unfinished);
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
        let now = self.clock.now();
        self.reports
            .send_modify(|report| report.passes_into(Phase::Draining, now));
        if let Some(public) = &self.public {
            public.drain();
        }
        self.consumer.command(Command::Pause);
        Input::Drain {
            timeout: self.drain,
        }
    }
}

/// What a thread says; nothing is the end of the thread, and only a panic ends it before its time.
fn lives<T>(said: Option<T>, thread: &str) -> anyhow::Result<T> {
    said.with_context(|| format!("the thread {thread} has ended unexpectedly"))
}

async fn public_ended(public: &mut Option<public::Open>) {
    match public {
        Some(public) => public.ended().await,
        None => std::future::pending().await,
    }
}
