//! Control over an app's private templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::control::{DONE, Done, Odd, Parsed, app, given, odd, read, wrong_method};
use crate::handle::Handle;
use crate::settings::Template;
use crate::state::{State, lock};

pub(super) fn router() -> Router<Arc<State>> {
    let templates = get(templates).post(set_templates).fallback(wrong_method);
    Router::new().route("/templates", templates)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppQuery {
    appid: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TemplatesBody {
    appid: Option<String>,
    templates: BTreeMap<String, Template>,
}

/// In the form in which they can be set again.
async fn templates(
    Shared(state): Shared<Arc<State>>,
    query: Parsed<AppQuery>,
) -> Result<Json<TemplatesBody>, Odd> {
    let appid = app(&state, given(query)?.appid)?;
    let templates = lock(&state.catalogs).of_app(&appid);
    Ok(Json(TemplatesBody {
        appid: Some(appid),
        templates,
    }))
}

async fn set_templates(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: TemplatesBody = read(&body)?;
    let appid = app(&state, body.appid)?;
    for (id, template) in &body.templates {
        template.check(id).map_err(odd)?;
    }
    Handle::new(state).set_templates(&appid, &body.templates);
    Ok(DONE)
}
