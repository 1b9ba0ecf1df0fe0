//! What a client of librdkafka is told beside its answers, sorted: which connection failed and why, which right is wanting, and what is for
//! the log alone.

use std::sync::atomic::Ordering;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{About, Client, Table, Troubles, Why};
use crate::edges::kafka::cause::Cause;
use crate::edges::kafka::partitions::TopicError;
use crate::edges::kafka::standing::{Deed, is_about_rights};
use crate::edges::kafka::{log, without_thread};

/// Where a client tells what it meets.
pub enum Ear {
    /// Of a command: it says itself what goes wrong, and ends.
    Command,
    /// Of the service.
    Service(Hearing),
}

/// The ear of one client. With it the client's connections are gone.
pub struct Hearing {
    troubles: Troubles,
    client: Client,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let client = self.client;
        self.troubles.tell_of(|table, _| table.gone(client));
    }
}

impl Ear {
    pub(super) fn of(troubles: Troubles, client: Client) -> Self {
        Self::Service(Hearing { troubles, client })
    }

    /// For another client beside this one.
    pub(in crate::edges::kafka) fn another(&self) -> Self {
        match self {
            Self::Command => Self::Command,
            Self::Service(hearing) => hearing.troubles.ear(),
        }
    }

    /// Hears a log line of librdkafka's.
    pub(in crate::edges::kafka) fn hear_line(
        &self,
        level: RDKafkaLogLevel,
        facility: &str,
        message: &str,
    ) {
        let hearing = match self {
            Self::Service(hearing) if facility == "FAIL" => hearing,
            Self::Service(_) | Self::Command => return log(level, facility, message),
        };
        match failure_in(message) {
            Some(Failure::Failed {
                address,
                cause,
                said,
            }) => {
                log(RDKafkaLogLevel::Debug, facility, message);
                let address = address.to_owned();
                let why = Why {
                    cause: Some(cause),
                    said: said.to_owned(),
                };
                let (about, client) = (About::Broker { address }, hearing.client);
                hearing
                    .troubles
                    .tell_of(|table, now| table.hear(about, client, why, now));
            }
            Some(Failure::Closed) => {
                log(RDKafkaLogLevel::Debug, facility, message);
                if let Some(n_closed) = hearing.troubles.with(Table::closed) {
                    tracing::warn!(
                        n_closed,
                        "connections to brokers are closed again and again in the middle of their use: {}",
                        without_thread(message)
                    );
                }
            }
            None => log(level, facility, message),
        }
    }

    /// Hears an error of the client as a whole, or one that a poll gave. Comes back with what it does not know to say.
    pub(in crate::edges::kafka) fn hear_error<'a>(
        &self,
        error: &'a KafkaError,
    ) -> Option<&'a KafkaError> {
        let (Self::Service(hearing), Some(code)) = (self, error.rdkafka_error_code()) else {
            return Some(error);
        };
        if is_about_rights(code) {
            hearing.troubles.tell_of(|table, _| table.doubt(code));
            return None;
        }
        // Codes grow: what is not known is said.
        (!is_about_a_connection(code)).then_some(error)
    }

    /// The client that matters has no connection to any broker.
    pub(in crate::edges::kafka) fn cut_off(&self) {
        if let Self::Service(hearing) = self {
            hearing.troubles.tell_of(|table, _| table.cut_off());
        }
    }

    /// Something has come from a broker to the client that matters.
    pub(in crate::edges::kafka) fn reached(&self) {
        if let Self::Service(Hearing { troubles, .. }) = self
            && troubles.0.is_cut_off.load(Ordering::Relaxed)
        {
            troubles.tell_of(|table, _| table.reached());
        }
    }

    /// A right is wanting, and it is known which.
    pub(in crate::edges::kafka) fn refused(&self, deed: Deed, code: Code) {
        if let Self::Service(Hearing { troubles, client }) = self {
            let why = Why {
                cause: None,
                said: code.to_string(),
            };
            let (about, client) = (About::Right(deed), *client);
            troubles.tell_of(|table, now| table.hear(about, client, why, now));
        }
    }

    /// A record was written to this topic.
    pub(in crate::edges::kafka) fn wrote(&self, topic: &str) {
        if let Self::Service(Hearing { troubles, .. }) = self
            && troubles.0.may_not_write.load(Ordering::Relaxed)
        {
            let about = About::Right(Deed::Write(topic.to_owned()));
            if troubles.with(|table, _| table.works(&about)) {
                troubles.0.changed.notify_one();
            }
        }
    }

    /// The member is in its group.
    pub(in crate::edges::kafka) fn joined(&self, group: &str) {
        if let Self::Service(Hearing { troubles, .. }) = self {
            let about = About::Right(Deed::Join(group.to_owned()));
            troubles.tell_of(|table, _| {
                table.reached();
                table.works(&about);
            });
        }
    }

    /// The member has asked the cluster about a topic. Where no broker has answered in that short time, its connections tell why, if one is down.
    pub(in crate::edges::kafka) fn looked(&self, topic: &str, found: Result<(), &TopicError>) {
        match (self, found) {
            (Self::Command, _) | (_, Err(TopicError::Unreachable { .. })) => {}
            (
                Self::Service(hearing),
                found @ (Ok(())
                | Err(
                    TopicError::Missing { .. }
                    | TopicError::NotAllowed { .. }
                    | TopicError::Other { .. },
                )),
            ) => hearing.troubles.looked(topic, found),
        }
    }

    /// The client's connections that are up, which are looked for only while there is trouble.
    pub(in crate::edges::kafka) fn up(&self, connected: impl FnOnce() -> Vec<String>) {
        if let Self::Service(Hearing { troubles, client }) = self
            && troubles.want_watching()
        {
            let connected = connected();
            troubles.tell_of(|table, _| table.up(*client, connected));
        }
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

/// What a log line says of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Failure<'a> {
    /// It cannot be made.
    Failed {
        address: &'a str,
        cause: Cause,
        said: &'a str,
    },
    /// It was closed without a reason. librdkafka opens it again; if that fails, it says why.
    Closed,
}

