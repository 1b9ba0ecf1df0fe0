//! The client that asks: its address, its body, its pace, and the page that it comes from.

use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use super::refusal::Refusal;
use crate::config::ClientAddress;
use crate::edges::listener::{self, NoBody, is_inside};
use wx_courier_core::model::Rate;

/// Reads a body of at most so many bytes.
pub(super) async fn read_body(body: Body, at_most: usize) -> Result<Bytes, Refusal> {
    let read = listener::read_body(body, at_most).await;
    read.map_err(|why| match why {
        NoBody::TooLarge => Refusal::TooLarge,
        NoBody::TooSlow => Refusal::TooSlow,
    })
}

/// The client's address. Behind proxies it is the last one in `X-Forwarded-For` that is none of ours: everything left of it was written
/// by the client itself, perhaps.
pub(super) fn address_of(peer: SocketAddr, headers: &HeaderMap, said: ClientAddress) -> IpAddr {
    match said {
        ClientAddress::Peer => peer.ip().to_canonical(),
        ClientAddress::ForwardedFor => forwarded_for(headers).unwrap_or(peer.ip()).to_canonical(),
    }
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().flat_map(|line| line.split(',')).rev();
    let mut nearest_proxy = None;
    for hop in hops {
        // What cannot be read was written by no proxy of ours.
        let address = parse_address(hop.trim())?;
        if !is_inside(address) {
            return Some(address);
        }
        nearest_proxy = nearest_proxy.or(Some(address));
    }
    nearest_proxy
}

/// Some proxies write the port as well.
fn parse_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<IpAddr>()
            .ok()
    };
    let parsed = text.parse().ok().or_else(with_port).or_else(in_brackets);
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// A pace for each of many.
pub(super) struct Paces<K: Hash + Eq + Clone> {
    quota: Quota,
    known: Mutex<Known<K>>,
}

struct Known<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    /// When it was last looked through for clients that may be forgotten.
    tidied: Option<Instant>,
}

/// How many are remembered: some ten megabytes.
const MOST_REMEMBERED: usize = 100_000;

/// Looking through all of them takes milliseconds, in which no other client is served: an attack must not have that for each request.
const TIDY_EVERY: Duration = Duration::from_secs(1);

impl<K: Hash + Eq + Clone> Paces<K> {
    pub(super) fn new(rate: Rate) -> Self {
        let period = Duration::try_from_secs_f64(1.0 / rate.per_second).unwrap_or(Duration::MAX);
        let period = period.clamp(Duration::from_nanos(1), Duration::from_hours(24));
        let quota = Quota::with_period(period)
            .unwrap_or(Quota::per_second(rate.burst))
            .allow_burst(rate.burst);
        Self {
            quota,
            known: Mutex::new(Known {
                limiter: RateLimiter::keyed(quota),
                tidied: None,
            }),
        }
    }

    /// Takes room for one request.
    pub(super) fn take(&self, key: &K) -> Result<(), Refusal> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.limiter.len() >= MOST_REMEMBERED {
            self.make_room(&mut known);
        }
        known.limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Refusal::TooManyRequests(wait.as_secs().saturating_add(1))
        })
    }

    fn make_room(&self, known: &mut Known<K>) {
        let now = Instant::now();
        let is_tidy = |tidied: Instant| now.saturating_duration_since(tidied) < TIDY_EVERY;
        if !known.tidied.is_some_and(is_tidy) {
            known.tidied = Some(now);
            known.limiter.retain_recent();
        }
        if known.limiter.len() >= MOST_REMEMBERED {
            // So many at once are an attack from many addresses, against which this limit is none: every client begins anew.
            tracing::warn!(
                remembered = MOST_REMEMBERED,
                "too many clients at once to remember the pace of each"
            );
            known.limiter = RateLimiter::keyed(self.quota);
        }
    }
}

