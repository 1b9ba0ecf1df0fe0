//! `/pause` and `/resume`: what is stopped until a person lets it go on, for operators and for `wx-courier rules`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Pages;
use super::audit::{Asker, Recorded, Unrecorded};
use super::refusal::refuse;
use crate::config::StateUrl;
use crate::edges::holds::{Changed, NotChanged};
use wx_courier_core::document::known_instead;
use wx_courier_core::flow::PauseStatus;
use wx_courier_core::holds::{Hold, HoldChange, Stopped, StoppedBy};
use wx_courier_core::model::audit::{Action, Ended, Facts, What, facts, why_of};
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::pauses::Subject;

/// What is meant: a rule, an app, or a template of an app.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    rule: Option<String>,
    app: Option<String>,
    /// By its name in `templates.toml` or by its id.
    template: Option<String>,
    /// Why, in a person's words.
    why: Option<String>,
}

/// Stops something, on every instance, until a person lets it go on.
pub(super) async fn pause(
    State(pages): State<Pages>,
    asker: Asker,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let (what, why) = match named(&pages, query) {
        Ok(named) => named,
        Err(refusal) => return *refusal,
    };
    let why = why.or_else(|| asker.why.clone());
    let subject = Subject::from(&what);
    let action = Action {
        what: What::Pause,
        subject: subject.to_string(),
        before: before(&pages, &what),
        after: Some(facts([("paused", true.into())])),
        why: why.clone(),
    };
    // An incident must be stopped while Kafka is away, too.
    let recorded = match pages.audit.note(&asker, action, Unrecorded::Done).await {
        Ok(recorded) => recorded,
        Err(refusal) => return *refusal,
    };
    let note = recorded.note();
    let hold = Hold {
        what: what.clone(),
        by: StoppedBy::Person,
        errcode: None,
        detail: why.unwrap_or_default(),
        since_ms: pages.clock.now_ms(),
        more: BTreeMap::new(),
    };
    match pages.holds.change(HoldChange::Place(hold)).await {
        Ok(Changed {
            before: Some(before),
            now: Some(now),
        }) if before.by == StoppedBy::Person => format!(
            "the {subject} is paused since {} already: {}\n{note}",
            rfc3339_ms(now.since_ms),
            reason_of(&now.detail)
        )
        .into_response(),
        Ok(Changed { now: Some(_), .. }) => format!(
            "the {subject} is paused {}: its messages wait, each no longer than its rule's expires_after. `{}` lets it go on\n{note}",
            pages.reach,
            resume_command(&what)
        )
        .into_response(),
        Ok(Changed { now: None, .. }) => {
            const FULL: &str =
                "so much is paused already that the store holds no more: let something go on first";
            pages.audit.conclude(recorded, Ended::Failed, FULL);
            refuse(StatusCode::UNPROCESSABLE_ENTITY, FULL)
        }
        Err(why_not) => not_changed(&pages, recorded, why_not),
    }
}

/// How this is, as this instance knows it; `None` before it has heard of the store.
fn before(pages: &Pages, what: &Stopped) -> Option<Facts> {
    let subject = Subject::from(what).to_string();
    let mut pauses = pages.report().engine.pauses.into_iter();
    let shown = pauses.find(|pause| pause.subject == subject);
    let newest = pages.holds.newest();
    let newest = newest.borrow();
    let pause = match (shown, newest.as_ref()) {
        (Some(shown), _) => Some(shown),
        (None, Some(heard)) => heard.holds.get(what).map(PauseStatus::from),
        (None, None) => return None,
    };
    Some(match pause {
        None => facts([("paused", false.into())]),
        Some(PauseStatus {
            cause,
            detail,
            since,
            ..
        }) => facts([
            ("paused", true.into()),
            ("cause", cause.into()),
            ("detail", detail.into()),
            ("since", since.into()),
        ]),
    })
}

/// How far a person's word reaches, by where it is kept.
pub(super) fn reach(state: &StateUrl) -> &'static str {
    match state {
        StateUrl::Memory => "until this process ends, since [state] url is memory:",
        StateUrl::Sqlite(_) => "and stays so over restarts",
        StateUrl::Redis(_) => "on every instance, and stays so over restarts",
    }
}

