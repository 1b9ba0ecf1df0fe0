//! Why a topic was not read, or not to its end.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::STALLED;
use super::limit::Over;
use crate::edges::kafka::partitions::TopicError;
use wx_courier_core::replay::Place;

/// Why a topic was not read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It is not there, or the cluster does not say so.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The cluster refused.
    #[error("the topic {topic} cannot be read: {error}")]
    Refused {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        error: KafkaError,
    },
    /// The topic has fewer partitions.
    #[error("the topic {topic} has no partition {partition}: its partitions are 0 to {last}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition that was asked for.
        partition: i32,
        /// The last one that it has.
        last: i32,
    },
    /// The record is not there: retention has deleted it, or it is not written yet.
    #[error("there is no record at {place}: {there}")]
    NoRecord {
        /// Where it was looked for.
        place: Place,
        /// Which records the partition has.
        there: String,
    },
    /// It was to end.
    #[error("the topic {topic} was not read to its end: {why}")]
    Ended {
        /// The topic.
        topic: String,
        /// Why.
        why: Over,
    },
    /// Nothing came.
    #[error("the topic {topic} cannot be read: nothing came for {} s{why}", STALLED.as_secs())]
    Stalled {
        /// The topic.
        topic: String,
        /// What librdkafka said last, after a comma.
        why: String,
    },
}

impl ScanError {
    /// Whether no broker has answered: asking again later may help.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Topic(TopicError::Unreachable { .. }) | Self::Stalled { .. } => true,
            Self::Topic(
                TopicError::Missing { .. }
                | TopicError::NotAllowed { .. }
                | TopicError::Other { .. },
            )
            | Self::NoPartition { .. }
            | Self::NoRecord { .. }
            | Self::Ended { .. } => false,
            Self::Refused { error, .. } => error
                .rdkafka_error_code()
                .is_some_and(|code| SILENCE.contains(&code)),
        }
    }
}

/// What librdkafka says where brokers do not answer.
const SILENCE: [RDKafkaErrorCode; 4] = [
    RDKafkaErrorCode::BrokerTransportFailure,
    RDKafkaErrorCode::AllBrokersDown,
    RDKafkaErrorCode::OperationTimedOut,
    RDKafkaErrorCode::Resolve,
];
