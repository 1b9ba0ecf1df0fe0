//! Surveys and runs on a broker in this process.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::*;
use crate::config::test_settings::sample;
use crate::config::{ProducerSetting, Settings};
use crate::edges::kafka::embedded::EmbeddedBroker;
use crate::edges::kafka::scan::{HowFar, Scanner};
use crate::edges::kafka::test_client::Upstream;
use wx_courier_core::event::RunId;
use wx_courier_core::replay::{Errand, Form, Place, Selection, Sending};
use wx_courier_core::rules::RuleSet;

const SOURCE: &str = "order-events";
const OUTCOMES: &str = "wx-courier.outcomes";

struct World {
    _broker: EmbeddedBroker,
    folder: tempfile::TempDir,
    settings: Arc<Settings>,
    rules: Arc<RuleSet>,
    n_records: usize,
}

impl World {
    /// With so many records on the source topic, and on the outcome topic too.
    fn new(n_records: usize) -> Self {
        let broker = EmbeddedBroker::start([SOURCE, OUTCOMES], 1).unwrap();
        let upstream = Upstream::new(&broker.address()).unwrap();
        for _ in 0..n_records {
            for topic in [SOURCE, OUTCOMES] {
                upstream.publish(topic, "key", &[], b"{}").unwrap();
            }
        }
        upstream.flush().unwrap();
        let (mut settings, rules) = sample(&broker.address());
        settings.kafka.producer = ProducerSetting::Plain;
        Self {
            _broker: broker,
            folder: tempfile::tempdir().unwrap(),
            settings: Arc::new(settings),
            rules,
            n_records,
        }
    }

    /// All records of the source topic once more.
    fn work(&self, rate: u32) -> Work {
        let errand = |number: usize| {
            let place = Place {
                topic: Arc::from(SOURCE),
                partition: 0,
                offset: i64::try_from(number).unwrap(),
            };
            Errand {
                of: place.clone(),
                read_at: place,
                form: Form::Original,
                rules: Vec::new(),
                sending: Sending::Once,
                messages: 1,
            }
        };
        Work {
            kafka: self.settings.kafka.clone(),
            run: RunId::new(0, fastrand::u32(..)),
            errands: (0..self.n_records).map(errand).collect(),
            done: 0,
            rate,
        }
    }

    fn journal(&self, work: &Work) -> Journal {
        let path = place_in(self.folder.path(), &work.run);
        Journal::create(&path, &work.run.to_string(), &work.errands).unwrap()
    }

    /// How many records the source topic has.
    fn n_on_topic(&self) -> u64 {
        let scanner = Scanner::new(&self.settings.kafka).unwrap();
        scanner.extent(SOURCE, None).unwrap().n_records()
    }
}

/// Waits until a run is over, and gives how it stands.
async fn over(run: &Run) -> Standing {
    let mut standing = run.standing();
    let over = standing.wait_for(|standing| standing.state.is_over());
    over.await.unwrap().clone()
}

/// Waits until some of its records are done.
async fn begun(run: &Run) {
    let mut standing = run.standing();
    let done = standing.wait_for(|standing| standing.done > 0);
    assert_eq!(done.await.unwrap().state, RunState::Running);
}

#[tokio::test]
async fn a_run_publishes_all_and_takes_its_file_away() {
    let world = World::new(20);
    let work = world.work(10_000);
    let run = Run::start(work.clone(), world.journal(&work));
    let path = run.journal().to_owned();
    let end = over(&run).await;
    let expected = Standing {
        state: RunState::Done,
        done: 20,
        of: 20,
        acknowledged: 20,
        gone: 0,
        too_large: 0,
        why: None,
    };
    assert_eq!(end, expected);
    assert_eq!(run.end().await.unwrap().stopped, None);
    assert!(!path.exists());
    assert_eq!(world.n_on_topic(), 40);
}

