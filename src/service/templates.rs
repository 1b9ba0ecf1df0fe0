//! An eye on the templates: at the start and once a day `WeChat` is asked for each app's list, and what differs from the catalog in force is
//! said in the report. Nothing is stopped by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::edges::http::Report;
use crate::edges::wechat::WeChat;
use wx_courier_core::catalog::drift::{TemplateStatus, compare};
use wx_courier_core::catalog::listing::Listing;
use wx_courier_core::rules::RuleSet;

/// The list changes by a person's hand; its quota is not documented, and small ones were reported.
const EVERY: Duration = Duration::from_hours(24);

/// The wait after a question that was not answered: whatever is wrong with `WeChat` or the account, one more call does not help it.
const AGAIN: Duration = Duration::from_hours(1);

/// What is known of one app.
#[derive(Default)]
struct Known {
    listing: Option<Listing>,
    status: TemplateStatus,
    due: Option<Instant>,
}

/// Compares until it is dropped. A panic, which is logged, costs the comparisons of an hour.
pub(super) async fn watch(
    wechat: Arc<WeChat>,
    rules: watch::Receiver<Arc<RuleSet>>,
    reports: watch::Sender<Report>,
) {
    start_again(AGAIN, || {
        compare_daily(Arc::clone(&wechat), rules.clone(), reports.clone())
    })
    .await;
}

/// Does a work that never ends, and begins anew a while after it has panicked. Dropped, it drops the work.
async fn start_again<W>(wait: Duration, work: impl Fn() -> W)
where
    W: Future<Output = ()> + Send + 'static,
{
    loop {
        let mut task = JoinSet::new();
        task.spawn(work());
        let _panicked = task.join_next().await;
        tracing::error!(
            again_in_s = wait.as_secs(),
            "comparing the templates has ended unexpectedly, and begins anew"
        );
        tokio::time::sleep(wait).await;
    }
}

/// Rules that are swapped are compared with the list that is known.
async fn compare_daily(
    wechat: Arc<WeChat>,
    mut rules: watch::Receiver<Arc<RuleSet>>,
    reports: watch::Sender<Report>,
) {
    let mut apps: BTreeMap<Arc<str>, Known> = BTreeMap::new();
    loop {
        let set = Arc::clone(&rules.borrow_and_update());
        for app in wechat.app_names() {
            // An app without templates sends nothing.
            if set.catalog().of_app(app).next().is_none() {
                apps.remove(app);
                continue;
            }
            let known = apps.entry(Arc::clone(app)).or_default();
            let before = known.status.clone();
            if known.due.is_none_or(|due| due <= Instant::now()) {
                known.ask(&wechat, app).await;
            }
            if let Some(listing) = &known.listing {
                known.status.found(&compare(set.catalog(), app, listing));
            }
            tell(app, &before, &known.status);
        }
        let statuses = apps
            .iter()
            .map(|(app, known)| (Arc::clone(app), known.status.clone()));
        let statuses: BTreeMap<_, _> = statuses.collect();
        reports.send_modify(|report| report.templates = statuses);
        let due = apps.values().filter_map(|known| known.due).min();
        let due = due.unwrap_or_else(|| Instant::now() + EVERY);
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            changed = rules.changed() => {
                if changed.is_err() {
                    // No task swaps rules any more.
                    tokio::time::sleep_until(due).await;
                }
            }
        }
    }
}

impl Known {
    async fn ask(&mut self, wechat: &WeChat, app: &str) {
        let wait = match wechat.templates(app).await {
            Ok(listing) => {
                self.listing = Some(listing);
                #[expect(clippy::disallowed_methods, reason = "it is only shown")]
                let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
                self.status.checked_at = Some(now.to_string());
                self.status.error = None;
                EVERY
            }
            Err(error) => {
                self.status.error = Some(error.to_string());
                AGAIN
            }
        };
        self.due = Some(Instant::now() + wait);
    }
}

/// One line for each change.
fn tell(app: &str, before: &TemplateStatus, now: &TemplateStatus) {
    match (&before.error, &now.error) {
        (None, Some(error)) => tracing::warn!(
            app,
            error,
            again_in_s = AGAIN.as_secs(),
            "WeChat did not tell the templates of the app: whether templates.toml is up to date is not known"
        ),
        (Some(_), None) => tracing::info!(app, "WeChat tells the templates of the app again"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if before.drift == now.drift {
        return;
    }
    if now.drift.is_empty() {
        tracing::info!(app, "templates.toml says what WeChat lists");
    } else {
        tracing::warn!(
            app,
            differences = now.drift.len(),
            drift = now.drift.join("; "),
            "templates.toml differs from what WeChat lists: see `wx-courier check --remote`"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_work_that_panics_begins_anew() {
        let n_begun = Arc::new(AtomicUsize::new(0));
        let (third, has_begun) = tokio::sync::oneshot::channel();
        let third = Arc::new(std::sync::Mutex::new(Some(third)));
        let work = || {
            let (n_begun, third) = (Arc::clone(&n_begun), Arc::clone(&third));
            async move {
                assert!(n_begun.fetch_add(1, Ordering::Relaxed) >= 2, "a bug");
                let third = third.lock().unwrap().take().unwrap();
                third.send(()).unwrap();
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = start_again(Duration::ZERO, work) => {}
            begun = has_begun => begun.unwrap(),
        }
        assert_eq!(n_begun.load(Ordering::Relaxed), 3);
    }
}
