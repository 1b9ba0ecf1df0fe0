//! The console's pages, served.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use super::access::{Access, with_headers};
use super::assets::Asset;
use super::rooms::{House, rooms};
use crate::edges::listener::{self, Bound, PerAddress, Terms};
use crate::telemetry::{ListenerName, Metrics};

/// What the pages are made of.
pub struct Parts {
    /// What they show.
    pub house: Arc<House>,
    /// Where they are served.
    pub bound: Bound,
    /// Who may see them.
    pub access: Access,
    /// Where connections are counted.
    pub metrics: Arc<Metrics>,
}

/// How long answers may take that are under way at the end. A stream of news has none.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// Serves until `shutdown`, and answers then what is under way, if that is soon done.
pub async fn serve(parts: Parts, shutdown: impl Future<Output = ()>) {
    let Parts {
        house,
        bound,
        access,
        metrics,
    } = parts;
    let terms = Terms {
        name: ListenerName::Console,
        // All that come through a proxy have its address.
        per_address: match house.settings.console.proxy {
            Some(_) => PerAddress::Unlimited,
            None => PerAddress::Strangers,
        },
        metrics,
    };
    let (going_on, ending) = oneshot::channel::<()>();
    let end = async move {
        shutdown.await;
        drop(going_on);
    };
    let too_late = async move {
        let _hung_up = ending.await.is_err();
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        () = listener::serve(bound, terms, router(&access, house), end) => {}
        () = too_late => tracing::debug!("connections were open at the end"),
    }
}

fn router(access: &Access, house: Arc<House>) -> Router {
    // Style and script tell nothing, and the page to sign in needs them.
    let open = Router::new().route("/assets/{name}", get(asset));
    let guarded = access.protect(rooms(house), open);
    // A probe may use any name, and learns one word.
    with_headers(guarded.route("/healthz", get(async || "ok\n")))
}

/// Its address names what is in it, so it may be kept for ever.
async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = Asset::find(&name) else {
        return (StatusCode::NOT_FOUND, "nothing is here\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.text).into_response()
}
