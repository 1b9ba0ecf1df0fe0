//! Metrics of connections to our listeners.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::Metrics;

/// Which listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerName {
    /// `[http] listen`
    Private,
    /// `[public] listen`
    Public,
}

impl ListenerName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// Why a connection was refused, or closed before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// Its address has as many as one address may have.
    Address,
    /// All others are at work, and none can be closed for it.
    AllBusy,
    /// It had no request under way, and another one needed its seat.
    MadeRoom,
    /// The system gave none: most likely it has no descriptor left.
    NotAccepted,
}

impl NoSeat {
    fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::AllBusy => "all_busy",
            Self::MadeRoom => "made_room",
            Self::NotAccepted => "not_accepted",
        }
    }
}

pub(super) struct ConnectionMetrics {
    open: IntGaugeVec,
    refused: IntCounterVec,
    refusals: IntCounterVec,
}

impl ConnectionMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_{name}"), help);
        let open = opts(
            "connections",
            "Open connections to a listener (private, public).",
        );
        let refused = opts(
            "connections_refused_total",
            "Connections that were refused, or closed for another one, by listener and why: address, all_busy, made_room, not_accepted.",
        );
        let refusals = opts(
            "private_refusals_total",
            "Requests to the private listener that were refused, by the status of the answer.",
        );
        Ok(Self {
            open: IntGaugeVec::new(open, &["listener"])?,
            refused: IntCounterVec::new(refused, &["listener", "why"])?,
            refusals: IntCounterVec::new(refusals, &["status"])?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.open.clone()))?;
        registry.register(Box::new(self.refusals.clone()))?;
        registry.register(Box::new(self.refused.clone()))?;
        Ok(())
    }

    pub(super) fn open(&self, listener: ListenerName, open: usize) {
        let open = i64::try_from(open).unwrap_or(i64::MAX);
        self.open.with_label_values(&[listener.as_str()]).set(open);
    }

    pub(super) fn refused(&self, listener: ListenerName, why: NoSeat) {
        self.refused
            .with_label_values(&[listener.as_str(), why.as_str()])
            .inc();
    }

    pub(super) fn refusal(&self, status: u16) {
        let status = status.to_string();
        self.refusals.with_label_values(&[status.as_str()]).inc();
    }
}

impl Metrics {
    /// So many connections are open.
    pub fn connections(&self, listener: ListenerName, open: usize) {
        self.connections.open(listener, open);
    }

    /// A connection was refused, or closed for another one.
    pub fn connection_refused(&self, listener: ListenerName, why: NoSeat) {
        self.connections.refused(listener, why);
    }

    /// A request on the private listener was refused.
    pub fn private_refusal(&self, status: u16) {
        self.connections.refusal(status);
    }
}
