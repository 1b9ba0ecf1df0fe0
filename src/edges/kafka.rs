//! Kafka: a consumer on its own thread, the producers, and the topics both need; for a replay a reader without a group; for the console a follower of a topic; for `check` what the
//! cluster lets us do; what keeps us from it; for the demo an embedded broker and a test client that publishes and watches.

pub mod cause;
pub mod cloud;
pub mod consumer;
pub mod embedded;
pub mod inspect;
pub mod partitions;
pub mod producer;
pub mod reread;
pub mod scan;
pub mod standing;
mod statistics;
pub mod tail;
pub mod test_client;
#[cfg(test)]
mod test_kafka;
pub mod topics;
pub mod trouble;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::config::Kafka;
use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

/// A topic's limit is for a batch, and a batch is refused whole. Small batches, in which a large record is alone, keep a large one from
/// taking its neighbours with it, and many small ones from being too large together, wherever a topic accepts this much.
const BATCH_BYTES: usize = SMALLEST_TOPIC_BYTES;

/// What every client of ours has in common. The user's own properties come last, so that they win.
fn client_config(kafka: &Kafka, ours: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &kafka.brokers)
        .set("client.id", "wx-courier")
        .set_log_level(RDKafkaLogLevel::Info);
    for (name, value) in ours {
        config.set(*name, *value);
    }
    for (name, value) in &kafka.options {
        for (one, other) in ALIASES {
            if name == one {
                config.remove(other);
            }
        }
        config.set(name, value.expose());
    }
    config
}

/// Properties of ours that users know by another name, too, each with ours: both names at once would have no order.
const ALIASES: [(&str, &str); 2] = [
    ("request.required.acks", "acks"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
];

/// A client that reads outside of the group, though it names it. The user's properties win, but for those that would make a member of it.
fn reader_config(kafka: &Kafka, ours: &[(&str, &str)]) -> ClientConfig {
    let always = [
        // Named because the client wants one: nothing is subscribed.
        ("group.id", kafka.group.as_str()),
        ("allow.auto.create.topics", "false"),
    ];
    let mut config = client_config(kafka, &[&always, ours].concat());
    for name in OF_A_MEMBER {
        config.remove(name);
    }
    for (name, value) in OUTSIDE {
        config.set(name, value);
    }
    config
}

/// The properties of a member of a group, which a reader without one must not have.
const OF_A_MEMBER: [&str; 6] = [
    "group.protocol",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.remote.assignor",
    "group.instance.id",
    "partition.assignment.strategy",
];

/// What keeps a reader from committing what it reads, and how it hears of the end.
const OUTSIDE: [(&str, &str); 5] = [
    // A commit on trial whose group it may not see would be kept for a session.
    ("session.timeout.ms", "6000"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    // What retention deletes while it reads is skipped.
    ("auto.offset.reset", "earliest"),
];

/// What librdkafka finds wrong with the user's properties: names, values, and what they mean together. Needs no broker.
pub fn check_options(kafka: &Kafka) -> Vec<(Option<String>, String)> {
    let mut problems = Vec::new();
    for (name, value) in &kafka.options {
        let mut config = ClientConfig::new();
        config.set(name, value.expose());
        if let Err(KafkaError::ClientConfig(_, why, ..)) = config.create_native_config() {
            problems.push((Some(name.clone()), why));
        }
        let bytes = value.expose().trim().parse::<usize>();
        if name == "message.max.bytes" && bytes.is_ok_and(|bytes| bytes < SMALLEST_TOPIC_BYTES) {
            let why = format!("an outcome may need {SMALLEST_TOPIC_BYTES} bytes");
            problems.push((Some(name.clone()), why));
        }
    }
    if problems.is_empty() {
        // A client that is made and dropped connects to no broker in between.
        let consumer = consumer::try_to_make(kafka);
        let producer = producer::try_to_make(kafka);
        let errors = [consumer.err(), producer.err()].into_iter().flatten();
        problems.extend(errors.map(|error| (None, error.to_string())));
        problems.dedup();
    }
    problems
}

/// A log line of librdkafka's without the name of the thread that stands before some of them: `[thrd:main]: …`.
fn without_thread(message: &str) -> &str {
    message.split_once("]: ").map_or(message, |(_, said)| said)
}

/// librdkafka's own log lines, into ours. It warns when a consumer is told of a producer's property and the other way round; our
/// users' properties go to both, so that warning says nothing.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        _ if facility == "CONFWARN" => tracing::debug!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
