//! Session tokens: JWTs (RFC 7519) that name a session and say nothing of its user.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::config::Secret;
use wx_courier_core::wechat::logins::UserName;

/// A login that lasts for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Names it in the store.
    pub(super) id: Arc<str>,
    /// The app that the user has logged in to.
    pub(super) app: Arc<str>,
    /// When it began, in Unix milliseconds; read from a token, to the second.
    pub(super) begun_ms: i64,
}

impl Session {
    /// A session of its own. Its id is drawn from the operating system: two processes that start at the same moment must not give the
    /// same one to two users.
    pub(super) fn new(app: Arc<str>, begun_ms: i64) -> Result<Self, getrandom::Error> {
        let mut drawn = [0; 16];
        getrandom::fill(&mut drawn)?;
        let id = format!("{:032x}", u128::from_be_bytes(drawn));
        Ok(Self {
            id: Arc::from(id),
            app,
            begun_ms,
        })
    }

    /// Under which name its user is kept.
    pub(super) fn name(&self) -> UserName {
        UserName::Session {
            id: Arc::clone(&self.id),
            begun_ms: self.begun_ms,
        }
    }
}

/// What a token says.
#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Arc<str>,
    app: Arc<str>,
    iat: i64,
    exp: i64,
}

/// Signs tokens, and knows its own again.
pub(super) struct Signer {
    /// The secret, made ready.
    keyed: Hmac<Sha256>,
    life: Duration,
}

/// `{"typ":"JWT","alg":"HS256"}`. There is one algorithm, so a header has nothing to tell: a token with another one is not ours.
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9";

impl Signer {
    pub(super) fn new(secret: &Secret, life: Duration) -> Result<Self, InvalidLength> {
        let keyed = Hmac::new_from_slice(secret.expose().as_bytes())?;
        Ok(Self { keyed, life })
    }

    pub(super) fn life_s(&self) -> u64 {
        self.life.as_secs()
    }

    pub(super) fn life_ms(&self) -> i64 {
        i64::try_from(self.life.as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn sign(&self, session: &Session, now_ms: i64) -> serde_json::Result<String> {
        let claims = Claims {
            sub: Arc::clone(&session.id),
            app: Arc::clone(&session.app),
            iat: session.begun_ms / 1000,
            exp: now_ms.saturating_add(self.life_ms()) / 1000,
        };
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?);
        let signed = format!("{HEADER}.{claims}");
        let signature = self.signature_of(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature_of(&self, signed: &str) -> Hmac<Sha256> {
        self.keyed.clone().chain_update(signed)
    }

    /// The session of a request's `Authorization: Bearer`, if we signed it and it has not ended.
    pub(super) fn session(&self, headers: &HeaderMap, now_ms: i64) -> Option<Session> {
        let said = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = said.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let Claims { sub, app, iat, exp } = self.claims(token.trim())?;
        // We look ourselves, by the time that the request was given.
        (now_ms / 1000 < exp).then_some(Session {
            id: sub,
            app,
            begun_ms: iat.saturating_mul(1000),
        })
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // In constant time: how much of a forged signature is right must not be told by how long we look.
        self.signature_of(signed).verify_slice(&signature).ok()?;
        let (HEADER, claims) = signed.split_once('.')? else {
            return None;
        };
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;

    fn signer(secret: &str) -> Signer {
        Signer::new(&Secret::new(secret), Duration::from_hours(2)).unwrap()
    }

    fn bearing(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {token}").parse().unwrap();
        headers.insert(header::AUTHORIZATION, value);
        headers
    }

    #[test]
    fn a_session_lasts_as_long_as_it_says() {
        let signer = signer("0123456789abcdef0123456789abcdef");
        let session = Session::new(Arc::from("shop"), NOW_MS).unwrap();
        let headers = bearing(&signer.sign(&session, NOW_MS).unwrap());
        let read = |later_ms: i64| signer.session(&headers, NOW_MS + later_ms);
        assert_eq!(read(0), Some(session.clone()));
        assert_eq!(read(7_199_000), Some(session));
        assert_eq!(read(7_200_000), None);
        assert_eq!(signer.session(&HeaderMap::new(), NOW_MS), None);
    }

    #[test]
    fn no_two_sessions_have_the_same_id() {
        let ids: std::collections::BTreeSet<Arc<str>> = (0..1_000)
            .map(|_| Session::new(Arc::from("shop"), NOW_MS).unwrap().id)
            .collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.len() == 32));
    }

    /// What Python's `hmac` makes of the same header and claims.
    #[test]
    fn a_token_is_a_jwt_as_others_write_it() {
        let signer = signer("0123456789abcdef0123456789abcdef");
        let session = Session {
            id: Arc::from("00000000000000000000000000000001"),
            app: Arc::from("shop"),
            begun_ms: NOW_MS,
        };
        let token = signer.sign(&session, NOW_MS).unwrap();
        assert_eq!(
            token,
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMSIsImFwcCI6InNob3AiLCJpYXQiOjE3OTAwMDAwMDAsImV4cCI6MTc5MDAwNzIwMH0.pkV_jo8VYr9jKnmb_iXgL7WT_F7lov8vNDdE34NF1DQ"
        );
        assert_eq!(signer.session(&bearing(&token), NOW_MS), Some(session));
    }

    #[test]
    fn only_our_own_tokens_count() {
        let signer = signer("0123456789abcdef0123456789abcdef");
        let session = Session::new(Arc::from("shop"), NOW_MS).unwrap();
        let other = self::signer("another-secret-of-thirty-two-bytes");
        let foreign = other.sign(&session, NOW_MS).unwrap();
        assert_eq!(signer.session(&bearing(&foreign), NOW_MS), None);
        let ours = signer.sign(&session, NOW_MS).unwrap();
        let parts: Vec<&str> = ours.split('.').collect();
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        let first = if parts[2].starts_with('-') { "A" } else { "-" };
        let changed = format!("{first}{}", parts[2].get(1..).unwrap());
        for forged in [
            format!("{unsigned}.{}.", parts[1]),
            format!("{unsigned}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.{changed}", parts[0], parts[1]),
            "x".to_owned(),
        ] {
            assert_eq!(signer.session(&bearing(&forged), NOW_MS), None, "{forged}");
        }
        let said = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
        let fields: Vec<&String> = said.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["app", "exp", "iat", "sub"]);
    }
}
