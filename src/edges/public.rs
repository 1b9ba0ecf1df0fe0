//! What the internet may reach: `WeChat`'s callbacks and the mini program. It has a listener of its own, so that health, metrics and status
//! stay inside.

mod callbacks;
mod client;
mod miniapp;
mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::{ClientAddress, Settings};
use crate::edges::clock::Clock;
use crate::edges::kafka::producer::acked::AckedProducer;
use crate::edges::kafka::trouble::Troubles;
use crate::edges::listener::{self, Bound, PerAddress, Terms};
use crate::edges::store::StoreClient;
use crate::edges::wechat::WeChat;
use crate::telemetry::{ListenerName, Metrics, PublicRoute};
use callbacks::Callbacks;
use miniapp::MiniApp;
use refusal::Refusal;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::wechat::callback::Punishment;

/// What the listener's requests need.
pub struct Parts {
    /// The clocks of the process.
    pub clock: Clock,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The rules in force, and with them the catalog.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// Where login codes are exchanged.
    pub wechat: Arc<WeChat>,
    /// Where grants, sessions and receipts are kept.
    pub store: StoreClient,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// Where the producer of awaited records tells what goes wrong.
    pub troubles: Troubles,
    /// The service hears of punishments here.
    pub punished: mpsc::Sender<Punished>,
}

/// What `WeChat` has told of an app as a whole. It concerns messages in hand, so it is the service's.
#[derive(Debug)]
pub struct Punished {
    /// The app.
    pub app: Arc<str>,
    /// What was told.
    pub punishment: Punishment,
}

/// The service's end of the listener. Dropped, it takes no further request and gives up what is under way.
pub struct Open {
    /// Hung up at the end.
    life: watch::Sender<Life>,
    serving: JoinHandle<()>,
}

/// Whether requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Serving,
    Draining,
}

impl Open {
    /// Takes no further request; those under way are answered.
    pub fn drain(&self) {
        self.life.send_replace(Life::Draining);
    }

    /// Comes back when nothing is served any more.
    pub async fn ended(&mut self) {
        // How it ended has been logged: it panics, or it was told to drain.
        let _panicked = (&mut self.serving).await.is_err();
    }
}

/// Serves what the settings ask for, until it is told to drain.
pub fn open(bound: Bound, parts: &Parts) -> anyhow::Result<Open> {
    let (life, mut until) = watch::channel(Life::Serving);
    let router = router(parts, &until)?;
    let public = parts.settings.public.as_ref();
    let per_address = match public.map(|public| public.client_address) {
        Some(ClientAddress::Peer) | None => PerAddress::Strangers,
        Some(ClientAddress::ForwardedFor) => PerAddress::Unlimited,
    };
    let terms = Terms {
        name: ListenerName::Public,
        per_address,
        metrics: Arc::clone(&parts.metrics),
    };
    let end = async move {
        // The sender going away means the same as its word.
        let _told = until.wait_for(|life| *life == Life::Draining).await.is_ok();
    };
    let serving = tokio::spawn(listener::serve(bound, terms, router, end));
    Ok(Open { life, serving })
}

fn router(parts: &Parts, life: &watch::Receiver<Life>) -> anyhow::Result<Router> {
    let Some(public) = &parts.settings.public else {
        return Ok(Router::new());
    };
    let producer = Arc::new(AckedProducer::new(
        &parts.settings.kafka,
        parts.troubles.ear(),
    )?);
    let callbacks = Callbacks::new(public, parts, Arc::clone(&producer), life.clone())?;
    let mut router = Router::new()
        .route("/wechat/{app}", get(callbacks::check).post(callbacks::push))
        .with_state(Arc::new(callbacks));
    if let Some(settings) = &public.miniapp {
        let miniapp = MiniApp::new(settings, public.client_address, parts, producer)?;
        let of_miniapp = Router::new()
            .route("/miniapp/login", post(miniapp::login))
            .route("/miniapp/subscriptions", post(miniapp::subscriptions))
            .route("/miniapp/send", post(miniapp::send))
            .with_state(Arc::new(miniapp));
        router = router.merge(of_miniapp);
    }
    let (unknown, wrong_method) = (Arc::clone(&parts.metrics), Arc::clone(&parts.metrics));
    let router = router
        .fallback(async move || answer(&unknown, PublicRoute::Other, Err(Refusal::NotFound)))
        .method_not_allowed_fallback(async move || {
            answer(
                &wrong_method,
                PublicRoute::Other,
                Err(Refusal::MethodNotAllowed),
            )
        });
    let origins = public
        .miniapp
        .as_ref()
        .map(|miniapp| &miniapp.allow_origins);
    Ok(match origins {
        Some(origins) => client::allow_origins(router, origins.as_slice().into()),
        None => router,
    })
}

/// Counts an answer on its way out.
fn answer(metrics: &Metrics, route: PublicRoute, result: Result<Response, Refusal>) -> Response {
    let response = result.unwrap_or_else(Refusal::into_response);
    metrics.public_request(route, response.status().as_u16());
    response
}
