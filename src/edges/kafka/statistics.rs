//! What is read of librdkafka's statistics: which connections are up, and whether the member is in its group.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How often librdkafka hands them over, in milliseconds.
pub(super) const EVERY: &str = "5000";

/// A part of them.
#[derive(Deserialize)]
pub(super) struct Statistics {
    brokers: BTreeMap<String, Connection>,
    cgrp: Option<Group>,
}

#[derive(Deserialize)]
struct Connection {
    nodename: String,
    state: String,
}

#[derive(Deserialize)]
struct Group {
    join_state: String,
}

impl Statistics {
    /// Reads them; nothing if they are not as we know them.
    pub(super) fn read(statistics: &[u8]) -> Option<Self> {
        match serde_json::from_slice(statistics) {
            Ok(statistics) => Some(statistics),
            Err(error) => {
                tracing::debug!(%error, "librdkafka's statistics cannot be read");
                None
            }
        }
    }

    fn up(&self) -> impl Iterator<Item = &Connection> {
        self.brokers.values().filter(|of| of.state == "UP")
    }

    /// Whether the client has a connection to any broker.
    pub(super) fn is_connected(&self) -> bool {
        self.up().next().is_some()
    }

    /// The brokers, `host:port`, to which the client has a connection.
    pub(super) fn connected(&self) -> Vec<String> {
        self.up().map(|of| of.nodename.clone()).collect()
    }

    /// Whether the member is in its group, and nothing about that is under way.
    pub(super) fn is_member(&self) -> bool {
        let group = self.cgrp.as_ref();
        group.is_some_and(|group| group.join_state == "steady")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_them_is_read() {
        let statistics = r#"{"name": "wx-courier#consumer-1", "brokers": {
            "a:1/1": {"name": "a:1/1", "nodeid": 1, "nodename": "a:1", "source": "learned", "state": "UP"},
            "b:1/2": {"name": "b:1/2", "nodeid": 2, "nodename": "b:1", "source": "learned", "state": "DOWN"}
        }, "topics": {}, "cgrp": {"state": "up", "join_state": "steady", "assignment_size": 0}}"#;
        let statistics = Statistics::read(statistics.as_bytes()).unwrap();
        assert!(statistics.is_connected());
        assert_eq!(statistics.connected(), ["a:1"]);
        assert!(statistics.is_member());
        let of_producer = Statistics::read(br#"{"brokers": {}}"#).unwrap();
        assert!(!of_producer.is_member());
        assert!(Statistics::read(b"no JSON").is_none());
    }
}
