//! An eye on the troubles with the cluster: says them, and finds out which right is wanting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::Settings;
use crate::edges::http::Report;
use crate::edges::kafka::inspect::{Right, examine};
use crate::edges::kafka::trouble::{Examination, Troubles};

/// While there is a trouble, it is looked this often whether something is to be said.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The wait after an examination, which grows while the trouble lasts: each takes a client of its own.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// When the next examination may begin.
struct Pace {
    at: Instant,
    wait: Duration,
}

/// Watches until it is dropped. Without trouble it sleeps.
pub async fn watch(troubles: Troubles, settings: Arc<Settings>, reports: watch::Sender<Report>) {
    let mut under_way: JoinSet<(Examination, Vec<Right>)> = JoinSet::new();
    let mut pace = Pace {
        at: Instant::now(),
        wait: SHORTEST_WAIT,
    };
    loop {
        troubles.tell();
        let status = troubles.status();
        reports.send_if_modified(|report| {
            let is_new = report.cluster != status;
            report.cluster = status;
            is_new
        });
        if under_way.is_empty() && pace.at <= Instant::now() {
            match troubles.examination() {
                Some(examination) => {
                    under_way.spawn(examined(examination, Arc::clone(&settings)));
                }
                None => pace.wait = SHORTEST_WAIT,
            }
        }
        tokio::select! {
            () = troubles.changed() => {}
            // After a panic, which is logged, the next one is as good.
            Some(found) = under_way.join_next() => {
                pace.at = Instant::now() + pace.wait;
                pace.wait = LONGEST_WAIT.min(pace.wait * 2);
                if let Ok((examination, rights)) = found {
                    troubles.examined(examination, &rights);
                }
            }
            () = tokio::time::sleep(LOOK_EVERY), if troubles.want_watching() => {}
        }
    }
}

async fn examined(examination: Examination, settings: Arc<Settings>) -> (Examination, Vec<Right>) {
    let examine = move || examine(&settings.kafka);
    let found = tokio::task::spawn_blocking(examine).await;
    let rights = match found {
        Ok(Ok(rights)) => rights,
        Ok(Err(error)) => {
            tracing::warn!(%error, "it cannot be found out what the cluster lets us do");
            Vec::new()
        }
        Err(_panicked) => Vec::new(),
    };
    (examination, rights)
}
