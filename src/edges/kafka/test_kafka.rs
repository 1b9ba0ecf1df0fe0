//! The settings of the tests that ask a cluster.

use std::net::TcpListener;

use crate::config::{Kafka, ProducerSetting, Secret};

/// The settings for brokers at this address, with these properties.
pub(super) fn kafka(brokers: String, options: &[(&str, &str)]) -> Kafka {
    let options = options.iter();
    let options = options.map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
    Kafka {
        brokers,
        group: "tests".to_owned(),
        topics: vec!["events".to_owned()],
        producer: ProducerSetting::Auto,
        options: options.collect(),
    }
}

/// An address at which nothing listens: its port was free a moment ago.
pub(super) fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
