//! A first start beside a topic that has everything already.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use tokio::time::Instant;
use wx_courier::config::{Kafka as Settings, ProducerSetting};
use wx_courier::console::feed::{Feed, Topics};
use wx_courier::console::filter::Filter;
use wx_courier::console::history::History;
use wx_courier::console::history::told::Span;

use crate::kafka::Kafka;
use crate::made::Made;
use crate::{BOUNDS, ms, say_memory};

const TOPIC: &str = "wx-courier.outcomes";
const PARTITIONS: i32 = 6;
const HOUR_MS: i64 = 3_600_000;

pub(crate) async fn run(n: u64) {
    let brokers = Kafka::shared();
    let made = Made::new(n);
    let began = Instant::now();
    publish(brokers, &made, n).await;
    println!(
        "{n} outcomes were published in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    say_memory("before the start");
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = Settings {
        brokers: brokers.to_owned(),
        group: "console-load".to_owned(),
        topics: vec!["events".to_owned()],
        producer: ProducerSetting::Auto,
        options: std::collections::BTreeMap::new(),
    };
    let topics = Topics {
        outcomes: Arc::from(TOPIC),
        audit: Arc::from("wx-courier.audit"),
    };
    let began = Instant::now();
    let history = History::open(&folder.path().join("console.sqlite"), BOUNDS).expect("a history");
    let feed = Feed::start(&kafka, &topics, &history).expect("a feed");
    watch(&history, &made, began).await;
    say_memory("when all is read");
    tokio::task::spawn_blocking(move || feed.close(Duration::from_secs(5)))
        .await
        .expect("it ends");
}

/// Asks what the first page asks, again and again, until all is read.
async fn watch(history: &History, made: &Made, began: Instant) {
    let mut is_shown = false;
    let mut longest = Duration::ZERO;
    let mut told = Instant::now();
    loop {
        let asked = Instant::now();
        let span = |hours: i64| Span {
            from_ms: made.now_ms() - hours * HOUR_MS,
            to_ms: made.now_ms() + HOUR_MS,
        };
        let all = Filter::default();
        let chart = history.buckets(&all, span(6), 72).await.expect("an answer");
        history.kinds(&all, span(24)).await.expect("an answer");
        let found = history.search(&all, None, 50).await.expect("an answer");
        longest = longest.max(asked.elapsed());
        let progress = history.progress().borrow().clone();
        let in_chart: u64 = chart.iter().flat_map(|bucket| bucket.counts.values()).sum();
        if !is_shown && in_chart > 0 && found.outcomes.len() == 50 && progress.left > 0 {
            is_shown = true;
            println!(
                "the first page has something to show after {}: {progress:?}",
                ms(began.elapsed())
            );
        }
        if told.elapsed() > Duration::from_secs(2) {
            told = Instant::now();
            println!(
                "  after {:.1} s {} read, {} left, {in_chart} in the last six hours",
                began.elapsed().as_secs_f64(),
                progress.read,
                progress.left
            );
        }
        if progress.is_live && progress.left == 0 && progress.read > 0 {
            let rate = progress.kept as f64 / began.elapsed().as_secs_f64();
            println!(
                "all {} are read after {:.1} s, {rate:.0} a second; the page's questions took {} at most meanwhile",
                progress.kept,
                began.elapsed().as_secs_f64(),
                ms(longest)
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn publish(brokers: &str, made: &Made, n: u64) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = client.create().expect("a client");
    let topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
    let created = admin
        .create_topics([&topic], &AdminOptions::new())
        .await
        .expect("an answer");
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    client
        .set("compression.type", "zstd")
        .set("linger.ms", "20");
    let producer: ThreadedProducer<DefaultProducerContext> = client.create().expect("a producer");
    for number in 0..n {
        let outcome = made.outcome(number);
        let value = serde_json::to_vec(&outcome).expect("JSON");
        let mut record = BaseRecord::to(TOPIC)
            .key(&outcome.message_id)
            .payload(&value);
        record.timestamp = Some(made.settled_ms(number));
        while let Err((_, refused)) = producer.send(record) {
            record = refused;
            producer.poll(Duration::from_millis(50));
        }
    }
    producer
        .flush(Duration::from_mins(2))
        .expect("the broker has all");
}
