//! What each page asks before it is drawn.

mod asked;
mod grants;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::Markup;
use tokio::sync::watch;

use super::access::Visitor;
use super::filter::Filter;
use super::fleet::Fleet;
use super::history::History;
use super::history::told::{KindCount, Progress, Span};
use super::on_disk::OnDisk;
use super::pages::{changes, errors, letters, message, outcomes, overview, rules, templates};
use super::{deeds, export, live};
use crate::config::Settings;
use crate::edges::clock::Clock;
use crate::edges::instance_pages::{InstancePages, Patience};
use crate::edges::store_access::Way;
use crate::explaining::{Depth, Question};
use crate::replaying::Desk;
pub use asked::{Asked, Trouble};
use asked::{asked_language, drawn, nowhere};

/// What all pages are made of.
pub struct House {
    /// The settings, as they were at the start.
    pub settings: Arc<Settings>,
    /// The present, by which pages are drawn.
    pub clock: Clock,
    /// What became of messages.
    pub history: History,
    /// The instances.
    pub fleet: watch::Receiver<Arc<Fleet>>,
    /// How one of them is asked.
    pub pages: InstancePages,
    /// Rules and templates.
    pub on_disk: Arc<OnDisk>,
    /// Replays.
    pub desk: Desk,
    /// How the replay stands that was begun last.
    pub replay: watch::Sender<Option<letters::Run>>,
}

impl House {
    /// The pages of an instance that answers; `None` where none does.
    pub fn instance(&self) -> Option<InstancePages> {
        let fleet = self.fleet.borrow();
        let instance = fleet.answering().next()?;
        Some(self.pages.at(&instance.address))
    }
}

/// Rows of a page.
const ROWS: usize = 100;

/// Bars of a chart.
const BARS: usize = 60;

const DAY_MS: i64 = 24 * 3_600_000;

/// All pages, below the language.
pub fn rooms(house: Arc<House>) -> Router {
    Router::new()
        .route("/", get(door))
        .route("/{language}/", get(overview_page))
        .route("/{language}/outcomes", get(outcomes_page))
        .route("/{language}/outcomes.csv", get(export::export_csv))
        .route("/{language}/outcomes.jsonl", get(export::export_json_lines))
        .route("/{language}/find", get(find))
        .route("/{language}/message", get(message_page))
        .route("/{language}/errors", get(errors_page))
        .route("/{language}/rules", get(rules_page))
        .route("/{language}/templates", get(templates_page))
        .route(
            "/{language}/grants",
            get(grants::coverage).post(grants::of_user),
        )
        .route("/{language}/letters", get(letters_page))
        .route("/{language}/changes", get(changes_page))
        .route("/{language}/live", get(live::live))
        .route("/{language}/pause", post(deeds::pause))
        .route("/{language}/resume", post(deeds::resume))
        .route("/{language}/replay", post(deeds::replay))
        .route("/{language}/replay/stop", post(deeds::stop_replay))
        .fallback(nothing_here)
        .with_state(house)
}

async fn door(headers: HeaderMap) -> Redirect {
    Redirect::to(&format!("/{}/", asked_language(&headers).path()))
}

async fn nothing_here(
    State(house): State<Arc<House>>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    nowhere(&headers, &visitor, house.clock.now_ms())
}

/// The overview, for its page and for its news.
pub async fn overview_of(house: &House, asked: &Asked) -> anyhow::Result<(Overview, Arc<Fleet>)> {
    let (_, span) = asked.span();
    let all = Filter::default();
    let before = Span {
        from_ms: 2 * span.from_ms - span.to_ms,
        to_ms: span.from_ms,
    };
    let (buckets, kinds, before, known) = tokio::try_join!(
        house.history.buckets(&all, span, BARS),
        house.history.kinds(&all, span),
        house.history.kinds(&all, before),
        house.on_disk.look(),
    )?;
    let progress = house.history.progress().borrow().clone();
    let fleet = Arc::clone(&house.fleet.borrow());
    let overview = Overview {
        span,
        buckets,
        kinds,
        before,
        progress,
        limits: known.limits.clone(),
    };
    Ok((overview, fleet))
}

/// What the overview shows.
pub struct Overview {
    span: Span,
    buckets: Vec<super::history::told::Bucket>,
    kinds: Vec<KindCount>,
    before: Vec<KindCount>,
    progress: Progress,
    limits: std::collections::BTreeMap<String, f64>,
}

impl Overview {
    /// For the page.
    pub fn shown<'a>(&'a self, fleet: &'a Fleet) -> overview::Shown<'a> {
        overview::Shown {
            span: self.span,
            buckets: &self.buckets,
            kinds: &self.kinds,
            before: &self.before,
            progress: &self.progress,
            fleet,
            limits: &self.limits,
        }
    }
}

async fn overview_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let (made, fleet) = overview_of(&house, &asked).await?;
        Ok(overview::overview(
            &asked.look,
            asked.span().0,
            &made.shown(&fleet),
        ))
    })
    .await
}

