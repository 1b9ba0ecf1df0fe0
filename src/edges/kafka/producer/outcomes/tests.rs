//! A producer that librdkafka gives up, on a broker that can be told how to answer.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::edges::kafka::test_kafka::kafka;
use crate::edges::kafka::trouble::Ear;
use wx_courier_core::model::outcome::{Reason, Status};

const OUTCOMES: &str = "outcomes";
const LETTERS: &str = "letters";

/// To an idempotent producer's first request this is fatal: its sequence and the broker's have come apart.
const DESYNCHRONISED: RDKafkaRespErr =
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;

const REFUSED: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    publisher: Publisher,
    answers: mpsc::UnboundedReceiver<Publication>,
}

impl Bench {
    fn new(options: &[(&str, &str)]) -> Self {
        Self::with(ProducerSetting::Auto, options)
    }

    fn with(producer: ProducerSetting, options: &[(&str, &str)]) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in [OUTCOMES, LETTERS] {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        let kafka = Kafka {
            producer,
            ..kafka(cluster.bootstrap_servers(), options)
        };
        let (answers_in, answers) = mpsc::unbounded_channel();
        let chosen = Chosen {
            mode: Mode::Idempotent,
            why: "the tests say so".to_owned(),
        };
        let topics = (OUTCOMES, LETTERS);
        Self {
            publisher: Publisher::new(
                (&kafka, Ear::Command),
                chosen,
                topics,
                Clock::start(),
                answers_in,
            )
            .unwrap(),
            cluster,
            answers,
        }
    }

    async fn answer(&mut self) -> Publication {
        let limit = Duration::from_mins(1);
        let answer = tokio::time::timeout(limit, self.answers.recv()).await;
        answer.expect("an answer in time").expect("an answer")
    }

    async fn must_fail(&mut self, expected: Ticket) {
        let answer = self.answer().await;
        let Publication::Failed { ticket, .. } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(ticket, expected);
    }

    fn publish(&self, number: u64) {
        self.publish_letter(number, &record());
    }

    fn publish_letter(&self, number: u64, record: &Record) {
        let outcome = outcome(number);
        self.publisher
            .publish(Ticket(number), &outcome, Some(record));
    }

    fn n_records(&self, topic: &str) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .create()
            .unwrap();
        let limit = Duration::from_secs(30);
        consumer.fetch_watermarks(topic, 0, limit).unwrap().1
    }
}

fn outcome(number: u64) -> Outcome {
    serde_json::from_value(serde_json::json!({
        "id": format!("events/0/{number}"), "message_id": format!("m{number}"),
        "status": Status::Failed, "reason": Reason::AttemptsUsed, "detail": "", "rules_version": "1",
        "topic": "events", "partition": 0, "offset": number, "attempts": 1,
        "received_at": "", "settled_at": "", "waited_ms": 0, "api_ms": 0,
    }))
    .unwrap()
}

fn record() -> Record {
    Record {
        topic: Arc::from("events"),
        partition: 0,
        offset: 0,
        key: None,
        headers: Vec::new(),
        value: Some(b"{}".to_vec()),
        timestamp_ms: None,
    }
}

#[tokio::test]
async fn a_producer_that_lost_its_sequence_is_replaced_and_nothing_is_lost() {
    let mut bench = Bench::new(&[]);
    // One of the two topics takes its record, the other ends the producer.
    let answers = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, DESYNCHRONISED];
    bench
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &answers);
    bench.publish(1);
    bench.must_fail(Ticket(1)).await;
    // Refused at once: the producer takes nothing any more.
    bench.publish(2);
    bench.must_fail(Ticket(2)).await;
    assert_eq!(bench.publisher.replace_if_it_has_ended(), Replacement::Made);
    assert_eq!(
        bench.publisher.replace_if_it_has_ended(),
        Replacement::NotNeeded
    );
    for number in [1, 2] {
        bench.publish(number);
        let acknowledged = Publication::Acknowledged(Ticket(number));
        assert_eq!(bench.answer().await, acknowledged);
    }
    // The half that was acknowledged under the old producer was not published again.
    let there = (bench.n_records(OUTCOMES), bench.n_records(LETTERS));
    assert_eq!(there, (2, 2));
    assert!(bench.answers.try_recv().is_err(), "an answer too many");
}

