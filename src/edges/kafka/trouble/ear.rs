//! What a client of librdkafka is told beside its answers, sorted: which connection failed and why, which right is wanting, and what is for
//! the log alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use serde::{Deserialize, Deserializer};

use super::{Subject, Troubles, Why};
use crate::edges::kafka::cause::Cause;
use crate::edges::kafka::partitions::TopicError;
use crate::edges::kafka::standing::{Deed, is_about_rights};
use crate::edges::kafka::{log, without_thread};

/// Where a client tells what it meets.
#[derive(Clone)]
pub enum Ear {
    /// Of a command: it says itself what goes wrong, and ends.
    Command,
    /// Of the service.
    Service(Troubles),
}

impl Ear {
    fn troubles(&self) -> Option<&Troubles> {
        match self {
            Self::Command => None,
            Self::Service(troubles) => Some(troubles),
        }
    }

    /// Of the service, where there is a trouble at present.
    fn in_trouble(&self) -> Option<&Troubles> {
        self.troubles().filter(|troubles| troubles.any())
    }

    /// Hears a log line of librdkafka's.
    pub(in crate::edges::kafka) fn hear_line(
        &self,
        level: RDKafkaLogLevel,
        facility: &str,
        message: &str,
    ) {
        let Some(troubles) = self.troubles().filter(|_| facility == "FAIL") else {
            return log(level, facility, message);
        };
        log(RDKafkaLogLevel::Debug, facility, message);
        if let Some((address, cause, said)) = failure_in(message) {
            let address = address.to_owned();
            let said = said.to_owned();
            let why = Why {
                cause: Some(cause),
                said,
            };
            troubles.hear(Subject::Broker { address }, why);
        }
    }

    /// Hears an error of the client as a whole, or one that a poll gave. Comes back with what it does not know to say.
    pub(in crate::edges::kafka) fn hear_error<'a>(
        &self,
        error: &'a KafkaError,
    ) -> Option<&'a KafkaError> {
        let (Some(troubles), Some(code)) = (self.troubles(), error.rdkafka_error_code()) else {
            return Some(error);
        };
        if is_about_rights(code) {
            troubles.doubt(code);
            return None;
        }
        // Codes grow: what is not known is said.
        (!is_about_a_connection(code)).then_some(error)
    }

    /// The client that matters has no connection to any broker.
    pub(in crate::edges::kafka) fn cut_off(&self) {
        if let Some(troubles) = self.troubles() {
            troubles.change(super::Table::cut_off);
        }
    }

    /// Something has come from a broker.
    pub(in crate::edges::kafka) fn reached(&self) {
        if let Some(troubles) = self.in_trouble() {
            troubles.change(super::Table::reached);
        }
    }

    /// A right is wanting, and it is known which.
    pub(in crate::edges::kafka) fn refused(&self, deed: Deed, code: Code) {
        if let Some(troubles) = self.troubles() {
            troubles.refused(deed, code);
        }
    }

    /// Something was done for which a right is wanted.
    pub(in crate::edges::kafka) fn done(&self, deed: impl FnOnce() -> Deed) {
        if let Some(troubles) = self.in_trouble() {
            troubles.works(&Subject::Right(deed()));
        }
    }

    /// The cluster has answered about these topics.
    pub(in crate::edges::kafka) fn seen(&self, topics: &[Arc<str>]) {
        for topic in topics {
            self.done(|| Deed::Describe(topic.to_string()));
        }
    }

    /// The cluster has given no answer about a topic.
    pub(in crate::edges::kafka) fn unseen(&self, error: &TopicError) {
        if let TopicError::NotAllowed { topic, code, .. } = error {
            self.refused(Deed::Describe(topic.clone()), *code);
        }
    }

    /// Hears librdkafka's statistics of the member of the group: which connections are up. They are read while there is trouble only.
    pub(in crate::edges::kafka) fn statistics(&self, statistics: &[u8]) {
        let Some(troubles) = self.in_trouble() else {
            return;
        };
        let connections = match serde_json::from_slice::<Statistics>(statistics) {
            Ok(statistics) => statistics.brokers.0,
            Err(error) => {
                tracing::debug!(%error, "librdkafka's statistics cannot be read");
                return;
            }
        };
        troubles.change(|table| {
            if !connections.is_empty() {
                table.reached();
            }
            for address in connections {
                table.works(&Subject::Broker { address });
            }
        });
    }
}

/// A client that reads outside of the group: its caller says itself what goes wrong with that.
impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.hear_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the reader reports an error");
    }
}

impl ConsumerContext for Ear {}

/// Whether the log line of a connection says it in full.
fn is_about_a_connection(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::SSL
            | Code::OperationTimedOut
    )
}

