//! What is known of one user's permissions: asked of an instance, for those who may change things. What is sent is a form and no address, so that no
//! openid stands in a browser's history.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::response::Response;
use maud::Markup;
use serde::Deserialize;

use super::asked::drawn;
use super::{Asked, House, Trouble};
use crate::console::filter::Filter;
use crate::console::pages::grants::{Line, User, grants};
use crate::edges::grants::Line as Ledger;
use crate::edges::instance_pages::Unanswered;

/// The user's messages that are shown.
const MOST_MESSAGES: usize = 50;

/// Who is meant.
#[derive(Deserialize)]
pub(super) struct Meant {
    app: String,
    openid: String,
}

/// How far templates are covered.
pub(super) async fn coverage(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, page(&house, &asked, None)).await
}

/// The same, with what is known of a user.
pub(super) async fn of_user(
    State(house): State<Arc<House>>,
    asked: Asked,
    Form(meant): Form<Meant>,
) -> Response {
    drawn(&asked, page(&house, &asked, Some(&meant))).await
}

async fn page(house: &House, asked: &Asked, meant: Option<&Meant>) -> Result<Markup, Trouble> {
    let kinds = house
        .history
        .kinds(&Filter::default(), asked.last_day())
        .await?;
    let user = match meant {
        Some(meant) => Some(known_of(house, meant).await?),
        None => None,
    };
    let apps = house.settings.apps.keys();
    let apps: Vec<String> = apps.map(ToString::to_string).collect();
    Ok(grants(&asked.look, &apps, user.as_ref(), &kinds))
}

async fn known_of(house: &House, meant: &Meant) -> anyhow::Result<User> {
    let openid = meant.openid.trim();
    let shown = house.settings.outcomes.recipient.show(openid);
    let filter = Filter {
        apps: vec![meant.app.clone()],
        id: Some(shown.clone()),
        ..Filter::default()
    };
    let found = house.history.search(&filter, None, MOST_MESSAGES).await?;
    Ok(User {
        shown,
        lines: ledgers(house, &meant.app, openid).await,
        history: found.outcomes,
    })
}

async fn ledgers(house: &House, app: &str, openid: &str) -> Result<Vec<Line>, String> {
    let pages = house.instance().ok_or("no instance answers")?;
    let query = [("app", app), ("openid", openid)];
    // The address of that page names the user.
    let told = pages.ask("/grants", &query).await;
    let told = told.map_err(Unanswered::in_words)?;
    let ledgers: Vec<Ledger> = serde_json::from_str(&told).map_err(|error| error.to_string())?;
    let line = |ledger: Ledger| Line {
        template: ledger.template.to_string(),
        granted: ledger.granted,
        used: ledger.used,
        left: ledger.left,
    };
    Ok(ledgers.into_iter().map(line).collect())
}