/// Lets something go on, whatever has paused it: on every instance what the store holds, and on this one whatever else it waits for.
pub(super) async fn resume(
    State(pages): State<Pages>,
    asker: Asker,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let (what, why) = match named(&pages, query) {
        Ok(named) => named,
        Err(refusal) => return *refusal,
    };
    let subject = Subject::from(&what);
    let action = Action {
        what: What::Resume,
        subject: subject.to_string(),
        before: before(&pages, &what),
        after: Some(facts([("paused", false.into())])),
        why: why.or_else(|| asker.why.clone()),
    };
    // Messages expire while they wait, and to stop it once more takes a moment.
    let recorded = match pages.audit.note(&asker, action, Unrecorded::Done).await {
        Ok(recorded) => recorded,
        Err(refusal) => return *refusal,
    };
    let was_paused_here = is_shown(&pages, &what);
    // The store is asked in any case: another instance may have told it a moment ago.
    let changed = match pages.holds.change(HoldChange::Lift(what.clone())).await {
        Ok(changed) => changed,
        Err(why_not) => return not_changed(&pages, recorded, why_not),
    };
    let note = recorded.note();
    if changed.before.is_some() || was_paused_here {
        let others = what_else_holds(&pages, &what);
        if others.is_empty() {
            return format!("the {subject} goes on\n{note}").into_response();
        }
        let others = others.join(", ");
        return format!("the {subject} goes on, as far as it is up to that; its messages wait for these still: {others}\n{note}")
            .into_response();
    }
    let answer = format!("the {subject} is not paused{}", what_is(&pages));
    pages.audit.conclude(recorded, Ended::Unchanged, &answer);
    refuse(StatusCode::NOT_FOUND, &answer)
}

/// Whether this is paused on this instance, or was when the store was last heard.
fn is_shown(pages: &Pages, what: &Stopped) -> bool {
    let subject = Subject::from(what).to_string();
    let mut pauses = pages.report().engine.pauses.into_iter();
    let newest = pages.holds.newest();
    let newest = newest.borrow();
    let held = newest.as_ref().and_then(|heard| heard.holds.get(what));
    held.is_some() || pauses.any(|pause| pause.subject == subject)
}

/// What holds the messages of this as well, on this instance.
fn what_else_holds(pages: &Pages, what: &Stopped) -> Vec<String> {
    let ours = Subject::from(what);
    let rules = Arc::clone(&pages.rules.borrow());
    let mut others: BTreeSet<Subject> = BTreeSet::new();
    for rule in rules.rules() {
        let covering: Vec<Subject> = Subject::covering(rule).collect();
        if covering.contains(&ours) {
            others.extend(covering.into_iter().filter(|subject| *subject != ours));
        }
    }
    let pauses = pages.report().engine.pauses;
    let is_paused = |subject: &String| pauses.iter().any(|pause| pause.subject == *subject);
    let others = others.iter().map(ToString::to_string);
    others.filter(is_paused).collect()
}

/// Why, in a person's words.
fn reason_of(detail: &str) -> &str {
    if detail.is_empty() {
        "no reason was given"
    } else {
        detail
    }
}

/// What is paused instead.
fn what_is(pages: &Pages) -> String {
    let pauses = pages.report().engine.pauses;
    let subjects: Vec<&str> = pauses.iter().map(|pause| pause.subject.as_str()).collect();
    if subjects.is_empty() {
        "; nothing is".to_owned()
    } else {
        format!("; paused are: {}", subjects.join(", "))
    }
}

fn not_changed(pages: &Pages, recorded: Recorded, why_not: NotChanged) -> Response {
    let ended = match why_not {
        NotChanged::StoreDown | NotChanged::Ending => Ended::NotKnown,
        NotChanged::Refused => Ended::Failed,
    };
    let why_not = why_not.to_string();
    pages.audit.conclude(recorded, ended, &why_not);
    refuse(StatusCode::SERVICE_UNAVAILABLE, &why_not)
}

