//! The console's feed on a real Kafka: what lies there already, what comes, and what becomes of topics and brokers meanwhile.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wx_courier::config::{Kafka as Settings, ProducerSetting};
use wx_courier::console::feed::{Feed, Topics};
use wx_courier::console::filter::Filter;
use wx_courier::console::history::History;
use wx_courier::console::history::told::{Bounds, Progress, Span};
use wx_courier::edges::kafka::test_client::Upstream;
use wx_courier_core::model::rfc3339_ms;

use crate::support::events;
use crate::support::kafka::Kafka;
use crate::support::wait_until;
use crate::support::world::{Plan, World};

const BOUNDS: Bounds = Bounds {
    keep: Duration::from_hours(24 * 30),
    max_bytes: 1 << 30,
};

const ALL: Span = Span {
    from_ms: 0,
    to_ms: i64::MAX,
};

const LIMIT: Duration = Duration::from_secs(20);

/// Topics of a test's own, and a console beside them.
struct Stand {
    brokers: String,
    topics: Topics,
    upstream: Upstream,
    file: PathBuf,
    now_ms: i64,
    runtime: Runtime,
    _folder: TempDir,
}

/// A history that is being filled.
struct Console {
    history: History,
    feed: Feed,
}

impl Stand {
    /// Topics by this name are not made yet.
    fn new(brokers: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let unique = folder
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replace('.', "");
        let runtime = Runtime::new().unwrap();
        Self {
            brokers: brokers.to_owned(),
            topics: Topics {
                outcomes: Arc::from(format!("{name}-{unique}.outcomes")),
                audit: Arc::from(format!("{name}-{unique}.audit")),
            },
            upstream: Upstream::new(brokers).unwrap(),
            file: folder.path().join("console.sqlite"),
            now_ms: History::in_memory(BOUNDS).unwrap().now_ms(),
            runtime,
            _folder: folder,
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            brokers: self.brokers.clone(),
            group: "console-tests".to_owned(),
            topics: vec!["events".to_owned()],
            producer: ProducerSetting::Auto,
            options: std::collections::BTreeMap::new(),
        }
    }

    fn console(&self) -> Console {
        self.console_of(&self.topics)
    }

    fn console_of(&self, topics: &Topics) -> Console {
        let history = History::open(&self.file, BOUNDS).unwrap();
        let feed = Feed::start(&self.settings(), topics, &history).unwrap();
        Console { history, feed }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client.create().unwrap()
    }

    /// Until the broker has forgotten an old topic of this name, it refuses a new one.
    fn make(&self, topic: &str, partitions: i32) {
        let admin = self.admin();
        wait_until("the topic is made", || {
            let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
            let made = self
                .runtime
                .block_on(admin.create_topics(&[new], &AdminOptions::new()));
            made.unwrap().iter().all(Result::is_ok)
        });
    }

    fn delete(&self, topic: &str) {
        let deleted = self
            .runtime
            .block_on(self.admin().delete_topics(&[topic], &AdminOptions::new()));
        assert!(deleted.unwrap().iter().all(Result::is_ok));
    }

    /// Publishes the outcomes of these numbers.
    fn publish(&self, numbers: impl IntoIterator<Item = i64>) {
        for number in numbers {
            self.publish_value(number, &[], self.outcome(number).to_string().as_bytes());
        }
        self.upstream.flush().unwrap();
    }

    fn publish_value(&self, number: i64, headers: &[(&str, &str)], value: &[u8]) {
        let key = format!("key-{number}");
        self.upstream
            .publish(&self.topics.outcomes, &key, headers, value)
            .unwrap();
    }

    /// One a second, the first one now.
    fn outcome(&self, number: i64) -> Value {
        let status = if number % 5 == 0 {
            ("rejected", "user_refused")
        } else {
            ("sent", "ok")
        };
        json!({
            "id": format!("events/0/{number}/done"), "message_id": format!("done|/shop|{number}"), "event_id": number.to_string(),
            "event_source": "/shop", "rule": "done", "status": status.0, "reason": status.1, "detail": "", "rules_version": "1",
            "topic": "events", "partition": 0, "offset": number, "attempts": 1, "waited_ms": 1, "api_ms": 1,
            "received_at": rfc3339_ms(self.now_ms - number * 1_000), "settled_at": rfc3339_ms(self.now_ms - number * 1_000),
        })
    }

