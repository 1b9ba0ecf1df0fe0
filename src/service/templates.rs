//! An eye on the templates: at the start, once a day, and when a refusal may mean that one was changed, `WeChat` is asked for an app's list, and what
//! differs from the catalog in force is said in the report. What the engine has asked for, it is told: it stops the template.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::edges::http::Report;
use crate::edges::wechat::WeChat;
use wx_courier_core::catalog::drift::{Comparison, Drift, TemplateStatus, compare};
use wx_courier_core::catalog::listing::Listing;
use wx_courier_core::document::Severity;
use wx_courier_core::flow::Difference;
use wx_courier_core::rules::RuleSet;

/// The list changes by a person's hand; its quota is not documented, and small ones were reported.
const EVERY: Duration = Duration::from_hours(24);

/// The wait after a question that was not answered: whatever is wrong with `WeChat` or the account, one more call does not help it.
const AGAIN: Duration = Duration::from_hours(1);

/// A list this young answers another question for it.
const YOUNG: Duration = Duration::from_mins(1);

/// A template, by its app and `WeChat`'s id.
pub(super) type Asked = (Arc<str>, Arc<str>);

/// What the comparison works with.
#[derive(Clone)]
struct Parts {
    wechat: Arc<WeChat>,
    rules: watch::Receiver<Arc<RuleSet>>,
    reports: watch::Sender<Report>,
    /// What the engine wants to be compared. One task at a time looks.
    asked: Arc<Mutex<mpsc::UnboundedReceiver<Asked>>>,
    /// What it is told.
    differs: mpsc::UnboundedSender<Difference>,
}

/// What is known of one app.
#[derive(Default)]
struct Known {
    listing: Option<Listing>,
    status: TemplateStatus,
    listed_at: Option<Instant>,
    due: Option<Instant>,
}

/// Compares the templates, if the settings say so, until the first of these is dropped: a question under way is dropped with it. The second takes
/// what the engine wants to be compared, and the third is what it is told.
pub(super) fn start(
    comparison: Comparison,
    (wechat, rules, reports): (
        &Arc<WeChat>,
        &watch::Receiver<Arc<RuleSet>>,
        &watch::Sender<Report>,
    ),
) -> (
    JoinSet<()>,
    mpsc::UnboundedSender<Asked>,
    mpsc::UnboundedReceiver<Difference>,
) {
    let (asked_in, asked) = mpsc::unbounded_channel();
    let (differs_in, differs) = mpsc::unbounded_channel();
    let mut comparing = JoinSet::new();
    if comparison == Comparison::Daily {
        comparing.spawn(watch(Parts {
            wechat: Arc::clone(wechat),
            rules: rules.clone(),
            reports: reports.clone(),
            asked: Arc::new(Mutex::new(asked)),
            differs: differs_in,
        }));
    }
    (comparing, asked_in, differs)
}

/// Compares until it is dropped. A panic, which is logged, costs the comparisons of an hour.
async fn watch(parts: Parts) {
    start_again(AGAIN, || keep_comparing(parts.clone())).await;
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
async fn keep_comparing(parts: Parts) {
    let Parts {
        wechat,
        mut rules,
        reports,
        asked,
        differs,
    } = parts;
    let mut asked = asked.lock().await;
    let mut wanted: Vec<Asked> = Vec::new();
    let mut apps: BTreeMap<Arc<str>, Known> = BTreeMap::new();
    loop {
        let set = Arc::clone(&rules.borrow_and_update());
        let names = wechat.app_names();
        // An app that is gone has no list to ask for, and none waits for it.
        apps.retain(|app, _| names.contains(app));
        wanted.retain(|(app, _)| names.contains(app));
        for app in &names {
            // An app without templates sends nothing.
            if set.catalog().of_app(app).next().is_none() {
                apps.remove(app);
                continue;
            }
            let known = apps.entry(Arc::clone(app)).or_default();
            let before = known.status.clone();
            let is_wanted = wanted.iter().any(|(of_app, _)| of_app == app);
            if known.due.is_none_or(|due| due <= Instant::now()) || is_wanted && !known.is_young() {
                known.ask(&wechat, app).await;
            }
            if let Some(listing) = &known.listing {
                let drifts = compare(set.catalog(), app, listing);
                known.status.found(&drifts);
                if known.is_young() {
                    answer(&set, app, &drifts, &wanted, &differs);
                    wanted.retain(|(of_app, _)| of_app != app);
                }
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
            Some(template) = asked.recv() => wanted.push(template),
            changed = rules.changed() => {
                if changed.is_err() {
                    // No task swaps rules any more.
                    tokio::time::sleep_until(due).await;
                }
                // What kept a list away may have been mended with the apps.
                apps.values_mut()
                    .filter(|known| known.listing.is_none())
                    .for_each(|known| known.due = None);
            }
        }
    }
}

/// Tells the engine of the templates that it has asked for, where messages of them would be refused.
fn answer(
    set: &RuleSet,
    app: &str,
    drifts: &[Drift],
    wanted: &[Asked],
    differs: &mpsc::UnboundedSender<Difference>,
) {
    for (app, template_id) in wanted.iter().filter(|(of_app, _)| of_app.as_ref() == app) {
        let Some(template) = set.catalog().find(app, template_id) else {
            continue;
        };
        let grave = drifts
            .iter()
            .filter(|drift| drift.severity == Severity::Error && drift.template == template.name);
        let sentences: Vec<&str> = grave.map(|drift| drift.detail.as_str()).collect();
        if sentences.is_empty() {
            continue;
        }
        let found = Difference {
            app: Arc::clone(app),
            template_id: Arc::clone(template_id),
            rules_version: Arc::clone(set.version()),
            detail: format!(
                "the template {} was changed at WeChat: {}; `wx-courier templates pull` brings templates.toml up to date, then its rules are to be changed",
                template.name,
                sentences.join("; ")
            ),
        };
        if differs.send(found).is_err() {
            tracing::debug!("a comparison came back after the service had ended");
        }
    }
}

impl Known {
    /// Whether the list was asked for a moment ago.
    fn is_young(&self) -> bool {
        self.listed_at.is_some_and(|at| at.elapsed() < YOUNG)
    }

    async fn ask(&mut self, wechat: &WeChat, app: &str) {
        let wait = match wechat.templates(app).await {
            Ok(listing) => {
                self.listing = Some(listing);
                self.listed_at = Some(Instant::now());
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
