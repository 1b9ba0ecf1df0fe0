//! `/grants`: users' ledgers, for support and for `wx-courier grants`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Pages;
use super::audit::{Asker, Unrecorded};
use super::refusal::refuse;
use crate::edges::grants::{Line, Wanted, ask, setting};
use wx_courier_core::grants::{Named, NoLedger};
use wx_courier_core::model::audit::Ended;

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
    asker: Asker,
    query: Result<Query<Row>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(row)) => set_rows(&pages, &asker, &[row]).await,
        Err(rejection) => unread(rejection.status(), &rejection.body_text()),
    }
}

/// Sets many; none of them if there is anything wrong with one.
pub(super) async fn set_many(
    State(pages): State<Pages>,
    asker: Asker,
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
    set_rows(&pages, &asker, &rows).await
}

async fn set_rows(pages: &Pages, asker: &Asker, rows: &[Row]) -> Response {
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
        Ok(wanted) if asker.is_named() => set_by_person(pages, asker, wanted).await,
        Ok(wanted) => {
            for (app, n_sets) in by_app(&wanted) {
                pages.audit.count_sets(asker, app, n_sets);
            }
            answer(pages, wanted).await
        }
        Err(why) => no_ledger(&why),
    }
}

/// How many of these there are, by app.
fn by_app(wanted: &[Wanted]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for wanted in wanted {
        *counts.entry(&*wanted.named.key.app).or_default() += 1;
    }
    counts
}

/// What a person sets is written down first. It overwrites what nothing else knows, so it is refused where that cannot be.
async fn set_by_person(pages: &Pages, asker: &Asker, wanted: Vec<Wanted>) -> Response {
    let before = match wanted.as_slice() {
        [] => return answer(pages, wanted).await,
        [one] => {
            let look = Wanted {
                named: one.named.clone(),
                left: None,
            };
            match asked(pages, &[look]).await {
                Ok(lines) => lines.into_iter().next(),
                // To set it anew is what helps where it cannot be read.
                Err(Unanswered::Refused(_)) => None,
                Err(down @ Unanswered::Down) => return down.into_response(),
            }
        }
        [_, _, ..] => None,
    };
    let user = |openid: &str| pages.audit.user(openid);
    let mut action = setting(&wanted, before.as_ref(), user);
    action.why.clone_from(&asker.why);
    let noted = pages.audit.note(asker, action, Unrecorded::Refused).await;
    let recorded = match noted {
        Ok(recorded) => recorded,
        Err(refusal) => return *refusal,
    };
    match asked(pages, &wanted).await {
        Ok(lines) => Json(lines).into_response(),
        Err(failed) => {
            let ended = match failed {
                Unanswered::Down => Ended::NotKnown,
                Unanswered::Refused(_) => Ended::Failed,
            };
            pages.audit.conclude(recorded, ended, &failed.to_string());
            failed.into_response()
        }
    }
}

/// Why the store has not answered.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("{0}")]
    Refused(anyhow::Error),
    #[error("the state store does not answer; it may still do what it was asked")]
    Down,
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        refuse(StatusCode::SERVICE_UNAVAILABLE, &self.to_string())
    }
}

async fn asked(pages: &Pages, wanted: &[Wanted]) -> Result<Vec<Line>, Unanswered> {
    let asked = ask(&pages.store, wanted, pages.clock.now_ms());
    match tokio::time::timeout(STORE_TIMEOUT, asked).await {
        Ok(answered) => answered.map_err(Unanswered::Refused),
        Err(_late) => Err(Unanswered::Down),
    }
}

async fn answer(pages: &Pages, wanted: Vec<Wanted>) -> Response {
    match asked(pages, &wanted).await {
        Ok(lines) => Json(lines).into_response(),
        Err(failed) => failed.into_response(),
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