/// Answers browsers that ask whether a page of these origins may call what is there for mini programs. Without origins nothing is added:
/// a browser then lets no page. It stands before the answer to methods that are not there, because a browser asks with one of those.
pub(super) fn allow_origins(router: Router, origins: Arc<[String]>) -> Router {
    if origins.is_empty() {
        return router;
    }
    router.layer(from_fn_with_state(origins, allow_origin))
}

async fn allow_origin(
    State(origins): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Response {
    let said = request.headers().get(header::ORIGIN);
    let is_known = |said: &&HeaderValue| {
        origins
            .iter()
            .any(|origin| origin.as_bytes() == said.as_bytes())
    };
    let origin = said.filter(is_known).cloned();
    let is_for_pages = request.uri().path().starts_with("/miniapp/");
    let Some(origin) = origin.filter(|_| is_for_pages) else {
        return next.run(request).await;
    };
    let is_question = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_question {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "3600"),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    response
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn address(forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let peer = "127.0.0.1:5".parse().unwrap();
        address_of(peer, &headers, ClientAddress::ForwardedFor).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_counts() {
        assert_eq!(address(&[]), "127.0.0.1");
        assert_eq!(address(&["203.0.113.7"]), "203.0.113.7");
        // The first entry is whatever the client wrote.
        assert_eq!(address(&["1.2.3.4, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(
            address(&["1.2.3.4", "203.0.113.7, 10.0.0.3"]),
            "203.0.113.7"
        );
        assert_eq!(address(&["203.0.113.7:4711"]), "203.0.113.7");
        assert_eq!(address(&["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(address(&["::ffff:203.0.113.7"]), "203.0.113.7");
        assert_eq!(address(&["10.0.0.2, 10.0.0.3"]), "10.0.0.3");
        assert_eq!(address(&["203.0.113.7, 100.64.0.1"]), "203.0.113.7");
        assert_eq!(address(&["203.0.113.7, 100.128.0.1"]), "100.128.0.1");
        assert_eq!(address(&["203.0.113.7, unknown"]), "127.0.0.1");
        let peer = "[::ffff:203.0.113.9]:5".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.2.3.4".parse().unwrap());
        assert_eq!(
            address_of(peer, &headers, ClientAddress::Peer).to_string(),
            "203.0.113.9"
        );
    }

    #[test]
    fn above_the_pace_it_says_how_long_to_wait() {
        let paces = Paces::new(Rate {
            per_second: 0.1,
            burst: NonZeroU32::new(2).unwrap(),
        });
        assert_eq!(paces.take(&1), Ok(()));
        assert_eq!(paces.take(&1), Ok(()));
        let Err(Refusal::TooManyRequests(seconds)) = paces.take(&1) else {
            panic!("the third is too many");
        };
        assert!((1..=10).contains(&seconds), "{seconds}");
        assert_eq!(paces.take(&2), Ok(()));
    }

    #[test]
    fn memory_of_paces_is_bounded() {
        let paces = Paces::new(Rate {
            per_second: 0.001,
            burst: NonZeroU32::MIN,
        });
        for key in 0..=MOST_REMEMBERED {
            assert_eq!(paces.take(&key), Ok(()));
        }
        assert!(paces.known.lock().unwrap().limiter.len() < MOST_REMEMBERED);
    }
    #[test]
    fn those_remembered_are_looked_through_now_and_then_only() {
        let paces = Paces::new(Rate {
            per_second: 1_000_000.0,
            burst: NonZeroU32::MIN,
        });
        let fill = || (0..=MOST_REMEMBERED).all(|key| paces.take(&key).is_ok());
        let tidied = || paces.known.lock().unwrap().tidied;
        assert!(fill());
        assert!(tidied().is_some());
        // As if it were done at this moment, however slow the machine is.
        let now = Instant::now() + Duration::from_hours(1);
        paces.known.lock().unwrap().tidied = Some(now);
        assert!(fill());
        assert_eq!(tidied(), Some(now));
        assert!(paces.known.lock().unwrap().limiter.len() < MOST_REMEMBERED);
    }
}
