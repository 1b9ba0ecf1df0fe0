//! Metrics of templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::{IntGaugeVec, Opts, Registry};

use wx_courier_core::catalog::drift::{DriftKind, TemplateStatus};

/// Metrics of templates, by app.
pub(super) struct TemplateMetrics {
    drift: IntGaugeVec,
    unanswered: IntGaugeVec,
}

impl TemplateMetrics {
    pub(super) fn new() -> anyhow::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("wx_courier_template_{name}"), help);
        let drift = opts(
            "drift",
            "Differences between templates.toml and what WeChat lists, by app and kind.",
        );
        let unanswered = opts(
            "list_unanswered",
            "1 while WeChat has not answered the last question for the templates of the app.",
        );
        Ok(Self {
            drift: IntGaugeVec::new(drift, &["app", "kind"])?,
            unanswered: IntGaugeVec::new(unanswered, &["app"])?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        registry.register(Box::new(self.drift.clone()))?;
        registry.register(Box::new(self.unanswered.clone()))?;
        Ok(())
    }

    /// Sets every series to what the statuses say. An app that was never compared has no drift, not none.
    pub(super) fn renew(&self, templates: &BTreeMap<Arc<str>, TemplateStatus>) {
        self.drift.reset();
        self.unanswered.reset();
        for (app, status) in templates {
            self.unanswered
                .with_label_values(&[app])
                .set(i64::from(status.error.is_some()));
            if status.checked_at.is_none() {
                continue;
            }
            for kind in DriftKind::ALL {
                let number = status.n_drifts.get(kind.as_str()).copied().unwrap_or(0);
                self.drift
                    .with_label_values(&[app, kind.as_str()])
                    .set(i64::try_from(number).unwrap_or(i64::MAX));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_series() {
        let known = TemplateStatus {
            checked_at: Some("2026-11-22T08:30:00Z".to_owned()),
            n_drifts: [("gone", 2)].into(),
            ..TemplateStatus::default()
        };
        let unanswered = TemplateStatus {
            error: Some("no".to_owned()),
            ..TemplateStatus::default()
        };
        let metrics = TemplateMetrics::new().unwrap();
        let registry = Registry::new();
        metrics.register(&registry).unwrap();
        metrics.renew(&[(Arc::from("shop"), known), (Arc::from("club"), unanswered)].into());
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            r#"wx_courier_template_drift{app="shop",kind="gone"} 2"#,
            r#"wx_courier_template_drift{app="shop",kind="params"} 0"#,
            r#"wx_courier_template_list_unanswered{app="shop"} 0"#,
            r#"wx_courier_template_list_unanswered{app="club"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains(r#"drift{app="club""#), "{text}");
    }
}
