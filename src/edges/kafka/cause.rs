//! Why no broker answers: librdkafka's codes and texts, sorted into causes that a person can act on.

use rdkafka::types::RDKafkaErrorCode as Code;
use serde::Serialize;

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The name has no address.
    UnknownHost,
    /// The machine is there, and nothing listens on the port.
    Refused,
    /// User name or password are wrong.
    Credentials,
    /// The broker does not know the way to log in.
    Mechanism,
    /// The broker's certificate is not trusted, or is for another name.
    Certificate,
    /// One side speaks TLS or SASL, and the other one does not.
    Protocol,
    /// The broker closes the connection as soon as it is made.
    Closed,
    /// Nothing came back in time.
    NoAnswer,
    /// Something else.
    Other,
}

impl Cause {
    /// Reads the cause out of what librdkafka says of a connection. Texts are those of librdkafka and of the C library.
    pub fn of(code: Option<Code>, said: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if code == Some(Code::Resolve) || has(&["Failed to resolve"]) {
            Self::UnknownHost
        } else if has(&["Connection refused"]) {
            Self::Refused
        } else if has(&[
            "certificate verify failed",
            "certificate verification",
            "hostname mismatch",
        ]) {
            Self::Certificate
        } else if code == Some(Code::UnsupportedSASLMechanism)
            || has(&["Unsupported SASL mechanism", "mechanism handshake failed"])
        {
            Self::Mechanism
        } else if matches!(
            code,
            Some(Code::Authentication | Code::SaslAuthenticationFailed)
        ) || has(&["SASL authentication error", "Authentication failed"])
        {
            Self::Credentials
        } else if code == Some(Code::SSL)
            || has(&[
                "security.protocol",
                // What came back is no answer of Kafka: a TLS alert, or a page of a web server.
                "Invalid response size",
                "connecting to a SSL listener",
                "SSL handshake failed",
            ])
        {
            Self::Protocol
        } else if matches!(code, Some(Code::OperationTimedOut | Code::RequestTimedOut))
            || has(&[
                "timed out",
                "Timed out",
                "setup timed out",
                "No route to host",
            ])
        {
            Self::NoAnswer
        } else if is_closed_at_once(said) {
            Self::Closed
        } else {
            Self::Other
        }
    }

    /// The word for logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownHost => "unknown_host",
            Self::Refused => "refused",
            Self::Credentials => "credentials",
            Self::Mechanism => "mechanism",
            Self::Certificate => "certificate",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
            Self::NoAnswer => "no_answer",
            Self::Other => "other",
        }
    }

    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::UnknownHost => {
                "the name of the broker has no address here: check `brokers` in [kafka], and the name service of this machine"
            }
            Self::Refused => {
                "nothing listens there: check the port in `brokers`, and whether the broker runs"
            }
            Self::Credentials => {
                "the broker does not accept the login: check `sasl.username` in [kafka.options] and `password_file` in [kafka]"
            }
            Self::Mechanism => {
                "the broker offers other ways to log in: set `sasl.mechanism` in [kafka.options], usually PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
            }
            Self::Certificate => {
                "the broker's certificate is not trusted: name the cluster's CA by `ssl.ca.location` in [kafka.options]; where the certificate is \
                 for another name, as on some rented clusters, `ssl.endpoint.identification.algorithm = \"none\"`"
            }
            Self::Protocol => {
                "this side and the broker speak differently on that port: `security.protocol` in [kafka.options] must be what the port wants \
                 (PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL), and the port must be one of Kafka's"
            }
            Self::Closed => {
                "the broker closes the connection as soon as it is made: most likely the port wants TLS or a login, and `security.protocol` in \
                 [kafka.options] says otherwise; or the broker is just starting or ending"
            }
            Self::NoAnswer => {
                "nothing comes back: a firewall, a security group or a list of allowed addresses may be between, or the address is one of another \
                 network"
            }
            Self::Other => {
                "check `brokers` in [kafka], and [kafka.options] if the cluster wants TLS or a login"
            }
        }
    }

    /// Whether this one says more than the other: that no broker is left says least.
    pub fn says_more_than(self, other: Self) -> bool {
        self.weight() > other.weight()
    }

    fn weight(self) -> u8 {
        match self {
            Self::Other => 0,
            Self::NoAnswer => 1,
            Self::Closed => 2,
            Self::Refused => 3,
            Self::UnknownHost => 4,
            Self::Protocol => 5,
            Self::Credentials => 6,
            Self::Mechanism | Self::Certificate => 7,
        }
    }
}

/// Whether a connection was closed before it could be of use: `… Disconnected: connection closed by peer (after 3ms in state UP)`. A listener
/// for TLS does that to a client without, one that wants a login to a client that asks for something.
fn is_closed_at_once(said: &str) -> bool {
    /// librdkafka takes a connection for useless that was up for less than this, too.
    const AT_ONCE_MS: u64 = 2_000;
    let Some((_, state)) = said
        .split_once("Disconnected")
        .and_then(|(_, rest)| rest.split_once("(after "))
    else {
        return false;
    };
    let Some((ms, state)) = state.split_once("ms in state ") else {
        return false;
    };
    let is_short = ms.parse::<u64>().is_ok_and(|ms| ms < AT_ONCE_MS);
    state.starts_with("APIVERSION_QUERY") || (is_short && state.starts_with("UP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_says_has_a_cause() {
        for (code, said, cause) in [
            (
                Code::Resolve,
                "nohost:9092/bootstrap: Failed to resolve 'nohost:9092': Name or service not known (after 3ms in state CONNECT)",
                Cause::UnknownHost,
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
                Cause::Refused,
            ),
            (
                Code::Authentication,
                "sasl_plaintext://b:9092/bootstrap: SASL authentication error: Authentication failed: Invalid username or password",
                Cause::Credentials,
            ),
            (
                Code::Authentication,
                "sasl_ssl://b:9093/1: SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: \
                 SCRAM-SHA-256",
                Cause::Mechanism,
            ),
            (
                Code::SSL,
                "ssl://b:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could \
                 not be verified",
                Cause::Certificate,
            ),
            (
                Code::SSL,
                "ssl://b:9092/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
                Cause::Protocol,
            ),
            (
                Code::BrokerTransportFailure,
                "b:9093/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol configuration",
                Cause::Protocol,
            ),
            (
                Code::BadMessage,
                "b:9093/bootstrap: Receive failed: Invalid response size 352518912 (0..100000000): increase receive.message.max.bytes",
                Cause::Protocol,
            ),
            (
                Code::BrokerTransportFailure,
                "10.0.0.1:9092/bootstrap: Connection setup timed out in state CONNECT (after 30000ms in state CONNECT)",
                Cause::NoAnswer,
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer (after 3ms in state UP)",
                Cause::Closed,
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/1: Disconnected: connection reset by peer (after 0ms in state APIVERSION_QUERY, 1 identical error(s) suppressed)",
                Cause::Closed,
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/1: Disconnected (after 61234ms in state UP)",
                Cause::Other,
            ),
            (Code::AllBrokersDown, "1/1 brokers are down", Cause::Other),
        ] {
            assert_eq!(Cause::of(Some(code), said), cause, "{said}");
        }
    }
}
