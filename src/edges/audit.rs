//! Writes down who is about to change something, and waits until Kafka has it.
//!
//! Its producer is made for the first record: a service that nobody changes has no connection for it.

use std::time::Duration;

use tokio::sync::OnceCell;

use crate::config::{Kafka, Settings};
use crate::edges::clock::Clock;
use crate::edges::kafka::producer::acked::{AckedProducer, OutgoingRecord};
use crate::edges::kafka::trouble::{Ear, Troubles};
use wx_courier_core::model::audit::{Action, AuditRecord, Conclusion, Facts, Stamp, Who};
use wx_courier_core::model::outcome::bounds::source_of;

/// How long one waits for the acknowledgement of a record without which a thing is not done.
pub const LIMIT: Duration = Duration::from_secs(5);

/// How long one waits where the thing is done all the same.
pub const SHORT_LIMIT: Duration = Duration::from_secs(2);

/// Writes audit records.
pub struct AuditClient {
    kafka: Kafka,
    topic: String,
    /// `ce_source` of every record.
    source: String,
    clock: Clock,
    whose: Whose,
    producer: OnceCell<AckedProducer>,
}

/// Whose client it is.
enum Whose {
    /// A command's, which says itself what goes wrong, and ends.
    Command,
    /// The service's.
    Service(Troubles),
}

/// A record is not known to be on its topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it could not be recorded who does this: {why}")]
pub struct NotRecorded {
    /// Why, and what to do about it.
    pub why: String,
}

impl AuditClient {
    /// For a command.
    pub fn of_command(settings: &Settings) -> Self {
        Self::new(settings, Clock::start(), Whose::Command)
    }

    /// For a service, whose troubles with the cluster are told in one place.
    pub fn of_service(settings: &Settings, clock: Clock, troubles: Troubles) -> Self {
        Self::new(settings, clock, Whose::Service(troubles))
    }

    fn new(settings: &Settings, clock: Clock, whose: Whose) -> Self {
        Self {
            kafka: settings.kafka.clone(),
            topic: settings.audit_topic.clone(),
            source: source_of(&settings.kafka.group),
            clock,
            whose,
            producer: OnceCell::new(),
        }
    }

    /// The record of something that is about to be done.
    pub fn describe(&self, who: Who, action: Action) -> AuditRecord {
        AuditRecord::new(self.stamp(), &self.kafka.group, who, action)
    }

    /// The second record of the same thing: what came of it.
    pub fn conclude(
        &self,
        first: &AuditRecord,
        result: Conclusion,
        after: Option<Facts>,
    ) -> AuditRecord {
        first.concluded(self.stamp(), result, after)
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            now_ms: self.clock.now_ms(),
            random: fastrand::u64(..),
        }
    }

    /// Writes a record, and comes back when the broker has acknowledged it, or after [`LIMIT`]. A record that was not acknowledged may be there all
    /// the same.
    pub async fn record(&self, record: &AuditRecord) -> Result<(), NotRecorded> {
        self.record_within(record, LIMIT).await
    }

    /// The same with another limit.
    pub async fn record_within(
        &self,
        record: &AuditRecord,
        limit: Duration,
    ) -> Result<(), NotRecorded> {
        let topic = &self.topic;
        let late = |_elapsed| NotRecorded {
            why: format!(
                "no broker of {} has acknowledged the record on {topic} within {} s; if the topic is not there, `wx-courier topics create` makes it",
                self.kafka.brokers,
                limit.as_secs()
            ),
        };
        let written = tokio::time::timeout(limit, self.write(record)).await;
        written.map_err(late)?
    }

    /// The same, for a service. A record that cannot be written is told in the log, whole: it is nowhere else then.
    pub async fn record_or_tell(
        &self,
        record: &AuditRecord,
        limit: Duration,
    ) -> Result<(), NotRecorded> {
        let recorded = self.record_within(record, limit).await;
        if let Err(why) = &recorded {
            let json = serde_json::to_string(record).unwrap_or_default();
            tracing::warn!(record = json, "no audit record: {why}");
        }
        recorded
    }

    async fn write(&self, record: &AuditRecord) -> Result<(), NotRecorded> {
        let failed = |why: String| NotRecorded { why };
        let value = serde_json::to_vec(record).map_err(|error| failed(error.to_string()))?;
        let producer = self
            .producer
            .get_or_try_init(|| async { self.connect() })
            .await?;
        let kind = format!("wx-courier.audit.{}", record.what.as_str());
        let outgoing = OutgoingRecord {
            topic: &self.topic,
            key: &record.subject,
            headers: &[
                ("ce_specversion", "1.0"),
                ("ce_id", &record.id),
                ("ce_source", &self.source),
                ("ce_type", &kind),
                ("ce_time", &record.at),
                ("content-type", "application/json"),
            ],
            value: &value,
            at_ms: self.clock.now_ms(),
        };
        let published = producer.publish(&outgoing).await;
        published.map_err(|error| failed(error.on_topic("an audit record", &self.topic)))
    }

    fn connect(&self) -> Result<AckedProducer, NotRecorded> {
        let ear = match &self.whose {
            Whose::Command => Ear::Command,
            Whose::Service(troubles) => troubles.ear(),
        };
        AckedProducer::new(&self.kafka, ear).map_err(|error| NotRecorded {
            why: error.to_string(),
        })
    }
}

