//! `wx-courier check --remote`: `templates.toml` against what `WeChat` lists.

use std::sync::Arc;

use crate::cli::block_on;
use crate::config::Loaded;
use crate::edges::wechat::WeChat;
use wx_courier_core::catalog::drift::{Drift, compare};
use wx_courier_core::document::{Origin, Problem};

/// Asks for the templates of every app that the catalog has, and adds what differs to the problems.
pub(super) fn compare_with_wechat(loaded: &mut Loaded) -> anyhow::Result<()> {
    let (Some(settings), Some(catalog)) = (&loaded.settings, &loaded.catalog) else {
        let problem = Problem::warning(
            &Origin::Default,
            "WeChat was not asked: settings or templates have mistakes",
        );
        loaded.problems.push(problem);
        return Ok(());
    };
    let wechat = WeChat::new(settings, &Arc::default())?;
    let problems = block_on(async {
        let mut problems = Vec::new();
        for app in settings.apps.keys() {
            if catalog.of_app(app).next().is_none() {
                continue;
            }
            match wechat.templates(app).await {
                Ok(listing) => {
                    let drifts = compare(catalog, app, &listing);
                    problems.extend(drifts.iter().map(Drift::problem));
                }
                Err(error) => {
                    let message = format!("WeChat did not tell its templates: {error}");
                    let key = format!("apps.{app}");
                    let problem = Problem::error(&Origin::Default, message).key(key);
                    problems.push(match error.help() {
                        Some(help) => problem.help(help),
                        None => problem,
                    });
                }
            }
        }
        Ok(problems)
    })?;
    for problem in problems {
        loaded.problems.push(problem);
    }
    Ok(())
}
