//! What a page may have done: pause and resume, and replays.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, body::Bytes};
use serde::Deserialize;
use tokio::sync::watch;

use super::access::Visitor;
use super::pages::letters::{Run, Stage};
use super::rooms::{Asked, House, Trouble};
use crate::replaying::{Bounds, Pile, RunState, Search, Work};
use wx_courier_core::event::RunId;
use wx_courier_core::replay::{Selection, Sending};

/// What is paused or let go on.
#[derive(Deserialize)]
pub struct Meant {
    subject: String,
    #[serde(default)]
    why: String,
}

/// The query by which an instance's page names it: `rule order-completed`, `app shop`, `template shop/ID`.
fn named(subject: &str) -> Option<Vec<(&'static str, &str)>> {
    let (kind, name) = subject.split_once(' ')?;
    match kind {
        "rule" => Some(vec![("rule", name)]),
        "app" => Some(vec![("app", name)]),
        "template" => {
            let (app, id) = name.split_once('/')?;
            Some(vec![("app", app), ("template", id)])
        }
        _ => None,
    }
}

/// Stops something.
pub async fn pause(
    State(house): State<Arc<House>>,
    asked: Asked,
    Extension(visitor): Extension<Visitor>,
    Form(meant): Form<Meant>,
) -> Response {
    change(&house, "/pause", asked, &visitor, &meant).await
}

/// Lets something go on.
pub async fn resume(
    State(house): State<Arc<House>>,
    asked: Asked,
    Extension(visitor): Extension<Visitor>,
    Form(meant): Form<Meant>,
) -> Response {
    change(&house, "/resume", asked, &visitor, &meant).await
}

/// Asks an instance that answers; where the store is shared, it is done on all of them.
async fn change(
    house: &House,
    page: &str,
    asked: Asked,
    visitor: &Visitor,
    meant: &Meant,
) -> Response {
    let look = asked.in_room("rules").look;
    let Some(mut query) = named(&meant.subject) else {
        return Trouble::new(StatusCode::BAD_REQUEST, meant.subject.clone()).page(&look);
    };
    if !meant.why.trim().is_empty() {
        query.push(("why", meant.why.trim()));
    }
    let Some(pages) = house.instance() else {
        return Trouble::not_now(look.words().no_instances.to_owned()).page(&look);
    };
    match pages.change(page, &query).await {
        Ok(said) => {
            tracing::info!(who = %visitor.name, what = page, subject = meant.subject, "changed by the console");
            let said: String = form_urlencoded::byte_serialize(said.trim().as_bytes()).collect();
            Redirect::to(&look.link(&format!("rules?done={said}"))).into_response()
        }
        Err(error) => Trouble::not_now(error.in_words()).page(&look),
    }
}

/// Dead letters that are replayed at once; a larger replay is a person's at a terminal.
const MOST_CHOSEN: usize = 500;

/// Records a second.
const RATE: u32 = 50;

/// Replays the dead letters that were chosen.
pub async fn replay(
    State(house): State<Arc<House>>,
    asked: Asked,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Response {
    let look = asked.in_room("letters").look;
    let ids = form_urlencoded::parse(&body).filter(|(name, _)| name == "id");
    let ids: Vec<String> = ids
        .map(|(_, id)| id.into_owned())
        .take(MOST_CHOSEN)
        .collect();
    if ids.is_empty() {
        return Redirect::to(&look.link("letters")).into_response();
    }
    let is_going = house.replay.borrow().as_ref().is_some_and(Run::is_going);
    if is_going {
        let why = look.words().replay_runs.to_owned();
        return Trouble::new(StatusCode::CONFLICT, why).page(&look);
    }
    let run = RunId::new(house.clock.now_ms(), fastrand::u32(..));
    house.replay.send_replace(Some(Run {
        name: run.to_string(),
        by: visitor.name.to_string(),
        ..Run::default()
    }));
    tracing::info!(who = %visitor.name, run = %run, chosen = ids.len(), "a replay is begun by the console");
    tokio::spawn(carry_out(Arc::clone(&house), run, ids));
    Redirect::to(&look.link("letters")).into_response()
}

async fn carry_out(house: Arc<House>, run: RunId, ids: Vec<String>) {
    if let Err(error) = replay_these(&house, run, ids).await {
        tracing::error!(
            error = format!("{error:#}"),
            "a replay of the console has failed"
        );
        tell(&house, |run| {
            run.stage = Stage::Failed(format!("{error:#}"));
        });
    }
}

fn tell(house: &House, change: impl FnOnce(&mut Run)) {
    house.replay.send_modify(|run| {
        if let Some(run) = run {
            change(run);
        }
    });
}

async fn replay_these(house: &House, run: RunId, ids: Vec<String>) -> anyhow::Result<()> {
    let known = house.on_disk.look().await?;
    let Some(rules) = known.rules.clone() else {
        anyhow::bail!("the rules on disk cannot be used; `wx-courier check` tells the whole story");
    };
    let search = Search {
        from: Pile::DeadLetters,
        selection: Selection {
            ids,
            ..Selection::default()
        },
        sending: Sending::Once,
        now_ms: house.clock.now_ms(),
    };
    let (told, _) = watch::channel(Default::default());
    let judged = house
        .desk
        .survey(rules, search, Bounds::OF_A_SERVER, &told)
        .await?;
    let (n_errands, count) = (judged.errands.len() as u64, judged.count);
    tell(house, |run| {
        run.of = n_errands;
        run.count = count;
        run.stage = Stage::Publishing;
    });
    if n_errands == 0 {
        tell(house, |run| run.stage = Stage::Done);
        return Ok(());
    }
    let work = Work {
        kafka: house.settings.kafka.clone(),
        run,
        errands: judged.errands.into(),
        done: 0,
        rate: RATE,
    };
    let begun = house.desk.begin(work).await?;
    let mut standing = begun.standing();
    loop {
        let now = standing.borrow_and_update().clone();
        tell(house, |run| {
            run.done = now.done as u64;
            run.gone = now.gone as u64;
            run.stage = match now.state {
                RunState::Starting | RunState::Running | RunState::Ending => Stage::Publishing,
                RunState::Done => Stage::Done,
                RunState::Stopped => Stage::Stopped,
                RunState::Failed => Stage::Failed(now.why.clone().unwrap_or_default()),
            };
        });
        if now.state.is_over() || standing.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Stops the replay that is under way.
pub async fn stop_replay(
    State(house): State<Arc<House>>,
    asked: Asked,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    if let Some(run) = house.desk.last() {
        tracing::info!(who = %visitor.name, run = %run.id(), "a replay is stopped by the console");
        run.stop();
    }
    Redirect::to(&asked.look.link("letters")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_can_stop_is_named_to_an_instance() {
        assert_eq!(named("rule a b"), Some(vec![("rule", "a b")]));
        assert_eq!(
            named("template shop/ID"),
            Some(vec![("app", "shop"), ("template", "ID")])
        );
        assert_eq!(named("api shop/customer"), None);
        assert_eq!(named("rule"), None);
    }
}