    /// The event ids of all outcomes that are kept.
    fn kept(&self, console: &Console) -> BTreeSet<i64> {
        let found = self
            .runtime
            .block_on(console.history.search(&Filter::default(), None, 10_000));
        let found = found.unwrap();
        assert!(found.older.is_none());
        assert!(
            found
                .outcomes
                .is_sorted_by_key(|kept| std::cmp::Reverse(kept.cursor))
        );
        let ids = found
            .outcomes
            .iter()
            .map(|kept| kept.outcome.event_id.as_deref().unwrap().parse().unwrap());
        let ids: Vec<i64> = ids.collect();
        let distinct: BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len());
        distinct
    }

    fn end(&self, console: Console) {
        console.feed.close(LIMIT);
        // The file is closed with the last one who knows of it.
        wait_until("the readers have ended", || console.history.is_last());
    }
}

impl Console {
    fn progress(&self) -> Progress {
        self.history.progress().borrow().clone()
    }

    /// Waits until so many outcomes are kept, and nothing is left to be read.
    fn wait_for(&self, kept: u64) {
        wait_until(&format!("{kept} outcomes are kept"), || {
            let progress = self.progress();
            assert!(progress.kept <= kept, "{progress:?}");
            progress.kept == kept && progress.left == 0 && progress.is_live
        });
    }
}

fn set(numbers: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
    numbers.into_iter().collect()
}

#[test]
fn all_that_lies_there_is_read_then_what_comes_and_after_a_restart_what_came_meanwhile() {
    let stand = Stand::new(Kafka::shared(), "console-cold");
    stand.make(&stand.topics.outcomes, 3);
    stand.make(&stand.topics.audit, 1);
    stand.publish((0..3_000).rev());
    // A receipt, something else, and garbage.
    let receipt = [("ce_type", "wx-courier.receipt.delivered")];
    for (number, value) in [
        (0, "{\"id\":\"shop/1/receipt\"}"),
        (1, "{\"hello\":1}"),
        (2, "\u{0}"),
    ] {
        let headers = if number == 0 { &receipt[..] } else { &[] };
        stand.publish_value(number, headers, value.as_bytes());
    }
    let paused = json!({"id": "a1", "at": rfc3339_ms(stand.now_ms), "what": "pause", "subject": "rule done"});
    stand
        .upstream
        .publish(
            &stand.topics.audit,
            "a1",
            &[],
            paused.to_string().as_bytes(),
        )
        .unwrap();
    stand.upstream.flush().unwrap();

    let console = stand.console();
    let mut news = console.history.news();
    console.wait_for(3_000);
    assert_eq!(stand.kept(&console), set(0..3_000));
    let changes = || {
        stand
            .runtime
            .block_on(console.history.changes(ALL, 10))
            .unwrap()
    };
    wait_until("the change is there", || changes().len() == 1);
    assert_eq!(changes()[0].record, paused);
    wait_until("all of it is counted", || console.progress().read == 3_004);
    let progress = console.progress();
    assert_eq!((progress.not_understood, progress.trouble), (2, None));
    assert_eq!(progress.whole_since_ms, Some(stand.now_ms - 2_999_000));
    assert!(news.try_recv().is_err(), "what lay there is no news");

    stand.publish(-5..0);
    console.wait_for(3_005);
    wait_until("they are told", || news.len() == 5);
    let heard = (0..5).map(|_| {
        news.try_recv()
            .unwrap()
            .outcome
            .event_id
            .as_deref()
            .unwrap()
            .parse()
            .unwrap()
    });
    assert_eq!(heard.collect::<BTreeSet<i64>>(), set(-5..0));
    // Delivery is at least once.
    stand.publish(-5..0);
    wait_until("they were read again", || console.progress().read == 3_014);
    assert_eq!(console.progress().kept, 3_005);
    assert!(news.try_recv().is_err(), "what is repeated is no news");

    stand.end(console);
    stand.publish(-45..-5);
    let console = stand.console();
    console.wait_for(3_045);
    assert_eq!(stand.kept(&console), set(-45..3_000));
    assert_eq!(console.progress().read, 40, "nothing is read twice");
}

