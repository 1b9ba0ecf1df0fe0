//! News for pages that are open: server-sent events. Rows of the stream are sent some times a second, however many come; a part of a page when it
//! has become another one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::Markup;
use serde_json::json;
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::access::Visitor;
use super::filter::Filter;
use super::history::told::Kept;
use super::pages::look::Look;
use super::pages::{letters, outcomes, overview};
use super::rooms::{Asked, House, overview_of};

/// Four times a second is often enough for eyes.
const ROWS_EVERY: Duration = Duration::from_millis(250);

/// More rows at once no person reads: the others are counted.
const MOST_ROWS: usize = 12;

/// Parts of pages.
const PART_EVERY: Duration = Duration::from_secs(2);
const RUN_EVERY: Duration = Duration::from_millis(500);

/// The stream of one page that is open.
pub async fn live(
    State(house): State<Arc<House>>,
    asked: Asked,
    Extension(visitor): Extension<Visitor>,
) -> Response {
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
            self.asked.look.now_ms = self.house.clock.now_ms();
            let said = match &mut self.kind {
                Kind::Rows { news, filter } => {
                    let come = Come::since_the_last_look(news, filter)?;
                    come.event(&self.asked.look)
                }
                Kind::Overview => {
                    let made = overview_of(&self.house, &self.asked).await;
                    let part = made.ok().map(|(made, fleet)| {
                        let (span, _) = self.asked.span();
                        overview::inside(&self.asked.look, span, &made.shown(&fleet))
                    });
                    part.and_then(|part| self.part("overview", &part))
                }
                Kind::Replay => {
                    let run = self.house.replay.borrow().clone();
                    let part = run.map(|run| letters::of_run(&self.asked.look, &run));
                    part.and_then(|part| self.part("replay", &part))
                }
            };
            if said.is_some() {
                return said;
            }
        }
    }

    /// A part of the page, if it has become another one.
    fn part(&mut self, id: &str, part: &Markup) -> Option<Event> {
        if part.0 == self.last {
            return None;
        }
        self.last.clone_from(&part.0);
        let data = json!({ "id": id, "html": part.0 });
        Some(Event::default().event("part").data(data.to_string()))
    }
}

/// Outcomes that have come: the last ones, and how many more.
struct Come {
    last: VecDeque<Arc<Kept>>,
    unshown: u64,
}

impl Come {
    /// `None` if nothing will ever come again.
    fn since_the_last_look(
        news: &mut broadcast::Receiver<Arc<Kept>>,
        filter: &Filter,
    ) -> Option<Self> {
        let mut come = Self {
            last: VecDeque::with_capacity(MOST_ROWS),
            unshown: 0,
        };
        loop {
            match news.try_recv() {
                Ok(kept) if !filter.takes(&kept) => {}
                Ok(kept) => {
                    if come.last.len() == MOST_ROWS {
                        come.last.pop_front();
                        come.unshown += 1;
                    }
                    come.last.push_back(kept);
                }
                Err(TryRecvError::Empty) => return Some(come),
                Err(TryRecvError::Lagged(missed)) => come.unshown += missed,
                Err(TryRecvError::Closed) => return None,
            }
        }
    }

    /// As rows, the newest first; `None` where nothing has come.
    fn event(&self, look: &Look) -> Option<Event> {
        if self.last.is_empty() && self.unshown == 0 {
            return None;
        }
        let newest_first = self.last.iter().rev().map(AsRef::as_ref);
        let html = outcomes::rows(look, newest_first).into_string();
        let data = json!({ "html": html, "count": self.last.len(), "unshown": self.unshown });
        Some(Event::default().event("rows").data(data.to_string()))
    }
}
