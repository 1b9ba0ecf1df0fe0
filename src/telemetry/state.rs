//! Metrics of the state store.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

use crate::edges::store::StateStatus;
use wx_courier_core::state::Row;

pub(super) struct StateMetrics {
    down: IntGauge,
    unreadable: IntCounterVec,
    lost: IntGauge,
    paused: IntGauge,
}

impl StateMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_{name}"), help);
        let down = opts(
            "store_down",
            "1 while the state store does not answer: nothing is sent meanwhile.",
        );
        let unreadable = opts(
            "store_unreadable_total",
            "Requests to the state store that met an entry which cannot be read, by the kind of entry.",
        );
        let lost = opts(
            "store_lost",
            "1 from the loss of the state until it would have been forgotten: what was sent before is not known.",
        );
        let paused = opts(
            "store_lost_paused",
            "1 while nothing is sent because the state is lost and nobody has said that it goes on.",
        );
        Ok(Self {
            down: IntGauge::with_opts(down)?,
            unreadable: IntCounterVec::new(unreadable, &["row"])?,
            lost: IntGauge::with_opts(lost)?,
            paused: IntGauge::with_opts(paused)?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.down.clone()))?;
        registry.register(Box::new(self.unreadable.clone()))?;
        registry.register(Box::new(self.lost.clone()))?;
        registry.register(Box::new(self.paused.clone()))?;
        Ok(())
    }

    /// Sets every series to what the status says.
    pub(super) fn renew(&self, status: &StateStatus, store_is_down: bool) {
        self.down.set(i64::from(store_is_down));
        for row in Row::ALL {
            let series = self.unreadable.with_label_values(&[row.as_str()]);
            series.reset();
            series.inc_by(status.unreadable.get(row.as_str()).copied().unwrap_or(0));
        }
        let loss = status.loss.as_ref();
        self.lost.set(i64::from(loss.is_some()));
        self.paused
            .set(i64::from(loss.is_some_and(|loss| loss.paused)));
    }
}
