//! Kafka: a consumer on its own thread, an idempotent producer, and the topics both need; for the demo an embedded broker and a
//! bystander who publishes and watches.

pub mod bystander;
pub mod consumer;
pub mod embedded;
pub mod producer;
pub mod topics;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::config::Kafka;

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
        config.set(name, value.expose());
    }
    config
}

/// Whether librdkafka knows the user's properties and takes their values. Needs no broker.
pub fn check_options(kafka: &Kafka) -> Result<(), String> {
    let refused = |error| {
        if let KafkaError::ClientConfig(_, why, name, _) = &error {
            return format!("{name}: {why}");
        }
        error.to_string()
    };
    // Applied one by one to an empty configuration: only what the user said can be at fault.
    for (name, value) in &kafka.options {
        let mut config = ClientConfig::new();
        config.set(name, value.expose());
        config.create_native_config().map_err(refused)?;
    }
    Ok(())
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