async fn outcomes_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let filter = Filter::of_query(&asked.query);
        let before = asked
            .said("before")
            .and_then(|text| outcomes::cursor(&text));
        let all = Filter::default();
        let (found, kinds) = tokio::try_join!(
            house.history.search(&filter, before, ROWS),
            house.history.kinds(&all, asked.last_day())
        )?;
        let progress = house.history.progress().borrow().clone();
        Ok(outcomes::outcomes(
            &asked.look,
            &outcomes::Shown {
                filter: &filter,
                found: &found,
                before,
                kinds: &kinds,
                progress: &progress,
            },
        ))
    })
    .await
}

async fn errors_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let (word, span) = asked.span();
        let code = asked.said("errcode").and_then(|code| code.parse().ok());
        let kinds = house.history.kinds(&Filter::default(), span).await?;
        Ok(errors::errors(&asked.look, word, span, &kinds, code))
    })
    .await
}

async fn rules_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let kinds = house
            .history
            .kinds(&Filter::default(), asked.last_day())
            .await?;
        let known = house.on_disk.look().await?;
        let fleet = Arc::clone(&house.fleet.borrow());
        Ok(rules::rules(
            &asked.look,
            &fleet,
            &kinds,
            &known.limits,
            asked.said("done").as_deref(),
        ))
    })
    .await
}

async fn templates_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let kinds = house
            .history
            .kinds(&Filter::default(), asked.last_day())
            .await?;
        let known = house.on_disk.look().await?;
        let fleet = Arc::clone(&house.fleet.borrow());
        Ok(templates::templates(
            &asked.look,
            known.catalog.as_deref(),
            &fleet,
            &kinds,
        ))
    })
    .await
}

async fn letters_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let filter = Filter {
            statuses: vec!["invalid".to_owned(), "failed".to_owned()],
            ..Filter::of_query(&asked.query)
        };
        let found = house.history.search(&filter, None, ROWS).await?;
        let progress = house.history.progress().borrow().clone();
        let run = house.replay.borrow().clone();
        Ok(letters::letters(
            &asked.look,
            &found,
            &progress,
            run.as_ref(),
        ))
    })
    .await
}

async fn changes_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, async {
        let (word, span) = asked.span();
        let all = Filter::default();
        let (buckets, changes) = tokio::try_join!(
            house.history.buckets(&all, span, BARS),
            house.history.changes(span, ROWS)
        )?;
        Ok(changes::changes(
            &asked.look,
            word,
            span,
            &buckets,
            &changes,
        ))
    })
    .await
}

/// One outcome leads to its message, several to a list of them.
async fn find(State(house): State<Arc<House>>, asked: Asked) -> Response {
    let filter = Filter {
        id: asked.said("id").map(|id| id.trim().to_owned()),
        ..Filter::default()
    };
    let Some(id) = filter.id.clone().filter(|id| !id.is_empty()) else {
        return Redirect::to(&asked.look.link("outcomes")).into_response();
    };
    match house.history.search(&filter, None, 2).await {
        Ok(found) if found.outcomes.len() > 1 => {
            Redirect::to(&asked.look.link(&format!("outcomes?{}", filter.to_query())))
                .into_response()
        }
        Ok(_) => Redirect::to(&outcomes::message_link(&asked.look, &id)).into_response(),
        Err(error) => Trouble::from(error).page(&asked.look),
    }
}

/// How far back topics are read for an id that the history does not know.
const SINCE_MS: i64 = 3 * DAY_MS;

/// Outcomes of one id that a page tells of.
const MOST_OF_AN_ID: usize = 20;

async fn message_page(State(house): State<Arc<House>>, asked: Asked) -> Response {
    drawn(&asked, message_of(&house, &asked)).await
}

async fn message_of(house: &House, asked: &Asked) -> Result<Markup, Trouble> {
    let id = asked
        .said("id")
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty());
    let Some(id) = id else {
        return Err(Trouble::nothing_there());
    };
    let known = house.on_disk.look().await?;
    let filter = Filter {
        id: Some(id.clone()),
        ..Filter::default()
    };
    let found = house.history.search(&filter, None, MOST_OF_AN_ID).await?;
    let Some(explainer) = &known.explainer else {
        return Err(Trouble::not_now(
            asked.look.words().no_configuration.to_owned(),
        ));
    };
    let addresses = house
        .fleet
        .borrow()
        .answering()
        .map(|it| it.address.clone())
        .collect();
    let now_ms = asked.look.now_ms;
    let question = Question {
        id: id.clone(),
        since_ms: now_ms - SINCE_MS,
        now_ms,
        way: Way {
            patience: Patience {
                time: Duration::from_secs(3),
                ..Patience::OF_A_SERVER
            },
            ..Way::of_a_server(addresses)
        },
        depth: if found.outcomes.is_empty() {
            Depth::Topics
        } else {
            Depth::Places
        },
        outcomes: found
            .outcomes
            .iter()
            .map(|kept| kept.outcome.clone())
            .collect(),
    };
    let (told, _) = watch::channel(Default::default());
    let report = explainer.explain(question, &told).await;
    let report = report.map_err(anyhow::Error::new)?;
    let nothing = report.nothing.map(|nothing| nothing.headline(&id));
    Ok(message::message(
        &asked.look,
        &message::Answer {
            sought: &id,
            events: &report.events,
            nothing: nothing.as_deref(),
            notes: &report.notes,
            catalog: known.catalog.as_deref(),
        },
    ))
}
