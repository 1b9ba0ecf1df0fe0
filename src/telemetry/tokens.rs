//! Metrics of access tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::edges::wechat::{TokenState, TokenStatus};

/// Metrics of access tokens, by app.
pub(super) struct TokenMetrics {
    fetches: IntCounterVec,
    invalidated: IntCounterVec,
    invalidated_by_others: IntGaugeVec,
    state: IntGaugeVec,
}

impl TokenMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_token_{name}"), help);
        let fetches = opts(
            "fetches_total",
            "Questions for an access token by app and kind: fetched, forced (asked for by force), failed.",
        );
        let invalidated = opts(
            "invalidated_total",
            "Access tokens that worked, were not old, and were refused all the same.",
        );
        let others = opts(
            "invalidated_by_others",
            "1 while somebody else renews the access token of the app again and again.",
        );
        let state = opts(
            "state",
            "1 for the state in which the access token of the app is, 0 for the others.",
        );
        Ok(Self {
            fetches: IntCounterVec::new(fetches, &["app", "kind"])?,
            invalidated: IntCounterVec::new(invalidated, &["app"])?,
            invalidated_by_others: IntGaugeVec::new(others, &["app"])?,
            state: IntGaugeVec::new(state, &["app", "state"])?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.fetches.clone()))?;
        registry.register(Box::new(self.invalidated.clone()))?;
        registry.register(Box::new(self.invalidated_by_others.clone()))?;
        registry.register(Box::new(self.state.clone()))?;
        Ok(())
    }

    /// Sets every series to what the statuses say.
    pub(super) fn renew(&self, tokens: &BTreeMap<Arc<str>, TokenStatus>) {
        self.fetches.reset();
        self.invalidated.reset();
        for (app, status) in tokens {
            let kinds = [
                ("fetched", status.fetched),
                ("forced", status.forced),
                ("failed", status.failed),
            ];
            for (kind, number) in kinds {
                self.fetches.with_label_values(&[app, kind]).inc_by(number);
            }
            self.invalidated
                .with_label_values(&[app])
                .inc_by(status.invalidated);
            let by_others = status.state == TokenState::InvalidatedByOthers;
            self.invalidated_by_others
                .with_label_values(&[app])
                .set(i64::from(by_others));
            for state in TokenState::ALL {
                self.state
                    .with_label_values(&[app, state.as_str()])
                    .set(i64::from(state == status.state));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::wechat::Mode;

    #[test]
    fn a_status_becomes_series() {
        let status = TokenStatus {
            mode: Mode::Classic,
            state: TokenState::InvalidatedByOthers,
            expires_in_s: Some(60),
            fetched: 5,
            forced: 1,
            failed: 2,
            invalidated: 3,
            last_error: None,
        };
        let metrics = TokenMetrics::new().unwrap();
        let registry = Registry::new();
        metrics.register(&registry).unwrap();
        let tokens = [(Arc::from("shop"), status)].into();
        // Twice: counters are set, not added to.
        metrics.renew(&tokens);
        metrics.renew(&tokens);
        for state in TokenState::ALL {
            assert_eq!(serde_json::json!(state), state.as_str());
        }
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            r#"wx_courier_token_fetches_total{app="shop",kind="fetched"} 5"#,
            r#"wx_courier_token_fetches_total{app="shop",kind="forced"} 1"#,
            r#"wx_courier_token_fetches_total{app="shop",kind="failed"} 2"#,
            r#"wx_courier_token_invalidated_total{app="shop"} 3"#,
            r#"wx_courier_token_invalidated_by_others{app="shop"} 1"#,
            r#"wx_courier_token_state{app="shop",state="invalidated_by_others"} 1"#,
            r#"wx_courier_token_state{app="shop",state="holding"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
