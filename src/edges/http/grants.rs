//! `/grants`: users' ledgers, for support and for `wx-courier grants`.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Pages;
use super::refusal::refuse;
use crate::edges::grants::{Wanted, ask};
use wx_courier_core::grants::{Named, NoLedger};

/// The caller hears by then that the store is down. The store does what it was asked when it is back.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many ledgers are set at once, at most.
pub const MOST_ROWS: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Look {
    app: String,
    openid: String,
    template: Option<String>,
}

/// A ledger, and how many are left in it from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The app, by its name in the settings.
    pub app: String,
    /// The user, in the clear.
    pub openid: String,
    /// The template, by its name in `templates.toml` or by its id.
    pub template: String,
    /// How many more messages the user has allowed.
    pub left: u32,
}

/// The ledgers of one user: for one template, or for all of the app.
pub(super) async fn look(
    State(pages): State<Pages>,
    query: Result<Query<Look>, QueryRejection>,
) -> Response {
    let asked = match query {
        Ok(Query(asked)) => asked,
        Err(rejection) => return unread(rejection.status(), &rejection.body_text()),
    };
    let named = {
        let rules = pages.rules.borrow();
        match &asked.template {
            Some(template) => Named::find(rules.catalog(), &asked.app, &asked.openid, template)
                .map(|named| vec![named]),
            None => Named::all(rules.catalog(), &asked.app, &asked.openid),
        }
    };
    match named {
        Ok(named) => {
            let wanted = named.into_iter().map(|named| Wanted { named, left: None });
            answer(&pages, wanted.collect()).await
        }
        Err(why) => no_ledger(&why),
    }
}

/// Sets one ledger.
pub(super) async fn set(
    State(pages): State<Pages>,
    query: Result<Query<Row>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(row)) => set_rows(&pages, &[row]).await,
        Err(rejection) => unread(rejection.status(), &rejection.body_text()),
    }
}

/// Sets many; none of them if there is anything wrong with one.
pub(super) async fn set_many(
    State(pages): State<Pages>,
    body: Result<Json<Vec<Row>>, JsonRejection>,
) -> Response {
    let rows = match body {
        Ok(Json(rows)) => rows,
        Err(rejection) => return unread(rejection.status(), &rejection.body_text()),
    };
    if rows.len() > MOST_ROWS {
        let why = format!("expected at most {MOST_ROWS} rows, found {}", rows.len());
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, &why);
    }
    set_rows(&pages, &rows).await
}

async fn set_rows(pages: &Pages, rows: &[Row]) -> Response {
    let wanted: Result<Vec<Wanted>, NoLedger> = {
        let rules = pages.rules.borrow();
        let find = |row: &Row| {
            let named = Named::find(rules.catalog(), &row.app, &row.openid, &row.template)?;
            Ok(Wanted {
                named,
                left: Some(row.left),
            })
        };
        rows.iter().map(find).collect()
    };
    match wanted {
        Ok(wanted) => answer(pages, wanted).await,
        Err(why) => no_ledger(&why),
    }
}

async fn answer(pages: &Pages, wanted: Vec<Wanted>) -> Response {
    let asked = ask(&pages.store, &wanted, pages.clock.now_ms());
    match tokio::time::timeout(STORE_TIMEOUT, asked).await {
        Ok(Ok(lines)) => Json(lines).into_response(),
        Ok(Err(error)) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(_) => refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the state store does not answer; it may still do what it was asked",
        ),
    }
}

/// What the framework could not read.
fn unread(status: StatusCode, why: &str) -> Response {
    refuse(status, &format!("the request cannot be read: {why}"))
}

fn no_ledger(why: &NoLedger) -> Response {
    let status = match why {
        NoLedger::App { .. } | NoLedger::Template { .. } => StatusCode::NOT_FOUND,
        NoLedger::LongTerm { .. } | NoLedger::ServiceCard { .. } | NoLedger::Openid(_) => {
            StatusCode::BAD_REQUEST
        }
    };
    refuse(status, &why.to_string())
}
