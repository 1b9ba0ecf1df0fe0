//! Metrics of the listener that the internet may reach.

use prometheus::{IntCounterVec, Opts, Registry};

use wx_courier_core::wechat::callback::Receipt;

/// What was asked for. Paths are not labels: anybody can make them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicRoute {
    /// `/wechat/{app}`
    Callback,
    /// `/miniapp/login`
    Login,
    /// `/miniapp/subscriptions`
    Subscriptions,
    /// `/miniapp/send`
    Send,
    /// Anything else.
    Other,
}

impl PublicRoute {
    fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Login => "login",
            Self::Subscriptions => "subscriptions",
            Self::Send => "send",
            Self::Other => "other",
        }
    }
}

pub(super) struct PublicMetrics {
    requests: IntCounterVec,
    pushes: IntCounterVec,
    receipts: IntCounterVec,
}

impl PublicMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_{name}"), help);
        let requests = opts(
            "public_requests_total",
            "Requests on the public listener by route and status.",
        );
        let pushes = opts(
            "pushes_total",
            "What WeChat pushed, by app and kind: popup, change, sent, customer_message, other, unreadable. A repetition counts again, unless the first is still under way.",
        );
        let receipts = opts(
            "receipts_total",
            "Receipts that were published, by app, status and whether their outcome is known (joined: yes or no).",
        );
        Ok(Self {
            requests: IntCounterVec::new(requests, &["route", "status"])?,
            pushes: IntCounterVec::new(pushes, &["app", "kind"])?,
            receipts: IntCounterVec::new(receipts, &["app", "status", "joined"])?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.pushes.clone()))?;
        registry.register(Box::new(self.receipts.clone()))?;
        Ok(())
    }

    pub(super) fn request(&self, route: PublicRoute, status: u16) {
        let status = status.to_string();
        self.requests
            .with_label_values(&[route.as_str(), &status])
            .inc();
    }

    pub(super) fn push(&self, app: &str, kind: &str) {
        self.pushes.with_label_values(&[app, kind]).inc();
    }

    pub(super) fn receipt(&self, receipt: &Receipt) {
        let joined = match receipt.outcome_id {
            Some(_) => "yes",
            None => "no",
        };
        self.receipts
            .with_label_values(&[receipt.app.as_ref(), receipt.status.as_str(), joined])
            .inc();
    }
}
