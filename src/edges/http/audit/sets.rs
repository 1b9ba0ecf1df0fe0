//! Grants that programs set: a mini program's own backend may do so a thousand times a second. They are no deeds of persons, so they do not wait
//! for Kafka: how many there were is written down once a minute, for each app and each address.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::edges::audit::{AuditClient, LIMIT};
use crate::edges::http::actor::{HasToken, nameless};
use wx_courier_core::model::audit::{Action, What, facts};

/// How often it is written down.
const EVERY: Duration = Duration::from_mins(1);

/// So many apps and addresses are told apart.
const MOST: usize = 64;

/// In place of the address where there are more.
const OTHERS: &str = "others";

/// How many there were, by app and address.
type Counts = BTreeMap<(String, String), u64>;

/// Counts them.
#[derive(Clone, Default)]
pub(super) struct Sets(Arc<Mutex<Counts>>);

impl Sets {
    pub(super) fn count(&self, app: &str, host: &str, n_sets: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (app.to_owned(), host.to_owned());
        if counts.len() >= MOST && !counts.contains_key(&key) {
            OTHERS.clone_into(&mut key.1);
        }
        *counts.entry(key).or_default() += n_sets;
    }

    fn take(&self) -> Counts {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *counts)
    }

    /// Writes it down, for as long as the process lives.
    pub(super) async fn write(&self, client: &AuditClient, has_token: HasToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut since = Instant::now();
        loop {
            ticks.tick().await;
            let passed = since.elapsed();
            since += passed;
            self.write_once(client, has_token, passed).await;
        }
    }

    async fn write_once(&self, client: &AuditClient, has_token: HasToken, passed: Duration) {
        for ((app, host), n_sets) in self.take() {
            let mut who = nameless(has_token, None);
            who.host = host;
            let action = Action {
                what: What::GrantsSet,
                subject: format!("app {app}"),
                before: None,
                after: Some(facts([
                    ("sets", n_sets.into()),
                    ("within_seconds", passed.as_secs().into()),
                ])),
                why: None,
            };
            let record = client.describe(who, action);
            // What was not written is in the log.
            let _written = client.record_or_tell(&record, LIMIT).await.is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::kafka::embedded::EmbeddedBroker;
    use crate::edges::kafka::test_client::Watcher;
    use wx_courier_core::model::audit::AuditRecord;

    const TOPIC: &str = "wx-courier.audit";

    #[test]
    fn they_are_counted_by_app_and_address_and_there_is_an_end_to_addresses() {
        let sets = Sets::default();
        sets.count("shop", "10.0.0.1", 1);
        sets.count("shop", "10.0.0.1", 4);
        sets.count("club", "10.0.0.1", 1);
        for n in 0..1000 {
            sets.count("shop", &format!("10.1.{}.{}", n / 250, n % 250), 1);
        }
        let counts = sets.take();
        let of = |app: &str, host: &str| counts.get(&(app.to_owned(), host.to_owned())).copied();
        assert_eq!(of("shop", "10.0.0.1"), Some(5));
        assert_eq!(of("club", "10.0.0.1"), Some(1));
        assert_eq!(of("shop", OTHERS), Some(1002 - MOST as u64));
        assert!(counts.len() <= MOST + 1);
        assert_eq!(counts.values().sum::<u64>(), 1006);
        assert!(sets.take().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn they_are_written_down_together_and_once() {
        let broker = EmbeddedBroker::start([TOPIC], 1).unwrap();
        let client = AuditClient::of_test(broker.address(), TOPIC);
        let sets = Sets::default();
        sets.count("club", "10.0.0.2", 1);
        sets.count("shop", "10.0.0.1", 1000);
        sets.count("shop", "10.0.0.1", 500);
        let passed = Duration::from_mins(1);
        for _minute in 0..2 {
            sets.write_once(&client, HasToken::Yes, passed).await;
        }
        sets.count("shop", "10.0.0.1", 1);
        sets.write_once(&client, HasToken::Yes, passed).await;
        let mut watcher = Watcher::start(&broker.address(), "sets-test", &[TOPIC]).unwrap();
        for (app, host, n_sets) in [
            ("app club", "10.0.0.2", 1),
            ("app shop", "10.0.0.1", 1500),
            ("app shop", "10.0.0.1", 1),
        ] {
            let read = watcher.records.recv().await.unwrap();
            let record: AuditRecord = serde_json::from_slice(&read.value.unwrap()).unwrap();
            assert_eq!(
                (record.what, record.subject.as_str()),
                (What::GrantsSet, app)
            );
            assert_eq!(
                (record.who.name.as_str(), record.who.host.as_str()),
                ("token", host)
            );
            let after = record.after.unwrap();
            assert_eq!(
                (&after["sets"], &after["within_seconds"]),
                (&n_sets.into(), &60.into())
            );
        }
    }
}
