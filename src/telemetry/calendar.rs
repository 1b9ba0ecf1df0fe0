//! Metrics of the calendar.

use prometheus::{Gauge, IntCounter, Opts, Registry};

use wx_courier_core::calendar::CalendarStatus;

/// Whether the system's calendar is followed.
pub(super) struct CalendarMetrics {
    system_ahead: Gauge,
    breaks: IntCounter,
}

impl CalendarMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_{name}"), help);
        Ok(Self {
            system_ahead: Gauge::with_opts(opts(
                "calendar_system_ahead_seconds",
                "By how much the system's calendar is ahead of the one in force, while it has jumped and is not followed; else 0.",
            ))?,
            breaks: IntCounter::with_opts(opts(
                "calendar_breaks_total",
                "How often the system's calendar was seen to jump, to come back, or to stay where it had jumped to.",
            ))?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.system_ahead.clone()))?;
        registry.register(Box::new(self.breaks.clone()))?;
        Ok(())
    }

    pub(super) fn renew(&self, calendar: CalendarStatus) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds beyond 52 bits are no calendar"
        )]
        self.system_ahead
            .set(calendar.system_ahead_ms as f64 / 1000.0);
        self.breaks.reset();
        self.breaks.inc_by(calendar.breaks);
    }
}
