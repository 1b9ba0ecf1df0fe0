//! The sample configuration, for unit tests of what works with a whole one.

use std::path::Path;
use std::sync::Arc;

use super::{FlagSetting, Loaded, NeededSecrets, Settings, Sources, load_with};
use wx_courier_core::rules::RuleSet;

/// The sample as it is loaded, with these brokers. Its events lie on `order-events`.
pub(crate) fn sample_loaded(brokers: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let brokers = FlagSetting {
        flag: "test",
        key: "kafka.brokers".to_owned(),
        value: brokers.to_owned(),
    };
    let sources = Sources {
        working_folder: folder.clone(),
        folder,
        environment: Default::default(),
        flags: vec![brokers],
    };
    let loaded = load_with(&sources, NeededSecrets::None);
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    loaded
}

/// Its settings and rules.
pub(crate) fn sample(brokers: &str) -> (Settings, Arc<RuleSet>) {
    let loaded = sample_loaded(brokers);
    (loaded.settings.unwrap(), loaded.rules.unwrap())
}