fn failure_in(message: &str) -> Option<Failure<'_>> {
    let said = without_thread(message);
    let cause = Cause::of(None, said);
    if cause == Cause::Other && said.contains("in state UP") {
        return Some(Failure::Closed);
    }
    let mut parts = said.splitn(3, ": ");
    let name = parts.next()?;
    // The group's coordinator is a broker without an address of its own: it follows.
    let name = if name.contains(':') {
        name
    } else {
        parts.next()?
    };
    Some(Failure::Failed {
        address: address_in(name),
        cause,
        said,
    })
}

/// `host:port` out of a broker's name: `sasl_ssl://host:port/1`.
fn address_in(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    name.rsplit_once('/').map_or(name, |(address, _)| address)
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
            let Some(Failure::Failed {
                address: found,
                cause: why,
                ..
            }) = failure_in(line)
            else {
                panic!("{line}");
            };
            assert_eq!((found, why), (address, cause), "{line}");
        }
    }

    #[test]
    fn a_connection_that_is_closed_is_no_trouble_yet() {
        let line = "127.0.0.1:9092/1: Disconnected (after 4123ms in state UP)";
        assert_eq!(failure_in(line), Some(Failure::Closed));
    }

    fn refused(address: &str) -> String {
        format!(
            "{address}/1: Connect to ipv4#{address} failed: Connection refused (after 0ms in state CONNECT)"
        )
    }

    #[test]
    fn a_connection_that_is_up_again_ends_what_its_own_client_has_met() {
        let troubles = Troubles::new(Clock::start());
        let (member, producer) = (troubles.ear(), troubles.ear());
        for (ear, address) in [(&member, "a:1"), (&member, "b:1"), (&producer, "b:1")] {
            ear.hear_line(RDKafkaLogLevel::Error, "FAIL", &refused(address));
        }
        let lasting = || -> Vec<About> {
            let troubles = troubles.status().troubles;
            troubles.into_iter().map(|trouble| trouble.about).collect()
        };
        assert_eq!(lasting().len(), 2);
        member.up(|| vec!["a:1".to_owned(), "b:1".to_owned()]);
        let address = "b:1".to_owned();
        assert_eq!(lasting(), [About::Broker { address }], "the producer's");
        drop(producer);
        assert_eq!(lasting(), []);
    }

    #[test]
    fn connections_that_are_closed_again_and_again_are_said_once_a_minute() {
        let troubles = Troubles::new(Clock::start());
        let ear = troubles.ear();
        let line = "b:1/1: Disconnected: connection closed by peer (after 5000ms in state UP)";
        for _ in 0..10 {
            ear.hear_line(RDKafkaLogLevel::Info, "FAIL", line);
        }
        assert_eq!(troubles.status().troubles, []);
    }

    #[test]
    fn a_right_that_is_wanting_is_looked_for_and_other_errors_are_said() {
        let troubles = Troubles::new(Clock::start());
        troubles.answered();
        let ear = troubles.ear();
        let of = KafkaError::MessageConsumption;
        assert!(ear.hear_error(&of(Code::AllBrokersDown)).is_none());
        assert!(ear.hear_error(&of(Code::PollExceeded)).is_some());
        assert!(troubles.examination().is_none());
        assert!(
            ear.hear_error(&of(Code::TopicAuthorizationFailed))
                .is_none()
        );
        assert!(troubles.examination().is_some());
        assert!(Ear::Command.hear_error(&of(Code::AllBrokersDown)).is_some());
    }

    #[test]
    fn an_acknowledgement_ends_the_want_of_a_right_to_write() {
        let troubles = Troubles::new(Clock::start());
        let ear = troubles.ear();
        let deed = Deed::Write("outcomes".to_owned());
        ear.refused(deed, Code::TopicAuthorizationFailed);
        ear.wrote("letters");
        assert_eq!(troubles.status().troubles.len(), 1);
        ear.wrote("outcomes");
        assert_eq!(troubles.status().troubles, []);
    }
}
