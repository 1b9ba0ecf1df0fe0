//! Who may use the console, and how that is known.
//!
//! | where it listens | who comes | as whom |
//! |---|---|---|
//! | on loopback, and the settings name no user | every account on this machine | the system's user of this process, `edit` |
//! | anywhere, with `[console.users]` | who signs in with a token | the user whose token it is |
//! | anywhere, with `[console.proxy] header` | whom the proxy has signed in | the name in its header |
//!
//! Every request must name us as we are known, and come from no foreign page. What changes something needs a session, the right to change, a page
//! of ours that sends it, and that session's token against forgery.

mod answers;
mod changes;
mod cookies;
mod page;
mod people;
mod security;
mod sessions;
mod sign_in;
mod system;
mod token;
mod tries;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::time::Instant;

use crate::config::Console;
pub use crate::config::ConsoleRole as Role;
use crate::edges::sites::{Addressee, Hosts, Sender, sender_of};
use answers::{Denied, Wanted};
use cookies::Cookies;
pub(in crate::console) use cookies::cookies_named;
pub use page::{ENGLISH, Texts, Trouble, sign_in};
use people::{Arrival, People, Who};
pub use security::with_headers;
use sessions::{Live, Sessions};
pub use sign_in::{SIGN_IN, SIGN_OUT};
pub use token::{ForgeryToken, draw};
use tries::Tries;

/// The field of a form that holds the token against forgery.
pub const FORGERY_FIELD: &str = "forgery";

/// The header that holds it where a script of ours sends something.
pub const FORGERY_HEADER: &str = "x-wx-courier-forgery";

/// Who may use the console. It is cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    people: People,
    sessions: Sessions,
    tries: Tries,
    cookies: Cookies,
}

/// Who asks. Every page that is not open to all finds it among the request's extensions.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The name, as records of changes have it.
    pub name: Arc<str>,
    /// What the visitor may do.
    pub role: Role,
    /// How it is known who it is.
    pub via: Via,
    /// What every form of a page has in the field [`FORGERY_FIELD`], and every script that changes something in the header [`FORGERY_HEADER`].
    /// It is empty where the request is none for a page and has no session: nothing can be changed with it.
    pub forgery_token: ForgeryToken,
    session: Option<Live>,
}

/// How it is known who a visitor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// All who can connect are on this machine.
    ThisMachine,
    /// By a token of the settings.
    Token,
    /// A proxy in front says so.
    Proxy,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThisMachine => "this machine",
            Self::Token => "token",
            Self::Proxy => "proxy",
        })
    }
}

impl Visitor {
    fn new(who: Who, role: Role, session: Option<Live>) -> Self {
        let forgery_token = session
            .as_ref()
            .map_or_else(ForgeryToken::default, |live| live.forgery.clone());
        Self {
            name: who.name,
            role,
            via: who.via,
            forgery_token,
            session,
        }
    }

    /// Comes back when the session has ended: the visitor has signed out, or its time is over. A stream of news must end with it.
    pub async fn session_ended(&self) {
        match &self.session {
            Some(live) => live.ended().await,
            None => std::future::pending().await,
        }
    }
}

impl Access {
    /// By the settings.
    pub fn new(settings: &Console) -> Self {
        Self(Arc::new(Inner {
            hosts: Hosts::new(&settings.hosts),
            people: People::new(settings),
            sessions: Sessions::default(),
            tries: Tries::default(),
            cookies: Cookies::of(settings.listen.port()),
        }))
    }

    /// All that is served: `pages` for those who may, with a [`Visitor`] in the request's extensions; `open` for everybody who asks for us, which the
    /// page to sign in needs; and that page. What is nowhere is nowhere only for those who may.
    pub fn protect(&self, pages: Router, open: Router) -> Router {
        let sign_out = Router::new()
            .route(SIGN_OUT, post(sign_in::leave))
            .with_state(self.clone());
        let pages = pages
            .merge(sign_out)
            .layer(from_fn_with_state(self.clone(), admit));
        Router::new()
            .route(SIGN_IN, get(sign_in::look).post(sign_in::enter))
            .with_state(self.clone())
            .merge(open)
            .fallback_service(pages)
            .layer(from_fn_with_state(self.clone(), at_the_door))
    }

