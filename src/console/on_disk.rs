//! The configuration, as it lies on disk now: rules and templates may be saved while the console runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{NeededSecrets, Sources, load_with};
use crate::explaining::{Bounds, Configuration, Explainer};
use wx_courier_core::catalog::Catalog;
use wx_courier_core::rules::RuleSet;

/// For how long what was read is believed.
const BELIEVED: Duration = Duration::from_secs(5);

/// What was read.
#[derive(Clone)]
pub struct Known {
    /// Answers questions about messages; `None` where the settings cannot be used.
    pub explainer: Option<Explainer>,
    /// The templates.
    pub catalog: Option<Arc<Catalog>>,
    /// The rules, where nothing is wrong with them.
    pub rules: Option<Arc<RuleSet>>,
    /// How many sends a second apps and rules may make, by `app shop` or `rule order-completed`.
    pub limits: BTreeMap<String, f64>,
}

/// Reads it, and keeps it for a moment.
pub struct OnDisk {
    sources: Sources,
    /// All explainers are made of the first one: so many questions read topics at once, however often files are saved and pages asked for.
    first: OnceLock<Explainer>,
    kept: Mutex<Option<(Instant, Arc<Known>)>>,
}

impl OnDisk {
    /// From these places. Nothing is read yet.
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            first: OnceLock::new(),
            kept: Mutex::default(),
        }
    }

    /// As it is now, or was a moment ago.
    pub async fn look(self: &Arc<Self>) -> anyhow::Result<Arc<Known>> {
        if let Some(known) = self.kept() {
            return Ok(known);
        }
        let reader = Arc::clone(self);
        let known = tokio::task::spawn_blocking(move || Arc::new(reader.read())).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), Arc::clone(&known)));
        Ok(known)
    }

    fn kept(&self) -> Option<Arc<Known>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = kept.as_ref()?;
        (at.elapsed() < BELIEVED).then(|| Arc::clone(known))
    }

    fn read(&self) -> Known {
        // It calls no API of WeChat's, so it wants none of its secrets.
        let loaded = load_with(&self.sources, NeededSecrets::OfKafka);
        let apps = loaded.settings.iter().flat_map(|settings| &settings.apps);
        let of_apps =
            apps.filter_map(|(name, app)| Some((format!("app {name}"), app.rate?.per_second)));
        let rules = loaded.rules.iter().flat_map(|rules| rules.rules());
        let of_rules =
            rules.filter_map(|rule| Some((format!("rule {}", rule.name), rule.rate?.per_second)));
        Known {
            limits: of_apps.chain(of_rules).collect(),
            explainer: Configuration::of(&loaded)
                .map(|configuration| self.explainer(configuration)),
            rules: loaded.rules.clone(),
            catalog: loaded.catalog.map(Arc::new),
        }
    }

    fn explainer(&self, configuration: Configuration) -> Explainer {
        let first = self
            .first
            .get_or_init(|| Explainer::new(configuration.clone(), Bounds::OF_A_PAGE));
        first.with(configuration)
    }
}