#[cfg(test)]
impl AuditClient {
    /// For a test, with these brokers.
    pub(crate) fn of_test(brokers: String, topic: &str) -> Self {
        let kafka = Kafka {
            brokers,
            group: "tests".to_owned(),
            topics: vec!["events".to_owned()],
            producer: crate::config::ProducerSetting::Auto,
            options: std::collections::BTreeMap::new(),
        };
        Self {
            topic: topic.to_owned(),
            source: source_of(&kafka.group),
            clock: Clock::start(),
            whose: Whose::Command,
            producer: OnceCell::new(),
            kafka,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::kafka::embedded::EmbeddedBroker;
    use crate::edges::kafka::test_client::Watcher;
    use wx_courier_core::model::audit::{Ended, Via, What, facts};

    const TOPIC: &str = "wx-courier.audit";

    fn action() -> Action {
        Action {
            what: What::Resume,
            subject: "rule a".to_owned(),
            before: None,
            after: Some(facts([("paused", false.into())])),
            why: None,
        }
    }

    fn who() -> Who {
        Who {
            name: "alice".to_owned(),
            host: "laptop".to_owned(),
            via: Via::Command,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_record_is_on_its_topic_before_the_thing_is_done() {
        let broker = EmbeddedBroker::start([TOPIC], 1).unwrap();
        let client = AuditClient::of_test(broker.address(), TOPIC);
        let record = client.describe(who(), action());
        client.record(&record).await.unwrap();
        let result = Conclusion {
            ended: Ended::Unchanged,
            detail: "it was not paused".to_owned(),
        };
        let second = client.conclude(&record, result, None);
        client.record(&second).await.unwrap();

        let mut watcher = Watcher::start(&broker.address(), "audit-test", &[TOPIC]).unwrap();
        for expected in [record, second] {
            let read = watcher.records.recv().await.unwrap();
            assert_eq!(read.key.as_deref(), Some(&b"rule a"[..]));
            let header = |name: &str| read.header(name).map(str::to_owned);
            assert_eq!(header("ce_id").as_deref(), Some(expected.id.as_str()));
            assert_eq!(
                header("ce_type").as_deref(),
                Some("wx-courier.audit.resume")
            );
            let value = read.value.as_deref().unwrap();
            let read: AuditRecord = serde_json::from_slice(value).unwrap();
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn where_no_broker_answers_it_is_said_within_the_limit() {
        let client = AuditClient::of_test("127.0.0.1:1".to_owned(), TOPIC);
        let record = client.describe(who(), action());
        let began = tokio::time::Instant::now();
        let limit = Duration::from_secs(1);
        let error = client.record_within(&record, limit).await.unwrap_err();
        assert!(error.why.contains("topics create"), "{error}");
        assert!(error.why.contains("within 1 s"), "{error}");
        assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    }
}
