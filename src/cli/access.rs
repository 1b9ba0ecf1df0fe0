//! The store as a command reaches it: by the running service, or itself where no service runs, which is said.

use super::complain;
use crate::config::Settings;
use crate::edges::store_access::{Found, Missing, StoreAccess, Way};

/// Looks for the service at `at`, or where the settings say. If no service listens there, the store of the settings is opened;
/// but not if the user has said where to ask.
pub(super) async fn open(
    settings: &Settings,
    at: Option<&str>,
    missing: Missing,
) -> anyhow::Result<StoreAccess> {
    let way = Way::of_a_command(settings, at, missing);
    let found = Found::look(settings, &way).await?;
    if let Some(note) = found.note() {
        complain(note);
    }
    found.open(settings)
}
