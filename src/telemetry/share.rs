//! Metrics of this instance's part of a fleet.

use prometheus::{IntGauge, Opts, Registry};

use wx_courier_core::flow::ShareStatus;

/// Partitions: ours, and all.
pub(super) struct ShareMetrics {
    ours: IntGauge,
    all: IntGauge,
}

impl ShareMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_{name}"), help);
        Ok(Self {
            ours: IntGauge::with_opts(opts(
                "share_partitions",
                "Partitions by which this instance reckons its part of every rate.",
            ))?,
            all: IntGauge::with_opts(opts(
                "source_partitions",
                "All partitions of the source topics, whoever has them; 0 until they are known.",
            ))?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.ours.clone()))?;
        registry.register(Box::new(self.all.clone()))?;
        Ok(())
    }

    pub(super) fn renew(&self, share: ShareStatus) {
        self.ours.set(i64::from(share.partitions));
        self.all.set(i64::from(share.of));
    }
}
