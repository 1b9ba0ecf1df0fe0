//! What the engine is told once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{App, Settings};
use wx_courier_core::flow::Setup;
use wx_courier_core::model::outcome::RecipientKey;
use wx_courier_core::schedule::admission::AppBounds;
use wx_courier_core::schedule::pauses::Unheard;

/// What each app may do, in the engine's words.
pub fn bounds_of(apps: &BTreeMap<Arc<str>, App>) -> BTreeMap<Arc<str>, AppBounds> {
    let bounds = |app: &App| AppBounds {
        rate: app.rate,
        max_in_flight: app.max_in_flight,
    };
    apps.iter()
        .map(|(name, app)| (Arc::clone(name), bounds(app)))
        .collect()
}

/// The settings in the engine's words.
pub(super) fn setup(settings: &Settings, apps: BTreeMap<Arc<str>, AppBounds>, seed: u64) -> Setup {
    Setup {
        decoding: settings.events.clone(),
        apps,
        retry: settings.send.retry,
        max_messages: settings.engine.max_messages,
        max_bytes: settings.engine.max_bytes,
        recipient_style: settings.outcomes.recipient,
        recipient_key: recipient_key(settings),
        unmatched: settings.outcomes.unmatched,
        answers: settings.grants.clone(),
        receipts: settings
            .public
            .iter()
            .flat_map(|public| public.callbacks.keys())
            .cloned()
            .collect(),
        breaker: settings.breaker,
        refusal_wave: settings.refusal_wave,
        // A token may have to be fetched first.
        call_limit: settings.send.timeout * 2,
        // Another run, or another instance, may have stopped something.
        unheard: Unheard::Holds,
        process: fastrand::u64(..),
        seed,
    }
}

/// The key of the settings, if they say one.
pub(super) fn recipient_key(settings: &Settings) -> Option<RecipientKey> {
    let key = settings.outcomes.recipient_key.as_ref()?;
    Some(RecipientKey::new(key.expose()))
}