#[tokio::test]
async fn what_is_queued_behind_a_fatal_error_fails_once() {
    // One request at a time, with one record: the others wait in the queue.
    let mut bench = Bench::new(&[("batch.num.messages", "1"), ("max.in.flight", "1")]);
    bench
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &[DESYNCHRONISED]);
    for number in 0..50 {
        bench.publish(number);
    }
    assert!(matches!(bench.answer().await, Publication::Failed { .. }));
    assert_eq!(bench.publisher.replace_if_it_has_ended(), Replacement::Made);
    let mut missing: Vec<u64> = (0..50).collect();
    let mut n_answers = 1;
    while n_answers < 50 {
        match bench.answer().await {
            Publication::Failed { .. } => n_answers += 1,
            Publication::Acknowledged(ticket) => {
                n_answers += 1;
                missing.retain(|number| *number != ticket.0);
            }
        }
    }
    for number in &missing {
        bench.publish(*number);
    }
    for _ in &missing {
        let answer = bench.answer().await;
        assert!(matches!(answer, Publication::Acknowledged(_)), "{answer:?}");
    }
    assert!(bench.answers.try_recv().is_err(), "an answer too many");
}

#[tokio::test]
async fn a_cluster_that_refuses_every_producer_is_asked_at_a_pace() {
    let mut bench = Bench::with(ProducerSetting::Idempotent, &[]);
    bench
        .cluster
        .request_errors(RDKafkaApiKey::InitProducerId, &[REFUSED; 4]);
    bench.publish(1);
    bench.must_fail(Ticket(1)).await;
    assert_eq!(bench.publisher.replace_if_it_has_ended(), Replacement::Made);
    bench.publish(1);
    bench.must_fail(Ticket(1)).await;
    assert_eq!(
        bench.publisher.replace_if_it_has_ended(),
        Replacement::Later
    );
    let first_wait = bench.publisher.pace.wait;
    assert!(first_wait > SHORTEST_WAIT, "{first_wait:?}");
    // As if that wait were over.
    bench.publisher.pace.earliest = Instant::now();
    assert_eq!(bench.publisher.replace_if_it_has_ended(), Replacement::Made);
    assert!(bench.publisher.pace.wait > first_wait);
    bench
        .cluster
        .clear_request_errors(RDKafkaApiKey::InitProducerId);
}

#[tokio::test]
async fn a_cluster_that_refuses_idempotent_producers_gets_a_plain_one_at_once() {
    let mut bench = Bench::new(&[]);
    bench
        .cluster
        .request_errors(RDKafkaApiKey::InitProducerId, &[REFUSED; 20]);
    bench.publish(1);
    bench.must_fail(Ticket(1)).await;
    assert_eq!(bench.publisher.replace_if_it_has_ended(), Replacement::Made);
    let chosen = bench.publisher.chosen().clone();
    assert_eq!(chosen.mode, Mode::Plain);
    assert!(chosen.why.contains("refuses"), "{chosen:?}");
    for number in [1, 2] {
        bench.publish(number);
        let acknowledged = Publication::Acknowledged(Ticket(number));
        assert_eq!(bench.answer().await, acknowledged);
    }
}

#[tokio::test]
async fn a_producer_that_lost_its_sequence_is_no_reason_for_a_plain_one() {
    let mut bench = Bench::new(&[]);
    bench
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &[DESYNCHRONISED]);
    bench.publish(1);
    bench.must_fail(Ticket(1)).await;
    assert_eq!(bench.publisher.replace_if_it_has_ended(), Replacement::Made);
    assert_eq!(bench.publisher.chosen().mode, Mode::Idempotent);
}

#[tokio::test]
async fn what_is_over_the_producers_own_limit_is_made_smaller() {
    let mut bench = Bench::new(&[("message.max.bytes", "2000")]);
    let large = vec![b'x'; 3000];
    let with_large_value = Record {
        value: Some(large.clone()),
        ..record()
    };
    let with_large_header = Record {
        headers: vec![("x-large".to_owned(), Some(large))],
        ..record()
    };
    // The first is small enough without its value, the second only without its headers too.
    for (number, record, n_refusals) in [(1, with_large_value, 1), (2, with_large_header, 2)] {
        let ticket = Ticket(number);
        for _ in 0..n_refusals {
            bench.publish_letter(number, &record);
            bench.must_fail(ticket).await;
        }
        bench.publish_letter(number, &record);
        assert_eq!(bench.answer().await, Publication::Acknowledged(ticket));
    }
    let there = (bench.n_records(OUTCOMES), bench.n_records(LETTERS));
    assert_eq!(there, (2, 2));
}
