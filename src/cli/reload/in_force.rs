//! What the process began with, and what is in force since.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::Configuration;
use crate::config::{Effective, Fingerprint, Settings, Sources};
use crate::edges::wechat::WeChat;
use crate::service::bounds_of;
use crate::telemetry::Metrics;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::admission::AppBounds;

/// How the process began.
pub(in crate::cli) struct Beginning {
    pub(in crate::cli) sources: Sources,
    /// How the files looked before they were read for the first time.
    pub(in crate::cli) looked: Fingerprint,
    pub(in crate::cli) settings: Arc<Settings>,
    /// The same, by its keys.
    pub(in crate::cli) effective: Vec<Effective>,
}

impl Beginning {
    /// With what was read, the rules beside it.
    pub(in crate::cli) fn of(
        sources: Sources,
        looked: Fingerprint,
        configuration: Configuration,
    ) -> (Self, Arc<RuleSet>) {
        let Configuration {
            settings,
            rules,
            loaded,
        } = configuration;
        let effective = loaded.effective;
        let beginning = Self {
            sources,
            looked,
            settings,
            effective,
        };
        (beginning, rules)
    }
}

/// What is in force, and is swapped whole.
pub(in crate::cli) struct InForce {
    pub(in crate::cli) rules: watch::Sender<Arc<RuleSet>>,
    /// What each app may do.
    pub(in crate::cli) apps: watch::Sender<BTreeMap<Arc<str>, AppBounds>>,
    pub(in crate::cli) wechat: Arc<WeChat>,
}

impl InForce {
    /// What was read at the start.
    pub(in crate::cli) fn new(
        settings: &Settings,
        rules: Arc<RuleSet>,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            rules: watch::Sender::new(rules),
            apps: watch::Sender::new(bounds_of(&settings.apps)),
            wechat: Arc::new(WeChat::new(settings, metrics.unknown())?),
        })
    }
}
