//! A client that asks and is no member, and what librdkafka tells it beside the answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::Kafka;
use crate::edges::kafka::{log, reader_config, without_thread};

/// The client.
pub(super) type Asking = BaseConsumer<Heard>;

/// Makes it; it connects when it is asked something.
pub(super) fn make(kafka: &Kafka) -> KafkaResult<Asking> {
    let ours = [
        ("fetch.wait.max.ms", "20"),
        // A broker that refuses is asked again within the limit of one question.
        ("reconnect.backoff.ms", "100"),
        ("reconnect.backoff.max.ms", "1000"),
        ("socket.connection.setup.timeout.ms", "5000"),
    ];
    reader_config(kafka, &ours).create_with_context(Heard::default())
}

/// The errors that librdkafka has told since they were taken last.
#[derive(Default)]
pub(super) struct Heard(Mutex<Vec<(Option<Code>, String)>>);

impl Heard {
    fn errors(&self) -> MutexGuard<'_, Vec<(Option<Code>, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Heard {
    /// Why a connection failed stands in the log in full; the error alone says no more than its code.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            let said = without_thread(message).to_owned();
            self.errors().push((None, said));
            // What of it matters is in the answer.
            return log(RDKafkaLogLevel::Debug, facility, message);
        }
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the client that asks reports an error");
        let code = error.rdkafka_error_code();
        self.errors().push((code, reason.to_owned()));
    }
}

impl ConsumerContext for Heard {}

/// Polls until nothing more comes, and gives the errors that were told meanwhile, those with the most words first.
pub(super) fn listen(asking: &Asking) -> Vec<(Option<Code>, String)> {
    let (mut in_full, mut codes) = (Vec::new(), Vec::new());
    // Errors are told inside of poll, one at a time.
    for _ in 0..50 {
        let polled = asking.poll(Duration::from_millis(10));
        let told = polled.and_then(Result::err);
        let is_quiet = told.is_none();
        codes.extend(told.map(|error| (error.rdkafka_error_code(), error.to_string())));
        let heard = std::mem::take(&mut *asking.context().errors());
        if is_quiet && heard.is_empty() {
            break;
        }
        in_full.extend(heard);
    }
    in_full.append(&mut codes);
    in_full
}
