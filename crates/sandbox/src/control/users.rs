//! Control over users: which users exist, what they agreed to, and what they do in the mini program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::callbacks;
use crate::control::{DONE, Done, Odd, Parsed, app, given, must, openid, read, wrong_method};
use crate::customer::{self, Act, Windows};
use crate::handle::Handle;
use crate::settings::{GrantCheck, Openids};
use crate::state::{State, lock};
use crate::subscribe::Choice;
use crate::users::{Standing, Switch, User};

pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/openids", post(set_openids).fallback(wrong_method))
        .route("/grants", post(grant).fallback(wrong_method))
        .route("/users", get(users).post(describe).fallback(wrong_method))
        .route("/users/login", post(login).fallback(wrong_method))
        .route("/users/subscribe", post(subscribe).fallback(wrong_method))
        .route(
            "/users/settings",
            post(change_settings).fallback(wrong_method),
        )
        .route("/users/message", post(message).fallback(wrong_method))
        .route("/users/enter", post(enter).fallback(wrong_method))
        .route("/users/revoke", post(revoke).fallback(wrong_method))
        .route("/users/cancel", post(cancel).fallback(wrong_method))
}

async fn set_openids(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let openids: Openids = read(&body)?;
    if let Openids::Only(listed) | Openids::Except(listed) = &openids {
        listed.iter().try_for_each(|listed| openid(listed))?;
    }
    Handle::new(state).set_openids(openids);
    Ok(DONE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantsBody {
    check: Option<GrantCheck>,
    #[serde(default)]
    give: Vec<GrantBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    openid: String,
    template: String,
    #[serde(default = "once")]
    times: u64,
}

fn once() -> u64 {
    1
}

async fn grant(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let grants: GrantsBody = read(&body)?;
    must(grants.check.is_some() || !grants.give.is_empty(), || {
        "say `check`, `give` or both".to_owned()
    })?;
    for grant in &grants.give {
        openid(&grant.openid)?;
        must(grant.times > 0, || {
            format!("{} gives 0 grants: leave that out", grant.openid)
        })?;
        must(lock(&state.catalogs).know(&grant.template), || {
            format!("no app has a template {}", grant.template)
        })?;
    }
    let handle = Handle::new(state);
    for grant in grants.give {
        handle.grant(&grant.openid, &grant.template, grant.times);
    }
    if let Some(check) = grants.check {
        handle.check_grants(check);
    }
    Ok(DONE)
}

/// A user who exists, of an app.
fn person(state: &State, appid: Option<String>, openid: &str) -> Result<String, Odd> {
    self::openid(openid)?;
    must(lock(&state.openids).know(openid), || {
        format!("there is no user {openid}: see POST /sandbox/openids")
    })?;
    app(state, appid)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonBody {
    appid: Option<String>,
    openid: String,
    standing: Option<Standing>,
    unionid: Option<String>,
}

async fn describe(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: PersonBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    must(body.standing.is_some() || body.unionid.is_some(), || {
        "say `standing`, `unionid` or both".to_owned()
    })?;
    let mut users = lock(&state.users);
    let user = users.of(&appid, &body.openid);
    if let Some(standing) = body.standing {
        user.standing = standing;
    }
    if let Some(unionid) = body.unionid {
        user.unionid = Some(unionid).filter(|unionid| !unionid.is_empty());
    }
    Ok(DONE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    appid: Option<String>,
    openid: String,
}

#[derive(Serialize)]
struct CodeBody {
    code: String,
}

async fn login(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<CodeBody>, Odd> {
    let body: LoginBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    let code = Handle::new(state).login_code(&appid, &body.openid);
    Ok(Json(CodeBody { code }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeBody {
    appid: Option<String>,
    openid: String,
    answers: BTreeMap<String, Choice>,
}

/// What the callbacks of `wx.requestSubscribeMessage` get: the results by template id, or why there was no popup.
async fn subscribe(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Value>, Odd> {
    let body: SubscribeBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    let asked = Handle::new(state).subscribe(&appid, &body.openid, &body.answers);
    Ok(Json(match asked {
        Ok(results) => {
            let results = results.into_iter();
            let mut told: Map<String, Value> = results
                .map(|(id, choice)| (id, choice.as_str().into()))
                .collect();
            told.insert("errMsg".to_owned(), "requestSubscribeMessage:ok".into());
            Value::Object(told)
        }
        Err(not_asked) => json!({
            "errMsg": format!("requestSubscribeMessage:fail {not_asked}"),
            "errCode": not_asked.code(),
        }),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsBody {
    appid: Option<String>,
    openid: String,
    main_switch: Option<Switch>,
    #[serde(default)]
    templates: BTreeMap<String, Switch>,
}

async fn change_settings(
    Shared(state): Shared<Arc<State>>,
    body: Bytes,
) -> Result<Json<Done>, Odd> {
    let body: SettingsBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    must(
        body.main_switch.is_some() || !body.templates.is_empty(),
        || "say `main_switch`, `templates` or both".to_owned(),
    )?;
    for id in body.templates.keys() {
        must(lock(&state.catalogs).find(&appid, id).is_some(), || {
            format!("{appid} has no template {id}")
        })?;
    }
    if let Some(main_switch) = body.main_switch {
        lock(&state.users).of(&appid, &body.openid).main_switch = main_switch;
    }
    Handle::new(state).switch_templates(&appid, &body.openid, &body.templates);
    Ok(DONE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    appid: Option<String>,
    openid: String,
    text: String,
}

#[derive(Serialize)]
struct WindowsBody {
    windows: Windows,
}

async fn message(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<WindowsBody>, Odd> {
    let body: MessageBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    must(!body.text.is_empty(), || "the text is empty".to_owned())?;
    let act = Act::Message { text: body.text };
    let windows = customer::act(&state, &appid, &body.openid, &act);
    Ok(Json(WindowsBody { windows }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnterBody {
    appid: Option<String>,
    openid: String,
    #[serde(default)]
    session_from: String,
}

async fn enter(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<WindowsBody>, Odd> {
    let body: EnterBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    let act = Act::Enter {
        session_from: body.session_from,
    };
    let windows = customer::act(&state, &appid, &body.openid, &act);
    Ok(Json(WindowsBody { windows }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    appid: Option<String>,
    openid: String,
    /// `RevokeInfo`, as it is.
    codes: String,
}

async fn revoke(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: RevokeBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    callbacks::revoked(&state, &appid, &body.openid, &body.codes);
    Ok(DONE)
}

async fn cancel(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Json<Done>, Odd> {
    let body: LoginBody = read(&body)?;
    let appid = person(&state, body.appid, &body.openid)?;
    callbacks::cancelled(&state, &appid, &body.openid);
    Ok(DONE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersQuery {
    appid: Option<String>,
    openid: Option<String>,
}

/// What is known of the users of an app, or of one.
async fn users(
    Shared(state): Shared<Arc<State>>,
    query: Parsed<UsersQuery>,
) -> Result<Json<Value>, Odd> {
    let query = given(query)?;
    let appid = app(&state, query.appid)?;
    let openids: BTreeSet<String> = if let Some(one) = query.openid {
        openid(&one)?;
        [one].into()
    } else {
        let mut openids = lock(&state.grants).openids();
        openids.extend(lock(&state.users).openids(&appid));
        openids
    };
    let users: Vec<Value> = openids
        .iter()
        .map(|openid| described(&state, &appid, openid))
        .collect();
    Ok(Json(json!({ "appid": appid, "users": users })))
}

fn described(state: &State, appid: &str, openid: &str) -> Value {
    let user = lock(&state.users)
        .find(appid, openid)
        .map_or_else(User::default, |user| user.clone());
    json!({
        "openid": openid,
        "unionid": user.unionid,
        "standing": user.standing,
        "main_switch": user.main_switch,
        "switched_off": user.switched_off,
        "grants": lock(&state.grants).of(openid),
        "windows": user.windows,
    })
}