#[tokio::test]
async fn a_run_that_is_stopped_or_forgotten_goes_on_by_its_file() {
    let world = World::new(40);
    let work = world.work(10);
    let run = Run::start(work.clone(), world.journal(&work));
    let path = run.journal().to_owned();
    begun(&run).await;
    run.stop();
    let stopped = over(&run).await;
    assert_eq!(
        (stopped.state, stopped.why),
        (RunState::Stopped, None),
        "it has 40 records, and a second's work is done"
    );
    assert_eq!(run.end().await.unwrap().stopped, Some(Stopped::Asked));

    let (journal, found) = Journal::open(&path).unwrap();
    assert_eq!((found.done, found.errands.len()), (stopped.done, 40));
    let rest = Work {
        done: found.done,
        ..work.clone()
    };
    let run = Run::start(rest, journal);
    let mut standing = run.standing();
    let before = stopped.done;
    let moved = standing.wait_for(|standing| standing.done > before);
    moved.await.unwrap();
    // Its last owner is gone.
    drop(run);
    let forgotten = standing.wait_for(|standing| standing.state.is_over()).await;
    let forgotten = forgotten.unwrap().clone();
    assert_eq!(forgotten.state, RunState::Stopped);

    let (journal, found) = Journal::open(&path).unwrap();
    assert_eq!(found.done, forgotten.done);
    let rest = Work {
        done: found.done,
        rate: 10_000,
        ..work
    };
    let run = Run::start(rest, journal);
    assert_eq!(over(&run).await.state, RunState::Done);
    assert_eq!(world.n_on_topic(), 80, "each once");
}

#[tokio::test]
async fn a_desk_has_one_run_at_a_time_and_remembers_the_last() {
    let world = World::new(40);
    let folder: PathBuf = world.folder.path().join("made");
    let desk = Desk::new(Arc::clone(&world.settings), folder);
    assert!(desk.last().is_none());
    let first = desk.begin(world.work(10)).await.unwrap();
    let second = desk.begin(world.work(10_000)).await;
    assert!(matches!(second, Err(NotBegun::Busy)));
    begun(&first).await;
    desk.last().unwrap().stop();
    assert_eq!(over(&first).await.state, RunState::Stopped);
    assert!(first.journal().exists());
    let second = desk.begin(world.work(10_000)).await.unwrap();
    assert_eq!(over(&second).await.state, RunState::Done);
    assert_eq!(desk.last().unwrap().id(), second.id());
}

#[tokio::test]
async fn a_run_that_cannot_publish_says_why_and_leaves_its_file() {
    let world = World::new(1);
    let mut work = world.work(10);
    let mut elsewhere = work.errands[0].clone();
    elsewhere.of.topic = Arc::from("no-such-topic");
    work.errands = [elsewhere].into();
    let run = Run::start(work.clone(), world.journal(&work));
    let failed = over(&run).await;
    assert_eq!(failed.state, RunState::Failed);
    let why = failed.why.unwrap();
    assert!(why.contains("no-such-topic does not exist"), "{why}");
    assert!(run.journal().exists());
    assert!(matches!(run.end().await, Err(RunFailed::Broken(_))));
}

#[tokio::test]
async fn a_survey_is_whole_or_none() {
    let world = World::new(3);
    let (told, _heard) = watch::channel(HowFar::default());
    let search = Search {
        from: Pile::Outcomes,
        selection: Selection::default(),
        sending: Sending::Once,
        now_ms: 0,
    };
    let desk = Desk::new(Arc::clone(&world.settings), world.folder.path().to_owned());
    let survey = |bounds| desk.survey(Arc::clone(&world.rules), search.clone(), bounds, &told);
    let judged = survey(Bounds::OF_A_SERVER).await.unwrap();
    assert_eq!(judged.count.not_understood, 3);
    let few = Bounds {
        records: 5,
        ..Bounds::OF_A_SERVER
    };
    let too_much = survey(few).await;
    let Err(NotBegun::Survey(SurveyError::TooMuch { records, most })) = too_much else {
        panic!("{too_much:?}");
    };
    assert_eq!((records, most), (6, 5));
}