/// The command that lets it go on.
fn resume_command(what: &Stopped) -> String {
    match what {
        Stopped::Rule(rule) => format!("wx-courier rules resume {rule}"),
        Stopped::App(app) => format!("wx-courier rules resume --app {app}"),
        Stopped::Template { app, id } => {
            format!("wx-courier rules resume --template {id} --app {app}")
        }
    }
}

/// What is meant, and why. A name that no rule in force has is good for what is paused already.
fn named(
    pages: &Pages,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<(Stopped, Option<String>), Box<Response>> {
    let bad = |message: &str| Box::new(refuse(StatusCode::BAD_REQUEST, message));
    let Query(asked) = query.map_err(|rejection| bad(&rejection.body_text()))?;
    let Asked {
        rule,
        app,
        template,
        why,
    } = asked;
    let why = match why.as_deref().map(why_of).transpose() {
        Ok(why) => why.flatten().map(str::to_owned),
        Err(mistake) => return Err(bad(&mistake)),
    };
    let rules = Arc::clone(&pages.rules.borrow());
    let found = match (rule, app, template) {
        (Some(rule), None, None) => of_rule(&rules, rule),
        (None, Some(app), None) => of_app(&rules, app),
        (None, app, Some(template)) => of_template(&rules, app.as_deref(), &template),
        (Some(_), _, _) | (None, None, None) => {
            return Err(bad(
                "expected what is meant: ?rule=NAME, ?app=NAME, or ?template=NAME&app=NAME",
            ));
        }
    };
    match found {
        Ok(what) => Ok((what, why)),
        Err(Unknown {
            what: Some(what), ..
        }) if is_shown(pages, &what) => Ok((what, why)),
        Err(Unknown { message, .. }) => Err(Box::new(refuse(StatusCode::NOT_FOUND, &message))),
    }
}

/// A name that no rule in force has.
struct Unknown {
    /// What it would be the name of; `None` where that is not clear.
    what: Option<Stopped>,
    message: String,
}

fn of_rule(rules: &RuleSet, name: String) -> Result<Stopped, Unknown> {
    let is_known = rules.get(&name).is_some();
    let known = rules.rules().iter().map(|rule| rule.name.as_ref());
    let instead = known_instead(&name, &known.collect::<Vec<_>>());
    let message = format!("no rule is called {name}{instead}");
    let what = Stopped::Rule(Arc::from(name));
    if is_known {
        return Ok(what);
    }
    Err(Unknown {
        what: Some(what),
        message,
    })
}

fn of_app(rules: &RuleSet, name: String) -> Result<Stopped, Unknown> {
    let is_known = rules.rules().iter().any(|rule| *rule.app == *name);
    let known = rules.rules().iter().map(|rule| rule.app.as_ref());
    let instead = known_instead(&name, &known.collect::<Vec<_>>());
    let message = format!("no rule sends by an app called {name}{instead}");
    let what = Stopped::App(Arc::from(name));
    if is_known {
        return Ok(what);
    }
    Err(Unknown {
        what: Some(what),
        message,
    })
}

/// A template by its name or id: of this app, or of the only one that has it.
fn of_template(rules: &RuleSet, app: Option<&str>, template: &str) -> Result<Stopped, Unknown> {
    let catalog = rules.catalog();
    let found: Vec<_> = match app {
        Some(app) => catalog.find(app, template).into_iter().collect(),
        None => catalog
            .iter()
            .filter(|known| known.name.as_ref() == template || known.id == template)
            .collect(),
    };
    match found.as_slice() {
        [one] => Ok(Stopped::Template {
            app: Arc::clone(&one.app),
            id: Arc::from(one.id.as_str()),
        }),
        [] => {
            let of_app = app.map_or_else(String::new, |app| format!(" of the app {app}"));
            let instead = known_instead(template, &catalog.names(app));
            Err(Unknown {
                // It may be paused, and have left the file since.
                what: app.map(|app| Stopped::Template {
                    app: Arc::from(app),
                    id: Arc::from(template),
                }),
                message: format!("no template{of_app} is called {template}{instead}"),
            })
        }
        [_, _, ..] => Err(Unknown {
            what: None,
            message: format!("several apps have a template called {template}: say which by app"),
        }),
    }
}
