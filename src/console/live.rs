//! News for pages that are open: server-sent events. Rows of the stream are sent some times a second, however many come; a part of a page when it
//! has become another one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::access::Visitor;
use super::filter::Filter;
use super::history::told::Kept;
use super::pages::{letters, outcomes, overview};
use super::rooms::{Asked, House, now_ms, overview_of};

/// Four times a second is often enough for eyes.
const ROWS_EVERY: Duration = Duration::from_millis(250);

/// More rows at once nobody reads: the others are counted.
const MOST_ROWS: usize = 12;

/// Parts of pages.
const PART_EVERY: Duration = Duration::from_secs(2);
const RUN_EVERY: Duration = Duration::from_millis(500);

/// The stream of one page that is open.
pub async fn live(
    State(house): State<Arc<House>>,
    Path(language): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let Some(asked) = Asked::new(&language, "live", query, &headers, &visitor) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (kind, every) = match asked.said("page").as_deref() {
        Some("overview") => (Kind::Overview, PART_EVERY),
        Some("replay") => (Kind::Replay, RUN_EVERY),
        Some(_) | None => {
            let news = house.history.news();
            let filter = Box::new(Filter::of_query(&asked.query));
            (Kind::Rows { news, filter }, ROWS_EVERY)
        }
    };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let open = Open {
        house,
        asked,
        visitor,
        kind,
        ticks,
        last: String::new(),
    };
    let events = stream::unfold(open, |mut open| async move {
        let event = open.next().await?;
        Some((Ok::<Event, Infallible>(event), open))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// What is heard of.
enum Kind {
    Rows {
        news: broadcast::Receiver<Arc<Kept>>,
        filter: Box<Filter>,
    },
    Overview,
    Replay,
}

struct Open {
    house: Arc<House>,
    asked: Asked,
    visitor: Visitor,
    kind: Kind,
    ticks: Interval,
    /// What was sent last of a part.
    last: String,
}

impl Open {
    /// The next event; `None` when the visitor may hear no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let session = self.visitor.clone();
            tokio::select! {
                () = session.session_ended() => return None,
                _ = self.ticks.tick() => {}
            }
            self.asked.look.now_ms = now_ms();
            let said = match &mut self.kind {
                Kind::Rows { news, filter } => rows(news, filter, &self.asked)?,
                Kind::Overview => {
                    let made = overview_of(&self.house, &self.asked).await;
                    made.ok().map(|(made, fleet)| {
                        let part = overview::inside(
                            &self.asked.look,
                            self.asked.span().0,
                            &made.shown(&fleet),
                        );
                        ("overview", part.into_string())
                    })
                }
                Kind::Replay => {
                    let run = self.house.replay.borrow().clone();
                    run.map(|run| {
                        (
                            "replay",
                            letters::of_run(&self.asked.look, &run).into_string(),
                        )
                    })
                }
            };
            match said {
                Some(("rows", data)) => return Some(Event::default().event("rows").data(data)),
                Some((id, html)) if html != self.last => {
                    let data = json!({ "id": id, "html": html }).to_string();
                    self.last = html;
                    return Some(Event::default().event("part").data(data));
                }
                Some(_) | None => {}
            }
        }
    }
}

/// What has come since the last look, as rows. `None` if nothing will ever come again.
#[expect(clippy::option_option, reason = "no news now is not the end of news")]
fn rows(
    news: &mut broadcast::Receiver<Arc<Kept>>,
    filter: &Filter,
    asked: &Asked,
) -> Option<Option<(&'static str, String)>> {
    let mut come: Vec<Arc<Kept>> = Vec::new();
    let mut unshown: u64 = 0;
    loop {
        match news.try_recv() {
            Ok(kept) if !filter.takes(&kept) => {}
            Ok(kept) => {
                if come.len() == MOST_ROWS {
                    come.remove(0);
                    unshown += 1;
                }
                come.push(kept);
            }
            Err(TryRecvError::Empty) => break,
            Err(TryRecvError::Lagged(missed)) => unshown += missed,
            Err(TryRecvError::Closed) => return None,
        }
    }
    if come.is_empty() && unshown == 0 {
        return Some(None);
    }
    let newest_first: Vec<Kept> = come
        .iter()
        .rev()
        .map(|kept| kept.as_ref().clone())
        .collect();
    let html = outcomes::rows(&asked.look, &newest_first).into_string();
    Some(Some((
        "rows",
        json!({ "html": html, "count": come.len(), "unshown": unshown }).to_string(),
    )))
}