    /// Who asks, where that can be known.
    fn look_at(&self, request: &Request) -> Result<Seen, Denied> {
        let inner = &self.0;
        let arrival = inner.people.arrival(request.headers(), peer_of(request))?;
        let is_meant = |who: &Who| match &arrival {
            Arrival::Known(known) => who == known,
            Arrival::MustSignIn => who.via == Via::Token,
        };
        let now = Instant::now();
        let mut sessions = inner.cookies.sessions(request.headers());
        let session = sessions.find_map(|id| {
            let (who, live) = inner.sessions.find(&id, now)?;
            let role = inner.people.role(&who).filter(|_| is_meant(&who))?;
            Some(Visitor::new(who, role, Some(live)))
        });
        Ok(match (session, arrival) {
            (Some(visitor), _) => Seen::InSession(visitor),
            (None, Arrival::Known(who)) => Seen::Known(who),
            (None, Arrival::MustSignIn) => Seen::Unknown,
        })
    }
}

/// What is known of who asks.
enum Seen {
    InSession(Visitor),
    /// A person who need not sign in, and has no session.
    Known(Who),
    /// A person who has to sign in.
    Unknown,
}

/// Where the connection comes from. The listener says it of every request.
fn peer_of(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Refuses what is not for us, and what a foreign page sends.
async fn at_the_door(State(access): State<Access>, request: Request, next: Next) -> Response {
    let wanted = Wanted::of(request.headers());
    match access.0.hosts.addressee(&request) {
        Addressee::Us => {}
        Addressee::Nobody => return Denied::NoHost.answer(wanted),
        Addressee::Another => return Denied::Host.answer(wanted),
    }
    match sender_of(request.method(), request.headers()) {
        Sender::ForeignSite => Denied::ForeignPage.answer(wanted),
        Sender::OwnPage | Sender::NoPage => next.run(request).await,
    }
}

/// Lets a visitor through to the pages, or shows the way in.
async fn admit(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let wanted = Wanted::of(request.headers());
    let seen = match access.look_at(&request) {
        Ok(seen) => seen,
        Err(denied) => return denied.answer(wanted),
    };
    if !is_reading(request.method()) {
        return match changes::allowed(seen, request).await {
            Ok(request) => next.run(request).await,
            Err(denied) => denied.answer(wanted),
        };
    }
    let (visitor, cookie) = match (seen, wanted) {
        (Seen::InSession(visitor), _) => (visitor, None),
        (Seen::Unknown, Wanted::Data) => return Denied::SignInFirst.answer(wanted),
        (Seen::Unknown, Wanted::Page) => return sign_in::send_there(&request),
        (Seen::Known(_), Wanted::Page) if sign_in::is_from_elsewhere(&request) => {
            return sign_in::send_there(&request);
        }
        (Seen::Known(who), Wanted::Data) => match access.0.people.role(&who) {
            Some(role) => (Visitor::new(who, role, None), None),
            None => return Denied::SignInFirst.answer(wanted),
        },
        (Seen::Known(who), Wanted::Page) => match access.begin(who, &request) {
            Ok((visitor, cookie)) => (visitor, Some(cookie)),
            Err(denied) => return denied.answer(wanted),
        },
    };
    request.extensions_mut().insert(visitor);
    let mut response = next.run(request).await;
    if let Some(cookie) = cookie {
        cookies::set(&mut response, &cookie);
    }
    response
}

impl Access {
    /// Begins a session; those that the browser had end. Gives the cookie for it, too.
    fn begin(&self, who: Who, request: &Request) -> Result<(Visitor, String), Denied> {
        let Inner {
            people,
            sessions,
            cookies,
            ..
        } = &*self.0;
        let role = people.role(&who).ok_or(Denied::SignInFirst)?;
        for former in cookies.sessions(request.headers()) {
            sessions.end(&former);
        }
        let begun = sessions.begin(&who, Instant::now());
        let (id, live) = begun.map_err(|error| {
            tracing::error!(%error, "the system gives no random bytes: no session can begin");
            Denied::NoRandom
        })?;
        let wire = people.wire(request.headers(), peer_of(request));
        let cookie = cookies.of_session(&id, wire);
        Ok((Visitor::new(who, role, Some(live)), cookie))
    }
}

#[cfg(test)]
mod tests;
