//! A broker inside this process, for the demo: librdkafka's mock cluster. It speaks Kafka's protocol on a loopback port, so any
//! client can join in; it keeps nothing beyond its memory and is no place for real events.

use rdkafka::error::KafkaResult;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// The broker; it ends when this is dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts a broker with these topics.
    pub fn start<'a>(
        topics: impl IntoIterator<Item = &'a str>,
        partitions: i32,
    ) -> KafkaResult<Self> {
        let cluster = MockCluster::new(1)?;
        for topic in topics {
            cluster.create_topic(topic, partitions, 1)?;
        }
        Ok(Self { cluster })
    }

    /// Where it listens: `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
