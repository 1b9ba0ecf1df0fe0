//! A broker in this process, for commands that write an audit record and need nothing else of Kafka.

use std::path::Path;
use std::sync::OnceLock;

use wx_courier::edges::kafka::embedded::EmbeddedBroker;

use super::folder::replace_in;

/// The audit topic of settings that name no other.
pub(crate) const AUDIT_TOPIC: &str = "wx-courier.audit";

/// The address of one that all tests of this process share. It has the audit topic.
pub(crate) fn shared() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        let broker = EmbeddedBroker::start([AUDIT_TOPIC], 1).expect("a broker can be started");
        // It lives as long as the process.
        Box::leak(Box::new(broker)).address()
    })
}

/// Lets the sample's settings name this broker.
pub(crate) fn name_in(folder: &Path, broker: &str) {
    replace_in(
        &folder.join("courier.toml"),
        "brokers = \"localhost:9092\"",
        &format!("brokers = \"{broker}\""),
    );
}