/// The broker, the cause and the words of a failed connection; `None` if the connection was closed without a reason, which librdkafka opens
/// again: if that fails, it says why.
fn failure_in(message: &str) -> Option<(&str, Cause, &str)> {
    let said = without_thread(message);
    let cause = Cause::of(None, said);
    if cause == Cause::Other && said.contains("in state UP") {
        return None;
    }
    let mut parts = said.splitn(3, ": ");
    let name = parts.next()?;
    // The group's coordinator is a broker without an address of its own: it follows.
    let name = if name.contains(':') {
        name
    } else {
        parts.next()?
    };
    Some((address_in(name), cause, said))
}

/// `host:port` out of a broker's name: `sasl_ssl://host:port/1`.
fn address_in(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    name.rsplit_once('/').map_or(name, |(address, _)| address)
}

/// What is read of librdkafka's statistics.
#[derive(Deserialize)]
struct Statistics {
    brokers: Connected,
}

/// The addresses of brokers with a connection.
struct Connected(Vec<String>);

#[derive(Deserialize)]
struct Connection {
    nodename: String,
    state: String,
}

impl<'de> Deserialize<'de> for Connected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let connections = BTreeMap::<String, Connection>::deserialize(deserializer)?;
        let up = connections.into_values().filter(|of| of.state == "UP");
        Ok(Self(up.map(|of| of.nodename).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::clock::Clock;

    #[test]
    fn a_failed_connection_has_an_address_and_a_cause() {
        for (line, address, cause) in [
            (
                "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
                "127.0.0.1:1",
                Cause::Refused,
            ),
            (
                "[thrd:sasl_ssl://b-1.kafka.example:9093/1]: sasl_ssl://b-1.kafka.example:9093/1: SASL authentication error: Authentication failed (after 12ms in state AUTH_REQ)",
                "b-1.kafka.example:9093",
                Cause::Credentials,
            ),
            (
                "[thrd:GroupCoordinator]: GroupCoordinator: 127.0.0.1:9092: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
                "127.0.0.1:9092",
                Cause::Refused,
            ),
            (
                "[::1]:9092/2: Connect to ipv6#[::1]:9092 failed: Connection refused (after 0ms in state CONNECT)",
                "[::1]:9092",
                Cause::Refused,
            ),
            (
                "127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer (after 2ms in state UP)",
                "127.0.0.1:9092",
                Cause::Closed,
            ),
        ] {
            let (found, why, _) = failure_in(line).unwrap();
            assert_eq!((found, why), (address, cause), "{line}");
        }
    }

    #[test]
    fn a_connection_that_is_closed_is_no_trouble_yet() {
        let line = "127.0.0.1:9092/1: Disconnected (after 4123ms in state UP)";
        assert_eq!(failure_in(line), None);
    }

    fn refused(address: &str) -> String {
        format!(
            "{address}/1: Connect to ipv4#{address} failed: Connection refused (after 0ms in state CONNECT)"
        )
    }

    #[test]
    fn a_connection_that_is_up_again_ends_the_trouble_of_its_broker_alone() {
        let troubles = Troubles::new(Clock::start());
        let ear = troubles.ear();
        for address in ["a:1", "b:1"] {
            ear.hear_line(RDKafkaLogLevel::Error, "FAIL", &refused(address));
        }
        assert_eq!(troubles.status().troubles.len(), 2);
        assert!(!troubles.status().reached);
        let statistics = r#"{"name": "wx-courier#consumer-1", "brokers": {
            "a:1/1": {"name": "a:1/1", "nodeid": 1, "nodename": "a:1", "source": "learned", "state": "UP"},
            "b:1/2": {"name": "b:1/2", "nodeid": 2, "nodename": "b:1", "source": "learned", "state": "DOWN"}
        }, "topics": {}}"#;
        ear.statistics(statistics.as_bytes());
        assert!(troubles.status().reached);
        let lasting = troubles.status().troubles;
        assert_eq!(lasting.len(), 1, "{lasting:?}");
        let address = "b:1".to_owned();
        assert_eq!(lasting[0].subject, Subject::Broker { address });
        ear.statistics(b"no JSON");
    }

    #[test]
    fn a_right_that_is_wanting_is_looked_for_and_other_errors_are_said() {
        let troubles = Troubles::new(Clock::start());
        troubles.answered();
        let ear = troubles.ear();
        let of = KafkaError::MessageConsumption;
        assert!(ear.hear_error(&of(Code::AllBrokersDown)).is_none());
        assert!(ear.hear_error(&of(Code::PollExceeded)).is_some());
        assert!(!troubles.want_examination());
        assert!(
            ear.hear_error(&of(Code::TopicAuthorizationFailed))
                .is_none()
        );
        assert!(troubles.want_examination());
        assert!(Ear::Command.hear_error(&of(Code::AllBrokersDown)).is_some());
    }
}
