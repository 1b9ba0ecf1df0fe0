//! Session tokens: JWTs (RFC 7519) that name a session and say nothing of its user.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

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
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
    life: Duration,
}

impl Signer {
    pub(super) fn new(secret: &Secret, life: Duration) -> Self {
        let secret = secret.expose().as_bytes();
        let mut validation = Validation::new(ALGORITHM);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // We look ourselves, by the time that the request was given.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            validation,
            life,
        }
    }

    pub(super) fn life_s(&self) -> u64 {
        self.life.as_secs()
    }

    pub(super) fn life_ms(&self) -> i64 {
        i64::try_from(self.life.as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn sign(
        &self,
        session: &Session,
        now_ms: i64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            sub: Arc::clone(&session.id),
            app: Arc::clone(&session.app),
            iat: session.begun_ms / 1000,
            exp: now_ms.saturating_add(self.life_ms()) / 1000,
        };
        encode(&Header::new(ALGORITHM), &claims, &self.signing)
    }

    /// The session of a request's `Authorization: Bearer`, if we signed it and it has not ended.
    pub(super) fn session(&self, headers: &HeaderMap, now_ms: i64) -> Option<Session> {
        let said = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = said.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = token.trim();
        let claims = decode::<Claims>(token, &self.checking, &self.validation).ok()?;
        let Claims { sub, app, iat, exp } = claims.claims;
        (now_ms / 1000 < exp).then_some(Session {
            id: sub,
            app,
            begun_ms: iat.saturating_mul(1000),
        })
    }
}

const ALGORITHM: Algorithm = Algorithm::HS256;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;

    fn signer(secret: &str) -> Signer {
        Signer::new(&Secret::new(secret), Duration::from_hours(2))
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

    #[test]
    fn only_our_own_tokens_count() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
