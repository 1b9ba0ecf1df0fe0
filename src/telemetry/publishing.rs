//! Metrics of outcomes on their way to Kafka.

use prometheus::{IntCounter, IntGauge, Registry};

use wx_courier_core::flow::Unpublished;

pub(super) struct PublishingMetrics {
    failures: IntCounter,
    unpublished: IntGauge,
    producer_replacements: IntCounter,
}

impl PublishingMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            failures: IntCounter::new(
                "wx_courier_publish_failures_total",
                "Outcomes that had to be published again.",
            )?,
            unpublished: IntGauge::new(
                "wx_courier_unpublished_outcomes",
                "Outcomes that have waited more than ten seconds for Kafka's acknowledgement.",
            )?,
            producer_replacements: IntCounter::new(
                "wx_courier_producer_replacements_total",
                "Producers that could not go on and were replaced.",
            )?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.unpublished.clone()))?;
        registry.register(Box::new(self.producer_replacements.clone()))?;
        Ok(())
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    pub(super) fn producer_replaced(&self) {
        self.producer_replacements.inc();
    }

    pub(super) fn renew(&self, unpublished: Option<&Unpublished>) {
        let outcomes = unpublished.map_or(0, |unpublished| unpublished.outcomes);
        self.unpublished
            .set(i64::try_from(outcomes).unwrap_or(i64::MAX));
    }
}