#[test]
fn a_topic_that_appears_later_and_partitions_that_are_added_are_read() {
    let stand = Stand::new(Kafka::shared(), "console-later");
    let console = stand.console();
    let mut news = console.history.news();
    let trouble = || console.progress().trouble;
    wait_until("it is said that there is no topic", || {
        trouble().is_some_and(|trouble| trouble.contains("does not exist"))
    });
    assert!(trouble().unwrap().contains(&*stand.topics.outcomes));
    stand.make(&stand.topics.outcomes, 1);
    stand.publish(0..10);
    console.wait_for(10);
    wait_until("nothing is wrong any more", || trouble().is_none());
    wait_until("all of them are news", || news.len() == 10);
    while news.try_recv().is_ok() {}

    let more = NewPartitions::new(&stand.topics.outcomes, 6);
    let added = stand.runtime.block_on(
        stand
            .admin()
            .create_partitions(&[more], &AdminOptions::new()),
    );
    assert!(added.unwrap().iter().all(Result::is_ok));
    let mut n_published = 10;
    // The producer learns of the new partitions in its own time.
    wait_until("records of a new partition are read", || {
        stand.publish([n_published]);
        n_published += 1;
        console
            .history
            .coverage(|coverage| coverage.partitions(&stand.topics.outcomes).count())
            > 1
    });
    console.wait_for(u64::try_from(n_published).unwrap());
    assert_eq!(stand.kept(&console), set(0..n_published));
    stand.end(console);
}

#[test]
fn a_topic_that_is_deleted_and_made_anew_is_read_from_its_beginning_and_nothing_kept_is_lost() {
    let stand = Stand::new(Kafka::shared(), "console-anew");
    let topic = Arc::clone(&stand.topics.outcomes);
    stand.make(&topic, 1);
    stand.publish(0..100);
    let console = stand.console();
    console.wait_for(100);
    // Under the running console: fewer records than before, some of them the same outcomes.
    stand.delete(&topic);
    stand.make(&topic, 1);
    stand.publish(95..130);
    console.wait_for(130);
    assert_eq!(stand.kept(&console), set(0..130));
    stand.end(console);
    // While no console runs: more records than before.
    stand.delete(&topic);
    stand.make(&topic, 1);
    stand.publish(130..400);
    let console = stand.console();
    console.wait_for(400);
    assert_eq!(stand.kept(&console), set(0..400));
    stand.end(console);
}

#[test]
fn while_kafka_is_away_it_is_said_and_afterwards_it_goes_on_by_itself() {
    let mut kafka = Kafka::start();
    let stand = Stand::new(kafka.bootstrap(), "console-away");
    stand.make(&stand.topics.outcomes, 2);
    stand.publish(0..50);
    let console = stand.console();
    console.wait_for(50);
    for round in 1..=2 {
        if round == 1 {
            kafka.stop()
        } else {
            kafka.kill()
        }
        wait_until("the trouble is told", || {
            console.progress().trouble.is_some()
        });
        let trouble = console.progress().trouble.unwrap();
        assert!(trouble.contains(&stand.brokers), "{trouble}");
        assert_eq!(
            stand.kept(&console).len(),
            usize::try_from(50 * round).unwrap()
        );
        kafka.start_again();
        stand.publish(50 * round..50 * (round + 1));
        console.wait_for(u64::try_from(50 * (round + 1)).unwrap());
        wait_until("the trouble is over", || {
            console.progress().trouble.is_none()
        });
    }
    assert_eq!(stand.kept(&console), set(0..150));
    stand.end(console);
}

#[test]
fn the_outcomes_of_a_service_are_read_as_it_tells_them() {
    let world = World::new(Kafka::shared(), "console-service", Plan::default());
    let stand = Stand::new(Kafka::shared(), "console-service");
    let topics = Topics {
        outcomes: Arc::from(world.settings.outcomes.topic.as_str()),
        audit: Arc::clone(&stand.topics.audit),
    };
    let console = stand.console_of(&topics);
    let events = events::mixed(0..60);
    world.publish(&events);
    let courier = world.courier();
    console.wait_for(60);
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(60);
    courier.end_cleanly();
    let found = stand
        .runtime
        .block_on(console.history.search(&Filter::default(), None, 100))
        .unwrap();
    for published in outcomes.read_to_end() {
        let published = published.json();
        let kept = found
            .outcomes
            .iter()
            .find(|kept| published["id"] == *kept.outcome.id)
            .unwrap();
        assert_eq!(serde_json::to_value(&kept.outcome).unwrap(), published);
    }
    let kinds = stand
        .runtime
        .block_on(console.history.kinds(&Filter::of_query("status=sent"), ALL))
        .unwrap();
    assert_eq!(kinds.iter().map(|kind| kind.count).sum::<u64>(), 60);
    stand.end(console);
}
