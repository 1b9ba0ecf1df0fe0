//! An eye on the troubles with the cluster: says them, and finds out which right is wanting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::Settings;
use crate::edges::http::Report;
use crate::edges::kafka::inspect::{Right, examine};
use crate::edges::kafka::trouble::Troubles;

/// While there is a trouble, it is looked this often whether something is to be said.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long it is waited after an examination before the next one.
const EXAMINE_AGAIN: Duration = Duration::from_secs(1);

/// Watches until it is dropped. Without trouble it sleeps.
pub async fn watch(troubles: Troubles, settings: Arc<Settings>, reports: watch::Sender<Report>) {
    let mut examination: JoinSet<Option<Vec<Right>>> = JoinSet::new();
    let mut examine_at = Instant::now();
    loop {
        troubles.tell();
        let status = troubles.status();
        reports.send_if_modified(|report| {
            let is_new = report.cluster != status;
            report.cluster = status;
            is_new
        });
        let is_due = examination.is_empty() && examine_at <= Instant::now();
        if is_due && troubles.want_examination() {
            examination.spawn(examined(Arc::clone(&settings)));
        }
        tokio::select! {
            () = troubles.changed() => {}
            // A panic of it is logged; the next one is asked for if the trouble lasts.
            Some(found) = examination.join_next() => {
                examine_at = Instant::now() + EXAMINE_AGAIN;
                if let Ok(Some(rights)) = found {
                    troubles.examined(&rights);
                }
            }
            () = tokio::time::sleep(LOOK_EVERY), if troubles.last() => {}
        }
    }
}

async fn examined(settings: Arc<Settings>) -> Option<Vec<Right>> {
    let examine = move || examine(&settings.kafka);
    let found = tokio::task::spawn_blocking(examine).await;
    match found {
        Ok(Ok(rights)) => Some(rights),
        Ok(Err(error)) => {
            tracing::warn!(%error, "it cannot be found out what the cluster lets us do");
            None
        }
        Err(_panicked) => None,
    }
}
