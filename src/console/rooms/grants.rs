//! What is known of one user's permissions: asked of an instance, for those who may change things. What is sent is a form and no address, so that no
//! openid stands in a browser's history.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use serde::Deserialize;

use super::{Asked, House, Trouble, answer};
use crate::console::access::Visitor;
use crate::console::filter::Filter;
use crate::console::pages::grants::{Line, User, grants};
use crate::edges::grants::Line as Ledger;
use crate::edges::instance_pages::{InstancePages, Patience};

/// The user's messages that are shown.
const MOST_MESSAGES: usize = 50;

/// Who is meant.
#[derive(Deserialize)]
pub(super) struct Meant {
    app: String,
    openid: String,
}

/// How far templates are covered.
pub(super) async fn coverage(
    State(house): State<Arc<House>>,
    Path(language): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let Some(asked) = Asked::new(&language, "grants", query, &headers, &visitor) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    shown(&house, &asked, None).await
}

/// The same, with what is known of a user.
pub(super) async fn of_user(
    State(house): State<Arc<House>>,
    Path(language): Path<String>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
    Form(meant): Form<Meant>,
) -> Response {
    let Some(asked) = Asked::new(&language, "grants", None, &headers, &visitor) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    shown(&house, &asked, Some(&meant)).await
}

async fn shown(house: &House, asked: &Asked, meant: Option<&Meant>) -> Response {
    let page = drawn(house, asked, meant).await;
    answer(page.map_err(|error| {
        let look = Box::new(asked.look.clone());
        Trouble(
            StatusCode::SERVICE_UNAVAILABLE,
            Some(look),
            format!("{error:#}"),
        )
    }))
}

async fn drawn(house: &House, asked: &Asked, meant: Option<&Meant>) -> anyhow::Result<Markup> {
    let kinds = house
        .history
        .kinds(&Filter::default(), asked.last_day())
        .await?;
    let user = match meant {
        Some(meant) => Some(known_of(house, meant).await?),
        None => None,
    };
    let apps: Vec<String> = house
        .settings
        .apps
        .keys()
        .map(ToString::to_string)
        .collect();
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
    let fleet = Arc::clone(&house.fleet.borrow());
    let answering = fleet.instances.iter().find(|it| it.status.is_some());
    let address = answering.map(|it| it.address.as_str()).unwrap_or_default();
    let token = house.settings.http.token.clone();
    let pages = InstancePages::new(address, token, Patience::OF_A_SERVER);
    let pages = pages.map_err(|error| error.without_url().to_string())?;
    let query = [("app", app), ("openid", openid)];
    // The address of that page names the user.
    let told = pages.ask("/grants", &query).await;
    let told = told.map_err(crate::edges::instance_pages::Unanswered::in_words)?;
    let ledgers: Vec<Ledger> = serde_json::from_str(&told).map_err(|error| error.to_string())?;
    let line = |ledger: Ledger| Line {
        template: ledger.template.to_string(),
        granted: ledger.granted,
        used: ledger.used,
        left: ledger.left,
    };
    Ok(ledgers.into_iter().map(line).collect())
}
