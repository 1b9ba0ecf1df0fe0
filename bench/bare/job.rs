//! From Kafka to Kafka in the plainest way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::{ClientConfig, ClientContext};
use serde::Deserialize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{Message, WeChat, in_flight, told};

/// Records between the thread that polls and the tasks.
const QUEUE: usize = 1_000;

#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    time: &'a str,
    data: Order<'a>,
}

#[derive(Deserialize)]
struct Order<'a> {
    openid: &'a str,
    #[serde(rename = "order_no")]
    number: &'a str,
    amount_fen: u64,
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    name: &'a str,
}

/// A place among the calls under way is free again when the broker has the outcome.
struct Acknowledged;

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<OwnedSemaphorePermit>;

    fn delivery(&self, result: &DeliveryResult<'_>, permit: Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            eprintln!("an outcome was not published: {error}");
        }
        drop(permit);
    }
}

pub(crate) async fn run(wechat: WeChat) {
    let wechat = Arc::new(wechat);
    let producer: ThreadedProducer<Acknowledged> = ClientConfig::new()
        .set("bootstrap.servers", told("KAFKA_BOOTSTRAP_SERVERS"))
        .set("enable.idempotence", "true")
        .create_with_context(Acknowledged)
        .expect("a producer");
    let (producer, topic) = (Arc::new(producer), Arc::new(told("OUTCOME_TOPIC")));
    let places = Arc::new(Semaphore::new(in_flight()));
    let must_end = Arc::new(AtomicBool::new(false));
    let (records, mut incoming) = mpsc::channel(QUEUE);
    let consumer = thread::spawn({
        let must_end = Arc::clone(&must_end);
        move || consume(&records, &must_end)
    });
    let mut end = signal(SignalKind::terminate()).expect("a signal");
    loop {
        let record = tokio::select! {
            Some(record) = incoming.recv() => record,
            _ = end.recv() => break,
        };
        let place = Arc::clone(&places).acquire_owned().await.expect("open");
        let (wechat, producer) = (Arc::clone(&wechat), Arc::clone(&producer));
        let topic = Arc::clone(&topic);
        tokio::spawn(async move { handle(&wechat, &producer, &topic, &record, place).await });
    }
    must_end.store(true, Ordering::Relaxed);
    // What was read is committed when the consumer ends, so it must be finished first.
    while let Some(record) = incoming.recv().await {
        let place = Arc::clone(&places).acquire_owned().await.expect("open");
        handle(&wechat, &producer, &topic, &record, place).await;
    }
    let all = u32::try_from(in_flight()).expect("a count");
    drop(places.acquire_many(all).await);
    producer
        .flush(Duration::from_secs(10))
        .expect("the last outcomes");
    consumer.join().expect("the consumer ends");
}

fn consume(records: &mpsc::Sender<OwnedMessage>, must_end: &AtomicBool) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", told("KAFKA_BOOTSTRAP_SERVERS"))
        .set("group.id", told("GROUP"))
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("a consumer");
    consumer
        .subscribe(&[&told("SOURCE_TOPIC")])
        .expect("a subscription");
    while !must_end.load(Ordering::Relaxed) {
        match consumer.poll(Duration::from_millis(100)) {
            // The receiver is gone only when this ends too.
            Some(Ok(record)) => drop(records.blocking_send(record.detach())),
            Some(Err(error)) => eprintln!("{error}"),
            None => {}
        }
    }
    if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync) {
        eprintln!("the last offsets were not committed: {error}");
    }
}

async fn handle(
    wechat: &WeChat,
    producer: &ThreadedProducer<Acknowledged>,
    topic: &str,
    record: &OwnedMessage,
    place: OwnedSemaphorePermit,
) {
    let event: Event<'_> = match serde_json::from_slice(record.payload().unwrap_or_default()) {
        Ok(event) => event,
        Err(error) => {
            eprintln!("not an order: {error}");
            return;
        }
    };
    let Order {
        openid,
        number,
        amount_fen,
        items,
    } = &event.data;
    let first = items.first().map_or("", |item| item.name);
    let message = Message {
        openid,
        order_no: number,
        goods: &format!("{first} 等{}件", items.len()),
        amount: &format!("￥{}.{:02}", amount_fen / 100, amount_fen % 100),
        time: &minute(event.time),
    };
    let (status, errcode, msgid) = match wechat.send(wechat.body(&message)).await {
        Ok(answer) if answer.errcode == 0 => ("sent", Some(0), answer.msgid),
        Ok(answer) => ("rejected", Some(answer.errcode), None),
        Err(_) => ("failed", None, None),
    };
    let outcome = json!({
        "event_id": event.id,
        "status": status,
        "errcode": errcode,
        "msgid": msgid.map(|msgid| msgid.to_string()),
    });
    let outcome = outcome.to_string();
    let record = BaseRecord::with_opaque_to(topic, Box::new(place))
        .key(event.id)
        .payload(&outcome);
    if let Err((error, _)) = producer.send(record) {
        eprintln!("an outcome was not published: {error}");
    }
}

/// `2026-11-23T10:00:00.123+08:00` as `2026年11月23日 10:00`; the bench writes times in China's zone.
fn minute(time: &str) -> String {
    let part = |from: usize, to: usize| time.get(from..to).unwrap_or_default();
    format!(
        "{}年{}月{}日 {}",
        part(0, 4),
        part(5, 7),
        part(8, 10),
        part(11, 16)
    )
}
